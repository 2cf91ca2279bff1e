/* Pages of listings: the first byte picks the API, the first line is the Link header, the rest is every page's body.
 * Whatever comes, the listing ends, and what it hands on is a reference that parses. */
#include "base/vec.h"
#include "base/text.h"
#include "io/source/listing.h"
#include "io/source/reference.h"

#define REQUESTS_MAX 64 /* then 404s: a page that names itself by ever new URLs would go on to LIMIT_PAGES */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct asked {
    char *url;
    http_buffer_fn done;
    void *context;
};

struct run {
    VEC(struct asked) asked;
    size_t requests;
    struct source source;
    struct listing *listing;
    bool held, done;
};

static int get(void *owner, struct listing_chain *chain, http_buffer_fn done, struct err *err) {
    struct run *run = owner;
    (void)err;
    assert(strncmp(chain->url, "https://r.example/", 18) == 0 && !run->held); /* credentials go nowhere else */
    bool ok = vec_push(&run->asked, (struct asked){mem_text(chain->url, strlen(chain->url)), done, chain});
    assert(ok);
    return 0;
}

static struct source *source_of(void *owner, struct span host, struct err *err) {
    (void)host;
    (void)err;
    return &((struct run *)owner)->source;
}

static bool each(void *context, struct source *source, const struct source_reference *reference) {
    struct run *run = context;
    struct reference parsed;
    (void)source;
    int result = reference_parse(reference->text, &parsed, NULL);
    assert(result == 0 && span_equal(parsed.repository, reference->repository) &&
           span_equal(parsed.tag, reference->tag) && span_equal(parsed.registry, reference->registry));
    bool hold = reference->tag.size == 3; /* now and then */
    run->held = run->held || hold;
    return !hold;
}

static void on_done(void *context, const struct err *err) {
    struct run *run = context;
    assert(!run->done && (err == NULL || err->code != ERR_NONE));
    run->done = true;
}

static void answer(struct run *run, const char *link, struct span body) {
    struct asked asked = run->asked.data[--run->asked.count];
    struct http_result result = {.status = 200, .url = asked.url, .link = link};
    if (run->requests++ >= REQUESTS_MAX)
        (void)err_set(&result.err, ERR_NOTFOUND, 0, "404");
    asked.done(asked.context, &result, result.err.code == ERR_NONE ? body : (struct span){NULL, 0});
    mem_free(asked.url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct listing_kind *const kinds[] = {&listing_catalog, &listing_ghcr, &listing_gitlab,
                                                       &listing_harbor, &listing_quay};
    struct span input = span_make(data, size);
    struct span body = span_from(input, 1);
    struct span line = text_cut(&body, '\n');
    char *link = mem_text(line.data, line.size);
    struct run run = {0};
    struct arena arena;
    arena_init(&arena, 0, 64 << 20);
    struct source_context context = {.arena = &arena};
    struct listing_spec spec = {.context = &context,
                                .kind = kinds[size == 0 ? 0 : data[0] % ARRAY_COUNT(kinds)],
                                .host = span_text("r.example"),
                                .path = span_text(size > 0 && data[0] >= 128 ? "a/b" : "a"),
                                .base = "https://r.example",
                                .owner = &run,
                                .get = get,
                                .source_of = source_of,
                                .each = each,
                                .done = on_done,
                                .done_context = &run};
    run.listing = listing_start(&spec);
    while (!run.done) {
        if (run.asked.count > 0) {
            answer(&run, link, body);
        } else {
            assert(run.held);
            run.held = false;
            listing_resume(run.listing);
        }
    }
    assert(run.asked.count == 0);
    listing_free(run.listing);
    vec_release(&run.asked);
    arena_release(&arena);
    mem_free(link);
    return 0;
}
