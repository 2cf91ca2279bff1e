#include "matchers/package/cataloguer.h"

#include "base/limits.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

#include <stdarg.h>

static const struct cataloguer *const cataloguers[CATALOGUER_COUNT] = {
#define CATALOGUER(id, object) [CATALOGUER_##id] = &object,
#include "matchers/package/cataloguer.def"
#undef CATALOGUER
};

const struct cataloguer *cataloguer_get(enum cataloguer_id id) {
    assert(id < CATALOGUER_COUNT);
    return cataloguers[id];
}

void catalogue_fault(struct catalogue *run, enum err_code code, const char *format, ...) {
    if (run->fault_count++ > 0)
        return;
    char text[sizeof run->fault.text];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list); /* cut to fit, as err_set() does */
    va_end(list);
    (void)err_set(&run->fault, code, 0, "%s", text);
}

/* The first field that is too long for what it claims to be, or NULL. */
static const char *field_too_long(const struct package *package) {
    const struct {
        const char *name;
        struct span value;
        size_t size_max;
    } fields[] = {
        {"name", package->name, LIMIT_FIELD_BYTES},
        {"version", package->version, LIMIT_FIELD_BYTES},
        {"architecture", package->architecture, LIMIT_FIELD_BYTES},
        {"source name", package->source_name, LIMIT_FIELD_BYTES},
        {"source version", package->source_version, LIMIT_FIELD_BYTES},
        {"path", package->path, LIMIT_PATH_BYTES},
    };
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (fields[i].value.size > fields[i].size_max)
            return fields[i].name;
    }
    return NULL;
}

static int emit_checked(struct catalogue *run, struct package package, struct err *err) {
    char name[64];
    if (package.path.size == 0)
        package.path = run->path;
    if (package.name.size == 0) {
        catalogue_fault(run, ERR_FORMAT, "an entry has no name");
        return 0;
    }
    const char *field = field_too_long(&package);
    if (field != NULL) {
        catalogue_fault(run, ERR_LIMIT, "package %s: its %s is longer than the limit of %zu bytes",
                        text_quote(package.name, name, sizeof name), field, LIMIT_FIELD_BYTES);
        return 0;
    }
    /* Free text that some packages put in the licence field is no fault of the package: only the text goes. */
    if (package.licenses.size > LIMIT_FIELD_BYTES) {
        catalogue_fault(run, ERR_LIMIT, "package %s: licence text of %zu bytes left out",
                        text_quote(package.name, name, sizeof name), package.licenses.size);
        package.licenses = (struct span){NULL, 0};
    }
    if (run->package_count >= LIMIT_PACKAGES_PER_FILE)
        return err_set(err, ERR_LIMIT, 0, "more than %zu packages in one file", LIMIT_PACKAGES_PER_FILE);
    run->package_count++;
    return run->emit(run->context, &package, err);
}

int catalogue_add(struct catalogue *run, struct package package, struct err *err) {
    char name[64];
    if (package.name.size > 0 && package.version.size == 0) {
        catalogue_fault(run, ERR_FORMAT, "package %s has no version", text_quote(package.name, name, sizeof name));
        return 0;
    }
    return emit_checked(run, package, err);
}

int catalogue_declare(struct catalogue *run, enum package_type type, struct span name, struct span version,
                      struct err *err) {
    return emit_checked(
        run, (struct package){.type = type, .evidence = EVIDENCE_DECLARED, .name = name, .version = version}, err);
}

int catalogue_add_installed(struct catalogue *run, enum package_type type, struct span name, struct span version,
                            struct err *err) {
    if (name.size == 0 || version.size == 0)
        return 0;
    return catalogue_add(
        run, (struct package){.type = type, .evidence = EVIDENCE_INSTALLED, .name = name, .version = version}, err);
}

bool catalogue_image_split(struct span image, struct span *ret_name, struct span *ret_version) {
    size_t slash = span_index_last(image, '/'), at = span_index(image, '@', 0);
    size_t colon = span_index(image, ':', slash == SIZE_MAX ? 0 : slash);
    size_t end = at != SIZE_MAX ? at : colon;
    if (end == SIZE_MAX || span_index(image, '$', 0) != SIZE_MAX)
        return false;
    *ret_name = span_slice(image, 0, colon != SIZE_MAX && colon < end ? colon : end);
    *ret_version = span_from(image, end + 1);
    return true;
}

struct span catalogue_basename(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? path : span_from(path, slash + 1);
}

struct span catalogue_folder(struct span path, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t slash = span_index_last(path, '/');
        if (slash == SIZE_MAX)
            return (struct span){NULL, 0};
        path.size = slash;
    }
    return catalogue_basename(path);
}

bool catalogue_split_version(struct span text, struct span *ret_name, struct span *ret_version) {
    for (size_t i = text.size; i-- > 1;) {
        if (text.data[i] != '-' || i + 1 >= text.size || !text_is_digit(text.data[i + 1]))
            continue;
        *ret_name = span_slice(text, 0, i);
        *ret_version = span_from(text, i + 1);
        return true;
    }
    return false;
}

/* Without "/" or "./" at its begin, and without a "/" at its end. */
static struct span relative(struct span path) {
    if (span_starts(path, "./"))
        path = span_from(path, 1);
    while (span_starts(path, "/"))
        path = span_from(path, 1);
    while (span_ends(path, "/"))
        path.size--;
    return span_is(path, ".") ? (struct span){NULL, 0} : path;
}

int catalogue_own(struct catalogue *run, const struct package_owner *owner, struct span folder, struct span name,
                  struct err *err) {
    uint8_t path[PATH_MAX];
    if (run->own == NULL || owner->name.size == 0 || owner->name.size > LIMIT_FIELD_BYTES ||
        owner->architecture.size > LIMIT_FIELD_BYTES)
        return 0;
    if (run->owned_count >= LIMIT_OWNED_FILES) {
        if (run->owned_count == LIMIT_OWNED_FILES)
            catalogue_fault(run, ERR_LIMIT, "more than %zu files of packages", LIMIT_OWNED_FILES);
        run->owned_count = LIMIT_OWNED_FILES + 1;
        return 0;
    }
    run->owned_count++;
    folder = relative(folder);
    name = folder.size == 0 ? relative(name) : name;
    if (folder.size >= sizeof path || name.size >= sizeof path - folder.size)
        return 0; /* no system has such a path */
    if (name.size == 0 && !owner->foreign)
        return 0; /* the root itself */
    size_t size = folder.size;
    if (size > 0) {
        memcpy(path, folder.data, size);
        path[size++] = '/';
    }
    if (name.size > 0)
        memcpy(path + size, name.data, name.size);
    return run->own(run->own_context, owner, span_make(path, size + name.size), err);
}

int catalogue_pair(struct catalogue *run, struct span first, const char *between, struct span second,
                   struct span *ret_pair, struct err *err) {
    *ret_pair = (struct span){NULL, 0};
    if (first.size == 0 || second.size == 0 || first.size > LIMIT_FIELD_BYTES || second.size > LIMIT_FIELD_BYTES)
        return 0;
    struct span mid = span_text(between);
    uint8_t *pair = arena_alloc(run->scratch, first.size + mid.size + second.size);
    if (pair == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    memcpy(pair, first.data, first.size);
    if (mid.size > 0)
        memcpy(pair + first.size, mid.data, mid.size);
    memcpy(pair + first.size + mid.size, second.data, second.size);
    *ret_pair = span_make(pair, first.size + mid.size + second.size);
    return 0;
}

int catalogue_document(struct catalogue *run, catalogue_parse_fn parse, struct span text, struct doc **ret_root,
                       struct err *err) {
    struct doc_limits limits = doc_limits_default();
    struct doc *root = NULL;
    struct err problem = {0};
    limits.partial = true;
    if (parse(run->scratch, text, limits, &root, &problem) < 0) {
        if (problem.code != ERR_FORMAT || root == NULL) {
            *err = problem;
            return -1;
        }
        catalogue_fault(run, problem.code, "%s", problem.text);
    }
    *ret_root = root;
    return 0;
}

struct span catalogue_unquote(struct span text) {
    text = text_trim(text);
    if (text.size >= 2 && (text.data[0] == '"' || text.data[0] == '\'') && text.data[text.size - 1] == text.data[0])
        return span_slice(text, 1, text.size - 2);
    return text;
}

bool catalogue_path_is(const struct catalogue *run, const char *suffix) {
    size_t size = strlen(suffix);
    return span_ends(run->path, suffix) && (run->path.size == size || run->path.data[run->path.size - size - 1] == '/');
}

int catalogue_join(struct catalogue *run, struct span *list, struct span more, struct err *err) {
    if (more.size == 0 || more.size >= LIMIT_FIELD_BYTES || list->size > LIMIT_FIELD_BYTES - more.size - 1)
        return 0;
    uint8_t *joined = arena_alloc(run->scratch, list->size + 1 + more.size);
    if (joined == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    size_t size = list->size;
    if (size > 0) {
        memcpy(joined, list->data, size);
        joined[size++] = '\n';
    }
    memcpy(joined + size, more.data, more.size);
    *list = (struct span){joined, size + more.size};
    return 0;
}

static int add_license(struct catalogue *run, struct span *list, const struct doc *value, struct err *err) {
    struct span text = doc_text(value);
    if (text.size == 0)
        text = doc_text(doc_get(value, "type"));
    if (text.size == 0)
        text = doc_text(doc_get(value, "name"));
    return catalogue_join(run, list, text, err);
}

int catalogue_licenses(struct catalogue *run, struct span *list, const struct doc *value, struct err *err) {
    if (!doc_is(value, DOC_ARRAY))
        return add_license(run, list, value, err);
    for (const struct doc *item = doc_first(value); item != NULL; item = item->next) {
        if (add_license(run, list, item, err) < 0)
            return -1;
    }
    return 0;
}

int catalogue_file(enum cataloguer_id id, const struct catalogue_input *input, struct arena *scratch,
                   catalogue_emit_fn emit, void *context, struct err *err) {
    const struct cataloguer *cataloguer = cataloguer_get(id);
    struct catalogue run = {.path = input->path,
                            .body = input->body,
                            .scratch = scratch,
                            .emit = emit,
                            .context = context,
                            .own = input->own,
                            .own_context = input->own_context};
    if (input->body.size > LIMIT_CATALOGUE_BYTES)
        return err_set(err, ERR_LIMIT, 0, "%s: file of %zu bytes is beyond the limit of %zu", cataloguer->name,
                       input->body.size, LIMIT_CATALOGUE_BYTES);
    if (cataloguer->parse(&run, err) < 0)
        return err_wrap(err, "%s", cataloguer->name);
    if (run.fault_count == 0)
        return 0;
    if (run.fault_count == 1)
        return err_set(err, run.fault.code, 0, "%s: %s", cataloguer->name, run.fault.text);
    return err_set(err, run.fault.code, 0, "%s: %s (and %zu more)", cataloguer->name, run.fault.text,
                   run.fault_count - 1);
}
