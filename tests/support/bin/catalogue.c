/* Lists the packages of a folder as rows of NDJSON, with the matchers alone: no engine, no images. For the scoring
 * scripts of shared corpora and for trying out a cataloguer: catalogue DIR */
#include "base/buf.h"
#include "base/limits.h"
#include "base/model/purl.h"
#include "base/text.h"
#include "io/file/file.h"
#include "matchers/classify/classify.h"
#include "matchers/package/os_release.h"
#include "matchers/package/product_signature.h"

#include <ftw.h>

/* nftw() has no context argument: this is a test program with one walk. */
static struct {
    size_t root_size;
    char **paths;
    size_t count;
    size_t capacity;
} walk;

static int walk_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)place;
    if (kind != FTW_F)
        return 0;
    if (walk.count == walk.capacity) {
        size_t capacity = walk.capacity == 0 ? 1024 : 2 * walk.capacity;
        char **grown = mem_resize(walk.paths, capacity, sizeof *walk.paths);
        if (grown == NULL)
            return -1;
        walk.paths = grown;
        walk.capacity = capacity;
    }
    walk.paths[walk.count] = mem_text(path, strlen(path));
    return walk.paths[walk.count++] == NULL ? -1 : 0;
}

static int compare_paths(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

struct output {
    struct buf line;
    struct distro distro;
    bool has_distro;
};

static void add_column(struct buf *line, const char *name, struct span value) {
    buf_format(line, ",\"%s\":", name);
    buf_json_text(line, value);
}

static int emit(void *context, const struct package *package, struct err *err) {
    struct output *output = context;
    AUTO_BUF struct buf purl;
    buf_init(&purl, LIMIT_MIB);
    purl_make(package, output->has_distro ? &output->distro : NULL, &purl);
    buf_reset(&output->line);
    buf_text(&output->line, "{\"table\":\"package\"");
    add_column(&output->line, "type", span_text(package_type_name(package->type)));
    add_column(&output->line, "name", package->name);
    add_column(&output->line, "version", package->version);
    add_column(&output->line, "architecture", package->architecture);
    add_column(&output->line, "source_name", package->source_name);
    add_column(&output->line, "source_version", package->source_version);
    add_column(&output->line, "licenses", package->licenses);
    add_column(&output->line, "evidence", span_text(package_evidence_name(package->evidence)));
    add_column(&output->line, "purl", buf_span(&purl));
    add_column(&output->line, "path", package->path);
    buf_text(&output->line, "}\n");
    if (output->line.failed || purl.failed)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    (void)fwrite(output->line.data, 1, output->line.size, stdout);
    return 0;
}

static int read_body(const char *path, struct buf *body) {
    struct err err = {0};
    buf_reset(body);
    if (file_read(path, body, &err) == 0)
        return 0;
    (void)fprintf(stderr, "%s: %s\n", path, err.text);
    return -1;
}

/* The release files first: every purl needs the distribution. */
static void find_distro(const struct classify *classify, struct arena *arena, struct buf *body, struct output *output) {
    unsigned best = 0;
    for (size_t i = 0; i < walk.count; i++) {
        struct span path = span_from(span_text(walk.paths[i]), walk.root_size);
        struct distro distro = {.id = {NULL, 0}};
        struct classify_set set = classify_path(classify, path);
        struct err err = {0};
        if (!classify_set_has(&set, CLASSIFY_RELEASE) || read_body(walk.paths[i], body) < 0 ||
            os_release_parse(path, buf_span(body), arena, &distro, &err) < 0)
            continue;
        unsigned rank = os_release_rank(path);
        struct distro other = rank > best ? output->distro : distro;
        if (rank > best)
            output->distro = distro;
        best = rank > best ? rank : best;
        if (output->has_distro)
            os_release_complete(&output->distro, &other);
        output->has_distro = true;
    }
    if (output->has_distro)
        (void)fprintf(stderr, "distro: %.*s %.*s\n", SPAN_FORMAT(output->distro.id),
                      SPAN_FORMAT(output->distro.version_id));
}

int main(int argc, char **argv) {
    static struct classify classify;
    struct arena run, scratch;
    struct output output = {.has_distro = false};
    AUTO_BUF struct buf body;
    bool failed = false;
    if (argc != 2) {
        (void)fprintf(stderr, "usage: catalogue DIR\n");
        return 2;
    }
    size_t size = strlen(argv[1]);
    while (size > 1 && argv[1][size - 1] == '/')
        argv[1][--size] = 0;
    walk.root_size = size + 1;
    arena_init(&run, 0, 0);
    arena_init(&scratch, 0, 1024 * LIMIT_MIB);
    buf_init(&body, LIMIT_CATALOGUE_BYTES);
    buf_init(&output.line, 0);
    classify_init(&classify);
    if (nftw(argv[1], walk_entry, 64, FTW_PHYS) != 0)
        return 3;
    if (walk.count > 0)
        qsort(walk.paths, walk.count, sizeof *walk.paths, compare_paths);
    find_distro(&classify, &run, &body, &output);
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    AUTO_SIGNATURE_SEARCH struct signature_search *search = NULL;
    if (signatures_load(NULL, 0, &signatures, NULL) < 0 || signature_search_new(signatures, &search, NULL) < 0)
        return 3;
    for (size_t i = 0; i < walk.count; i++) {
        struct span path = span_from(span_text(walk.paths[i]), walk.root_size);
        struct classify_set set = classify_path(&classify, path);
        enum cataloguer_id id;
        if (read_body(walk.paths[i], &body) < 0)
            continue;
        const struct classify_set by_head = classify_head(&classify, buf_span(&body));
        classify_set_join(&set, &by_head);
        if (signature_search_begin(search, path)) {
            struct err err = {0};
            signature_search_window(search, buf_span(&body), 0, true);
            failed = signature_search_end(search, emit, &output, &err) < 0 || failed;
        }
        while (classify_set_take(&set, &id)) {
            struct err err = {0};
            const struct catalogue_input input = {.path = path, .body = buf_span(&body)};
            arena_reset(&scratch);
            if (catalogue_file(id, &input, &scratch, emit, &output, &err) == 0)
                continue;
            failed = true;
            (void)fprintf(stderr, "%s: %s: %s\n", walk.paths[i], err_code_name(err.code), err.text);
        }
    }
    for (size_t i = 0; i < walk.count; i++)
        mem_free(walk.paths[i]);
    mem_free(walk.paths);
    buf_release(&output.line);
    arena_release(&scratch);
    arena_release(&run);
    return failed ? 3 : 0;
}
