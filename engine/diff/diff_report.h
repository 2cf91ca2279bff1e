/* What a person or a program reads of a comparison: a table for a terminal, JSON, or a page.
 *
 *     diff_report_begin(&report, "table", out, old, new, err)
 *     diff_run(…, diff_report_sink(report), …)
 *     diff_report_end(report, err)
 *     diff_report_free(report)
 *
 * JSON streams. The others show the worst first, and hold at most LIMIT_EXPORT_TABLE_ROWS findings of each kind of
 * change and severity; all are counted. */
#ifndef TRAWL_DIFF_REPORT_H
#define TRAWL_DIFF_REPORT_H

#include "engine/diff/diff.h"

struct diff_report;

struct diff_report_options {
    const char *format; /* table, json, html */
    FILE *out;
    size_t width; /* of the terminal; 0: as long as it takes */
    bool color;
    const struct shard_manifest *manifests[2]; /* old, new */
};

/* USAGE: no such format. */
int diff_report_begin(const struct diff_report_options *options, struct diff_report **ret_report, struct err *err);
struct diff_sink diff_report_sink(struct diff_report *report);
int diff_report_end(struct diff_report *report, struct err *err);
void diff_report_free(struct diff_report *report);

/* Whether a new finding, or one that became worse, is at least so bad. */
bool diff_report_has(const struct diff_report *report, enum severity severity);

#endif
