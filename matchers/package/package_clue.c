/* What says something only together with another file: Ruby's lib/<name>/version.rb, whose constant a gemspec names as
 * its version; go.sum, which lists what is built only where go.mod is of before Go 1.17; package.json, which names the
 * project that a yarn.lock stands beside. Spec: "Go Modules Reference", sections "go.sum files" and "Module graph
 * pruning"; package.json(5). */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/version.rb",
                                    "**/go.sum",
                                    "**/package.json",
                                    "!**/node_modules/**",
                                    "!**/testdata/**",
                                    "!opt/yarn-v*/package.json",
                                    NULL};

static int add_clue(struct catalogue *run, enum package_type type, struct span name, struct span version,
                    struct err *err) {
    const struct package package = {.type = type, .evidence = EVIDENCE_CLUE, .name = name, .version = version};
    return name.size == 0 || version.size == 0 ? 0 : catalogue_add(run, package, err);
}

/* "module A" and "class B < C" in each other, and in the innermost "VERSION = '1.0'": the clue "A::B::VERSION". */
static int parse_ruby(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, scope = {NULL, 0}, text;
    while (read_line(&r, &line)) {
        struct span rest = text_trim(line);
        struct span word = text_cut(&rest, ' ');
        if (span_is(word, "module") || span_is(word, "class")) {
            rest = text_trim(text_cut(&rest, ';'));
            struct span name = text_trim(text_cut(&rest, ' '));
            if (scope.size > 0 && catalogue_pair(run, scope, "::", name, &name, err) < 0)
                return -1;
            scope = name;
        } else if (span_is(word, "VERSION")) {
            rest = text_trim(rest);
            bool is_text = span_starts(rest, "=") && text_next_quoted(&rest, &text) &&
                           span_find(text, span_text("#{"), 0) == SIZE_MAX;
            struct span name;
            if (!is_text || catalogue_pair(run, scope, "::", span_text("VERSION"), &name, err) < 0)
                return is_text ? -1 : 0;
            return add_clue(run, PACKAGE_GEM, name, text, err);
        }
    }
    return 0;
}

/* "module version h1:hash" of a module's contents; the lines of "version/go.mod" say nothing of what is built. */
static int parse_go_sum(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span name = text_cut(&line, ' '), version = text_cut(&line, ' ');
        bool is_module = span_starts(line, "h1:") && !span_ends(version, "/go.mod");
        if (is_module && add_clue(run, PACKAGE_GOLANG, name, version, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    if (span_ends(run->path, ".rb"))
        return parse_ruby(run, err);
    if (span_ends(run->path, ".sum"))
        return parse_go_sum(run, err);
    struct doc *root = NULL;
    struct err ignored = {0}; /* a package.json that is broken is for those to mend who list it */
    if (json_parse(run->scratch, run->body, doc_limits_default(), &root, &ignored) < 0)
        return 0;
    return add_clue(run, PACKAGE_NPM, doc_text(doc_get(root, "name")), doc_text(doc_get(root, "version")), err);
}

const struct cataloguer cataloguer_clue = {.name = "clue", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
