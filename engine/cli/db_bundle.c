#include <fcntl.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/db_verbs.h"
#include "engine/vulndb/bundle.h"
#include "engine/vulndb/vulndb_diff.h"
#include "io/file/file.h"

/* A new file that only its owner reads, never an old one. */
static int secret_write(const char *path, struct span bytes, struct err *err) {
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, errno, "%s: %s", path, strerror(errno));
    return file_write_all(fd, bytes, path, err);
}

int db_keygen(const struct text_list *names, struct err *err) {
    struct signature_secret secret;
    struct buf text = {0};
    struct arena arena;
    if (names->count != 1)
        return err_set(err, ERR_USAGE, 0, "db keygen: one NAME is expected, found %zu", names->count);
    arena_init(&arena, 0, 0);
    const char *key = arena_format(&arena, "%s.key", names->data[0]);
    const char *public_key = arena_format(&arena, "%s.pub", names->data[0]);
    int result = key == NULL || public_key == NULL ? err_set(err, ERR_NOMEM, 0, "db keygen: out of memory")
                                                   : signature_make_keys(&secret, err);
    if (result == 0) {
        buf_reserve(&text, 4096); /* one piece of memory, so that all of it is wiped */
        signature_write_secret(&text, &secret);
        result = text.failed ? err_set(err, ERR_NOMEM, 0, "db keygen: out of memory")
                             : secret_write(key, buf_span(&text), err);
    }
    if (text.data != NULL)
        explicit_bzero(text.data, text.capacity);
    buf_reset(&text);
    if (result == 0) {
        signature_write_public(&text, &secret);
        result = text.failed ? err_set(err, ERR_NOMEM, 0, "db keygen: out of memory")
                             : file_replace(public_key, buf_span(&text), err);
        signature_secret_wipe(&secret);
    }
    if (result == 0)
        (void)printf("%-22s %s\n%-22s %s\n", "signing key", key, "public key", public_key);
    buf_release(&text);
    arena_release(&arena);
    return result;
}

static int secret_load(const char *path, struct signature_secret *ret_secret, struct err *err) {
    struct buf text = {.size_max = LIMIT_KIB};
    int result = file_read(path, &text, err);
    if (result == 0 && signature_read_secret(buf_span(&text), ret_secret, err) < 0)
        result = err_wrap(err, "%s", path);
    if (text.data != NULL)
        explicit_bzero(text.data, text.capacity);
    buf_release(&text);
    return result;
}

int db_export(const struct text_list *files, const struct db_options *options, struct err *err) {
    struct signature_secret secret;
    struct file_map map = {{NULL, 0}};
    struct vuln_db db;
    AUTO_BUF struct buf bundle = {0};
    if (files->count != 1 || options->output == NULL || options->key == NULL)
        return err_set(err, ERR_USAGE, 0, "db export: --key SECRET, -o BUNDLE and one DATABASE are expected");
    if (secret_load(options->key, &secret, err) < 0)
        return -1;
    int result = file_map_open(files->data[0], &map, err);
    if (result == 0 && (vuln_db_open(map.bytes, CPU_SCALAR, &db, err) < 0 || vuln_db_verify(&db, err) < 0))
        result = err_wrap(err, "%s", files->data[0]);
    if (result == 0)
        result = bundle_make(map.bytes, &secret, &bundle, err);
    signature_secret_wipe(&secret);
    if (result == 0)
        result = file_replace(options->output, buf_span(&bundle), err);
    file_map_close(&map);
    if (result == 0)
        (void)printf("%-22s %s\n%-22s %zu\n", "bundle", options->output, "bytes", bundle.size);
    return result;
}

/* A file's name, or the key itself as minisign prints it. */
static int public_load(const char *text, struct signature_public *ret_public, struct err *err) {
    AUTO_BUF struct buf file = {.size_max = LIMIT_KIB};
    struct err why = {0};
    if (signature_read_public(span_text(text), ret_public, &why) == 0)
        return 0;
    if (file_read(text, &file, err) < 0)
        return -1;
    return signature_read_public(buf_span(&file), ret_public, err) < 0 ? err_wrap(err, "%s", text) : 0;
}

/* The archive's members begin at multiples of 512 bytes, so that the map's alignment is the database's. */
static int database_check(struct span database, struct err *err) {
    struct vuln_db db;
    return vuln_db_open(database, CPU_SCALAR, &db, err) < 0 || vuln_db_verify(&db, err) < 0 ? -1 : 0;
}

int db_import(const struct text_list *files, const struct db_options *options, struct err *err) {
    struct signature_public public_key;
    struct file_map map = {{NULL, 0}};
    struct span database = {NULL, 0};
    if (files->count != 1 || options->output == NULL || options->public_key == NULL)
        return err_set(err, ERR_USAGE, 0, "db import: --public-key KEY, -o DATABASE and one BUNDLE are expected");
    if (public_load(options->public_key, &public_key, err) < 0 || file_map_open(files->data[0], &map, err) < 0)
        return -1;
    int result = bundle_open(map.bytes, &public_key, &database, err);
    if (result == 0)
        result = database_check(database, err);
    if (result < 0)
        (void)err_wrap(err, "%s%s", files->data[0],
                       access(options->output, F_OK) == 0 ? ": the old database stays in use" : "");
    else
        result = file_replace(options->output, database, err);
    file_map_close(&map);
    if (result == 0)
        (void)printf("%-22s %s\n%-22s %zu\n", "database", options->output, "bytes", database.size);
    return result;
}

struct diff_print {
    bool json;
    uint64_t counts[VULNDB_CHANGE_COUNT];
    struct buf line;
};

static void json_member(struct buf *out, const char *name, struct span value) {
    buf_format(out, ",\"%s\":", name);
    buf_json_text(out, value);
}

static int difference_print(void *context, const struct vulndb_difference *difference, struct err *err) {
    struct diff_print *print = context;
    struct buf *line = &print->line;
    struct span name = difference->package;
    struct span ecosystem = text_cut(&name, 0);
    char quoted[2][400];
    print->counts[difference->change]++;
    buf_reset(line);
    if (print->json) {
        buf_format(line, "{\"change\":\"%s\"", vulndb_change_name(difference->change));
        json_member(line, "id", difference->id);
        json_member(line, "ecosystem", ecosystem);
        json_member(line, "package", name);
        buf_format(line, ",\"packages\":%zu", difference->package_count);
        json_member(line, "summary", difference->summary);
        buf_text(line, "}\n");
    } else {
        buf_format(line, "%-8s %s %s", vulndb_change_name(difference->change),
                   text_quote(difference->id, quoted[0], sizeof quoted[0]),
                   text_quote(ecosystem, quoted[1], sizeof quoted[1]));
        buf_format(line, " %s", text_quote(name, quoted[0], sizeof quoted[0]));
        if (difference->package_count > 1)
            buf_format(line, " and %zu more", difference->package_count - 1);
        buf_format(line, "  %s\n", text_quote(difference->summary, quoted[0], sizeof quoted[0]));
    }
    if (line->failed)
        return err_set(err, ERR_NOMEM, 0, "db diff: out of memory");
    return file_write_all(STDOUT_FILENO, buf_span(line), "standard output", err);
}

static int diff_run(const struct text_list *files, const struct file_map *maps, const struct db_options *options,
                    struct err *err) {
    struct vuln_db dbs[2];
    struct diff_print print = {.json = options->format != NULL && strcmp(options->format, "ndjson") == 0};
    for (size_t i = 0; i < 2; i++) {
        if (vuln_db_open(maps[i].bytes, CPU_SCALAR, &dbs[i], err) < 0)
            return err_wrap(err, "%s", files->data[i]);
    }
    int result = vulndb_diff(&dbs[0], &dbs[1], options->scores, difference_print, &print, err);
    buf_release(&print.line);
    if (result == 0 && !print.json)
        (void)fprintf(stderr, "%" PRIu64 " added, %" PRIu64 " changed, %" PRIu64 " removed\n",
                      print.counts[VULNDB_ADDED], print.counts[VULNDB_CHANGED], print.counts[VULNDB_REMOVED]);
    return result;
}

int db_diff(const struct text_list *files, const struct db_options *options, struct err *err) {
    struct file_map maps[2] = {{{NULL, 0}}, {{NULL, 0}}};
    if (files->count != 2)
        return err_set(err, ERR_USAGE, 0, "db diff: OLD and NEW are expected, found %zu files", files->count);
    if (options->format != NULL && strcmp(options->format, "ndjson") != 0 && strcmp(options->format, "text") != 0)
        return err_set(err, ERR_USAGE, 0, "db diff: --format text or ndjson is expected");
    int result = file_map_open(files->data[0], &maps[0], err);
    if (result == 0)
        result = file_map_open(files->data[1], &maps[1], err);
    if (result == 0)
        result = diff_run(files, maps, options, err);
    file_map_close(&maps[0]);
    file_map_close(&maps[1]);
    return result;
}
