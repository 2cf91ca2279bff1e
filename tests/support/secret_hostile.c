#include "tests/support/secret_hostile.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "matchers/secret/secret_example.h"

static const char *const literal_kinds[] = {"literal",          "literal =",      "literal = short",
                                            "literal = filler", "literal filler", "literal behind filler"};
static const char *const example_kinds[] = {"example", "example without its end", "example without its end, lines",
                                            "example with a bent end", "half an example"};

/* Digits, both cases, no repetition: what most classes of most rules take. */
static void filler(struct buf *out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        buf_byte(out, (uint8_t)("A1b2C3d4E5f6a7B8"[(i + i / 16) % 16]));
}

static void literal_unit(const struct secret_rule *rule, size_t kind, struct span literal, struct buf *out) {
    if (kind == 5)
        filler(out, rule->before_bytes);
    buf_add(out, literal);
    if (kind == 1)
        buf_byte(out, '=');
    if (kind == 2) {
        buf_text(out, "=\"");
        filler(out, 12);
        buf_text(out, "\"\n");
    }
    if (kind == 3)
        buf_byte(out, '=');
    if (kind == 3 || kind == 4)
        filler(out, rule->max_bytes);
}

static bool example_unit(const struct secret_rule *rule, size_t kind, struct span example, struct buf *out) {
    if (secret_example_fill(example, 1, out, NULL) < 0)
        return false;
    switch (kind) {
    case 0:
        buf_byte(out, '\n');
        break;
    case 1:
    case 2:
        out->size -= out->size > 0;
        if (kind == 2)
            buf_byte(out, '\n');
        break;
    case 3:
        out->size -= size_min(out->size, 2);
        buf_text(out, "!!");
        break;
    case 4:
        out->size /= 2;
        break;
    default:
        break;
    }
    (void)rule;
    return !out->failed;
}

size_t secret_hostile_count(const struct secret_rule *rule) {
    return rule->literal_count * ARRAY_COUNT(literal_kinds) + rule->positive_count * ARRAY_COUNT(example_kinds);
}

bool secret_hostile_make(const struct secret_rule *rule, size_t index, size_t bytes, struct buf *out,
                         const char **ret_name) {
    AUTO_BUF struct buf unit;
    bool good = true;
    buf_init(&unit, 4 * LIMIT_SECRET_EXAMPLE_BYTES);
    if (index < rule->literal_count * ARRAY_COUNT(literal_kinds)) {
        size_t kind = index % ARRAY_COUNT(literal_kinds);
        *ret_name = literal_kinds[kind];
        literal_unit(rule, kind, rule->literals[index / ARRAY_COUNT(literal_kinds)], &unit);
    } else {
        index -= rule->literal_count * ARRAY_COUNT(literal_kinds);
        size_t kind = index % ARRAY_COUNT(example_kinds);
        *ret_name = example_kinds[kind];
        good = example_unit(rule, kind, rule->positives[index / ARRAY_COUNT(example_kinds)], &unit);
    }
    buf_reset(out);
    while (good && !unit.failed && unit.size > 0 && out->size < bytes && !out->failed)
        buf_add(out, span_slice(buf_span(&unit), 0, bytes - out->size));
    return good && !unit.failed && !out->failed;
}
