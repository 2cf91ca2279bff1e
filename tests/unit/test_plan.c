/* The plan: what many images say of one layer or digest comes out the same in any order, and is saved and restored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/pipeline/plan.h"
#include "engine/pipeline/plan_save.h"

/* ---- sources that only have a kind ---- */

static void head(struct source *source, const struct source_reference *reference, source_head_fn fn, void *context) {
    (void)source;
    (void)reference;
    (void)fn;
    (void)context;
}

static const struct tree_root *tree(struct source *source, const struct source_reference *reference, size_t layer) {
    (void)source;
    (void)reference;
    (void)layer;
    return NULL;
}

static const struct source_ops registry_ops = {.kind = "registry", .head = head};
static const struct source_ops archive_ops = {.kind = "docker-archive", .digests_are_unpacked = true};
static const struct source_ops store_ops = {.kind = "containers-storage", .tree = tree};
static struct source sources[] = {
    {.ops = &registry_ops}, {.ops = &archive_ops}, {.ops = &store_ops}, {.ops = &store_ops}};
enum { REGISTRY, ARCHIVE, STORE, OTHER_STORE };

static struct digest digest_made(uint8_t byte) {
    struct digest digest = {.algorithm = DIGEST_SHA256};
    memset(digest.bytes, byte, 32);
    return digest;
}

static struct source_reference reference_made(const char *repository, const char *tag, const char *text) {
    return (struct source_reference){.text = span_text(text),
                                     .registry = span_text("r.example"),
                                     .repository = span_text(repository),
                                     .tag = span_text(tag)};
}

/* ---- layers ---- */

/* What one image says of layer 1. */
struct saying {
    size_t source;
    const char *reference, *media_type;
    uint64_t size; /* 0: not told */
    uint8_t diff_id;
    bool is_foreign;
};

static size_t say(struct plan *plan, const struct saying *saying) {
    struct source_reference reference = reference_made("a", "1", saying->reference);
    struct digest diff_id = {.algorithm = DIGEST_NONE};
    struct descriptor descriptor = {.digest = digest_made(1),
                                    .media_type = span_text(saying->media_type),
                                    .size = saying->size,
                                    .size_unknown = saying->size == 0,
                                    .is_foreign = saying->is_foreign,
                                    .is_unpacked_digest = sources[saying->source].ops->digests_are_unpacked};
    if (saying->diff_id != 0)
        diff_id = digest_made(saying->diff_id);
    return plan_layer_add(plan, &sources[saying->source], &reference, &descriptor, &diff_id);
}

struct united {
    const char *media_type, *reference;
    uint64_t size;
    bool size_unknown, is_foreign, is_unpacked;
    uint8_t diff_id; /* 0: none */
};

static void united_in_any_order(void **state) {
    (void)state;
    static const struct {
        struct saying sayings[3];
        size_t count;
        struct united expected;
    } cases[] = {
        {{{REGISTRY, "b", "x", 10, 5, false}, {REGISTRY, "a", "x", 10, 5, false}},
         2,
         {"x", "a", 10, false, false, false, 5}},
        {{{REGISTRY, "a", "y", 10, 0, false}, {REGISTRY, "b", "x", 10, 5, false}},
         2,
         {"x", "a", 10, false, false, false, 5}},
        /* sizes that differ, one that nobody told, and both */
        {{{REGISTRY, "a", "x", 11, 5, false}, {REGISTRY, "b", "x", 10, 5, false}},
         2,
         {"x", "a", 10, true, false, false, 5}},
        {{{REGISTRY, "a", "x", 0, 5, false}, {REGISTRY, "b", "x", 10, 5, false}},
         2,
         {"x", "a", 10, false, false, false, 5}},
        {{{REGISTRY, "a", "x", 0, 5, false}, {REGISTRY, "b", "x", 10, 5, false}, {REGISTRY, "c", "x", 9, 5, false}},
         3,
         {"x", "a", 9, true, false, false, 5}},
        /* diff_ids that differ: none, and it stays so */
        {{{REGISTRY, "a", "x", 10, 5, false}, {REGISTRY, "b", "x", 10, 6, false}, {REGISTRY, "c", "x", 10, 5, false}},
         3,
         {"x", "a", 10, false, false, false, 0}},
        {{{REGISTRY, "a", "x", 10, 5, false}, {REGISTRY, "b", "x", 10, 6, false}, {REGISTRY, "c", "x", 10, 0, false}},
         3,
         {"x", "a", 10, false, false, false, 0}},
        /* foreign only where all say so */
        {{{REGISTRY, "a", "x", 10, 5, true}, {REGISTRY, "b", "x", 10, 5, false}},
         2,
         {"x", "a", 10, false, false, false, 5}},
        {{{REGISTRY, "a", "x", 10, 5, true}, {REGISTRY, "b", "x", 10, 5, true}},
         2,
         {"x", "a", 10, false, true, false, 5}},
        /* a blob before what is called by its diff_id, whatever the names */
        {{{ARCHIVE, "a", "x", 10, 1, false}, {REGISTRY, "b", "x", 10, 1, false}},
         2,
         {"x", "b", 10, false, false, false, 1}},
        {{{ARCHIVE, "b", "x", 10, 1, false}, {ARCHIVE, "a", "x", 10, 1, false}},
         2,
         {"x", "a", 10, false, false, true, 1}},
    };
    static const size_t orders[][3] = {{0, 1, 2}, {1, 0, 2}, {2, 1, 0}, {0, 2, 1}, {1, 2, 0}, {2, 0, 1}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t o = 0; o < ARRAY_COUNT(orders); o++) {
            struct plan plan;
            plan_init(&plan);
            for (size_t s = 0; s < 3; s++) {
                if (orders[o][s] < cases[i].count)
                    assert_int_equal(say(&plan, &cases[i].sayings[orders[o][s]]), 0);
            }
            const struct planned_layer *layer = plan.layers.data[0];
            const struct united *expected = &cases[i].expected;
            assert_int_equal(plan.layers.count, 1);
            assert_true(span_is(layer->descriptor.media_type, expected->media_type));
            assert_true(span_is(layer->reference.text, expected->reference));
            assert_int_equal(layer->descriptor.size, expected->size);
            assert_int_equal(layer->descriptor.size_unknown, expected->size_unknown);
            assert_int_equal(layer->descriptor.is_foreign, expected->is_foreign);
            assert_int_equal(layer->descriptor.is_unpacked_digest, expected->is_unpacked);
            assert_ptr_equal(layer->source->ops, expected->is_unpacked ? &archive_ops : &registry_ops);
            assert_int_equal(layer->diff_id.algorithm, expected->diff_id == 0 ? DIGEST_NONE : DIGEST_SHA256);
            assert_int_equal(layer->diff_id.bytes[0], expected->diff_id);
            plan_release(&plan);
        }
    }
}

/* A store that lost a folder must not take the layer away from a registry, nor from another store. */
static void lost_folders_apart(void **state) {
    (void)state;
    struct plan plan;
    plan_init(&plan);
    static const size_t kinds[] = {STORE, REGISTRY, OTHER_STORE, STORE, ARCHIVE};
    static const size_t expected[] = {0, 1, 2, 0, 1};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        assert_int_equal(say(&plan, &(struct saying){kinds[i], "a", "x", 10, 5, false}), expected[i]);
    plan_release(&plan);
}

static void folders(void **state) {
    (void)state;
    struct plan plan;
    struct source_reference reference = reference_made("a", "1", "store:a");
    struct tree_root whole = {.kind = TREE_DIFFERENCE, .folder = "/s", .path = "one", .below = "zero"};
    struct tree_root other = {.kind = TREE_DIFFERENCE, .folder = "/s", .path = "two", .below = "zero"};
    struct digest named = digest_made(3), none = {.algorithm = DIGEST_NONE};
    plan_init(&plan);
    assert_int_equal(plan_tree_add(&plan, &sources[STORE], &reference, &whole, &named, 5), 0);
    assert_int_equal(plan_tree_add(&plan, &sources[STORE], &reference, &whole, &named, 5), 0);
    assert_int_equal(plan_tree_add(&plan, &sources[STORE], &reference, &other, &named, 5), 1);
    assert_int_equal(plan_tree_add(&plan, &sources[OTHER_STORE], &reference, &whole, &named, 5), 2);
    assert_int_equal(plan_tree_add(&plan, &sources[STORE], &reference, &whole, &none, 5), 3);
    assert_int_equal(plan_tree_add(&plan, &sources[STORE], &reference, &whole, &none, 5), 4);
    plan_release(&plan);
}

/* ---- facts ---- */

/* An index may say of a digest what it likes: the digest's own facts are untouched, before and after. */
static void told_apart(void **state) {
    (void)state;
    struct digest digest = digest_made(9);
    for (size_t first = 0; first < 2; first++) {
        struct plan plan;
        bool fresh = false;
        plan_init(&plan);
        struct image_facts *own = first == 0 ? plan_facts_of(&plan, &digest, &fresh) : NULL;
        struct image_facts *told = plan_facts_told(&plan, &digest, span_text("type"), span_text("attestation"));
        if (own == NULL)
            own = plan_facts_of(&plan, &digest, &fresh);
        assert_true(fresh && own != NULL && told != NULL && own != told);
        assert_true(!own->is_skipped && own->status == SCAN_DONE);
        assert_true(told->is_skipped && told->is_told && told->status == SCAN_SKIPPED &&
                    span_is(told->reason, "attestation"));
        assert_ptr_equal(plan_facts_find(&plan, &digest), own);
        assert_ptr_equal(plan_facts_told(&plan, &digest, span_text("type"), span_text("attestation")), told);
        assert_ptr_not_equal(plan_facts_told(&plan, &digest, span_text("other"), span_text("attestation")), told);
        plan_release(&plan);
    }
}

static void errors_lower_the_status(void **state) {
    (void)state;
    struct plan plan;
    struct err err = {0};
    plan_init(&plan);
    struct image_facts *facts = plan_facts_new(&plan);
    (void)err_set(&err, ERR_NET, 0, "first");
    plan_facts_error(&plan, facts, STAGE_CONFIG, &err, SCAN_FAILED);
    (void)err_set(&err, ERR_FORMAT, 0, "second");
    plan_facts_error(&plan, facts, STAGE_MANIFEST, &err, SCAN_PARTIAL);
    assert_int_equal(facts->status, SCAN_FAILED);
    assert_int_equal(facts->errors.count, 2);
    assert_true(span_is(facts->reason, "first"));
    plan_target_error(&plan, span_text("oci:/nowhere"), STAGE_RESOLVE, &err); /* one image, failed */
    assert_int_equal(plan.images.count, 1);
    plan_target_error(&plan, span_text("registry://r.example"), STAGE_RESOLVE, &err); /* no image at all */
    assert_int_equal(plan.errors.count, 1);
    assert_true(span_is(plan.error_targets.data[0], "registry://r.example"));
    plan_release(&plan);
}

/* ---- a small plan ---- */

/* Three images over three layers, one listed twice, one whose layer nobody else has. `turn` is where the list begins.
 */
static void plan_make(struct plan *plan, size_t turn) {
    static const struct {
        const char *tag, *text;
        uint8_t digest;
        uint8_t layers[2];
        int64_t created;
    } images[] = {{"1", "r.example/a:1", 11, {1, 2}, 100},
                  {"2", "r.example/a:2", 12, {1, 3}, 200},
                  {"1", "r.example/a:1", 11, {1, 2}, 100},
                  {"3", "r.example/a:3", 11, {1, 2}, 100}};
    plan_init(plan);
    for (size_t i = 0; i < ARRAY_COUNT(images); i++) {
        size_t at = (i + turn) % ARRAY_COUNT(images);
        struct source_reference reference = reference_made("a", images[at].tag, images[at].text);
        struct digest digest = digest_made(images[at].digest), none = {.algorithm = DIGEST_NONE};
        bool fresh = false;
        struct image_facts *facts = plan_facts_of(plan, &digest, &fresh);
        assert_non_null(facts);
        assert_true(plan_image_add(plan, &sources[REGISTRY], &reference, facts));
        if (!fresh)
            continue;
        facts->has_config = true;
        facts->created = images[at].created;
        facts->layers = arena_array(&plan->arena, 2, sizeof *facts->layers);
        assert_non_null(facts->layers);
        for (size_t l = 0; l < 2; l++) {
            struct descriptor layer = {.digest = digest_made(images[at].layers[l]),
                                       .media_type = span_text("x"),
                                       .size = images[at].layers[l] == 2 ? 500 : 300};
            facts->layers[facts->layer_count++] =
                (uint32_t)plan_layer_add(plan, &sources[REGISTRY], &reference, &layer, &none);
        }
    }
}

static void ordered(void **state) {
    (void)state;
    for (size_t turn = 0; turn < 4; turn++) {
        struct plan plan;
        plan_make(&plan, turn);
        assert_int_equal(plan.images.count, 4);
        assert_true(plan_order(&plan));
        assert_int_equal(plan.images.count, 3); /* what was listed twice is one */
        assert_int_equal(plan.facts.count, 2);
        assert_true(span_is(plan.images.data[0].text, "r.example/a:1") &&
                    span_is(plan.images.data[2].text, "r.example/a:3"));
        assert_ptr_equal(plan.images.data[0].facts, plan.images.data[2].facts);
        /* The largest first, then by digest. */
        static const uint8_t digests[] = {2, 1, 3};
        static const size_t counts[] = {2, 3, 1};
        static const char *const firsts[] = {"r.example/a:1", "r.example/a:1", "r.example/a:2"};
        assert_int_equal(plan.layers.count, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(plan.layers.data[i]->descriptor.digest.bytes[0], digests[i]);
            assert_int_equal(plan.layers.data[i]->image_count, counts[i]);
            assert_true(span_is(plan.layers.data[i]->first_reference, firsts[i]));
            assert_null(plan.layers.data[i]->other); /* all are in one repository */
        }
        assert_int_equal(plan.images.data[1].facts->layers[0], 1);
        assert_int_equal(plan.images.data[1].facts->layers[1], 2);
        plan_release(&plan);
    }
}

/* Another repository that has the layer can be asked as well, and nothing but a registry. */
static void held_elsewhere(void **state) {
    (void)state;
    static const struct {
        size_t source;
        const char *repository, *text;
        bool is_elsewhere;
    } cases[] = {{REGISTRY, "b", "r.example/b:1", true},
                 {REGISTRY, "a", "r.example/a:9", false},
                 {ARCHIVE, "b", "zzz:b", false}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct plan plan;
        plan_make(&plan, 0);
        struct source_reference reference = reference_made(cases[i].repository, "1", cases[i].text);
        struct digest digest = digest_made(11);
        assert_true(plan_image_add(&plan, &sources[cases[i].source], &reference, plan_facts_find(&plan, &digest)));
        assert_true(plan_order(&plan));
        const struct planned_image *other = plan.layers.data[0]->other;
        assert_int_equal(other != NULL, cases[i].is_elsewhere);
        if (other != NULL)
            assert_true(span_is(other->text, cases[i].text));
        plan_release(&plan);
    }
}

/* What is not among the newest goes, and with it the layers that nobody else has. */
static void selected(void **state) {
    (void)state;
    struct plan plan;
    struct selection newest = {.newest = 1}, since = {.has_since = true, .since_utc_s = 150}, all = {.newest = 0};
    plan_make(&plan, 0);
    assert_true(plan_select(&plan, &newest) && plan_order(&plan));
    assert_int_equal(plan.images.count, 1);
    assert_true(span_is(plan.images.data[0].text, "r.example/a:2"));
    assert_int_equal(plan.layers.count, 2);
    assert_int_equal(plan.facts.count, 1);
    plan_release(&plan);
    plan_make(&plan, 1);
    assert_true(plan_select(&plan, &since) && plan_order(&plan));
    assert_int_equal(plan.images.count, 1);
    plan_release(&plan);
    plan_make(&plan, 2);
    assert_true(plan_select(&plan, &all) && plan_select(&plan, NULL) && plan_order(&plan));
    assert_int_equal(plan.images.count, 3);
    plan_release(&plan);
}

static void memory_short(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct plan plan;
        plan_make(&plan, 0);
        mem_fail_after(n, false);
        bool ok = plan_order(&plan);
        mem_fail_after(0, false);
        plan_release(&plan);
        if (ok)
            break;
        assert_true(n < 10);
    }
}

/* ---- saving ---- */

struct restored {
    size_t count, fail_at;
    struct saved_image images[9];
};

static int on_saved(void *context, const struct saved_image *image, struct err *err) {
    struct restored *restored = context;
    if (restored->count == restored->fail_at)
        return err_set(err, ERR_NOMEM, 0, "made up");
    assert_true(restored->count < ARRAY_COUNT(restored->images));
    restored->images[restored->count++] = *image;
    return 0;
}

/* Beside the three: one that was skipped unread, a failed tag, a failed digest without a tag, one with a tag, one whose
 * text is not made of its parts, and a local image. */
static void saved_make(struct buf *saved) {
    struct plan plan;
    struct digest digest = digest_made(20);
    static const bool listed[] = {true, false};
    struct source_reference told = reference_made("a", "4", "r.example/a:4"),
                            failed = reference_made("a", "5", "r.example/a:5"),
                            bare = reference_made("a", "", "r.example/a@sha256:20"),
                            local = reference_made("", "", "zzz");
    plan_make(&plan, 0);
    struct image_facts *of_digest = plan_facts_new(&plan);
    struct image_facts *named = plan_facts_new(&plan);
    struct source_reference exact = reference_made("a", "6", "r.example/a:6"), odd = reference_made("a", "7", "alias");
    assert_true(of_digest != NULL && named != NULL);
    of_digest->digest = named->digest = digest;
    named->is_named = true;
    assert_true(plan_image_add(&plan, &sources[REGISTRY], &exact, named) &&
                plan_image_add(&plan, &sources[REGISTRY], &odd, plan_facts_new(&plan)));
    assert_true(plan_image_add(&plan, &sources[REGISTRY], &told,
                               plan_facts_told(&plan, &digest, span_text("type"), span_text("attestation"))) &&
                plan_image_add(&plan, &sources[REGISTRY], &failed, plan_facts_new(&plan)) &&
                plan_image_add(&plan, &sources[REGISTRY], &bare, of_digest) &&
                plan_image_add(&plan, &sources[ARCHIVE], &local, plan_facts_new(&plan)) && plan_order(&plan));
    buf_init(saved, 0);
    plan_save(&plan, listed, 2, saved);
    assert_false(saved->failed);
    plan_release(&plan);
}

static void saved_and_restored(void **state) {
    (void)state;
    struct buf saved;
    struct err err = {0};
    struct restored restored = {.fail_at = SIZE_MAX};
    bool listed[2] = {false, true};
    saved_make(&saved);
    assert_int_equal(plan_restore(buf_span(&saved), listed, 2, on_saved, &restored, &err), 0);
    assert_true(listed[0] && !listed[1]);
    assert_int_equal(restored.count, 8); /* the local one is listed again */
    static const struct {
        const char *text, *tag;
        uint8_t digest; /* 0: to be asked for again */
        bool is_skipped;
    } expected[] = {{"alias", "7", 0, false},          {"r.example/a:1", "1", 11, false},
                    {"r.example/a:2", "2", 12, false}, {"r.example/a:3", "3", 11, false},
                    {"r.example/a:4", "4", 20, true},  {"r.example/a:5", "5", 0, false},
                    {"r.example/a:6", "6", 20, false}, {"r.example/a@sha256:20", "", 20, false}};
    for (size_t i = 0; i < restored.count; i++) {
        const struct saved_image *image = &restored.images[i];
        assert_true(span_is(image->text, expected[i].text) && span_is(image->tag, expected[i].tag));
        assert_true(span_is(image->registry, "r.example") && span_is(image->repository, "a"));
        assert_int_equal(image->digest.bytes[0], expected[i].digest);
        assert_int_equal(image->is_skipped, expected[i].is_skipped);
        assert_int_equal(image->is_told, expected[i].is_skipped);
    }
    assert_true(span_is(restored.images[4].media_type, "type") && span_is(restored.images[4].reason, "attestation"));
    buf_release(&saved);
}

static void not_restored(void **state) {
    (void)state;
    struct buf saved;
    bool listed[3];
    saved_make(&saved);
    for (size_t size = 0; size < saved.size; size++) {
        struct err err = {0};
        struct restored restored = {.fail_at = SIZE_MAX};
        assert_int_equal(plan_restore(span_make(saved.data, size), listed, 2, on_saved, &restored, &err), -1);
        assert_int_equal(err.code, ERR_FORMAT);
    }
    struct err err = {0};
    struct restored restored = {.fail_at = SIZE_MAX};
    assert_int_equal(plan_restore(buf_span(&saved), listed, 3, on_saved, &restored, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    restored = (struct restored){.fail_at = 2};
    err = (struct err){0};
    assert_int_equal(plan_restore(buf_span(&saved), listed, 2, on_saved, &restored, &err), -1);
    assert_int_equal(err.code, ERR_NOMEM);
    assert_int_equal(restored.count, 2);
    buf_release(&saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(united_in_any_order),
        cmocka_unit_test(lost_folders_apart),
        cmocka_unit_test(folders),
        cmocka_unit_test(told_apart),
        cmocka_unit_test(ordered),
        cmocka_unit_test(errors_lower_the_status),
        cmocka_unit_test(held_elsewhere),
        cmocka_unit_test(selected),
        cmocka_unit_test(memory_short),
        cmocka_unit_test(saved_and_restored),
        cmocka_unit_test(not_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
