/* Manifests, indexes, configurations and references: whatever bytes come, an error or a struct whose parts can all be
 * read. */
#include "io/source/manifest_schema1.h"
#include "io/source/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sum;

static void touch(struct span s) {
    for (size_t i = 0; i < s.size; i++)
        sum += s.data[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct err err = {0};
    struct manifest manifest;
    struct image_config config;
    struct reference reference;
    struct span input = span_make(data, size);
    arena_init(&arena, 0, 64 << 20);
    if (manifest_parse(&arena, input, &manifest, &err) == 0) {
        touch(manifest.media_type);
        for (size_t i = 0; i < manifest.entry_count; i++)
            touch(manifest.entries[i].ref_name);
        for (size_t i = 0; manifest.converted != NULL && i < manifest.converted->history_count; i++)
            touch(manifest.converted->history[i].created_by);
        if (manifest.kind == MANIFEST_ARTIFACT)
            touch(manifest_artifact_text_of_tag(&arena, span_text(manifest_artifact_text(&arena, &manifest)), input));
    }
    touch(manifest_signed_part(&arena, input));
    if (image_config_parse(&arena, input, &config, &err) == 0) {
        for (size_t i = 0; i < config.env_count; i++)
            touch(config.env[i]);
        for (size_t i = 0; i < 2 * config.label_count; i++)
            touch(config.labels[i]);
        for (size_t i = 0; i < config.history_count; i++)
            touch(config.history[i].created_by);
    }
    if (reference_parse(input, &reference, &err) == 0)
        assert(reference_repository_is_valid(reference.repository) && reference_text(&arena, &reference) != NULL);
    arena_release(&arena);
    return 0;
}
