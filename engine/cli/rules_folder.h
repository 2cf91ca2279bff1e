/* Reads the secret rules of a run: those in the binary, and a user's folders and files. */
#ifndef TRAWL_RULES_FOLDER_H
#define TRAWL_RULES_FOLDER_H

#include "base/hash/digest.h"
#include "engine/cli/options.h"
#include "matchers/secret/secret_rule.h"

/* Each of `paths` is a rule file, a Gitleaks configuration (*.toml; what has no like here is told of on stderr) or a
 * folder of both (not looked into deeper), which are read in the order of their names. `ret_digest` (may be NULL) is
 * that of these files' texts, and DIGEST_NONE where there are none. */
int rules_folder_load(const struct text_list *paths, struct secret_rules **ret_rules, struct digest *ret_digest,
                      struct err *err);

/* Without a key of the user's the fingerprints are keyed with a constant: the same secret has the same fingerprint in
 * every run, and whoever can guess a secret can check the guess. A key of one's own takes that away; the manual says
 * so. */
#define SECRET_FINGERPRINT_KEY_DEFAULT "trawl fingerprint key, version 1"

#endif
