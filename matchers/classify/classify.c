#include "matchers/classify/classify.h"

#include "base/parse/program.h"
#include "base/text.h"
#include "matchers/package/os_release.h"

static_assert(CLASSIFY_SLOTS >= 2 * CLASSIFY_PATTERNS_MAX, "probing needs free slots");

/* FNV-1a: keys are a few bytes of our own making, so nothing can be gained by colliding with them: a path that does
 * costs one failed comparison. */
static size_t key_slot(enum classify_key kind, struct span key) {
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)kind;
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32) & (CLASSIFY_SLOTS - 1);
}

static bool is_literal(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '*' || text.data[i] == '?' || text.data[i] == '[')
            return false;
    }
    return true;
}

/* What of a path decides where it is looked up: its last component, that one's extension, the folder above it, the
 * folder at the top. Each is empty where the path has none. */
static void path_keys(struct span path, struct span ret_keys[CLASSIFY_KEY_COUNT]) {
    size_t slash = span_index_last(path, '/');
    struct span name = slash == SIZE_MAX ? path : span_from(path, slash + 1);
    size_t dot = span_index_last(name, '.');
    struct span folder = span_slice(path, 0, slash == SIZE_MAX ? 0 : slash);
    size_t above = span_index_last(folder, '/');
    ret_keys[CLASSIFY_BASENAME] = name;
    ret_keys[CLASSIFY_EXTENSION] = dot == SIZE_MAX ? (struct span){NULL, 0} : span_from(name, dot + 1);
    size_t top = span_index(path, '/', 0);
    ret_keys[CLASSIFY_TOP] = top == SIZE_MAX ? (struct span){NULL, 0} : span_slice(path, 0, top);
    ret_keys[CLASSIFY_FOLDER] = above == SIZE_MAX ? folder : span_from(folder, above + 1);
}

static enum classify_key glob_key(struct span glob, struct span *ret_key) {
    struct span keys[CLASSIFY_KEY_COUNT];
    path_keys(glob, keys);
    /* Where the last component matches whole folders, the others say nothing of the path's own. */
    bool any_depth = span_starts(keys[CLASSIFY_BASENAME], "**");
    for (enum classify_key kind = any_depth ? CLASSIFY_TOP : 0; kind < CLASSIFY_KEY_COUNT; kind++) {
        *ret_key = keys[kind];
        if (keys[kind].size > 0 && keys[kind].size < 64 && is_literal(keys[kind]))
            return kind;
    }
    return CLASSIFY_KEY_COUNT;
}

static void add_pattern(struct classify *classify, const char *text, unsigned member) {
    struct classify_pattern pattern = {.glob = span_text(text), .member = (uint16_t)member};
    if (span_starts(pattern.glob, "!")) {
        assert(classify->excluded_count < CLASSIFY_PATTERNS_MAX);
        pattern.glob = span_from(pattern.glob, 1);
        classify->excluded[classify->excluded_count++] = pattern;
        return;
    }
    struct span key;
    enum classify_key kind = glob_key(pattern.glob, &key);
    assert(kind < CLASSIFY_KEY_COUNT); /* a pattern of ours that nothing could dispatch on */
    assert(classify->pattern_count < CLASSIFY_PATTERNS_MAX);
    size_t at = key_slot(kind, key);
    while (classify->slots[at].first != 0 &&
           !(classify->slots[at].kind == kind && span_equal(classify->slots[at].key, key)))
        at = (at + 1) & (CLASSIFY_SLOTS - 1);
    struct classify_slot *slot = &classify->slots[at];
    pattern.next = slot->first;
    classify->patterns[classify->pattern_count++] = pattern;
    *slot = (struct classify_slot){.key = key, .kind = kind, .first = (uint16_t)classify->pattern_count};
    classify->sizes[kind] |= (uint64_t)1 << key.size;
}

void classify_init(struct classify *classify) {
    *classify = (struct classify){.pattern_count = 0};
    for (enum cataloguer_id id = 0; id < CATALOGUER_COUNT; id++) {
        for (const char *const *path = cataloguer_get(id)->paths; *path != NULL; path++)
            add_pattern(classify, *path, id);
        if (cataloguer_get(id)->of_programs)
            classify_set_add(&classify->programs, id);
        if (cataloguer_get(id)->by_path)
            classify_set_add(&classify->by_path, id);
        if (cataloguer_get(id)->by_head)
            classify_set_add(&classify->by_head, id);
        if (cataloguer_get(id)->by_content)
            classify_set_add(&classify->by_content, id);
    }
    for (const char *const *path = os_release_paths; *path != NULL; path++)
        add_pattern(classify, *path, CLASSIFY_RELEASE);
}

/* Adds to the set whom the patterns of one key answer for. False when there is no such key or none of them matches. */
static bool probe(const struct classify *classify, enum classify_key kind, struct span key, struct span path,
                  struct classify_set *set) {
    if (key.size == 0 || key.size >= 64 || (classify->sizes[kind] >> key.size & 1) == 0)
        return false;
    bool found = false;
    for (size_t at = key_slot(kind, key); classify->slots[at].first != 0; at = (at + 1) & (CLASSIFY_SLOTS - 1)) {
        const struct classify_slot *slot = &classify->slots[at];
        if (slot->kind != kind || !span_equal(slot->key, key))
            continue;
        for (size_t i = slot->first; i != 0; i = classify->patterns[i - 1].next) {
            const struct classify_pattern *pattern = &classify->patterns[i - 1];
            if (!classify_set_has(set, pattern->member) && text_glob(pattern->glob, path)) {
                classify_set_add(set, pattern->member);
                found = true;
            }
        }
        break;
    }
    return found;
}

struct classify_set classify_path(const struct classify *classify, struct span path) {
    struct span keys[CLASSIFY_KEY_COUNT];
    struct classify_set set = {0};
    bool found = false;
    path_keys(path, keys);
    for (enum classify_key kind = 0; kind < CLASSIFY_KEY_COUNT; kind++)
        found |= probe(classify, kind, keys[kind], path, &set);
    for (size_t i = 0; found && i < classify->excluded_count; i++) {
        const struct classify_pattern *pattern = &classify->excluded[i];
        if (classify_set_has(&set, pattern->member) && text_glob(pattern->glob, path))
            classify_set_remove(&set, pattern->member);
    }
    return set;
}

bool classify_wants(const struct classify *classify, struct span path) {
    struct classify_set set = classify_path(classify, path);
    (void)classify_set_split(&set, &classify->by_path);
    (void)classify_set_split(&set, &classify->by_content);
    return !classify_set_is_empty(&set);
}

struct classify_set classify_head(const struct classify *classify, struct span head) {
    return program_format_of(head) == PROGRAM_NONE ? (struct classify_set){0} : classify->programs;
}
