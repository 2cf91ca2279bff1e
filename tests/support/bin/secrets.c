/* Searches the files of folders and prints what is found, a row a line: secrets [RULES_DIR --] FOLDER….
 * A measuring tool for rules, without layers, packages or windows; scripts/train_confidence.py takes the features of
 * the hits from it, and it shows the secrets as they are. */
#include <fts.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/rules_folder.h"
#include "io/file/file.h"
#include "matchers/secret/secret_engine.h"

struct walk {
    const struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct buf body, out;
    const char *path;
};

static int on_hit(void *context, const struct secret_hit *hit) {
    struct walk *walk = context;
    buf_reset(&walk->out);
    buf_text(&walk->out, "{\"table\":\"secret\",\"path\":");
    buf_json_text(&walk->out, span_text(walk->path));
    buf_format(&walk->out,
               ",\"line\":%" PRIu64 ",\"column\":%" PRIu64 ",\"byte_offset\":%" PRIu64 ",\"byte_length\":%" PRIu64,
               hit->line, hit->column, hit->offset, hit->length);
    buf_format(&walk->out, ",\"rule\":\"%.*s\",\"provider\":\"%.*s\",\"severity\":\"%s\",\"confidence\":%.3f",
               SPAN_FORMAT(hit->rule->id), SPAN_FORMAT(hit->rule->provider), severity_name(hit->severity),
               hit->confidence);
    buf_format(&walk->out, ",\"validated\":\"%s\",\"redacted\":", hit->validated);
    buf_json_text(&walk->out, span_text(hit->redacted));
    buf_format(&walk->out, ",\"fingerprint\":\"%s\",\"evidence\":\"%s\",\"prior\":%.3f,\"certain\":%s,\"features\":[",
               hit->fingerprint, hit->evidence, hit->prior, strcmp(hit->validated, "checksum") == 0 ? "true" : "false");
    for (size_t i = 0; i < SECRET_FEATURE_COUNT; i++)
        buf_format(&walk->out, "%s%.6g", i == 0 ? "" : ",", hit->features[i]);
    buf_text(&walk->out, "],\"secret\":");
    buf_json_text(&walk->out, hit->secret);
    buf_text(&walk->out, "}\n");
    (void)fwrite(walk->out.data, 1, walk->out.size, stdout);
    return 0;
}

static int file_search(struct walk *walk, const char *path, struct err *err) {
    struct secret_outcome outcome;
    buf_reset(&walk->body);
    if (file_read(path, &walk->body, err) < 0)
        return -1;
    walk->path = path;
    struct secret_input input = {.body = buf_span(&walk->body), .path = span_text(path)};
    if (secret_scan(walk->engine, walk->scratch, &input, on_hit, walk, &outcome, err) < 0)
        return -1;
    if (outcome.truncated)
        (void)fprintf(
            stderr, "%s: truncated by %.*s\n", path,
            SPAN_FORMAT(outcome.truncated_rule == NULL ? span_text("too many hits") : outcome.truncated_rule->id));
    return 0;
}

int main(int argc, char **argv) {
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    AUTO_SECRET_ENGINE struct secret_engine *engine = NULL;
    AUTO_SECRET_SCRATCH struct secret_scratch *scratch = NULL;
    struct err err = {0};
    struct text_list folders = {0};
    bool own = argc > 2 && strcmp(argv[2], "--") == 0;
    const char *folder = own ? argv[1] : NULL;
    if (own)
        folders = (struct text_list){&folder, 1, 1};
    if (rules_folder_load(&folders, &rules, NULL, &err) < 0 ||
        secret_engine_new(rules, span_text("measure"), &engine, &err) < 0 ||
        secret_scratch_new(engine, &scratch, &err) < 0) {
        (void)fprintf(stderr, "secrets: %s\n", err.text);
        return 2;
    }
    struct walk walk = {.engine = engine, .scratch = scratch};
    buf_init(&walk.body, 256 * LIMIT_MIB);
    buf_init(&walk.out, LIMIT_MIB);
    FTS *tree = fts_open(argv + (own ? 3 : 1), FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry = tree == NULL ? NULL : fts_read(tree); entry != NULL; entry = fts_read(tree))
        if (entry->fts_info == FTS_F && file_search(&walk, entry->fts_path, &err) < 0)
            (void)fprintf(stderr, "%s: %s\n", entry->fts_path, err.text);
    if (tree != NULL)
        (void)fts_close(tree);
    buf_release(&walk.body);
    buf_release(&walk.out);
    return 0;
}
