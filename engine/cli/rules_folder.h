/* Reads the secret rules of a run: those in the binary, and a user's folders and files. */
#ifndef TRAWL_RULES_FOLDER_H
#define TRAWL_RULES_FOLDER_H

#include "engine/cli/options.h"
#include "matchers/secret/secret_rule.h"

/* Each of `paths` is a rule file or a folder of *.yaml files (not looked into deeper), which are read in the order of
 * their names. */
int rules_folder_load(const struct text_list *paths, struct secret_rules **ret_rules, struct err *err);

#endif
