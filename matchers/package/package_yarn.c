/* yarn.lock, both kinds: yarn 1 has a format of its own ("version "1.0""), later ones write YAML ("version: 1.0").
 * Blocks begin at the margin with what was asked for, their members are indented by two; that much is common to both.
 * Spec: yarn's @yarnpkg/lockfile for version 1, @yarnpkg/parsers for the later ones. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/yarn.lock", "!**/node_modules/**", NULL};

struct block {
    bool begun;
    struct span request; /* the first of those in the header */
    struct span version;
    struct span resolution; /* of later yarns: "name@npm:1.0" */
    struct span resolved;   /* of yarn 1: where the archive came from */
};

static struct span unquote(struct span text) {
    text = text_trim(text);
    if (text.size >= 2 && text.data[0] == '"') {
        text = span_from(text, 1);
        return text_cut(&text, '"');
    }
    return text;
}

/* "name@range", "@scope/name@range", or an alias "other@npm:name@range"; a range may hold an '@' of its own. */
static struct span split_request(struct span request, struct span *ret_range) {
    size_t at = request.size > 1 ? span_index(request, '@', 1) : SIZE_MAX;
    *ret_range = at == SIZE_MAX ? (struct span){NULL, 0} : span_from(request, at + 1);
    return at == SIZE_MAX ? request : span_slice(request, 0, at);
}

/* "npm:name@range" names another package; "npm:^1.0" only the protocol. */
static struct span real_name(struct span name, struct span range) {
    if (!span_starts(range, "npm:"))
        return name;
    struct span target = span_from(range, 4), rest;
    struct span real = split_request(target, &rest);
    return rest.size > 0 ? real : name;
}

/* ".../name/-/name-1.0.tgz" or ".../@scope/name/-/name-1.0.tgz" of a registry: the name of what was really fetched.
 * Empty for other addresses. */
static struct span registry_name(struct span resolved) {
    size_t end = span_find(resolved, span_text("/-/"), 0);
    struct span folder = span_slice(resolved, 0, end == SIZE_MAX ? 0 : end);
    size_t slash = span_index_last(folder, '/');
    if (slash == SIZE_MAX || span_index(folder, '%', 0) != SIZE_MAX)
        return (struct span){NULL, 0};
    size_t above = span_index_last(span_slice(folder, 0, slash), '/');
    bool scoped = above != SIZE_MAX && folder.data[above + 1] == '@';
    return span_from(folder, (scoped ? above : slash) + 1);
}

/* A folder or archive of the project's own: no registry's advisory speaks of it, though one may know the name. */
static bool is_local(struct span range) {
    return span_starts(range, "file:") || span_starts(range, "link:") || span_starts(range, "portal:");
}

static int end_block(struct catalogue *run, const struct block *block, struct err *err) {
    struct span range, name;
    if (!block->begun || block->version.size == 0)
        return 0;
    name = split_request(block->resolution.size > 0 ? block->resolution : block->request, &range);
    /* The file itself, and the project: yarn writes no version of it, unless it is another project's root. */
    bool is_root = span_is(range, "workspace:.");
    if (span_is(name, "__metadata") || is_local(range) || (is_root && span_is(block->version, "0.0.0-use.local")))
        return 0;
    if (is_root)
        name = split_request(block->request, &range);
    struct span fetched = registry_name(block->resolved);
    if (fetched.size > 0)
        name = fetched;
    else if (block->resolution.size == 0)
        name = real_name(name, range);
    const struct package package = {
        .type = PACKAGE_NPM, .evidence = EVIDENCE_DECLARED, .name = name, .version = block->version};
    return catalogue_add(run, package, err);
}

/* A member of a block: `key "value"` or `key: value`; keys may be quoted too. */
static void add_member(struct block *block, struct span line) {
    struct span key, value = text_trim(line);
    size_t end = 0;
    bool quoted = span_starts(value, "\"");
    for (end = quoted; end < value.size; end++) {
        uint8_t c = value.data[end];
        if (quoted ? c == '"' : c == ' ' || c == ':')
            break;
    }
    key = unquote(span_slice(value, 0, quoted ? end + 1 : end));
    value = span_from(value, quoted ? end + 1 : end);
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == ':'))
        value = span_from(value, 1);
    if (span_is(key, "version"))
        block->version = unquote(value);
    else if (span_is(key, "resolution"))
        block->resolution = unquote(value);
    else if (span_is(key, "resolved"))
        block->resolved = unquote(value);
}

static int parse(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct block block = {.begun = false};
    struct span line;
    while (read_line(&r, &line)) {
        if (text_trim(line).size == 0 || line.data[0] == '#')
            continue;
        if (line.data[0] != ' ') {
            if (end_block(run, &block, err) < 0)
                return -1;
            struct span requests = text_trim(line);
            if (!span_ends(requests, ":")) {
                catalogue_fault(run, ERR_FORMAT, "a line near byte %zu begins no block", r.offset);
                block = (struct block){.begun = false};
                continue;
            }
            requests.size--;
            requests = unquote(requests);
            struct span first = text_cut(&requests, ',');
            block = (struct block){.begun = true, .request = unquote(first)};
        } else if (line.size > 2 && line.data[1] == ' ' && line.data[2] != ' ' && block.begun) {
            add_member(&block, line);
        }
    }
    return end_block(run, &block, err);
}

const struct cataloguer cataloguer_yarn = {.name = "yarn", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
