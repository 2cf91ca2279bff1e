/* Signature files: from YAML to tables. */
#include "base/buf.h"
#include "base/embed.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "matchers/package/product_signature_internal.h"

#define LITERAL_BYTES_MIN 3
#define PREFIX_BYTES_MIN 2
#define BEFORE_BYTES_DEFAULT 32
#define MAX_BYTES_DEFAULT 128

/* Where a message points. */
struct place {
    const char *file;
    uint32_t line;
};

#define file_error(place, err, ...)                                                                                    \
    (err_set(err, ERR_FORMAT, 0, __VA_ARGS__), err_wrap(err, "signatures: %s:%" PRIu32, (place).file, (place).line))

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "signatures: no memory"); }

/* What {{…}} stands for in expressions. */
static const struct {
    const char *name, *text;
} macros[] = {
    {"version", "(?<version>\\d{1,5}(?:\\.\\d{1,5}){1,3})"},
    {"version3", "(?<version>\\d{1,5}\\.\\d{1,5}\\.\\d{1,5})"},
    {"semver", "(?<version>\\d{1,5}\\.\\d{1,5}\\.\\d{1,5}(?:-(?:alpha|beta|dev|pre|rc)(?:[.-]?\\d{1,8}){0,2})?)"},
};

static int expression_expand(struct place place, struct span text, struct buf *out, struct err *err) {
    static const struct span open = SPAN_LITERAL("{{"), close = SPAN_LITERAL("}}");
    size_t from = 0, begin, end;
    char quoted[32];
    while ((begin = span_find(text, open, from)) != SIZE_MAX && (end = span_find(text, close, begin)) != SIZE_MAX) {
        struct span name = span_slice(text, begin + 2, end - begin - 2);
        size_t index = 0;
        while (index < ARRAY_COUNT(macros) && !span_is(name, macros[index].name))
            index++;
        if (index == ARRAY_COUNT(macros))
            return file_error(place, err, "unknown {{%s}} in an expression: use version, version3 or semver",
                              text_quote(name, quoted, sizeof quoted));
        buf_add(out, span_slice(text, from, begin - from));
        buf_text(out, macros[index].text);
        from = end + 2;
    }
    buf_add(out, span_from(text, from));
    return out->failed ? nomem(err) : 0;
}

/* Whether every repeat has an upper bound, so that one attempt costs what its length allows. */
static bool is_bounded(struct span expression) {
    bool in_class = false;
    for (size_t i = 0; i < expression.size; i++) {
        uint8_t c = expression.data[i];
        if (c == '\\') {
            i++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
            if (span_starts(span_from(expression, i + 1), "^"))
                i++;
            if (span_starts(span_from(expression, i + 1), "]"))
                i++;
        } else if (c == '*' || c == '+') {
            return false;
        } else if (c == ',' && span_starts(span_from(expression, i + 1), "}") && i > 0 &&
                   text_is_digit(expression.data[i - 1])) {
            return false;
        }
    }
    return true;
}

static int text_read(struct signatures *set, struct place place, const struct doc *value, struct span *ret_text,
                     struct err *err) {
    struct span text = doc_scalar(value);
    if (text.size == 0)
        return file_error(place, err, "'%.*s' must be text that is not empty", SPAN_FORMAT(value->key));
    *ret_text = arena_copy(&set->arena, text);
    return ret_text->data == NULL ? nomem(err) : 0;
}

static int texts_read(struct signatures *set, struct place place, const struct doc *value,
                      const struct span **ret_items, size_t *ret_count, struct err *err) {
    if (!doc_is(value, DOC_ARRAY))
        return file_error(place, err, "'%.*s' must be a list: [a, b]", SPAN_FORMAT(value->key));
    struct span *items = arena_array(&set->arena, value->count + 1, sizeof *items);
    if (items == NULL)
        return nomem(err);
    size_t count = 0;
    for (const struct doc *item = doc_first(value); item != NULL; item = item->next, count++) {
        struct span text = doc_scalar(item);
        if (text.size == 0)
            return file_error(place, err, "'%.*s' holds something that is not text: quote it", SPAN_FORMAT(value->key));
        items[count] = arena_copy(&set->arena, text);
        if (items[count].data == NULL)
            return nomem(err);
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

static int size_read(struct place place, const struct doc *value, size_t *ret_value, struct err *err) {
    uint64_t number = 0;
    if (!text_u64(doc_scalar(value), 10, LIMIT_SIGNATURE_BYTES, &number))
        return file_error(place, err, "'%.*s' must be a whole number from 0 to %zu", SPAN_FORMAT(value->key),
                          LIMIT_SIGNATURE_BYTES);
    *ret_value = (size_t)number;
    return 0;
}

static int bool_read(struct place place, const struct doc *value, bool *ret_value, struct err *err) {
    if (!doc_is(value, DOC_BOOL))
        return file_error(place, err, "'%.*s' must be true or false", SPAN_FORMAT(value->key));
    *ret_value = value->boolean;
    return 0;
}

/* ---- paths ---- */

static struct span last_component(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? path : span_from(path, slash + 1);
}

static size_t wildcard_index(struct span text) {
    size_t index = 0;
    while (index < text.size && !catalogue_one_of(text.data[index], "*?["))
        index++;
    return index;
}

static int glob_add(struct signatures *set, struct place place, struct span glob, uint32_t signature, struct err *err) {
    struct span name = last_component(glob);
    size_t literal = wildcard_index(name);
    char quoted[64];
    if (literal < PREFIX_BYTES_MIN && literal < name.size)
        return file_error(place, err, "path '%s': the last part must begin with %d plain bytes or more",
                          text_quote(glob, quoted, sizeof quoted), PREFIX_BYTES_MIN);
    struct signature_glob item = {.glob = glob, .prefix = span_slice(name, 0, literal), .signature = signature};
    if (name.size == 0)
        return file_error(place, err, "path '%s' names no file", text_quote(glob, quoted, sizeof quoted));
    if (literal == name.size) {
        void **slot = map_put(&set->names, name, NULL);
        if (slot == NULL)
            return nomem(err);
        item.next = (uint32_t)(uintptr_t)*slot;
        *slot = (void *)(uintptr_t)(set->globs.count + 1);
    } else {
        uint32_t *start = &set->starts[name.data[0]];
        item.next = *start;
        *start = (uint32_t)(set->globs.count + 1);
    }
    return vec_push(&set->globs, item) ? 0 : nomem(err);
}

static int globs_add(struct signatures *set, struct place place, const struct signature *signature, struct err *err) {
    size_t count = 0;
    for (size_t i = 0; i < signature->path_count; i++) {
        if (span_starts(signature->paths[i], "!"))
            continue;
        count++;
        if (glob_add(set, place, signature->paths[i], (uint32_t)set->signatures.count, err) < 0)
            return -1;
    }
    return count > 0 ? 0 : file_error(place, err, "a signature needs 'paths'");
}

/* The globs of the last component's key that match. */
static size_t globs_match(const struct signatures *set, uint32_t first, struct span path, struct span name,
                          uint32_t *ret_indices, size_t count, size_t max) {
    for (uint32_t i = first; i != 0; i = set->globs.data[i - 1].next) {
        const struct signature_glob *glob = &set->globs.data[i - 1];
        if (!span_equal(span_slice(name, 0, glob->prefix.size), glob->prefix) || !text_glob(glob->glob, path))
            continue;
        const struct signature *signature = &set->signatures.data[glob->signature];
        bool kept = count < max;
        for (size_t k = 0; k < count && kept; k++) /* two globs of one signature */
            kept = ret_indices[k] != glob->signature;
        for (size_t k = 0; k < signature->path_count && kept; k++)
            kept = !span_starts(signature->paths[k], "!") || !text_glob(span_from(signature->paths[k], 1), path);
        if (!kept)
            continue;
        size_t at = count++; /* in the order of the files, whatever the order of the globs */
        for (; at > 0 && ret_indices[at - 1] > glob->signature; at--)
            ret_indices[at] = ret_indices[at - 1];
        ret_indices[at] = glob->signature;
    }
    return count;
}

size_t signatures_of_path(const struct signatures *set, struct span path, uint32_t *ret_indices, size_t max) {
    struct span name = last_component(path);
    if (name.size == 0)
        return 0;
    uint32_t first = (uint32_t)(uintptr_t)map_get(&set->names, name);
    size_t count = globs_match(set, first, path, name, ret_indices, 0, max);
    return globs_match(set, set->starts[name.data[0]], path, name, ret_indices, count, max);
}

bool signatures_want(const struct signatures *set, struct span path) {
    uint32_t index;
    return signatures_of_path(set, path, &index, 1) > 0;
}

/* ---- one signature ---- */

static int regex_read(struct signatures *set, struct place place, struct span text, struct signature *signature,
                      struct err *err) {
    AUTO_BUF struct buf expression;
    struct regex *regex = NULL;
    buf_init(&expression, 0); /* a file of LIMIT_SIGNATURE_FILE_BYTES with macros in it */
    if (text.size == 0)
        return file_error(place, err, "a signature needs an 'expression'");
    if (expression_expand(place, text, &expression, err) < 0)
        return -1;
    if (!is_bounded(buf_span(&expression)))
        return file_error(place, err,
                          "an expression has a repeat without an upper bound: write {1,9} for '+', {0,9} "
                          "for '*'");
    if (regex_new(buf_span(&expression), REGEX_NEAR, "version", &regex, err) < 0)
        return err_wrap(err, "signatures: %s:%" PRIu32, place.file, place.line);
    if (!vec_push(&set->regexes, regex)) {
        regex_free(regex);
        return nomem(err);
    }
    signature->regex = regex;
    return 0;
}

static int member_read(struct signatures *set, struct place place, const struct doc *value, struct signature *signature,
                       struct span *expression, struct err *err) {
    char quoted[48];
    if (span_is(value->key, "paths"))
        return texts_read(set, place, value, &signature->paths, &signature->path_count, err);
    if (span_is(value->key, "literals"))
        return texts_read(set, place, value, &signature->literals, &signature->literal_count, err);
    if (span_is(value->key, "unless"))
        return texts_read(set, place, value, &signature->unless, &signature->unless_count, err);
    if (span_is(value->key, "expression"))
        return text_read(set, place, value, expression, err);
    if (span_is(value->key, "before_bytes"))
        return size_read(place, value, &signature->before_bytes, err);
    if (span_is(value->key, "max_bytes"))
        return size_read(place, value, &signature->max_bytes, err);
    if (span_is(value->key, "series"))
        return bool_read(place, value, &signature->series, err);
    if (span_is(value->key, "of_path"))
        return bool_read(place, value, &signature->of_path, err);
    return file_error(place, err, "unknown key '%s': signatures/README.md lists the keys of a signature",
                      text_quote(value->key, quoted, sizeof quoted));
}

static int literals_check(struct place place, const struct span *literals, size_t count, struct err *err) {
    char quoted[48];
    for (size_t i = 0; i < count; i++) {
        if (literals[i].size < LITERAL_BYTES_MIN || literals[i].size > LIMIT_SIGNATURE_BYTES / 4)
            return file_error(place, err, "literal '%s' must have %d to %zu bytes",
                              text_quote(literals[i], quoted, sizeof quoted), LITERAL_BYTES_MIN,
                              LIMIT_SIGNATURE_BYTES / 4);
    }
    return 0;
}

static int signature_read(struct signatures *set, struct place place, const struct doc *value, struct err *err) {
    struct signature signature = {
        .product = (uint32_t)set->products.count, .before_bytes = BEFORE_BYTES_DEFAULT, .max_bytes = MAX_BYTES_DEFAULT};
    struct span expression = {NULL, 0};
    place.line = value->line;
    for (const struct doc *member = doc_first(value); member != NULL; member = member->next) {
        place.line = member->line;
        if (member_read(set, place, member, &signature, &expression, err) < 0)
            return -1;
    }
    place.line = value->line;
    if (literals_check(place, signature.literals, signature.literal_count, err) < 0 ||
        literals_check(place, signature.unless, signature.unless_count, err) < 0 ||
        regex_read(set, place, expression, &signature, err) < 0 || globs_add(set, place, &signature, err) < 0)
        return -1;
    return vec_push(&set->signatures, signature) ? 0 : nomem(err);
}

/* ---- one product ---- */

static int example_read(struct signatures *set, struct place place, const struct doc *value, bool positive,
                        struct signature_example *ret_example, struct err *err) {
    struct signature_example example = {.line = value->line};
    place.line = value->line;
    for (const struct doc *member = doc_first(value); member != NULL; member = member->next) {
        struct span *field = span_is(member->key, "path")                  ? &example.path
                             : span_is(member->key, "text")                ? &example.text
                             : positive && span_is(member->key, "version") ? &example.version
                                                                           : NULL;
        if (field == NULL)
            return file_error(place, err, "an example has a path, a text and, in 'positive', a version");
        if (text_read(set, place, member, field, err) < 0)
            return -1;
    }
    if (example.path.size == 0 || positive != (example.version.size > 0))
        return file_error(place, err, "an example lacks its path%s", positive ? " or version" : "");
    *ret_example = example;
    return 0;
}

static int examples_read(struct signatures *set, struct place place, const struct doc *value,
                         struct signature_product *product, struct err *err) {
    const struct doc *positive = doc_get(value, "positive"), *negative = doc_get(value, "negative");
    if (doc_first(positive) == NULL || doc_first(negative) == NULL)
        return file_error(place, err, "'examples' needs a positive and a negative one");
    struct signature_example *examples = arena_array(&set->arena, positive->count + negative->count, sizeof *examples);
    if (examples == NULL)
        return nomem(err);
    size_t count = 0;
    for (const struct doc *item = doc_first(positive); item != NULL; item = item->next, count++) {
        if (example_read(set, place, item, true, &examples[count], err) < 0)
            return -1;
    }
    for (const struct doc *item = doc_first(negative); item != NULL; item = item->next, count++) {
        if (example_read(set, place, item, false, &examples[count], err) < 0)
            return -1;
    }
    product->examples = examples;
    product->example_count = count;
    return 0;
}

static int product_member(struct signatures *set, struct place place, const struct doc *member,
                          struct signature_product *product, struct err *err) {
    char quoted[48];
    if (span_is(member->key, "name"))
        return text_read(set, place, member, &product->name, err);
    if (span_is(member->key, "examples"))
        return examples_read(set, place, member, product, err);
    if (span_is(member->key, "type")) {
        if (!package_type_parse(doc_text(member), &product->type))
            return file_error(place, err, "'type' is no type of package URL: '%s'",
                              text_quote(doc_scalar(member), quoted, sizeof quoted));
        return 0;
    }
    if (!span_is(member->key, "signatures"))
        return file_error(place, err, "unknown key '%s': a product has name, type, signatures and examples",
                          text_quote(member->key, quoted, sizeof quoted));
    for (const struct doc *item = doc_first(member); item != NULL; item = item->next) {
        if (signature_read(set, place, item, err) < 0)
            return -1;
    }
    return 0;
}

static int product_read(struct signatures *set, struct place place, const struct doc *value, struct err *err) {
    struct signature_product product = {.type = PACKAGE_GENERIC, .file = place.file, .line = value->line};
    size_t signature_count = set->signatures.count;
    for (const struct doc *member = doc_first(value); member != NULL; member = member->next) {
        place.line = member->line;
        if (product_member(set, place, member, &product, err) < 0)
            return -1;
    }
    place.line = value->line;
    if (product.name.size == 0 || product.example_count == 0 || set->signatures.count == signature_count)
        return file_error(place, err, "a product needs a name, signatures and examples");
    return vec_push(&set->products, product) ? 0 : nomem(err);
}

static int file_load(struct signatures *set, const char *name, struct span bytes, struct arena *scratch,
                     struct err *err) {
    struct place place = {arena_text(&set->arena, span_text(name)), 1};
    struct doc *root = NULL;
    if (place.file == NULL)
        return nomem(err);
    if (bytes.size > LIMIT_SIGNATURE_FILE_BYTES)
        return err_set(err, ERR_LIMIT, 0, "signatures: %s: file of %zu bytes, at most %zu", name, bytes.size,
                       LIMIT_SIGNATURE_FILE_BYTES);
    if (yaml_parse(scratch, bytes, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "signatures: %s", name);
    const struct doc *products = doc_get(root, "products");
    if (!doc_is(products, DOC_ARRAY))
        return file_error(place, err, "expected a list 'products'");
    for (const struct doc *item = doc_first(products); item != NULL; item = item->next) {
        if (product_read(set, place, item, err) < 0)
            return -1;
    }
    return 0;
}

int signatures_load(const struct signature_file *files, size_t file_count, struct signatures **ret_signatures,
                    struct err *err) {
    AUTO_SIGNATURES struct signatures *set = mem_zalloc(sizeof *set);
    if (set == NULL)
        return nomem(err);
    arena_init(&set->arena, 0, 64 * LIMIT_SIGNATURE_FILE_BYTES);
    map_init(&set->names, 0); /* keys are our own */
    struct arena scratch AUTO(arena_release);
    arena_init(&scratch, 0, 64 * LIMIT_SIGNATURE_FILE_BYTES);
    for (const struct embed_file *file = embed_signatures; files == NULL && file->name != NULL; file++) {
        if (file_load(set, file->name, embed_bytes(file), &scratch, err) < 0)
            return -1;
        arena_reset(&scratch);
    }
    for (size_t i = 0; i < file_count; i++) {
        if (file_load(set, files[i].name, files[i].bytes, &scratch, err) < 0)
            return -1;
        arena_reset(&scratch);
    }
    *ret_signatures = STEAL(set);
    return 0;
}

void signatures_free(struct signatures *signatures) {
    if (signatures == NULL)
        return;
    for (size_t i = 0; i < signatures->regexes.count; i++)
        regex_free(signatures->regexes.data[i]);
    vec_release(&signatures->regexes);
    vec_release(&signatures->products);
    vec_release(&signatures->signatures);
    vec_release(&signatures->globs);
    map_release(&signatures->names);
    arena_release(&signatures->arena);
    mem_free(signatures);
}

size_t signatures_product_count(const struct signatures *signatures) { return signatures->products.count; }
