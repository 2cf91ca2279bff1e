/* Any bytes as a body, searched with the rules of the binary: whole, and in two windows, which must report the same. */
#include "base/limits.h"
#include "matchers/secret/secret_engine.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t hits, places;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    struct sum *sum = context;
    sum->hits++;
    sum->places += hit->offset * 31 + hit->line * 7 + hit->column;
    if (hit->secret.size != hit->length || hit->confidence < 0 || hit->confidence > 1 || hit->line == 0 ||
        hit->column == 0)
        abort();
    return 0;
}

/* The fuzzer's process-wide state, built on the first input and never released. */
struct fuzz_state {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_scratch *scratch;
};

static struct fuzz_state *fuzz_state(void) {
    static struct fuzz_state state;
    struct err err = {0};
    if (state.scratch == NULL && (secret_rules_load(true, NULL, 0, &state.rules, &err) < 0 ||
                                  secret_engine_new(state.rules, span_text("fuzz"), &state.engine, &err) < 0 ||
                                  secret_scratch_new(state.engine, &state.scratch, &err) < 0))
        abort();
    return &state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_state *state = fuzz_state();
    struct sum whole = {0}, parts = {0};
    struct secret_outcome outcome;
    bool truncated = false;
    struct secret_input input = {.body = {data, size}, .path = {data, size < 64 ? size : 64}};
    if (secret_scan(state->engine, state->scratch, &input, on_hit, &whole, &outcome, NULL) < 0)
        abort();
    truncated = outcome.truncated;
    size_t middle = size / 2;
    if (middle == 0 || middle > LIMIT_WINDOW_OVERLAP)
        return 0; /* the windows below see the whole body, as windows of the pipeline see the overlap */
    for (int part = 0; part < 2; part++) {
        input.report_from = part == 0 ? 0 : middle;
        input.report_to = part == 0 ? middle : size;
        if (secret_scan(state->engine, state->scratch, &input, on_hit, &parts, &outcome, NULL) < 0)
            abort();
        truncated = truncated || outcome.truncated;
    }
    if (!truncated && (whole.hits != parts.hits || whole.places != parts.places))
        abort();
    return 0;
}
