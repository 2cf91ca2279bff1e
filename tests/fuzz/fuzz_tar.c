/* A hostile tar in pieces whose sizes its first byte chooses: the events must nest, bodies must be as long as told,
 * paths must stay inside the root, and another chunking must tell the same. */
#include "base/overflow.h"
#include "io/archive/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watch {
    bool open;
    uint64_t left;
    uint64_t sum; /* of all that was told */
};

static void sum_add(struct watch *watch, struct span s) {
    for (size_t i = 0; i < s.size; i++)
        watch->sum = (watch->sum ^ s.data[i]) * 1099511628211u;
}

static void check_path(struct span path) {
    assert(path.size == 0 || (path.data[0] != '/' && path.data[path.size - 1] != '/'));
    assert(!span_is(path, "..") && !span_starts(path, "../") && !span_ends(path, "/.."));
    assert(span_find(path, span_text("/../"), 0) == SIZE_MAX && span_find(path, span_text("//"), 0) == SIZE_MAX);
    assert(span_index(path, 0, 0) == SIZE_MAX);
}

static int on_entry(void *context, const struct tar_entry *entry, struct err *err) {
    struct watch *watch = context;
    (void)err;
    assert(!watch->open);
    watch->open = true;
    watch->left = entry->stored_bytes;
    check_path(entry->path);
    check_path(entry->link_path);
    sum_add(watch, entry->path);
    sum_add(watch, entry->link_path);
    watch->sum += entry->size * 31 + entry->offset + (uint64_t)entry->kind;
    return 0;
}

static int on_data(void *context, struct span piece, struct err *err) {
    struct watch *watch = context;
    (void)err;
    assert(watch->open && piece.size > 0 && piece.size <= watch->left);
    watch->left -= piece.size;
    sum_add(watch, piece);
    return 0;
}

static int on_entry_end(void *context, struct err *err) {
    struct watch *watch = context;
    (void)err;
    assert(watch->open && watch->left == 0);
    watch->open = false;
    watch->sum++;
    return 0;
}

static int on_problem(void *context, const struct err *problem, struct span path, uint64_t offset, struct err *err) {
    struct watch *watch = context;
    (void)err;
    assert(problem->code != ERR_NONE);
    sum_add(watch, path);
    sum_add(watch, span_text(problem->text));
    watch->sum += offset;
    return 0;
}

static uint64_t run(struct tar *tar, struct span bytes, size_t step) {
    static const struct tar_handler handler = {on_entry, on_data, on_entry_end, on_problem};
    struct watch watch = {0};
    struct err err = {0};
    int result = 0;
    tar_begin(tar, NULL, &handler, &watch);
    for (size_t at = 0; at < bytes.size && result == 0; at += step)
        result = tar_push(tar, span_slice(bytes, at, step), &err);
    if (result == 0)
        result = tar_finish(tar, &err);
    assert(result < 0 || !watch.open);
    sum_add(&watch, span_text(err.text));
    return watch.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_TAR struct tar *tar = NULL;
    if (size == 0 || tar_new(&tar, NULL) < 0)
        return 0;
    struct span bytes = span_make(data + 1, size - 1);
    uint64_t whole = run(tar, bytes, size);
    uint64_t pieces = run(tar, bytes, size_max(data[0] * (size_t)7, 1));
    assert(whole == pieces);
    (void)whole;
    (void)pieces;
    return 0;
}
