#include "engine/pipeline/found_secret.h"

bool found_secret_copy(struct arena *arena, const struct layer_secret *from, struct layer_secret *ret_secret) {
    *ret_secret = *from;
    ret_secret->rule = arena_copy(arena, from->rule);
    ret_secret->provider = arena_copy(arena, from->provider);
    ret_secret->validated = arena_copy(arena, from->validated);
    ret_secret->redacted = arena_copy(arena, from->redacted);
    ret_secret->fingerprint = arena_copy(arena, from->fingerprint);
    ret_secret->encoding = arena_copy(arena, from->encoding);
    ret_secret->evidence = arena_copy(arena, from->evidence);
    return ret_secret->rule.data != NULL && ret_secret->provider.data != NULL && ret_secret->validated.data != NULL &&
           ret_secret->redacted.data != NULL && ret_secret->fingerprint.data != NULL &&
           ret_secret->encoding.data != NULL && ret_secret->evidence.data != NULL;
}

bool found_secret_make(struct arena *arena, const struct secret_hit *hit, bool show, struct layer_secret *ret_secret) {
    struct layer_secret borrowed = {
        .line = hit->line,
        .column = hit->column,
        .byte_offset = hit->offset,
        .byte_length = hit->length,
        .rule = hit->rule->id,
        .provider = hit->rule->provider,
        .severity = hit->severity,
        .confidence = hit->confidence,
        .validated = span_text(hit->validated),
        .redacted = show ? hit->secret : span_text(hit->redacted),
        .fingerprint = span_text(hit->fingerprint),
        .encoding = span_text(hit->encoding),
        .evidence = span_text(hit->evidence),
    };
    return found_secret_copy(arena, &borrowed, ret_secret);
}
