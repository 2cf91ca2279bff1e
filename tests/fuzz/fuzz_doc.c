/* Trees of every kind of document: an error, or a tree within its limits whose every value can be read. */
#include "base/parse/doc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth first without recursion: the tree has no parent links, so count by levels with an explicit stack as deep as the
 * limit. */
static void tree_check(const struct doc *root, struct doc_limits limits) {
    const struct doc *stack[64];
    size_t depth = 0, nodes = 0;
    for (const struct doc *at = root; at != NULL;) {
        assert(++nodes <= limits.nodes_max);
        assert(at->text.size == 0 || at->text.data != NULL);
        if (at->first != NULL) {
            assert(depth < limits.depth_max && depth < 64);
            stack[depth++] = at;
            at = at->first;
            continue;
        }
        while (at->next == NULL && depth > 0)
            at = stack[--depth];
        at = depth == 0 && at == root ? NULL : at->next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct doc_limits limits = {.depth_max = 32, .nodes_max = 5000};
    struct arena arena;
    struct err err = {0};
    struct doc *root = NULL;
    arena_init(&arena, 0, 16 << 20);
    int (*const parsers[])(struct arena *, struct span, struct doc_limits, struct doc **,
                           struct err *) = {json_parse, yaml_parse, jsonc_parse, toml_parse, xml_parse, yaml_parse_all};
    for (size_t i = 0; i < ARRAY_COUNT(parsers); i++) {
        arena_reset(&arena);
        if (parsers[i](&arena, span_make(data, size), limits, &root, &err) == 0)
            tree_check(root, limits);
    }
    arena_release(&arena);
    return 0;
}
