/* Listing without a network: pages come from functions, one at a time, so that their order and number can be counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/source/listing.h"

struct asked {
    char *url;
    http_buffer_fn done;
    void *context;
};

/* Plays server, receiver and owner of a listing. */
struct fake {
    struct arena arena;
    struct source_context context;
    struct listing *listing;
    struct source source;
    bool (*page)(struct fake *fake, struct span path, struct buf *body, struct buf *link);
    VEC(struct asked) asked;
    size_t requests, in_flight_max;
    size_t images, hold_every, held;
    char last_image[512];
    bool last_has_digest;
    bool done;
    struct err err;
    size_t names; /* of a catalogue that page_endless() makes up */
    size_t bytes_max;
    bool refuse_all; /* wants() says no */
};

static int fake_get(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err) {
    struct fake *fake = owner;
    struct asked asked = {mem_text(chain->url, strlen(chain->url)), done, chain};
    (void)err;
    assert_non_null(asked.url);
    assert_int_equal(fake->held, 0); /* a held listing asks for nothing */
    assert_true(vec_push(&fake->asked, asked));
    fake->requests++;
    if (fake->asked.count > fake->in_flight_max)
        fake->in_flight_max = fake->asked.count;
    return 0;
}

static struct source *fake_source_of(void *owner, struct span host, struct err *err) {
    struct fake *fake = owner;
    (void)host;
    (void)err;
    return &fake->source;
}

static bool fake_each(void *context, struct source *source, const struct source_reference *reference) {
    struct fake *fake = context;
    assert_ptr_equal(source, &fake->source);
    fake->images++;
    (void)snprintf(fake->last_image, sizeof fake->last_image, "%.*s", SPAN_FORMAT(reference->text));
    fake->last_has_digest = reference->has_digest;
    bool hold = fake->hold_every > 0 && fake->images % fake->hold_every == 0;
    fake->held += hold;
    return !hold;
}

static void fake_done(void *context, const struct err *err) {
    struct fake *fake = context;
    assert_false(fake->done);
    fake->done = true;
    if (err != NULL)
        fake->err = *err;
}

static bool fake_wants(void *context, struct span repository, struct span tag) {
    const struct fake *fake = context;
    (void)repository;
    (void)tag;
    return !fake->refuse_all;
}

/* Answers one request, the oldest. A page function that returns false answers 404. */
static void fake_answer(struct fake *fake) {
    struct asked asked = fake->asked.data[0];
    struct buf body, link;
    memmove(fake->asked.data, fake->asked.data + 1, --fake->asked.count * sizeof *fake->asked.data);
    buf_init(&body, 0);
    buf_init(&link, 0);
    struct span path = span_from(span_text(asked.url), strlen("https://r.example"));
    struct http_result result = {.status = 200, .url = asked.url};
    if (!fake->page(fake, path, &body, &link))
        (void)err_set(&result.err, ERR_NOTFOUND, 0, "expected status 200, found 404");
    buf_byte(&link, '\0');
    result.link = (const char *)link.data;
    asked.done(asked.context, &result, buf_span(&body));
    if (mem_in_use() > fake->bytes_max)
        fake->bytes_max = mem_in_use();
    buf_release(&body);
    buf_release(&link);
    mem_free(asked.url);
}

static void fake_run(struct fake *fake, const struct listing_kind *kind, const char *path) {
    arena_init(&fake->arena, 0, 0);
    fake->context = (struct source_context){.arena = &fake->arena, .wants = fake_wants, .wants_context = fake};
    fake->listing = listing_start(&(struct listing_spec){.context = &fake->context,
                                                         .kind = kind,
                                                         .host = span_text("r.example"),
                                                         .path = span_text(path),
                                                         .base = "https://r.example",
                                                         .owner = fake,
                                                         .get = fake_get,
                                                         .source_of = fake_source_of,
                                                         .each = fake_each,
                                                         .done = fake_done,
                                                         .done_context = fake});
    while (!fake->done) {
        if (fake->held > 0 && fake->asked.count == 0) {
            fake->held = 0;
            listing_resume(fake->listing);
        } else {
            assert_true(fake->asked.count > 0);
            fake_answer(fake);
        }
    }
    listing_resume(fake->listing); /* harmless behind the end */
    listing_free(fake->listing);
    vec_release(&fake->asked);
    arena_release(&fake->arena);
}

static void link_next(void **state) {
    (void)state;
    static const struct {
        const char *header, *next;
    } cases[] = {
        {"", ""},
        {"</v2/_catalog?last=b&n=2>; rel=\"next\"", "/v2/_catalog?last=b&n=2"},
        {"</a>;rel=next", "/a"},
        {"</a>; REL=NEXT", "/a"},
        {"</p?page=1>; rel=\"prev\" , </p?page=3>; rel=\"next\"", "/p?page=3"},
        {"<https://h/x?page=2>; rel=\"next\", <https://h/x?page=9>; rel=\"last\"", "https://h/x?page=2"},
        {"</a,b>; rel=\"prev\", </c,d>; rel=\"next\"", "/c,d"},
        {"</a>; title=\"x, rel=next\"; rel=\"prev\"", ""},
        {"</a>; title=\"a;b\"; rel=\"last next\"", "/a"},
        {"</a>; rel=\"prev\"; rel=\"next\"", ""},
        {"</a>; rel=\"nextish\"", ""},
        {"</a", ""},
        {"</a>", ""},
        {"next", ""},
        {"</a>; rel=\"next", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct span next = listing_link_next(span_text(cases[i].header));
        if (!span_is(next, cases[i].next))
            fail_msg("case %zu: %.*s", i, SPAN_FORMAT(next));
    }
}

static void pages_seen(void **state) {
    (void)state;
    struct page_set set = {0};
    for (uint64_t i = 0; i < 10000; i++)
        assert_int_equal(page_set_add(&set, i * UINT64_C(0x9e3779b97f4a7c15)), 1);
    for (uint64_t i = 0; i < 10000; i++)
        assert_int_equal(page_set_add(&set, i * UINT64_C(0x9e3779b97f4a7c15)), 0);
    assert_int_equal(set.count, 10000);
    assert_true(set.capacity <= 4 * 10000);
    page_set_release(&set);
    mem_fail_after(1, false);
    assert_int_equal(page_set_add(&set, 7), -1);
    mem_fail_after(0, false);
    page_set_release(&set);
}

#define PAGE ((size_t)1000)

/* A catalogue of fake->names repositories with one tag each. */
static bool page_endless(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    if (span_ends(path, "/tags/list?n=1000")) {
        buf_text(body, "{\"name\":\"x\",\"tags\":[\"1\"]}");
        return true;
    }
    size_t at = span_find(path, span_text("last="), 0);
    uint64_t start = 0;
    if (at != SIZE_MAX)
        assert_true(text_u64(span_from(path, at + 5), 10, UINT64_MAX, &start));
    buf_text(body, "{\"repositories\":[");
    for (size_t i = start; i < start + PAGE && i < fake->names; i++)
        buf_format(body, "%s\"team/app-%zu\"", i == start ? "" : ",", i);
    buf_text(body, "]}");
    if (start + PAGE < fake->names)
        buf_format(link, "</v2/_catalog?n=1000&last=%zu>; rel=\"next\"", (size_t)start + PAGE);
    return true;
}

/* What is kept must not grow with the catalogue: a million names none of which is wanted, then some with their tags. */
static void memory_is_bounded(void **state) {
    (void)state;
    struct fake fake = {.page = page_endless, .names = 1000000, .refuse_all = true};
    size_t before = mem_in_use();
    fake_run(&fake, &listing_catalog, "");
    assert_int_equal(fake.err.code, ERR_NONE);
    assert_int_equal(fake.requests, 1000);
    assert_true(fake.bytes_max - before < 512 * 1024); /* half a byte a name, most of it the page's own tree */
    assert_int_equal(mem_in_use(), before);

    struct fake wanted = {.page = page_endless, .names = 20000};
    fake_run(&wanted, &listing_catalog, "");
    assert_int_equal(wanted.images, 20000);
    assert_int_equal(wanted.requests, 20 + 20000);
    assert_true(wanted.in_flight_max <= LISTING_IN_FLIGHT_MAX);
    assert_true(wanted.bytes_max - before < 20000 * 100 + 1024 * 1024); /* the references, and some pages of chains */
    assert_int_equal(mem_in_use(), before);
}

static void hold_and_resume(void **state) {
    (void)state;
    struct fake fake = {.page = page_endless, .names = 3000, .hold_every = 7};
    fake_run(&fake, &listing_catalog, ""); /* fake_get() asserts that nothing is asked for meanwhile */
    assert_int_equal(fake.images, 3000);
    assert_int_equal(fake.err.code, ERR_NONE);
}

/* Page A names B, B names C, C names A. */
static bool page_circle(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    (void)fake;
    bool b = span_ends(path, "=b"), c = span_ends(path, "=c");
    buf_format(body, "{\"repositories\":[\"%s\"]}", b ? "b" : c ? "c" : "a");
    buf_format(link, "</v2/_catalog?%s>; rel=next", b ? "last=c" : c ? "n=1000" : "last=b");
    return span_starts(path, "/v2/_catalog");
}

/* Ever new URLs, and the same page behind them. */
static bool page_parrot(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    buf_text(body, "{\"repositories\":[\"a\"]}");
    buf_format(link, "</v2/_catalog?last=%zu>; rel=next", fake->requests);
    return span_starts(path, "/v2/_catalog");
}

/* Ever new URLs and empty pages: nothing but the number of pages tells. */
static bool page_empty(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    buf_text(body, "{\"repositories\":[]}");
    if (fake->requests < fake->names)
        buf_format(link, "</v2/_catalog?last=%zu>; rel=next", fake->requests);
    return span_starts(path, "/v2/_catalog");
}

static void circles(void **state) {
    (void)state;
    struct fake circle = {.page = page_circle, .refuse_all = true};
    fake_run(&circle, &listing_catalog, "");
    assert_int_equal(circle.err.code, ERR_FORMAT);
    assert_non_null(strstr(circle.err.text, "round in circles"));
    assert_int_equal(circle.requests, 3);

    struct fake parrot = {.page = page_parrot, .refuse_all = true};
    fake_run(&parrot, &listing_catalog, "");
    assert_non_null(strstr(parrot.err.text, "round in circles"));
    assert_int_equal(parrot.requests, 2);

    struct fake empty = {.page = page_empty, .names = 50};
    fake_run(&empty, &listing_catalog, "");
    assert_int_equal(empty.err.code, ERR_NONE);
    assert_int_equal(empty.requests, 50);
}

/* A next page that is not the registry's own. */
static bool page_elsewhere(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    static const char *const urls[] = {"https://evil.example/v2/_catalog?signature=hidden",
                                       "//evil.example/v2/_catalog?signature=hidden",
                                       "https://r.example.evil.example/v2/?signature=hidden",
                                       "https://r.example@evil.example/v2/?signature=hidden",
                                       "https://r.example:444/v2/?signature=hidden",
                                       "file:///etc/passwd?signature=hidden",
                                       "v2/_catalog?signature=hidden"};
    (void)path;
    buf_text(body, "{\"repositories\":[\"a\"]}");
    buf_format(link, "<%s>; rel=next", fake->names < ARRAY_COUNT(urls) ? urls[fake->names] : "");
    return true;
}

static void links_elsewhere(void **state) {
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        struct fake fake = {.page = page_elsewhere, .names = i, .refuse_all = true};
        fake_run(&fake, &listing_catalog, "");
        assert_int_equal(fake.err.code, ERR_FORMAT);
        assert_int_equal(fake.requests, 1);
        assert_non_null(strstr(fake.err.text, "expected a path of the same registry"));
        assert_null(strstr(fake.err.text, "hidden"));
    }
}

static void page_limit(void **state) {
    (void)state;
    struct fake most = {.page = page_empty, .names = LIMIT_PAGES};
    fake_run(&most, &listing_catalog, "");
    assert_int_equal(most.err.code, ERR_NONE);
    assert_int_equal(most.requests, LIMIT_PAGES);
    struct fake more = {.page = page_empty, .names = LIMIT_PAGES + 1};
    fake_run(&more, &listing_catalog, "");
    assert_int_equal(more.err.code, ERR_LIMIT);
    assert_non_null(strstr(more.err.text, "100000 pages"));
    assert_int_equal(more.requests, LIMIT_PAGES);
}

static bool page_faulty(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    (void)fake;
    (void)link;
    if (span_starts(path, "/v2/_catalog"))
        buf_text(body, "{\"repositories\":[\"UPPER\",7,null,\"good\",\"gone\",\"html\",\"\\u0000\",\"wrong\"]}");
    else if (span_starts(path, "/v2/good/"))
        buf_text(body, "{\"tags\":[\"a b\",\"1\",{}]}");
    else if (span_starts(path, "/v2/html/"))
        buf_text(body, "<html>log in</html>");
    else if (span_starts(path, "/v2/wrong/"))
        buf_text(body, "{\"tags\":\"1\"}");
    else
        return false;
    return true;
}

static void faults_do_not_end_it(void **state) {
    (void)state;
    struct fake fake = {.page = page_faulty};
    fake_run(&fake, &listing_catalog, "");
    assert_int_equal(fake.images, 1);
    assert_string_equal(fake.last_image, "r.example/good:1");
    assert_int_equal(fake.err.code, ERR_FORMAT);
    assert_non_null(strstr(fake.err.text, "UPPER"));
    assert_non_null(
        strstr(fake.err.text, "; and 7 more")); /* 4 names, 2 tags, 2 pages; the missing repository is none */
}

static bool page_refused(struct fake *fake, struct span path, struct buf *body, struct buf *link) {
    (void)fake;
    (void)path;
    (void)body;
    (void)link;
    return false;
}

static void refused(void **state) {
    (void)state;
    struct fake fake = {.page = page_refused};
    fake_run(&fake, &listing_catalog, "");
    assert_int_equal(fake.err.code, ERR_NOTFOUND);
    assert_non_null(strstr(fake.err.text, "harbor://HOST"));
    assert_non_null(strstr(fake.err.text, "404"));
    /* A group after a project, a user after an organisation; then it is over. */
    struct fake gitlab = {.page = page_refused}, ghcr = {.page = page_refused};
    fake_run(&gitlab, &listing_gitlab, "a/b");
    assert_int_equal(gitlab.requests, 2);
    assert_int_equal(gitlab.err.code, ERR_NOTFOUND);
    fake_run(&ghcr, &listing_ghcr, "owner");
    assert_int_equal(ghcr.requests, 2);
    assert_int_equal(ghcr.err.code, ERR_NOTFOUND);
}

/* Whether memory ends at the first allocation or a later one: an error, and nothing leaks. */
static void out_of_memory(void **state) {
    (void)state;
    size_t before = mem_in_use();
    for (uint64_t n = 1; n <= 5; n++) { /* listing_start() makes four */
        struct fake fake = {.page = page_faulty};
        arena_init(&fake.arena, 0, 0);
        fake.context = (struct source_context){.arena = &fake.arena};
        assert_true(vec_reserve(&fake.asked, 64));
        struct listing_spec spec = {.context = &fake.context,
                                    .kind = &listing_catalog,
                                    .host = span_text("r.example"),
                                    .base = "https://r.example",
                                    .owner = &fake,
                                    .get = fake_get,
                                    .source_of = fake_source_of,
                                    .each = fake_each,
                                    .done = fake_done,
                                    .done_context = &fake};
        mem_fail_after(n, true);
        struct listing *listing = listing_start(&spec);
        mem_fail_after(0, false);
        if (fake.asked.count == 0) {
            assert_true(fake.done);
            assert_int_equal(fake.err.code, ERR_NOMEM);
        }
        while (fake.asked.count > 0)
            fake_answer(&fake);
        assert_true(fake.done);
        listing_free(listing);
        vec_release(&fake.asked);
        arena_release(&fake.arena);
        assert_int_equal(mem_in_use(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_next),         cmocka_unit_test(links_elsewhere),      cmocka_unit_test(pages_seen),
        cmocka_unit_test(memory_is_bounded), cmocka_unit_test(hold_and_resume),      cmocka_unit_test(circles),
        cmocka_unit_test(page_limit),        cmocka_unit_test(faults_do_not_end_it), cmocka_unit_test(refused),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
