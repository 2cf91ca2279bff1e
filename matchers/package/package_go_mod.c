/* go.mod: what a Go module requires, after its replacements, and the standard library of the toolchain that it names.
 * Spec: "Go Modules Reference", section "go.mod files". */
#include "base/map.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/go.mod", "!**/testdata/**", "!**/vendor/**", NULL};

struct requirement {
    struct span path;
    struct span version;
    bool dropped; /* replaced by a folder */
    struct requirement *next;
};

struct module {
    struct requirement *first;
    struct requirement **last;
    struct map requirements; /* by path */
    struct span toolchain;
    struct span own; /* the module's path: a checkout has no version */
    struct span go;  /* the language's version */
};

/* The next word, or a quoted string, and the rest of the line. */
static struct span next_word(struct span *line) {
    *line = text_trim(*line);
    if (span_starts(*line, "\"") || span_starts(*line, "`")) {
        uint8_t quote = line->data[0];
        *line = span_from(*line, 1);
        return text_cut(line, quote);
    }
    size_t end = 0;
    while (end < line->size && !text_is_space(line->data[end]))
        end++;
    struct span word = span_slice(*line, 0, end);
    *line = span_from(*line, end);
    return word;
}

static int out_of_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "out of memory"); }

static int add_requirement(struct catalogue *run, struct module *module, struct span path, struct span version,
                           struct err *err) {
    struct requirement *requirement = arena_zalloc(run->scratch, sizeof *requirement);
    void **place = requirement == NULL ? NULL : map_put(&module->requirements, path, NULL);
    if (place == NULL)
        return out_of_memory(err);
    requirement->path = path;
    requirement->version = version;
    *module->last = requirement;
    module->last = &requirement->next;
    *place = requirement;
    return 0;
}

/* path [version] => path version, or => ./folder. Without a version it is for all; with one, only for that. */
static void replace(struct module *module, struct span line) {
    struct span path = next_word(&line), version = next_word(&line);
    bool any = span_is(version, "=>");
    if (!any && !span_is(next_word(&line), "=>"))
        return;
    struct span path_new = next_word(&line), version_new = next_word(&line);
    struct requirement *requirement = map_get(&module->requirements, path);
    if (requirement == NULL || (!any && !span_equal(requirement->version, version)))
        return;
    requirement->dropped = version_new.size == 0; /* a folder's contents have no version */
    requirement->path = path_new;
    requirement->version = version_new;
}

/* What a line says, in a block "verb ( … )" or alone. */
static int add_line(struct catalogue *run, struct module *module, struct span verb, struct span line, bool replacing,
                    struct err *err) {
    if (replacing) {
        if (span_is(verb, "replace"))
            replace(module, line);
        return 0;
    }
    if (span_is(verb, "require")) {
        struct span path = next_word(&line), version = next_word(&line);
        if (path.size > 0 && version.size > 0)
            return add_requirement(run, module, path, version, err);
        catalogue_fault(run, ERR_FORMAT, "a requirement has no version");
    } else if (span_is(verb, "module")) {
        module->own = next_word(&line);
    } else if (span_is(verb, "go")) {
        module->go = next_word(&line);
    } else if (span_is(verb, "toolchain")) {
        module->toolchain = next_word(&line);
    }
    return 0;
}

/* Twice through the file, since a replacement may stand before what it replaces. */
static int read_lines(struct catalogue *run, struct module *module, bool replacing, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, block = {NULL, 0};
    while (read_line(&r, &line)) {
        size_t comment = span_find(line, span_text("//"), 0);
        line = text_trim(span_slice(line, 0, comment == SIZE_MAX ? line.size : comment));
        if (line.size == 0)
            continue;
        if (block.size > 0) {
            if (span_is(line, ")"))
                block.size = 0;
            else if (add_line(run, module, block, line, replacing, err) < 0)
                return -1;
            continue;
        }
        struct span verb = next_word(&line);
        if (span_is(text_trim(line), "("))
            block = verb;
        else if (add_line(run, module, verb, line, replacing, err) < 0)
            return -1;
    }
    return 0;
}

static int emit_module(struct catalogue *run, const struct module *module, struct err *err) {
    struct package package = {.type = PACKAGE_GOLANG, .evidence = EVIDENCE_DECLARED};
    /* A path whose first element has no dot names nothing that could be fetched; a module that asks for nothing is a
     * folder of another one, or holds no more than its own sources. */
    struct span rest = module->own;
    bool is_public = span_index(text_cut(&rest, '/'), '.', 0) != SIZE_MAX;
    if (is_public && module->first != NULL &&
        catalogue_declare(run, PACKAGE_GOLANG, module->own, (struct span){NULL, 0}, err) < 0)
        return -1;
    for (const struct requirement *item = module->first; item != NULL; item = item->next) {
        package.name = item->path;
        package.version = item->version;
        if (!item->dropped && catalogue_add(run, package, err) < 0)
            return -1;
    }
    /* Whether the go.sum beside it lists more: before Go 1.17 a go.mod left out what its requirements require. */
    package.evidence = EVIDENCE_CLUE;
    package.name = span_text("go");
    package.version = module->go.size > 0 ? module->go : span_text("1.11");
    if (catalogue_add(run, package, err) < 0)
        return -1;
    package.evidence = EVIDENCE_DECLARED;
    /* Without a toolchain line the go line is a lower bound only: what is built with is not known. */
    if (!span_starts(module->toolchain, "go"))
        return 0;
    package.name = span_text("stdlib");
    package.version = span_from(module->toolchain, 2);
    return catalogue_add(run, package, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct module module = {.last = &module.first};
    map_init(&module.requirements, catalogue_seed(run));
    int result = read_lines(run, &module, false, err);
    if (result == 0)
        result = read_lines(run, &module, true, err);
    if (result == 0)
        result = emit_module(run, &module, err);
    map_release(&module.requirements);
    return result;
}

const struct cataloguer cataloguer_go_mod = {.name = "go-mod", .type = PACKAGE_GOLANG, .paths = paths, .parse = parse};
