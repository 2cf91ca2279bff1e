#include "io/source/layout.h"

#include "base/text.h"

const char *layout_blob_path(const struct digest *digest, char out[LAYOUT_PATH_SIZE]) {
    char text[DIGEST_TEXT_SIZE];
    digest_text(digest, text);
    char *colon = strchr(text, ':');
    if (colon != NULL)
        *colon = '/';
    (void)snprintf(out, LAYOUT_PATH_SIZE, "blobs/%s", text);
    return out;
}

/* A ref.name annotation is a tag by the specification, a whole reference by several tools' habit: its tag is behind the
 * last colon that no slash follows. */
static struct span tag_of(struct span ref_name) {
    size_t colon = span_index_last(ref_name, ':');
    struct span tail = colon == SIZE_MAX ? ref_name : span_from(ref_name, colon + 1);
    return span_index(tail, '/', 0) == SIZE_MAX ? tail : ref_name;
}

static int reference_make(struct source *source, struct span text, const struct descriptor *entry, size_t item,
                          struct source_reference *ret_reference, struct err *err) {
    struct arena *arena = source->context->arena;
    char digest[DIGEST_TEXT_SIZE];
    char *full = entry->ref_name.size > 0
                     ? arena_format(arena, "%.*s:%.*s", SPAN_FORMAT(text), SPAN_FORMAT(entry->ref_name))
                     : arena_format(arena, "%.*s@%s", SPAN_FORMAT(text), digest_text(&entry->digest, digest));
    if (full == NULL)
        return err_set(err, ERR_NOMEM, 0, "index.json: out of memory");
    *ret_reference = (struct source_reference){.text = span_text(full),
                                               .registry = span_text(""),
                                               .repository = text,
                                               .tag = tag_of(entry->ref_name),
                                               .has_digest = true,
                                               .digest = entry->digest,
                                               .platform = entry->platform,
                                               .item = item};
    return 0;
}

int layout_list(struct source *source, struct span text, struct span tag, struct span index_json, source_list_fn each,
                void *context, struct err *err) {
    struct manifest index;
    if (manifest_parse(source->context->arena, index_json, &index, err) < 0)
        return err_wrap(err, "index.json");
    if (index.kind != MANIFEST_INDEX)
        return err_set(err, ERR_FORMAT, 0, "index.json: expected an index with manifests");
    size_t matched = 0;
    for (size_t i = 0; i < index.entry_count; i++) {
        const struct descriptor *entry = &index.entries[i];
        if (tag.size > 0 && !span_equal(entry->ref_name, tag) && !span_equal(tag_of(entry->ref_name), tag))
            continue;
        struct source_reference reference;
        if (reference_make(source, text, entry, i, &reference, err) < 0)
            return -1;
        matched++;
        (void)each(context, source, &reference); /* all is at hand: nothing to hold back */
    }
    char quoted[96];
    if (matched == 0 && tag.size > 0)
        return err_set(err, ERR_NOTFOUND, 0, "index.json: no manifest is named '%s'",
                       text_quote(tag, quoted, sizeof quoted));
    return 0;
}
