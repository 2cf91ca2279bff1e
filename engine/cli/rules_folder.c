#include "engine/cli/rules_folder.h"

#include <sys/stat.h>

#include "base/limits.h"
#include "io/file/file.h"
#include "matchers/secret/secret_gitleaks.h"

struct folder_files {
    struct arena arena;
    struct secret_rule_file *data;
    size_t count;
    size_t capacity;
};

static void files_release(struct folder_files *files) {
    vec_release(files);
    arena_release(&files->arena);
}

static int file_add(struct folder_files *files, const char *path, struct err *err) {
    AUTO_BUF struct buf bytes;
    buf_init(&bytes, LIMIT_SECRET_RULE_FILE_BYTES);
    if (file_read(path, &bytes, err) < 0)
        return -1;
    bool converted = span_ends(span_text(path), ".toml");
    AUTO_BUF struct buf rules, notes;
    buf_init(&rules, LIMIT_SECRET_RULE_FILE_BYTES);
    buf_init(&notes, LIMIT_SECRET_RULE_FILE_BYTES);
    if (converted && secret_gitleaks_convert(buf_span(&bytes), path, &rules, &notes, err) < 0)
        return -1;
    if (notes.size > 0)
        (void)fwrite(notes.data, 1, notes.size, stderr);
    struct secret_rule_file file = {arena_text(&files->arena, span_text(path)),
                                    arena_copy(&files->arena, buf_span(converted ? &rules : &bytes))};
    if (file.name == NULL || file.bytes.data == NULL || !vec_push(files, file))
        return err_set(err, ERR_NOMEM, 0, "rules: no memory for %s", path);
    return 0;
}

static int compare_texts(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int folder_add(struct folder_files *files, const char *path, struct err *err) {
    AUTO_DIR DIR *folder = opendir(path);
    if (folder == NULL)
        return err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "rules: cannot open %s: %s", path,
                       strerror(errno));
    VEC(char *) names = {0};
    bool good = true;
    for (struct dirent *entry = readdir(folder); good && entry != NULL; entry = readdir(folder)) {
        struct span name = span_text(entry->d_name);
        if (name.data[0] == '.' || !(span_ends(name, ".yaml") || span_ends(name, ".yml") || span_ends(name, ".toml")))
            continue;
        char *full = arena_format(&files->arena, "%s/%s", path, entry->d_name);
        good = full != NULL && vec_push(&names, full);
    }
    if (names.count > 1)
        qsort(names.data, names.count, sizeof *names.data, compare_texts);
    int result = good ? 0 : err_set(err, ERR_NOMEM, 0, "rules: no memory for %s", path);
    for (size_t i = 0; i < names.count && result == 0; i++)
        result = file_add(files, names.data[i], err);
    vec_release(&names);
    return result;
}

/* Names do not count: the same rules elsewhere find the same. */
static int files_digest(const struct folder_files *files, struct digest *ret_digest, struct err *err) {
    struct digest_stream *stream = NULL;
    *ret_digest = (struct digest){.algorithm = DIGEST_NONE};
    if (files->count == 0)
        return 0;
    if (digest_stream_new(DIGEST_SHA256, &stream, err) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        uint64_t size = files->data[i].bytes.size;
        digest_stream_add(stream, span_make(&size, sizeof size));
        digest_stream_add(stream, files->data[i].bytes);
    }
    *ret_digest = digest_stream_end(stream);
    digest_stream_free(stream);
    return 0;
}

int rules_folder_load(const struct text_list *paths, struct secret_rules **ret_rules, struct digest *ret_digest,
                      struct err *err) {
    struct folder_files files AUTO(files_release) = {0};
    arena_init(&files.arena, 0, LIMIT_SECRET_RULES_BYTES);
    for (size_t i = 0; i < paths->count; i++) {
        struct stat status;
        bool folder = stat(paths->data[i], &status) == 0 && S_ISDIR(status.st_mode);
        if ((folder ? folder_add : file_add)(&files, paths->data[i], err) < 0)
            return -1;
    }
    if (ret_digest != NULL && files_digest(&files, ret_digest, err) < 0)
        return -1;
    return secret_rules_load(true, files.data, files.count, ret_rules, err);
}
