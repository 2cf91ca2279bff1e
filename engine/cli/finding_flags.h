/* The flags that say which vulnerabilities are wanted, for every command that matches: --severity, --ignore-unfixed,
 * --only-kev, --min-epss. */
#ifndef TRAWL_FINDING_FLAGS_H
#define TRAWL_FINDING_FLAGS_H

#include "base/buf.h"
#include "engine/cli/options.h"
#include "engine/pipeline/finding.h"

struct finding_flags {
    struct text_list severities;
    const char *min_epss;
    bool ignore_unfixed, only_kev;
};

#define FINDING_OPTIONS(flags)                                                                                         \
    {"severity", 's', OPTION_LIST, &(flags).severities}, {"ignore-unfixed", 0, OPTION_FLAG, &(flags).ignore_unfixed},  \
        {"only-kev", 0, OPTION_FLAG, &(flags).only_kev}, {                                                             \
        "min-epss", 0, OPTION_TEXT, &(flags).min_epss                                                                  \
    }

/* USAGE: a word that is no severity, a number that is no fraction. */
int finding_flags_read(const struct finding_flags *flags, struct finding_filter *ret_filter, struct err *err);

/* Appends what decides rows, for comparing two runs. */
void finding_filter_text(const struct finding_filter *filter, struct buf *text);

#endif
