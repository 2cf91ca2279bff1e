/* Every cataloguer, classify and the release files. The first line is the file's path, which picks the cataloguers as
 * in a scan; where nobody wants it, the first byte picks one, so that mutations of the path are not wasted. */
#include "base/limits.h"
#include "base/model/purl.h"
#include "base/text.h"
#include "matchers/classify/classify.h"
#include "matchers/package/os_release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        __builtin_trap();
}

static int check_package(void *context, const struct package *package, struct err *err) {
    AUTO_BUF struct buf text;
    struct arena arena;
    struct purl purl;
    struct err ignored = {0};
    (void)context;
    (void)err;
    require(package->name.size > 0 && package->name.size <= LIMIT_FIELD_BYTES);
    require(package->version.size > 0 || package->evidence == EVIDENCE_DECLARED);
    require(package->version.size <= LIMIT_FIELD_BYTES);
    require(package->licenses.size <= LIMIT_FIELD_BYTES && package->path.size > 0);
    arena_init(&arena, 0, LIMIT_MIB);
    buf_init(&text, 8 * LIMIT_PURL_BYTES);
    purl_make(package, NULL, &text);
    require(!text.failed);
    (void)purl_parse(buf_span(&text), &arena, &purl, &ignored);
    arena_release(&arena);
    return 0;
}

static int check_owned(void *context, const struct package_owner *owner, struct span path, struct err *err) {
    (void)context;
    (void)err;
    require(owner->name.size > 0 && owner->name.size <= LIMIT_FIELD_BYTES);
    require(path.size <= PATH_MAX && !span_starts(path, "/") && (path.size > 0 || owner->foreign));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct classify classify; /* built again and again alike */
    struct span rest = {data, size};
    struct arena scratch;
    struct distro distro;
    struct err err = {0};
    if (size == 0)
        return 0;
    if (classify.pattern_count == 0)
        classify_init(&classify);
    arena_init(&scratch, 0, 256 * LIMIT_MIB);
    struct span path = text_cut(&rest, '\n');
    const struct catalogue_input input = {
        .path = path.size > 0 ? path : span_text("x"), .body = rest, .own = check_owned};
    struct classify_set set = classify_path(&classify, path);
    const struct classify_set by_head = classify_head(&classify, rest);
    enum cataloguer_id id;
    if (classify_set_has(&set, CLASSIFY_RELEASE))
        (void)os_release_parse(path, rest, &scratch, &distro, &err);
    classify_set_remove(&set, CLASSIFY_RELEASE);
    classify_set_join(&set, &by_head);
    if (classify_set_is_empty(&set))
        classify_set_add(&set, data[0] % CATALOGUER_COUNT);
    while (classify_set_take(&set, &id)) {
        arena_reset(&scratch);
        err = (struct err){0};
        int result = catalogue_file(id, &input, &scratch, check_package, NULL, &err);
        require((result == 0) == (err.code == ERR_NONE));
    }
    arena_release(&scratch);
    return 0;
}
