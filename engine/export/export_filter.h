/* The rows of some images only: those whose reference matches a pattern, and what belongs to them. Rows must come in
 * the order of the tables. */
#ifndef TRAWL_EXPORT_FILTER_H
#define TRAWL_EXPORT_FILTER_H

#include "engine/export/export_images.h"

struct export_filter {
    const char *const *patterns; /* as text_glob() reads them, or a whole reference or digest; borrowed */
    size_t pattern_count;        /* 0: all rows pass */
    struct export_images images; /* that matched */
};

void export_filter_init(struct export_filter *filter, const char *const *patterns, size_t pattern_count);
void export_filter_release(struct export_filter *filter);
/* 1: the row passes; 0: it does not; NOMEM. */
int export_filter_row(struct export_filter *filter, const struct row_view *view, struct err *err);

#endif
