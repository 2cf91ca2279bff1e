/* Models of machine learning, by the head of their file: GGUF's key-value pairs, the metadata of safetensors. Only the
 * head is looked at; the weights behind it may be as long as they like.
 * Spec: GGUF in ggml's docs; safetensors' "Format". */
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.gguf", "**/*.safetensors", NULL};

/* A vocabulary of 250,000 words stands among the pairs, behind those that are read here. */
#define MODEL_PAIRS_MAX ((uint64_t)64)

enum gguf_type { GGUF_BOOL = 7, GGUF_TEXT = 8, GGUF_ARRAY = 9, GGUF_TYPE_COUNT = 13 };

static const uint8_t gguf_sizes[GGUF_TYPE_COUNT] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static struct span gguf_text(struct reader *r) {
    uint64_t size = read_le64(r);
    return read_bytes(r, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
}

struct model {
    struct span name, version, license, owner;
};

static int add_model(struct catalogue *run, struct model model, struct err *err) {
    struct package package = {.type = PACKAGE_HUGGINGFACE,
                              .evidence = EVIDENCE_INSTALLED,
                              .name = model.name,
                              .version = model.version,
                              .licenses = model.license};
    if (model.name.size == 0) { /* what people call a model by is its file */
        struct span file = catalogue_basename(run->path);
        package.name = span_slice(file, 0, span_index_last(file, '.'));
    }
    if (model.owner.size > 0 && catalogue_pair(run, model.owner, "/", package.name, &package.name, err) < 0)
        return -1;
    if (package.version.size == 0)
        return catalogue_declare(run, PACKAGE_HUGGINGFACE, package.name, package.version, err);
    return catalogue_add(run, package, err);
}

static int parse_gguf(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct model model = {.name = {NULL, 0}};
    read_skip(&r, 4);
    uint32_t format = read_le32(&r);
    if (format < 2 || format > 3) /* version 1 had shorter lengths, and the other byte order has a large number */
        return err_set(err, ERR_UNSUPPORTED, 0, "GGUF of version %" PRIu32 ": expected 2 or 3", format);
    read_skip(&r, 8);
    uint64_t count = read_le64(&r);
    for (uint64_t i = 0; i < count && i < MODEL_PAIRS_MAX; i++) {
        struct span key = gguf_text(&r), value = {NULL, 0};
        uint32_t type = read_le32(&r);
        if (r.failed || type >= GGUF_TYPE_COUNT || type == GGUF_ARRAY)
            break; /* the vocabulary: what describes the model stands before */
        if (type == GGUF_TEXT)
            value = gguf_text(&r);
        else
            read_skip(&r, gguf_sizes[type]);
        if (span_is(key, "general.name"))
            model.name = value;
        else if (span_is(key, "general.version"))
            model.version = value;
        else if (span_is(key, "general.license"))
            model.license = value;
        else if (span_is(key, "general.organization"))
            model.owner = value;
    }
    return add_model(run, model, err);
}

/* Eight bytes of length, then JSON whose "__metadata__" holds what the writer put there. */
static int parse_safetensors(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct doc *root = NULL;
    uint64_t size = read_le64(&r);
    struct span head = read_bytes(&r, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
    if (r.failed)
        return err_set(err, ERR_FORMAT, 0, "safetensors: expected a head of %" PRIu64 " bytes, found %zu", size,
                       run->body.size);
    if (json_parse(run->scratch, head, doc_limits_default(), &root, err) < 0)
        return -1;
    const struct doc *metadata = doc_get(root, "__metadata__");
    return add_model(run,
                     (struct model){.name = doc_text(doc_get(metadata, "modelspec.title")),
                                    .version = doc_text(doc_get(metadata, "modelspec.version")),
                                    .license = doc_text(doc_get(metadata, "modelspec.license")),
                                    .owner = doc_text(doc_get(metadata, "modelspec.author"))},
                     err);
}

static int parse(struct catalogue *run, struct err *err) {
    return span_starts(run->body, "GGUF") ? parse_gguf(run, err) : parse_safetensors(run, err);
}

const struct cataloguer cataloguer_model = {
    .name = "model", .type = PACKAGE_HUGGINGFACE, .paths = paths, .by_head = true, .parse = parse};
