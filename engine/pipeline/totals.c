#include "engine/pipeline/totals.h"

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
             text_copy(arena, &secret->location) && text_copy(arena, &secret->reference) &&
             text_copy(arena, &secret->state);
    }
    for (size_t i = 0; i < from->first_error_count; i++) {
        struct total_error *error = &ret_copy->first_errors[i];
        ok = ok && text_copy(arena, &error->target) && text_copy(arena, &error->stage) &&
             text_copy(arena, &error->message);
    }
    return ok;
}
