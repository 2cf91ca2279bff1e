#include "io/source/store.h"

#include "base/text.h"
#include "io/source/reference.h"

static bool is_path(struct span text) { return text.size > 0 && (text.data[0] == '/' || text.data[0] == '.'); }

/* What stands in the brackets: "[QUALIFIER@]DIR[OPTIONS]". */
static int bracket_parse(struct arena *arena, struct span inside, bool with_options,
                         struct store_location *ret_location, struct err *err) {
    struct span folder = inside;
    size_t at = span_index(inside, '@', 0), slash = span_index(inside, '/', 0);
    if (at != SIZE_MAX && (slash == SIZE_MAX || at < slash)) {
        ret_location->qualifier = span_slice(inside, 0, at);
        folder = span_from(inside, at + 1);
    }
    for (size_t i = 0; with_options && i < folder.size; i++) {
        if (folder.data[i] == '+' || folder.data[i] == ':') {
            ret_location->options = span_from(folder, i);
            folder = span_slice(folder, 0, i);
        }
    }
    ret_location->folder = folder.size == 0 ? NULL : arena_text(arena, folder);
    if (folder.size > 0 && ret_location->folder == NULL)
        return err_set(err, ERR_NOMEM, 0, "store: out of memory");
    return 0;
}

int store_location_parse(struct arena *arena, struct span location, bool with_options,
                         struct store_location *ret_location, struct err *err) {
    struct store_location parsed = {.name = location};
    char quoted[96];
    if (location.size > 0 && location.data[0] == '[') {
        size_t end = span_index_last(location, ']');
        if (end == SIZE_MAX)
            return err_set(err, ERR_USAGE, 0, "store '%s': expected [DIR]NAME, found no closing bracket",
                           text_quote(location, quoted, sizeof quoted));
        if (bracket_parse(arena, span_slice(location, 1, end - 1), with_options, &parsed, err) < 0)
            return -1;
        parsed.name = span_from(location, end + 1);
    } else if (is_path(location)) {
        parsed.folder = arena_text(arena, location);
        parsed.name = (struct span){NULL, 0};
        if (parsed.folder == NULL)
            return err_set(err, ERR_NOMEM, 0, "store: out of memory");
    }
    *ret_location = parsed;
    return 0;
}

static bool name_is(struct span name, struct span wanted) {
    if (span_equal(name, wanted))
        return true;
    struct span rest = span_from(name, wanted.size);
    return name.size > wanted.size && span_equal(span_slice(name, 0, wanted.size), wanted) && span_is(rest, ":latest");
}

/* Docker's store and people leave out the "library/" of Docker Hub's own images. */
static struct span short_repository(const struct reference *reference) {
    bool library = span_is(reference->registry, "docker.io") && span_starts(reference->repository, "library/");
    return library ? span_from(reference->repository, strlen("library/")) : reference->repository;
}

bool store_name_matches(struct span wanted, struct span name, struct span id) {
    struct reference a, b;
    if (wanted.size == 0)
        return true;
    if (wanted.data[0] == '@') {
        struct span start = span_from(wanted, 1);
        if (span_starts(start, "sha256:"))
            start = span_from(start, strlen("sha256:"));
        return start.size > 0 && span_equal(span_slice(id, 0, start.size), start);
    }
    if (name.size == 0)
        return false;
    for (size_t start = 0; start != SIZE_MAX;) {
        if (name_is(span_from(name, start), wanted))
            return true;
        size_t slash = span_index(name, '/', start);
        start = slash == SIZE_MAX ? SIZE_MAX : slash + 1;
    }
    return reference_parse(wanted, &a, NULL) == 0 && reference_parse(name, &b, NULL) == 0 &&
           span_equal(a.registry, b.registry) && span_equal(short_repository(&a), short_repository(&b)) &&
           span_equal(a.tag, b.tag) && a.by_digest == b.by_digest &&
           (!a.by_digest || digest_equal(&a.digest, &b.digest));
}

const char *store_prefix(struct arena *arena, struct span target, struct span location,
                         const struct store_location *parsed) {
    struct span prefix = span_slice(target, 0, target.size - location.size);
    struct span qualifier = parsed->qualifier;
    const char *at = qualifier.size > 0 ? "@" : "";
    if (parsed->folder == NULL && qualifier.size == 0)
        return arena_text(arena, prefix);
    return arena_format(arena, "%.*s[%.*s%s%s]", SPAN_FORMAT(prefix), SPAN_FORMAT(qualifier), at,
                        parsed->folder == NULL ? "" : parsed->folder);
}

int store_reference_make(struct source *source, const char *prefix, struct span name, struct span id,
                         struct source_reference *ret_reference, struct err *err) {
    struct arena *arena = source->context->arena;
    struct reference parsed;
    bool named = name.size > 0;
    struct span known = arena_copy(arena, name);
    char *text = arena_format(arena, "%s%s%.*s", prefix, named ? "" : "@", SPAN_FORMAT(named ? name : id));
    if (known.data == NULL || text == NULL)
        return err_set(err, ERR_NOMEM, 0, "store: out of memory");
    bool is_reference = named && reference_parse(known, &parsed, NULL) == 0;
    struct span repository = known;
    if (is_reference) { /* all that stands before the tag and the digest */
        const uint8_t *end = parsed.repository.data + parsed.repository.size;
        repository.size = (size_t)(end - known.data);
    }
    *ret_reference = (struct source_reference){.text = span_text(text),
                                               .registry = span_text(""),
                                               .repository = named ? repository : span_text(prefix),
                                               .tag = is_reference ? parsed.tag : (struct span){NULL, 0}};
    return 0;
}

bool store_id_is_plain(struct span id) {
    return id.size > 0 && id.size < NAME_MAX && text_only(id, ".-_") && !span_is(id, ".") && !span_is(id, "..");
}

void store_manifest_write(struct buf *json, const struct digest *config, size_t config_size,
                          const struct digest *diff_ids, const uint64_t *sizes, size_t layer_count) {
    char digest[DIGEST_TEXT_SIZE];
    buf_format(
        json,
        "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":"
        "{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":%zu,\"digest\":\"%s\"},\"layers\":[",
        config_size, digest_text(config, digest));
    for (size_t i = 0; i < layer_count; i++)
        buf_format(json,
                   "%s{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar\",\"size\":%" PRIu64
                   ",\"digest\":\"%s\"}",
                   i == 0 ? "" : ",", sizes == NULL ? 0 : sizes[i], digest_text(&diff_ids[i], digest));
    buf_text(json, "]}");
}
