/* What a scan thread does with bodies, whatever pieces they come in; and the set of bodies that were searched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/limits.h"
#include "engine/pipeline/inspect.h"

#define TEMPLATE "/tmp/trawl-inspect-XXXXXX"

#define WINDOW (512 * LIMIT_KIB)

struct fixture {
    struct secret_rules *rules;
    struct secret_engine *engine;
    struct classify *classify;
    struct signatures *signatures;
    struct inspect_options options;
};

static struct fixture fixture;

static int group_begin(void **state) {
    struct err err = {0};
    (void)state;
    fixture.classify = mem_alloc(sizeof *fixture.classify);
    classify_init(fixture.classify);
    assert_int_equal(secret_rules_load(true, NULL, 0, &fixture.rules, &err), 0);
    assert_int_equal(secret_engine_new(fixture.rules, span_text("key"), &fixture.engine, &err), 0);
    assert_int_equal(signatures_load(NULL, 0, &fixture.signatures, &err), 0);
    fixture.options = (struct inspect_options){.packages = true,
                                               .secrets = true,
                                               .body_bytes_max = WINDOW,
                                               .catalogue_bytes_max = 2 * WINDOW,
                                               .classify = fixture.classify,
                                               .signatures = fixture.signatures,
                                               .secret_engine = fixture.engine};
    return 0;
}

static int group_end(void **state) {
    (void)state;
    secret_engine_free(fixture.engine);
    secret_rules_free(fixture.rules);
    mem_free(fixture.classify);
    signatures_free(fixture.signatures);
    return 0;
}

/* A made-up token of a GitHub token's shape, in two parts so that it stands nowhere whole. */
static const char *token(char out[64], unsigned number) {
    (void)snprintf(out, 64, "gh%s%030u%06u", "p_", number * 7919 + 1234567, number * 104729 + 654321);
    for (size_t i = 4; out[i] != '\0'; i++)
        out[i] = (char)(out[i] + (i % 3 == 0 ? 17 + (int)i % 9 : i % 3 == 1 ? 49 + (int)i % 11 : 0));
    return out;
}

static struct layer_result *layer_begin(struct inspect *inspect) {
    struct digest digest = {.algorithm = DIGEST_SHA256};
    struct layer_result *layer = layer_result_new(&digest);
    inspect_layer(inspect, layer);
    return layer;
}

static void file_add(struct inspect *inspect, const char *path, struct span body, size_t piece) {
    inspect_begin(inspect, span_text(path), body.size, 512);
    for (size_t at = 0; at < body.size; at += piece)
        inspect_data(inspect, span_slice(body, at, piece));
    inspect_end(inspect);
}

static struct inspect *inspect_make(const struct inspect_options *options) {
    struct inspect *inspect;
    struct err err = {0};
    assert_int_equal(inspect_new(options, &inspect, &err), 0);
    return inspect;
}

/* A body with tokens at the given offsets, in lines of 100 bytes. */
static struct buf body_make(size_t size, const size_t *offsets, size_t count) {
    struct buf body;
    char text[64];
    buf_init(&body, 0);
    for (size_t i = 0; i < size; i++)
        buf_byte(&body, i % 100 == 99 ? '\n' : ' ');
    for (size_t i = 0; i < count; i++)
        memcpy(body.data + offsets[i], token(text, (unsigned)i + 1), 40);
    return body;
}

static void pieces_and_windows(void **state) {
    (void)state;
    /* In the first window, around its end, around the overlap's ends, at the very end. */
    size_t size = 4 * WINDOW + 12345;
    const size_t offsets[] = {0,
                              1234,
                              WINDOW - 20,
                              WINDOW + 105,
                              WINDOW - LIMIT_WINDOW_OVERLAP - 10,
                              WINDOW - LIMIT_WINDOW_OVERLAP + 60,
                              2 * WINDOW,
                              3 * WINDOW + 1,
                              size - 40};
    struct buf body = body_make(size, offsets, ARRAY_COUNT(offsets));
    static const size_t pieces[] = {1000, 65536, 262144, 100000000};
    struct inspect *inspect = inspect_make(&fixture.options);
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        struct layer_result *layer = layer_begin(inspect);
        file_add(inspect, "srv/large.txt", buf_span(&body), pieces[i]);
        inspect_layer_end(inspect);
        layer_result_seal(layer);
        assert_int_equal(layer->errors.count, 0);
        assert_int_equal(layer->secrets.count, ARRAY_COUNT(offsets));
        for (size_t j = 0; j < layer->secrets.count; j++) {
            const struct layer_secret *secret = &layer->secrets.data[j];
            bool known = false;
            for (size_t k = 0; k < ARRAY_COUNT(offsets); k++)
                known = known || offsets[k] == secret->byte_offset;
            assert_true(known);
            assert_int_equal(secret->byte_length, 40);
            struct span before = span_slice(buf_span(&body), 0, (size_t)secret->byte_offset);
            uint64_t line = 1;
            for (size_t k = 0; k < before.size; k++)
                line += before.data[k] == '\n';
            size_t last = span_index_last(before, '\n');
            assert_int_equal(secret->line, line);
            assert_int_equal(secret->column, before.size - (last == SIZE_MAX ? 0 : last + 1) + 1);
        }
        layer_result_free(layer);
    }
    inspect_free(inspect);
    buf_release(&body);
}

#define BODY_BYTES ((size_t)100) /* too small for the cache */
static const struct hash128 no_profile;

/* A cache in a temporary folder, gone with it. */
static struct cache *cache_make(char folder[sizeof TEMPLATE]) {
    struct err err = {0};
    struct cache *cache = NULL;
    bool aside = false;
    memcpy(folder, TEMPLATE, sizeof TEMPLATE);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(cache_open(folder, &(struct cache_options){.private_use = true}, &cache, &aside, &err), 0);
    return cache;
}

static void cache_drop(struct cache *cache, const char *folder) {
    cache_close(cache);
    cache_remove(folder);
}

static void seen_bodies(void **state) {
    char folder[sizeof TEMPLATE];
    struct cache *cache = cache_make(folder);
    (void)state;
    struct inspect_options options = fixture.options;
    struct err err = {0};
    const size_t offsets[] = {10};
    struct buf body = body_make(1000, offsets, 1), other = body_make(900, offsets, 1);
    for (int with = 0; with < 2; with++) {
        options.seen = NULL;
        if (with)
            assert_int_equal(seen_new(LIMIT_MIB, cache, no_profile, &options.seen, &err), 0);
        struct inspect *inspect = inspect_make(&options);
        struct layer_result *last = NULL;
        for (int round = 0; round < 2; round++) { /* the second layer finds everything in the set */
            struct layer_result *layer = layer_begin(inspect);
            file_add(inspect, "srv/one", buf_span(&body), 1000);
            file_add(inspect, "srv/two", buf_span(&body), 7);
            file_add(inspect, "srv/tests/three", buf_span(&body), 1000); /* judged differently: a folder of tests */
            file_add(inspect, "srv/four", buf_span(&other), 1000);
            inspect_layer_end(inspect);
            layer_result_seal(layer);
            assert_int_equal(layer->body_count, 4);
            assert_int_equal(layer->body_seen_count, 2); /* of this layer, with and without the set */
            assert_int_equal(layer->secrets.count, 4);
            assert_true(span_is(layer->secrets.data[0].path, "srv/four"));
            assert_true(span_is(layer->secrets.data[3].path, "srv/two"));
            assert_true(layer->secrets.data[2].confidence < layer->secrets.data[3].confidence);
            assert_true(span_equal(layer->secrets.data[1].fingerprint, layer->secrets.data[3].fingerprint));
            layer_result_free(last);
            last = layer;
        }
        inspect_free(inspect);
        seen_free(options.seen);
        /* A result owns its texts: it outlives the set. */
        assert_int_equal(last->secrets.data[0].redacted.size, last->secrets.data[3].redacted.size);
        assert_true(span_equal(last->secrets.data[0].fingerprint, last->secrets.data[3].fingerprint));
        layer_result_free(last);
    }
    buf_release(&body);
    buf_release(&other);
    cache_drop(cache, folder);
}

static void packages_and_limits(void **state) {
    (void)state;
    struct inspect *inspect = inspect_make(&fixture.options);
    struct layer_result *layer = layer_begin(inspect);
    static const char status[] = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n";
    struct buf large;
    buf_init(&large, 0);
    while (large.size <= 2 * WINDOW)
        buf_text(&large, status);
    file_add(inspect, "var/lib/dpkg/status", span_text(status), 5);
    file_add(inspect, "lib/dpkg/status", buf_span(&large), 65536); /* one byte and more past the ceiling */
    file_add(inspect, "etc/os-release", span_text("ID=debian\nVERSION_ID=12\n"), 100);
    file_add(inspect, "x/package.json", span_text("{\"name\":\"not\",\"version\":\"1\"}"), 100);
    file_add(inspect, "node_modules/n/package.json", span_text("{\"name\":\"n\",\"version\":"), 100);
    file_add(inspect, "empty", span_text(""), 1);
    inspect_layer_end(inspect);
    layer_result_seal(layer);
    assert_int_equal(layer->packages.count, 2);
    assert_int_equal(layer->packages.data[1].evidence, EVIDENCE_CLUE); /* a project's name: see engine/image/clue.h */
    assert_int_equal(layer->releases.count, 1);
    assert_true(span_is(layer->releases.data[0].distro.version_id, "12"));
    assert_int_equal(layer->errors.count, 2);
    assert_int_equal(layer->errors.data[0].code, ERR_LIMIT);
    assert_true(span_is(layer->errors.data[0].path, "lib/dpkg/status"));
    assert_int_equal(layer->errors.data[1].code, ERR_FORMAT);
    assert_int_equal(layer->status, SCAN_PARTIAL);
    assert_int_equal(layer->body_count, 5);
    layer_result_free(layer);
    inspect_free(inspect);
    buf_release(&large);
}

static void keys_in_programs(void **state) {
    (void)state;
    struct inspect *inspect = inspect_make(&fixture.options);
    struct layer_result *layer = layer_begin(inspect);
    struct buf key, program;
    buf_init(&key, 0);
    buf_init(&program, 0);
    buf_text(&key, "-----BEGIN RSA PRIV"
                   "ATE KEY-----\n");
    for (int i = 0; i < 20; i++)
        buf_format(&key, "MIIEpAIBAAKCAQEA%048u\n", 7919u * (unsigned)(i + 3));
    buf_text(&key, "-----END RSA PRIV"
                   "ATE KEY-----\n");
    buf_text(&program, "\177ELF");
    buf_add(&program, buf_span(&key));
    file_add(inspect, "srv/key", buf_span(&key), 100000);
    file_add(inspect, "usr/lib/lib.so", buf_span(&program), 100000);
    layer_result_seal(layer);
    assert_int_equal(layer->secrets.count, 2);
    assert_true(layer->secrets.data[0].confidence > 0.4);
    assert_true(layer->secrets.data[1].confidence <= 0.4);
    layer_result_free(layer);
    inspect_free(inspect);
    buf_release(&key);
    buf_release(&program);
}

/* A program larger than a window is collected whole, if there is room for it, whatever its pieces and whether secrets
 * are looked for as well. One of Go's that is too large says so; of others nothing is known to be missing. */
static void programs_in_windows(void **state) {
    static const size_t pieces[] = {700, 65536, 100000000};
    struct inspect_options options = fixture.options;
    struct buf program;
    (void)state;
    buf_init(&program, 0);
    buf_add(&program, span_make("\177ELF\2\1\1", 7));
    buf_fill(&program, 0, WINDOW + WINDOW / 2 - program.size);
    buf_text(&program, "\xff Go buildinf:\x08\x02");
    buf_fill(&program, 0, 16);
    buf_text(&program, "\x06go1.22");
    buf_byte(&program, 0);
    for (size_t i = 0; i < 2 * ARRAY_COUNT(pieces); i++) {
        options.secrets = i % 2 == 0;
        struct inspect *inspect = inspect_make(&options);
        struct layer_result *layer = layer_begin(inspect);
        file_add(inspect, "usr/bin/app", buf_span(&program), pieces[i / 2]);
        layer_result_seal(layer);
        assert_int_equal(layer->errors.count, 0);
        assert_int_equal(layer->packages.count, 1);
        assert_true(span_is(layer->packages.data[0].name, "stdlib"));
        layer_result_free(layer);
        inspect_free(inspect);
    }
    buf_fill(&program, 0, 2 * WINDOW + 1 - program.size);
    struct inspect *inspect = inspect_make(&options);
    struct layer_result *layer = layer_begin(inspect);
    file_add(inspect, "usr/bin/large", buf_span(&program), 65536);
    assert_int_equal(layer->errors.count, 0);
    memcpy(program.data + 0xf00, "\4\0\0\0\4\0\0\0\4\0\0\0Go\0\0abcd", 20);
    file_add(inspect, "usr/bin/large", buf_span(&program), 65536);
    assert_int_equal(layer->errors.count, 1);
    assert_int_equal(layer->errors.data[0].code, ERR_LIMIT);
    layer_result_free(layer);
    inspect_free(inspect);
    buf_release(&program);
}

/* ---- the set itself ---- */

static void *seen_fill(void *context) {
    struct seen *seen = context;
    struct layer_secret secret = {.rule = span_text("r"),
                                  .provider = span_text("p"),
                                  .validated = span_text(""),
                                  .redacted = span_text("x"),
                                  .fingerprint = span_text("f"),
                                  .encoding = span_text(""),
                                  .evidence = span_text("")};
    for (uint64_t i = 1; i <= 20000; i++)
        seen_add(seen, (struct hash128){i * 0x9e3779b97f4a7c15U, i}, BODY_BYTES, &secret, i % 10 == 0 ? 1 : 0);
    return NULL;
}

static void seen_from_two_threads(void **state) {
    char folder[sizeof TEMPLATE];
    struct cache *cache = cache_make(folder);
    (void)state;
    struct seen *seen;
    struct err err = {0};
    pthread_t threads[2];
    assert_int_equal(seen_new(64 * LIMIT_MIB, cache, no_profile, &seen, &err), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, seen_fill, seen), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint64_t i = 1; i <= 20000; i++) {
        const struct layer_secret *secrets = NULL;
        size_t count = 7;
        assert_true(seen_find(seen, (struct hash128){i * 0x9e3779b97f4a7c15U, i}, BODY_BYTES, &secrets, &count));
        assert_int_equal(count, i % 10 == 0 ? 1 : 0);
        assert_true(count == 0 || span_is(secrets[0].redacted, "x"));
    }
    const struct layer_secret *secrets;
    size_t count;
    assert_false(seen_find(seen, (struct hash128){1, 1}, BODY_BYTES, &secrets, &count));
    seen_free(seen);
    /* A set without room stops learning and stays right. */
    assert_int_equal(seen_new(64 * LIMIT_KIB * 2, cache, no_profile, &seen, &err), 0);
    (void)seen_fill(seen);
    size_t known = 0;
    for (uint64_t i = 1; i <= 20000; i++)
        known += seen_find(seen, (struct hash128){i * 0x9e3779b97f4a7c15U, i}, BODY_BYTES, &secrets, &count);
    assert_true(known > 0 && known < 20000);
    seen_free(seen);
    cache_drop(cache, folder);
}

/* A body that was found on another night: by another set over the same cache, with its findings; a small one is not
 * kept, and one under another profile is another. */
static void seen_across_sweeps(void **state) {
    char folder[sizeof TEMPLATE];
    struct cache *cache = cache_make(folder);
    struct err err = {0};
    struct seen *seen = NULL;
    struct layer_secret secret = {.rule = span_text("a-rule"),
                                  .provider = span_text("a-provider"),
                                  .validated = span_text(""),
                                  .redacted = span_text("abc…"),
                                  .fingerprint = span_text("f1"),
                                  .encoding = span_text("plain"),
                                  .evidence = span_text("it looks so"),
                                  .line = 7,
                                  .confidence = 0.75};
    const struct hash128 large = {1, 2}, small = {3, 4}, other = {5, 0};
    const struct layer_secret *found = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(seen_new(LIMIT_MIB, cache, no_profile, &seen, &err), 0);
    seen_add(seen, large, SEEN_KEEP_BYTES, &secret, 1);
    seen_add(seen, small, SEEN_KEEP_BYTES - 1, &secret, 1);
    seen_free(seen);
    assert_int_equal(cache_flush(cache, &err), 0);
    assert_int_equal(seen_new(LIMIT_MIB, cache, no_profile, &seen, &err), 0);
    assert_true(seen_find(seen, large, SEEN_KEEP_BYTES, &found, &count));
    assert_int_equal(count, 1);
    assert_true(span_is(found[0].rule, "a-rule"));
    assert_true(span_is(found[0].evidence, "it looks so"));
    assert_int_equal(found[0].line, 7);
    assert_true(found[0].confidence == 0.75);
    assert_false(seen_find(seen, small, SEEN_KEEP_BYTES - 1, &found, &count));
    seen_free(seen);
    assert_int_equal(seen_new(LIMIT_MIB, cache, other, &seen, &err), 0);
    assert_false(seen_find(seen, large, SEEN_KEEP_BYTES, &found, &count));
    seen_free(seen);
    cache_drop(cache, folder);
}

/* Packages that a path tells, that a begin tells, and files that may be anything: none of them needs to be read whole,
 * and none is an error for being large. */
static void parts_of_files(void **state) {
    static const char gguf[] =
        "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\14\0\0\0\0\0\0\0general.name\10\0\0\0\4\0\0\0\0"
        "\0\0\0Tiny\17\0\0\0\0\0\0\0general.version\10\0\0\0\1\0\0\0\0\0\0\0"
        "2";
    static const char *const stored[] = {"nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-hello-2.12/bin/a",
                                         "nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-hello-2.12/bin/b"};
    struct buf body = body_make(4 * WINDOW, NULL, 0);
    struct inspect *inspect = inspect_make(&fixture.options);
    (void)state;
    static const size_t pieces[] = {1000, 65536, 100000000};
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        struct layer_result *layer = layer_begin(inspect);
        memset(body.data, ' ', sizeof gguf);
        for (size_t k = 0; k < ARRAY_COUNT(stored); k++)
            file_add(inspect, stored[k], buf_span(&body), pieces[i]);
        file_add(inspect, "srv/large.json", buf_span(&body), pieces[i]);
        memcpy(body.data, gguf, sizeof gguf - 1);
        file_add(inspect, "m/t.gguf", buf_span(&body), pieces[i]);
        inspect_layer_end(inspect);
        layer_result_seal(layer);
        assert_int_equal(layer->errors.count, 0);
        assert_int_equal(layer->packages.count, 2);
        assert_true(span_is(layer->packages.data[0].name, "Tiny"));
        assert_true(span_is(layer->packages.data[0].version, "2"));
        assert_true(span_is(layer->packages.data[1].name, "hello"));
        layer_result_free(layer);
    }
    inspect_free(inspect);
    buf_release(&body);
}

/* A signature's file, larger than anything is kept whole: in windows, with and without a search for secrets, in any
 * pieces, and small enough to be looked at in one. */
static void signatures_in_windows(void **state) {
    static const size_t sizes[] = {1000, WINDOW - 1, WINDOW, 5 * WINDOW + 77}, pieces[] = {4096, 700001, 100000000};
    static const struct span banner = SPAN_LITERAL("\0Redis version 2.6.17\0");
    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_COUNT(sizes) * ARRAY_COUNT(pieces); i++) {
        struct inspect_options options = fixture.options;
        size_t size = sizes[i / 2 % ARRAY_COUNT(sizes)];
        options.secrets = i % 2 == 0;
        struct inspect *inspect = inspect_make(&options);
        struct buf body = body_make(size, NULL, 0);
        memcpy(body.data + size - 40, banner.data, banner.size);
        struct layer_result *layer = layer_begin(inspect);
        file_add(inspect, "usr/bin/redis-server", buf_span(&body), pieces[i / 8]);
        file_add(inspect, "usr/bin/other", buf_span(&body), pieces[i / 8]);
        inspect_layer_end(inspect);
        assert_int_equal(layer->errors.count, 0);
        assert_int_equal(layer->packages.count, 1);
        assert_true(span_is(layer->packages.data[0].name, "redis"));
        assert_true(span_is(layer->packages.data[0].version, "2.6.17"));
        assert_true(span_is(layer->packages.data[0].path, "usr/bin/redis-server"));
        layer_result_free(layer);
        inspect_free(inspect);
        buf_release(&body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_and_windows),   cmocka_unit_test(seen_bodies),
                                       cmocka_unit_test(packages_and_limits),  cmocka_unit_test(keys_in_programs),
                                       cmocka_unit_test(programs_in_windows),  cmocka_unit_test(seen_from_two_threads),
                                       cmocka_unit_test(seen_across_sweeps),   cmocka_unit_test(parts_of_files),
                                       cmocka_unit_test(signatures_in_windows)};
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
