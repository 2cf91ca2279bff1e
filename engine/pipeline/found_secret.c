#include "engine/pipeline/found_secret.h"

bool found_secret_make(struct arena *arena, const struct secret_hit *hit, bool show, struct layer_secret *ret_secret) {
    *ret_secret = (struct layer_secret){
        .line = hit->line,
        .column = hit->column,
        .byte_offset = hit->offset,
        .byte_length = hit->length,
        .rule = hit->rule->id,
        .provider = hit->rule->provider,
        .severity = hit->severity,
        .confidence = hit->confidence,
        .validated = arena_copy(arena, span_text(hit->validated)),
        .redacted = arena_copy(arena, show ? hit->secret : span_text(hit->redacted)),
        .fingerprint = arena_copy(arena, span_text(hit->fingerprint)),
        .encoding = span_text("plain"),
        .evidence = arena_copy(arena, span_text(hit->evidence)),
    };
    return ret_secret->validated.data != NULL && ret_secret->redacted.data != NULL &&
           ret_secret->fingerprint.data != NULL && ret_secret->evidence.data != NULL;
}
