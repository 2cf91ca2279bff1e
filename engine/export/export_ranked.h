/* Findings held until the end, the worst first, for documents that people read from the top. At most
 * LIMIT_EXPORT_TABLE_ROWS of each kind and severity are kept; all are counted. */
#ifndef TRAWL_EXPORT_RANKED_H
#define TRAWL_EXPORT_RANKED_H

#include "engine/export/export_finding.h"

enum ranked_cell {
    RANKED_ID,
    RANKED_TITLE,
    RANKED_PACKAGE,
    RANKED_VERSION,
    RANKED_FIXED,
    RANKED_PATH,
    RANKED_PLACE, /* path and line */
    RANKED_DETAIL,
    RANKED_REMEDY,
    RANKED_TARGET, /* the first image, and how many others */
    RANKED_CELL_COUNT
};

struct ranked_line {
    struct ranked_line *next;
    struct span cells[RANKED_CELL_COUNT];
};

struct ranked_error {
    struct ranked_error *next;
    struct span target, message;
};

struct ranked_bucket {
    struct ranked_line *first, *last;
    uint64_t count;
};

struct export_ranked {
    struct finding_maker maker;
    struct arena arena;
    struct buf text;
    struct ranked_bucket buckets[TABLE_COUNT][SEVERITY_COUNT];
    struct ranked_error *error_first, *error_last;
    uint64_t error_count, suppressed;
};

/* A column of one of the documents' tables. */
struct ranked_column {
    const char *title;
    enum ranked_cell cell;
};

/* The tables with findings, in the order that they are shown, ended by TABLE_COUNT, and what each shows, ended by a
 * title of NULL; every table begins with the severity. */
extern const enum table ranked_tables[];
const struct ranked_column *ranked_columns(enum table table, const char **ret_heading);

struct export_ranked *export_ranked_new(struct err *err);
void export_ranked_free(struct export_ranked *ranked);
int export_ranked_row(struct export_ranked *ranked, const struct row_view *view, struct err *err);
uint64_t export_ranked_count(const struct export_ranked *ranked, enum table table);

#endif
