/* A whole sweep of a small layout, cold and warm, with an allocation that fails, and with all that follow: it ends,
 * with an error of the right code or with an outcome for every image, and nothing leaks (the sanitizer build tells). */
#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/hash/digest.h"
#include "engine/pipeline/sweep.h"
#include "io/file/file.h"
#include "tests/support/pack.h"
#include "tests/support/tar_build.h"

#define TEMPLATE "/tmp/trawl-fault-XXXXXX"
#define IMAGES 3 /* two and an attestation */
/* Every allocation in turn takes ten seconds; each run differs by what the machine does, so a stride meets most. */
#define STRIDE 7
#define WHOLE_MAX                                                                                                      \
    ((size_t)20)    /* sweeps in a row that lack nothing: no allocation was left to fail, or none that counts */
#define HANGS_S 120 /* a thread that waits for another for ever */

struct fixture {
    char folder[sizeof TEMPLATE];
    struct arena arena; /* of the layout's making */
};

/* ---- a layout ---- */

struct made {
    char digest[DIGEST_TEXT_SIZE];
    size_t size;
};

static struct made blob_make(struct fixture *fixture, struct span bytes) {
    struct made made = {.size = bytes.size};
    struct digest digest;
    struct err err = {0};
    assert_int_equal(digest_of(DIGEST_SHA256, bytes, &digest, &err), 0);
    digest_text(&digest, made.digest);
    const char *path =
        arena_format(&fixture->arena, "%s/layout/blobs/sha256/%s", fixture->folder, made.digest + strlen("sha256:"));
    assert_non_null(path);
    if (file_replace(path, bytes, &err) < 0)
        fail_msg("%s", err.text);
    return made;
}

static struct made text_make(struct fixture *fixture, const char *text) {
    assert_non_null(text);
    return blob_make(fixture, span_text(text));
}

/* An image of two layers; the first is the same in all. */
static struct made image_make(struct fixture *fixture, const char *name) {
    struct made layers[2];
    char diff_ids[2][DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        AUTO_BUF struct buf tar, packed;
        struct digest digest;
        struct err err = {0};
        buf_init(&tar, 0);
        buf_init(&packed, 0);
        if (i == 0)
            tar_build_file(&tar, "var/lib/dpkg/status",
                           "Package: made-up\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n\n");
        tar_build_file(&tar, i == 0 ? "etc/os-release" : name, "ID=debian\nVERSION_ID=\"12\"\n");
        tar_build_end(&tar);
        pack_gzip(&packed, buf_span(&tar), NULL);
        assert_int_equal(digest_of(DIGEST_SHA256, buf_span(&tar), &digest, &err), 0);
        digest_text(&digest, diff_ids[i]);
        layers[i] = blob_make(fixture, buf_span(&packed));
    }
    struct made config =
        text_make(fixture, arena_format(&fixture->arena,
                                        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"User\":\"%s\"},"
                                        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
                                        name, diff_ids[0], diff_ids[1]));
    static const char layer_type[] = "application/vnd.oci.image.layer.v1.tar+gzip";
    return text_make(
        fixture,
        arena_format(&fixture->arena,
                     "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":"
                     "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
                     "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
                     "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
                     config.digest, config.size, layer_type, layers[0].digest, layers[0].size, layer_type,
                     layers[1].digest, layers[1].size));
}

static void layout_make(struct fixture *fixture) {
    static const char manifest[] = "\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"";
    static const char index[] = "\"mediaType\":\"application/vnd.oci.image.index.v1+json\"";
    struct err err = {0};
    struct made one = image_make(fixture, "one"), two = image_make(fixture, "two");
    struct made of_two = text_make(
        fixture,
        arena_format(&fixture->arena,
                     "{\"schemaVersion\":2,%s,\"manifests\":[{%s,\"digest\":\"%s\",\"size\":%zu,"
                     "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},{%s,\"digest\":\"%s\",\"size\":%zu,"
                     "\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}}]}",
                     index, manifest, two.digest, two.size, manifest, one.digest, one.size));
    const char *text = arena_format(
        &fixture->arena,
        "{\"schemaVersion\":2,\"manifests\":[{%s,\"digest\":\"%s\",\"size\":%zu,"
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"one\"}},{%s,\"digest\":\"%s\",\"size\":%zu,"
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"two\"}}]}",
        manifest, one.digest, one.size, index, of_two.digest, of_two.size);
    const char *path = arena_format(&fixture->arena, "%s/layout/index.json", fixture->folder);
    const char *mark = arena_format(&fixture->arena, "%s/layout/oci-layout", fixture->folder);
    assert_true(text != NULL && path != NULL && mark != NULL);
    assert_int_equal(file_replace(path, span_text(text), &err), 0);
    assert_int_equal(file_replace(mark, span_text("{\"imageLayoutVersion\":\"1.0.0\"}"), &err), 0);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err err = {0};
    memcpy(fixture->folder, TEMPLATE, sizeof TEMPLATE);
    arena_init(&fixture->arena, 0, 0);
    if (mkdtemp(fixture->folder) == NULL)
        return -1;
    const char *blobs = arena_format(&fixture->arena, "%s/layout/blobs/sha256", fixture->folder);
    assert_int_equal(file_make_folder(blobs, &err), 0);
    layout_make(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    const char *const arguments[] = {"rm", "-rf", fixture->folder, NULL};
    pid_t child = fork();
    if (child == 0) {
        (void)execv("/bin/rm", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    (void)waitpid(child, NULL, 0);
    arena_release(&fixture->arena);
    free(fixture);
    return 0;
}

/* ---- sweeps ---- */

struct counted {
    size_t images, done, errors;
};

static int row_count(void *context, const struct row *row, struct err *err) {
    struct counted *counted = context;
    (void)err;
    if (row->table != TABLE_IMAGE)
        return 0;
    counted->images++;
    return 0;
}

static int keep(void *context, struct span plan, struct err *err) {
    (void)context;
    (void)err;
    return plan.size > 0 ? 0 : -1;
}

/* One sweep in which allocation `n` fails (0: none does). */
static int run(const struct fixture *fixture, const char *cache_name, uint64_t n, bool forever,
               struct counted *ret_counted, struct err *err) {
    AUTO_CACHE struct cache *cache = NULL;
    struct arena arena;
    struct totals totals;
    char target[64], folder[64];
    bool aside = false;
    arena_init(&arena, 0, 0);
    (void)snprintf(target, sizeof target, "oci:%s/layout", fixture->folder);
    (void)snprintf(folder, sizeof folder, "%s/%s", fixture->folder, cache_name);
    const struct span targets[] = {span_text(target)};
    if (cache_open(folder, &(struct cache_options){.private_use = true}, &cache, &aside, err) < 0)
        fail_msg("%s", err->text);
    struct sweep_options options = {.targets = targets,
                                    .target_count = 1,
                                    .save = keep,
                                    .loop_kind = LOOP_EPOLL,
                                    .packages = true,
                                    .cache = cache,
                                    .codec_limits = codec_limits_default(),
                                    .arena = &arena,
                                    .signal_fd = -1};
    assert_int_equal(sweep_budget_of(0, 1, 0, &options.budget, err), 0);
    struct counted counted = {0};
    struct row_sink sink = {.add = row_count, .context = &counted};
    mem_fail_after(n, forever);
    int result = sweep_run(&options, &sink, &totals, err);
    mem_fail_after(0, false);
    counted.done = result == 0 ? totals.images_done : 0;
    counted.errors = result == 0 ? totals.errors : 0;
    *ret_counted = counted;
    arena_release(&arena);
    return result;
}

/* Each run has a fresh cache, or all have one that is warm. */
static void sweeps_fail(const struct fixture *fixture, bool warm, bool forever) {
    size_t failures = 0, whole_in_a_row = 0;
    for (uint64_t n = 1; whole_in_a_row < WHOLE_MAX; n += STRIDE) {
        struct err err = {0};
        struct counted counted;
        char name[32];
        (void)snprintf(name, sizeof name, warm ? "warm" : "c%" PRIu64 "%s", n, forever ? "f" : "");
        if (run(fixture, name, n, forever, &counted, &err) == 0) {
            /* Whatever could not be allocated is a row: of an image, an index, or the target. */
            bool whole = counted.images == IMAGES && counted.done == 2 && counted.errors == 0;
            if (!whole && counted.errors == 0)
                fail_msg("allocation %" PRIu64 ": %zu images, %zu done, %zu errors", n, counted.images, counted.done,
                         counted.errors);
            whole_in_a_row = whole ? whole_in_a_row + 1 : 0;
            failures += !whole;
            continue;
        }
        whole_in_a_row = 0;
        failures++;
        /* IO: a value of the cache that could not be unpacked is as good as lost. */
        if (err.code != ERR_NOMEM && err.code != ERR_IO)
            fail_msg("allocation %" PRIu64 ": NOMEM or IO expected, found %s: %s", n, err_code_name(err.code),
                     err.text);
        assert_true(n < 100000);
    }
    assert_true(failures > 5);
}

static void test_no_failure(void **state) {
    struct err err = {0};
    struct counted counted;
    for (size_t i = 0; i < 2; i++) { /* cold, warm */
        assert_int_equal(run(*state, "warm", 0, false, &counted, &err), 0);
        assert_int_equal(counted.images, IMAGES);
        assert_int_equal(counted.done, 2);
    }
}

static void test_one_failure(void **state) { sweeps_fail(*state, false, false); }

static void test_all_fail_from_one_on(void **state) { sweeps_fail(*state, false, true); }

static void test_warm(void **state) { sweeps_fail(*state, true, true); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_failure),
        cmocka_unit_test(test_one_failure),
        cmocka_unit_test(test_all_fail_from_one_on),
        cmocka_unit_test(test_warm),
    };
    (void)alarm(HANGS_S);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
