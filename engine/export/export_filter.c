#include "engine/export/export_filter.h"

#include "base/text.h"
#include "engine/export/export.h"

void export_filter_init(struct export_filter *filter, const char *const *patterns, size_t pattern_count) {
    *filter = (struct export_filter){.patterns = patterns, .pattern_count = pattern_count};
    export_images_init(&filter->images);
}

void export_filter_release(struct export_filter *filter) { export_images_release(&filter->images); }

static bool text_matches(const struct export_filter *filter, struct span text) {
    for (size_t i = 0; i < filter->pattern_count; i++) {
        struct span pattern = span_text(filter->patterns[i]);
        if (span_equal(pattern, text) || text_glob(pattern, text))
            return true;
    }
    return false;
}

int export_filter_row(struct export_filter *filter, const struct row_view *view, struct err *err) {
    if (filter->pattern_count == 0)
        return 1;
    if (view->table == TABLE_IMAGE) {
        if (!text_matches(filter, export_text(view, "reference")) &&
            !text_matches(filter, export_text(view, "image_digest")))
            return 0;
        return export_images_row(&filter->images, view, err) < 0 ? -1 : 1;
    }
    bool passes = export_images_of(&filter->images, view) != NULL;
    if (!passes && table_column(view->table, span_text("target")) != SIZE_MAX)
        passes = text_matches(filter, export_text(view, "target"));
    if (!passes)
        return 0;
    return export_images_row(&filter->images, view, err) < 0 ? -1 : 1;
}
