/* bbolt databases: those that tests/support/bolt_build.py wrote, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/limits.h"
#include "io/file/file.h"
#include "io/source/bolt.h"

#define PAGE ((size_t)1024)

struct dump {
    struct bolt *bolt;
    struct buf text;
    size_t depth;
    size_t items_max; /* the walk is ended there */
    size_t items;
};

static int on_item(void *context, struct span key, struct span value, bool is_bucket, struct err *err) {
    struct dump *dump = context;
    struct bolt_bucket bucket;
    if (dump->items_max != 0 && dump->items == dump->items_max)
        return 1;
    dump->items++;
    buf_format(&dump->text, "%*s%.*s%s", (int)dump->depth, "", SPAN_FORMAT(key), is_bucket ? "/\n" : "\n");
    if (!is_bucket)
        return 0;
    if (bolt_bucket_of(value, &bucket, err) < 0)
        return -1;
    dump->depth++;
    int result = bolt_each(dump->bolt, &bucket, on_item, context, err);
    dump->depth--;
    return result;
}

static int dump_all(struct bolt *bolt, struct dump *dump, struct err *err) {
    struct bolt_bucket root = bolt_root(bolt);
    dump->bolt = bolt;
    buf_init(&dump->text, 0);
    int result = bolt_each(bolt, &root, on_item, dump, err);
    buf_byte(&dump->text, '\0');
    return result;
}

static void read_input(const char *name, struct buf *bytes) {
    char path[128];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "tests/fuzz/corpus/bolt/%s", name);
    buf_init(bytes, 0);
    if (file_read(path, bytes, &err) < 0)
        fail_msg("%s", err.text);
}

static const char images_text[] = "v1/\n default/\n  content/\n   blob/\n  images/\n   example.org/one:1/\n"
                                  "    createdat\n    target/\n     digest\n     mediatype\n     size\n k8s.io/\n"
                                  "  content/\n   blob/\n  images/\n   example.org/team/app:0/\n";

static void images(void **state) {
    static const char *const names[] = {"images", "first_meta_torn"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf bytes;
        struct bolt bolt;
        struct err err = {0};
        struct dump dump = {.depth = 0};
        read_input(names[i], &bytes);
        assert_int_equal(bolt_open(-1, buf_span(&bytes), &bolt, &err), 0);
        assert_int_equal(bolt.page_size, PAGE);
        assert_int_equal(dump_all(&bolt, &dump, &err), 0);
        assert_memory_equal(dump.text.data, images_text, sizeof images_text - 1);
        assert_non_null(strstr((const char *)dump.text.data, "   example.org/team/app:8/\n")); /* behind a branch */
        assert_int_equal(dump.items, 11 + 4 + 9 * 6);
        buf_release(&dump.text);
        struct dump first = {.items_max = 3};
        assert_int_equal(dump_all(&bolt, &first, &err), 1);
        assert_string_equal((const char *)first.text.data, "v1/\n default/\n  content/\n");
        buf_release(&first.text);
        buf_release(&bytes);
    }
}

/* From a file; and somebody writes a transaction meanwhile. */
static void files(void **state) {
    char path[] = "/tmp/trawl-bolt-XXXXXX";
    struct buf bytes;
    struct bolt bolt;
    struct err err = {0};
    struct dump dump = {.depth = 0};
    (void)state;
    read_input("long_value", &bytes);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_write_all(fd, buf_span(&bytes), "bolt", &err), 0);
    assert_int_equal(bolt_open(fd, (struct span){NULL, 0}, &bolt, &err), 0);
    assert_int_equal(dump_all(&bolt, &dump, &err), 0);
    assert_string_equal((const char *)dump.text.data, "key\nnext\n");
    assert_true(bolt_is_unchanged(&bolt));
    bolt.transaction--;
    assert_false(bolt_is_unchanged(&bolt));
    (void)close(fd);
    buf_release(&dump.text);
    buf_release(&bytes);
}

static void damage(void **state) {
    static const struct {
        const char *name;
        enum err_code code;
        const char *text;
    } cases[] = {
        {"should_fail_element_beyond_page", ERR_FORMAT, "leaf element 0"},
        {"should_fail_overflow_beyond_file", ERR_FORMAT, "go beyond the file"},
        {"should_fail_pages_in_a_circle", ERR_FORMAT, "in a circle"},
        {"should_fail_page_beyond_file", ERR_FORMAT, "page 99"},
        {"should_fail_bucket_of_seven_bytes", ERR_FORMAT, "found 7"},
        {"should_fail_branch_in_a_value", ERR_FORMAT, "expected a leaf"},
        {"should_fail_pages_of_many_buckets", ERR_FORMAT, "expected each page in one place"},
        {"should_fail_elements_of_many_buckets", ERR_FORMAT, "expected each element in one place"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf bytes;
        struct bolt bolt;
        struct err err = {0};
        struct dump dump = {.depth = 0};
        read_input(cases[i].name, &bytes);
        assert_int_equal(bolt_open(-1, buf_span(&bytes), &bolt, &err), 0);
        assert_int_equal(dump_all(&bolt, &dump, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("%s: %s", cases[i].name, err.text);
        buf_release(&dump.text);
        buf_release(&bytes);
    }
    struct buf bytes;
    struct bolt bolt;
    struct err err = {0};
    read_input("images", &bytes);
    for (size_t size = 0; size < PAGE + 80; size += 40) /* no meta page is whole, or only the first one is */
        assert_int_equal(bolt_open(-1, span_make(bytes.data, size), &bolt, &err), size < 80 ? -1 : 0);
    bytes.data[20] ^= 1;
    bytes.data[PAGE + 20] ^= 1;
    assert_int_equal(bolt_open(-1, buf_span(&bytes), &bolt, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    buf_release(&bytes);
}

static void page_put(uint8_t *page, uint16_t flags, uint16_t count, uint32_t overflow) {
    memset(page, 0, PAGE);
    page[8] = (uint8_t)flags;
    page[10] = (uint8_t)count;
    for (size_t i = 0; i < 4; i++)
        page[12 + i] = (uint8_t)(overflow >> 8 * i);
}

/* Branches on each other down to an empty leaf: as many as there may be, and one more. */
static void depth_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t levels = LIMIT_BOLT_DEPTH + extra, pages = 2 + levels;
        uint8_t *bytes = mem_zalloc(pages * PAGE);
        struct err err = {0};
        struct dump dump = {.depth = 0};
        for (size_t i = 0; i < levels; i++) {
            bool last = i + 1 == levels;
            page_put(bytes + (2 + i) * PAGE, last ? 2 : 1, last ? 0 : 1, 0);
            bytes[(2 + i) * PAGE + 24] = (uint8_t)(3 + i); /* the first element's page */
        }
        struct bolt bolt = {.fd = -1,
                            .bytes = span_make(bytes, pages * PAGE),
                            .size = pages * PAGE,
                            .page_size = PAGE,
                            .page_count = pages,
                            .root = 2};
        assert_int_equal(dump_all(&bolt, &dump, &err), extra == 0 ? 0 : -1);
        assert_int_equal(err.code, extra == 0 ? ERR_NONE : ERR_LIMIT);
        buf_release(&dump.text);
        mem_free(bytes);
    }
}

static void page_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t pages = LIMIT_BOLT_PAGE_BYTES / PAGE + extra, all = pages + 2;
        uint8_t *bytes = mem_zalloc(all * PAGE);
        struct err err = {0};
        struct dump dump = {.depth = 0};
        page_put(bytes + 2 * PAGE, 2, 0, (uint32_t)(pages - 1));
        struct bolt bolt = {.fd = -1,
                            .bytes = span_make(bytes, all * PAGE),
                            .size = all * PAGE,
                            .page_size = PAGE,
                            .page_count = all,
                            .root = 2};
        assert_int_equal(dump_all(&bolt, &dump, &err), extra == 0 ? 0 : -1);
        assert_int_equal(err.code, extra == 0 ? ERR_NONE : ERR_LIMIT);
        buf_release(&dump.text);
        mem_free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(images), cmocka_unit_test(files), cmocka_unit_test(damage),
                                       cmocka_unit_test(depth_limit), cmocka_unit_test(page_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
