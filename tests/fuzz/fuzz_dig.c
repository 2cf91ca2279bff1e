/* Any bytes as a body, with all that is encoded and packed in it: bounded, and every hit within the body. */
#include "base/limits.h"
#include "matchers/secret/secret_dig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH 5

struct sum {
    size_t size;
    uint64_t hits;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    struct sum *sum = context;
    sum->hits++;
    if (hit->offset >= sum->size || hit->line == 0 || hit->column == 0 || hit->encoding[0] == '\0')
        abort();
    return 0;
}

/* The fuzzer's process-wide state, built on the first input and never released. */
struct fuzz_state {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct secret_dig *dig;
};

static struct fuzz_state *fuzz_state(void) {
    static struct fuzz_state state;
    struct err err = {0};
    struct secret_dig_options options = {DEPTH, 4 * LIMIT_MIB, LIMIT_MIB};
    if (state.dig == NULL && (secret_rules_load(true, NULL, 0, &state.rules, &err) < 0 ||
                              secret_engine_new(state.rules, span_text("fuzz"), &state.engine, &err) < 0 ||
                              secret_dig_new(state.engine, &options, &state.dig, &err) < 0))
        abort();
    return &state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_state *state = fuzz_state();
    struct sum first = {.size = size}, second = {.size = size};
    struct secret_outcome outcome;
    /* The size says what the file is called: names decide what is looked for. */
    struct secret_input input = {.body = {data, size}, .path = span_text(size % 2 == 0 ? "a/b.yaml" : "a/b.bin")};
    if (secret_dig(state->dig, &input, true, on_hit, &first, &outcome, NULL) < 0 ||
        secret_dig(state->dig, &input, true, on_hit, &second, &outcome, NULL) < 0 || first.hits != second.hits)
        abort();
    return 0;
}
