#include "engine/cli/trivy_ignore.h"

#include "base/parse/doc.h"
#include "base/reader.h"
#include "base/text.h"

static struct span base_name(const char *path) {
    struct span text = span_text(path);
    size_t slash = span_index_last(text, '/');
    return slash == SIZE_MAX ? text : span_from(text, slash + 1);
}

bool trivy_ignore_is(const char *path) { return span_starts(base_name(path), ".trivyignore"); }

/* As a JSON text, which is a YAML scalar too. */
static void member_add(struct buf *yaml, const char *key, struct span value) {
    buf_format(yaml, "  %s: ", key);
    buf_json_text(yaml, value);
    buf_byte(yaml, '\n');
}

/* The ids of checks and secret rules stand in the same list as those of vulnerabilities: an entry for each meaning. */
static void line_entry(struct buf *yaml, const char *key, struct span id, struct span until) {
    buf_text(yaml, "-\n");
    member_add(yaml, key, id);
    if (until.size > 0)
        member_add(yaml, "until", until);
    member_add(yaml, "reason", span_text("listed in .trivyignore"));
}

static int lines_convert(struct span text, const char *path, struct buf *yaml, struct err *err) {
    struct reader reader = reader_init(text);
    struct span line;
    char quoted[64];
    bool any = false;
    for (size_t number = 1; read_line(&reader, &line); number++) {
        line = text_trim(text_cut(&line, '#'));
        if (line.size == 0)
            continue;
        struct span rest = line, until = {NULL, 0};
        size_t end = 0;
        while (end < rest.size && !text_is_space(rest.data[end]))
            end++;
        struct span id = span_slice(rest, 0, end);
        rest = text_trim(span_from(rest, end));
        if (rest.size > 0) {
            if (!span_starts(rest, "exp:") || rest.size != strlen("exp:2024-01-31"))
                return err_set(err, ERR_FORMAT, 0, "%s:%zu: expected an id and perhaps exp:YYYY-MM-DD, found '%s'",
                               path, number, text_quote(line, quoted, sizeof quoted));
            until = span_from(rest, strlen("exp:"));
        }
        if (!any)
            buf_text(yaml, "ignore:\n");
        any = true;
        line_entry(yaml, "id", id, until);
        line_entry(yaml, "rule", id, until);
    }
    return 0;
}

static void list_add(struct buf *yaml, const char *key, const struct doc *list) {
    if (doc_first(list) == NULL)
        return;
    buf_format(yaml, "  %s:\n", key);
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        buf_text(yaml, "  - ");
        buf_json_text(yaml, doc_scalar(item));
        buf_byte(yaml, '\n');
    }
}

static int yaml_convert(struct arena *arena, struct span text, const char *path, struct buf *yaml, struct err *err) {
    static const struct {
        const char *section, *key;
    } sections[] = {{"vulnerabilities", "id"}, {"misconfigurations", "rule"}, {"secrets", "rule"}};
    struct doc *root = NULL;
    bool any = false;
    if (yaml_parse(arena, text, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "%s", path);
    for (size_t i = 0; i < ARRAY_COUNT(sections); i++) {
        for (const struct doc *item = doc_first(doc_get(root, sections[i].section)); item != NULL; item = item->next) {
            struct span id = doc_scalar(doc_get(item, "id"));
            struct span statement = doc_scalar(doc_get(item, "statement"));
            struct span until = doc_scalar(doc_get(item, "expired_at"));
            if (id.size == 0)
                return err_set(err, ERR_FORMAT, 0, "%s:%u: an entry without an id", path, item->line);
            buf_text(yaml, any ? "-\n" : "ignore:\n-\n");
            any = true;
            member_add(yaml, sections[i].key, id);
            list_add(yaml, "path", doc_get(item, "paths"));
            list_add(yaml, "purl", doc_get(item, "purls"));
            if (until.size > 0)
                member_add(yaml, "until", span_slice(until, 0, strlen("2024-01-31")));
            member_add(yaml, "reason", statement.size > 0 ? statement : span_text("listed in .trivyignore.yaml"));
        }
    }
    return 0;
}

int trivy_ignore_convert(struct span text, const char *path, struct buf *yaml, struct err *err) {
    struct arena arena;
    arena_init(&arena, 0, 0);
    struct span name = base_name(path);
    bool is_yaml = span_ends(name, ".yaml") || span_ends(name, ".yml");
    int result = is_yaml ? yaml_convert(&arena, text, path, yaml, err) : lines_convert(text, path, yaml, err);
    arena_release(&arena);
    if (result == 0 && yaml->failed)
        result = err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    return result;
}
