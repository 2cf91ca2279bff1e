#include "engine/pipeline/totals.h"

/* "signature of sha256:…" and "Helm chart, not an image": what is before the part that differs from image to image. */
static struct span first_words(struct span reason) {
    static const char *const ends[] = {" of ", ", "};
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        size_t end = span_find(reason, span_text(ends[i]), 0);
        if (end != SIZE_MAX)
            reason.size = end;
    }
    return reason;
}

void totals_cause(struct totals *totals, enum scan_status status, enum stage stage, enum err_code code,
                  struct span reference, struct span reason) {
    bool skipped = status == SCAN_SKIPPED;
    struct total_cause cause = {.status = status,
                                .what = skipped ? first_words(reason) : span_text(stage_name(stage)),
                                .code = span_text(skipped ? "" : err_code_name(code)),
                                .images = 1,
                                .example = reference,
                                .message = reason};
    for (size_t i = 0; i < totals->cause_count; i++) {
        struct total_cause *known = &totals->causes[i];
        if (known->status == status && span_equal(known->what, cause.what) && span_equal(known->code, cause.code)) {
            known->images++;
            return;
        }
    }
    if (totals->cause_count < TOTALS_CAUSES_MAX) {
        totals->causes[totals->cause_count++] = cause;
        return;
    }
    struct total_cause *last = &totals->causes[TOTALS_CAUSES_MAX - 1];
    last->what = last->code = span_text("");
    last->images++;
}

static bool text_copy(struct arena *arena, struct span *text) {
    *text = arena_copy(arena, *text);
    return text->data != NULL;
}

bool totals_copy(struct arena *arena, const struct totals *from, struct totals *ret_copy) {
    bool ok = true;
    *ret_copy = *from;
    for (size_t i = 0; i < from->worst_image_count; i++) {
        struct worst_image *image = &ret_copy->worst_images[i];
        ok = ok && text_copy(arena, &image->reference) && text_copy(arena, &image->architecture);
    }
    for (size_t i = 0; i < from->top_secret_count; i++) {
        struct total_secret *secret = &ret_copy->top_secrets[i];
        ok = ok && text_copy(arena, &secret->rule) && text_copy(arena, &secret->redacted) &&
             text_copy(arena, &secret->fingerprint) && text_copy(arena, &secret->location) &&
             text_copy(arena, &secret->reference) && text_copy(arena, &secret->state);
    }
    for (size_t i = 0; i < from->first_error_count; i++) {
        struct total_error *error = &ret_copy->first_errors[i];
        ok = ok && text_copy(arena, &error->target) && text_copy(arena, &error->stage) &&
             text_copy(arena, &error->message);
    }
    for (size_t i = 0; i < from->cause_count; i++) {
        struct total_cause *cause = &ret_copy->causes[i];
        ok = ok && text_copy(arena, &cause->what) && text_copy(arena, &cause->code) &&
             text_copy(arena, &cause->example) && text_copy(arena, &cause->message);
    }
    return ok;
}
