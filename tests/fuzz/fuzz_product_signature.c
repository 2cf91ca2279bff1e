/* The search of signatures: the first line is the file's path, the rest its body. What is found in one piece is found
 * in windows, and every version is one. Where nobody wants the path, the input is a signature file. */
#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "matchers/package/product_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

static int render(void *context, const struct package *package, struct err *err) {
    struct buf *out = context;
    (void)err;
    require(package->name.size > 0 && package->version.size > 0 && package->version.size <= LIMIT_FIELD_BYTES);
    buf_add(out, package->name);
    buf_byte(out, ' ');
    buf_add(out, package->version);
    buf_byte(out, '\n');
    return 0;
}

static int search(struct signature_search *one, struct span path, struct span body, size_t window, struct buf *out) {
    struct err err = {0};
    size_t offset = 0;
    require(signature_search_begin(one, path));
    for (; window != 0 && offset + window < body.size; offset += window - 2 * LIMIT_SIGNATURE_BYTES)
        signature_search_window(one, span_slice(body, offset, window), offset, false);
    signature_search_window(one, span_from(body, offset), offset, true);
    return signature_search_end(one, render, out, &err);
}

static void on_failure(void *context, const char *file, uint32_t line, struct span product, const char *reason) {
    (void)context;
    (void)file;
    (void)line;
    (void)product;
    (void)reason;
}

static void file_try(struct span text) {
    AUTO_SIGNATURES struct signatures *mine = NULL;
    struct signature_file file = {"fuzz.yaml", text};
    size_t examples = 0, failures = 0;
    if (signatures_load(&file, 1, &mine, NULL) == 0)
        (void)signatures_test(mine, on_failure, NULL, &examples, &failures, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct signatures *signatures; /* built once, never changed, released with the process */
    static struct signature_search *one;
    AUTO_BUF struct buf whole, cut;
    struct span body = {data, size};
    if (signatures == NULL) {
        require(signatures_load(NULL, 0, &signatures, NULL) == 0);
        require(signature_search_new(signatures, &one, NULL) == 0);
    }
    buf_init(&whole, LIMIT_MIB);
    buf_init(&cut, LIMIT_MIB);
    struct span path = text_cut(&body, '\n');
    if (!signatures_want(signatures, path)) {
        file_try(span_make(data, size));
        return 0;
    }
    int first = search(one, path, body, 0, &whole), second = search(one, path, body, 3000, &cut);
    require(first < 0 || second < 0 || span_equal(buf_span(&whole), buf_span(&cut)));
    return 0;
}
