#include "engine/vulndb/mirror.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash/xxh.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"

struct mirror {
    const struct mirror_options *options;
    struct mirror_summary summary;
    struct arena arena;
    struct loop *loop;
    struct http *http;
    size_t pending;
};

/* One file to fetch: into a temporary one as it comes, which takes the place of `path` in the end. */
struct fetch {
    struct mirror *mirror;
    const char *url;
    const char *path;
    const char *part;      /* the temporary one's path */
    const char *condition; /* path of the file that holds ETag and Last-Modified; NULL: not conditional */
    uint64_t bytes_max;
    int fd;
    uint64_t bytes;
    bool is_same; /* as what lies there */
    struct err err;
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "mirror: out of memory"); }

static bool is_file(const char *url) { return strncmp(url, "file://", 7) == 0; }

/* A name that becomes part of a path and of a URL: no separator, nothing hidden, no control character. */
static bool name_is_fit(struct span name) {
    if (name.size == 0 || name.size > 200 || name.data[0] == '.')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x20 || name.data[i] == '/' || name.data[i] == '\\' || name.data[i] >= 0x7f)
            return false;
    }
    return true;
}

/* BASE/first/second, the parts percent-encoded where the base is not a folder of this machine. */
static const char *url_make(struct mirror *mirror, struct span first, struct span second) {
    AUTO_BUF struct buf url = {0};
    struct span base = span_text(mirror->options->base);
    bool plain = is_file(mirror->options->base);
    struct span parts[] = {first, second};
    while (base.size > 0 && base.data[base.size - 1] == '/')
        base.size--;
    buf_add(&url, base);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (parts[i].size == 0)
            continue;
        buf_byte(&url, '/');
        if (plain)
            buf_add(&url, parts[i]);
        else
            buf_percent(&url, parts[i]);
    }
    return url.failed ? NULL : arena_text(&mirror->arena, buf_span(&url));
}

/* ---- fetching ---- */

static int part_open(struct fetch *fetch, struct err *err) {
    if (fetch->fd >= 0)
        return 0;
    fetch->fd = open(fetch->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fetch->fd < 0 ? err_set(err, ERR_IO, errno, "%s: %s", fetch->part, strerror(errno)) : 0;
}

/* A write to the page cache in the loop's thread: this loop serves nothing else. */
static enum http_flow on_body(void *context, struct span bytes, size_t *ret_taken, struct err *err) {
    struct fetch *fetch = context;
    (void)ret_taken;
    if (part_open(fetch, err) < 0 || file_write_all(fetch->fd, bytes, fetch->part, err) < 0)
        return HTTP_ABORT;
    fetch->bytes += bytes.size;
    return HTTP_CONTINUE;
}

static int condition_write(const struct fetch *fetch, const char *etag, const char *last_modified, struct err *err) {
    AUTO_BUF struct buf text = {0};
    if (fetch->condition == NULL)
        return 0;
    /* The address too: another base's tags mean nothing here. */
    buf_format(&text, "%s\n%s\n%s\n", fetch->url, etag, last_modified);
    return text.failed ? nomem(err) : file_replace(fetch->condition, buf_span(&text), err);
}

static int part_finish(struct fetch *fetch, const char *etag, const char *last_modified, struct err *err) {
    if (part_open(fetch, err) < 0)
        return -1;
    if (fsync(fetch->fd) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", fetch->part, strerror(errno));
    (void)close(fetch->fd);
    fetch->fd = -1;
    /* The condition goes away before and comes back after: a crash in between costs one fetch, never an update. */
    if (fetch->condition != NULL)
        (void)unlink(fetch->condition);
    if (rename(fetch->part, fetch->path) != 0)
        return err_set(err, ERR_IO, errno, "%s: %s", fetch->path, strerror(errno));
    return condition_write(fetch, etag, last_modified, err);
}

static void on_done(void *context, const struct http_result *result) {
    struct fetch *fetch = context;
    struct mirror *mirror = fetch->mirror;
    if (result->status == 304 && fetch->condition != NULL) {
        fetch->is_same = true;
    } else if (result->err.code != ERR_NONE) {
        fetch->err = result->err;
    } else {
        (void)part_finish(fetch, result->etag, result->last_modified, &fetch->err);
    }
    if (--mirror->pending == 0)
        loop_stop(mirror->loop);
}

/* The headers of a conditional request, from what the last one was answered with. */
static int condition_read(struct mirror *mirror, const struct fetch *fetch, const char **ret_headers, struct err *err) {
    AUTO_BUF struct buf text = {0};
    struct err why = {0};
    size_t count = 0;
    if (fetch->condition == NULL || access(fetch->path, F_OK) != 0)
        return 0;
    text.size_max = LIMIT_MIB;
    if (file_read(fetch->condition, &text, &why) < 0)
        return why.code == ERR_NOMEM ? nomem(err) : 0;
    struct reader r = reader_init(buf_span(&text));
    struct span url, etag, last_modified;
    if (!read_line(&r, &url) || !read_line(&r, &etag) || !read_line(&r, &last_modified) || !span_is(url, fetch->url))
        return 0;
    if (etag.size > 0)
        ret_headers[count++] = arena_format(&mirror->arena, "If-None-Match: %.*s", SPAN_FORMAT(etag));
    else if (last_modified.size > 0)
        ret_headers[count++] = arena_format(&mirror->arena, "If-Modified-Since: %.*s", SPAN_FORMAT(last_modified));
    return count > 0 && ret_headers[0] == NULL ? nomem(err) : 0;
}

static int fetch_start(struct mirror *mirror, struct fetch *fetch, struct err *err) {
    const char *headers[2] = {NULL, NULL};
    if (condition_read(mirror, fetch, headers, err) < 0)
        return -1;
    struct http_spec spec = {.url = fetch->url,
                             .headers = headers,
                             .bytes_max = fetch->bytes_max,
                             .body = on_body,
                             .done = on_done,
                             .context = fetch};
    if (http_start(mirror->http, &spec, NULL, err) < 0)
        return -1;
    mirror->pending++;
    return 0;
}

/* From a folder of this machine: equal bytes are the condition. */
static int fetch_copy(struct fetch *fetch, struct err *err) {
    struct file_map from = {{NULL, 0}};
    struct file_map to = {{NULL, 0}};
    if (file_map_open(fetch->url + 7, &from, err) < 0)
        return -1;
    if (from.bytes.size > fetch->bytes_max) {
        file_map_close(&from);
        return err_set(err, ERR_LIMIT, 0, "%s: more than %" PRIu64 " bytes", fetch->url, fetch->bytes_max);
    }
    struct err why = {0};
    if (fetch->condition != NULL && file_map_open(fetch->path, &to, &why) == 0) {
        fetch->is_same = span_equal(from.bytes, to.bytes);
        file_map_close(&to);
    }
    int result = fetch->is_same ? 0 : file_replace(fetch->path, from.bytes, err);
    fetch->bytes = from.bytes.size;
    file_map_close(&from);
    return result;
}

/* Hidden, so that a half one is never taken for a feed. */
static const char *part_path(struct mirror *mirror, const char *path) {
    struct span whole = span_text(path);
    size_t name = span_index_last(whole, '/') + 1; /* 0 without one */
    return arena_format(&mirror->arena, "%.*s.%s.part", SPAN_FORMAT(span_slice(whole, 0, name)), path + name);
}

/* All of them, side by side; the first error is the result, and every file is as it was or whole. */
static int fetch_all(struct mirror *mirror, struct fetch *fetches, size_t count, struct err *err) {
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        struct fetch *fetch = &fetches[i];
        fetch->mirror = mirror;
        fetch->fd = -1;
        fetch->part = part_path(mirror, fetch->path);
        if (fetch->part == NULL)
            result = nomem(err);
        else if (is_file(fetch->url))
            result = fetch_copy(fetch, err);
        else
            result = fetch_start(mirror, fetch, err);
    }
    /* Those that were started end in any case. */
    while (mirror->pending > 0) {
        struct err broken = {0};
        if (loop_run(mirror->loop, &broken) < 0)
            return err_set(err, broken.code, broken.sys, "%s", broken.text);
    }
    for (size_t i = 0; i < count; i++) {
        struct fetch *fetch = &fetches[i];
        if (fetch->part == NULL)
            continue;
        if (fetch->fd >= 0)
            (void)close(fetch->fd);
        if (fetch->err.code != ERR_NONE)
            (void)unlink(fetch->part);
        if (result == 0 && fetch->err.code != ERR_NONE)
            result = err_set(err, fetch->err.code, fetch->err.sys, "%s", fetch->err.text);
        mirror->summary.unchanged += fetch->is_same;
        mirror->summary.bytes += fetch->is_same ? 0 : fetch->bytes;
    }
    return result;
}

static int fetch_one(struct mirror *mirror, struct fetch *fetch, struct err *err) {
    return fetch_all(mirror, fetch, 1, err);
}

/* ---- one ecosystem ---- */

struct ecosystem {
    struct span name;
    const char *folder, *newer, *archive, *archive_condition;
    const char *index, *index_condition; /* what the server says now */
    const char *reached;                 /* the index that the folder is up to date with */
};

static int ecosystem_make(struct mirror *mirror, const char *name, struct ecosystem *ret_ecosystem, struct err *err) {
    struct ecosystem e = {.name = span_text(name)};
    struct arena *arena = &mirror->arena;
    char quoted[96];
    if (!name_is_fit(e.name))
        return err_set(err, ERR_USAGE, 0, "'%s' is no ecosystem's name", text_quote(e.name, quoted, sizeof quoted));
    e.folder = arena_format(arena, "%s/%s", mirror->options->folder, name);
    if (e.folder == NULL)
        return nomem(err);
    e.newer = arena_format(arena, "%s/newer", e.folder);
    e.archive = arena_format(arena, "%s/all.zip", e.folder);
    e.archive_condition = arena_format(arena, "%s/.all.zip.condition", e.folder);
    e.index = arena_format(arena, "%s/.modified_id.csv", e.folder);
    e.index_condition = arena_format(arena, "%s/.modified_id.csv.condition", e.folder);
    e.reached = arena_format(arena, "%s/.reached", e.folder);
    if (e.newer == NULL || e.archive == NULL || e.archive_condition == NULL || e.index == NULL ||
        e.index_condition == NULL || e.reached == NULL)
        return nomem(err);
    *ret_ecosystem = e;
    return file_make_folder(e.newer, err);
}

/* Removes the advisories that an archive has made old. */
static void newer_clear(const struct ecosystem *ecosystem) {
    AUTO_DIR DIR *directory = opendir(ecosystem->newer);
    if (directory == NULL)
        return;
    for (struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
        if (item->d_name[0] != '.')
            (void)unlinkat(dirfd(directory), item->d_name, 0);
    }
}

static int archive_fetch(struct mirror *mirror, const struct ecosystem *ecosystem, bool conditional, struct err *err) {
    struct fetch fetch = {.url = url_make(mirror, ecosystem->name, span_text("all.zip")),
                          .path = ecosystem->archive,
                          .condition = ecosystem->archive_condition,
                          .bytes_max = LIMIT_FEED_BYTES};
    if (fetch.url == NULL)
        return nomem(err);
    /* The index says that the archive is older: do not be told by a cache that it is the same. */
    if (!conditional)
        (void)unlink(ecosystem->archive_condition);
    if (fetch_one(mirror, &fetch, err) < 0)
        return -1;
    mirror->summary.archives += !fetch.is_same;
    if (!fetch.is_same)
        newer_clear(ecosystem);
    return 0;
}

/* "2026-08-21T10:00:00.123Z,GO-2026-1" */
static bool index_line(struct reader *r, struct span *ret_time, struct span *ret_id) {
    struct span line;
    while (read_line(r, &line)) {
        *ret_time = text_cut(&line, ',');
        *ret_id = text_trim(line);
        if (ret_id->size > 0)
            return true;
    }
    return false;
}

/* Whether `a` is earlier than `b`: RFC 3339, down to the second. What is no time counts as new. */
static bool is_earlier(struct span a, struct span b) {
    int64_t a_s = 0;
    int64_t b_s = 0;
    return clock_parse(a, &a_s) && clock_parse(b, &b_s) && a_s < b_s;
}

/* Whether the line "time,id" is in an index. */
static bool index_has(struct span index, struct span time, struct span id) {
    AUTO_BUF struct buf line = {0};
    buf_add(&line, time);
    buf_byte(&line, ',');
    buf_add(&line, id);
    buf_byte(&line, '\n');
    return !line.failed && span_find(index, buf_span(&line), 0) != SIZE_MAX;
}

/* The advisories of the index that are later than what was reached; false when there are more than a few. */
static int singles_list(struct mirror *mirror, const struct ecosystem *ecosystem, struct span index,
                        struct span reached, struct fetch *fetches, size_t *ret_count, struct err *err) {
    struct reader r = reader_init(index);
    struct reader old = reader_init(reached);
    struct span time, id, reached_time, reached_id;
    size_t count = 0;
    *ret_count = SIZE_MAX;
    if (!index_line(&old, &reached_time, &reached_id))
        return 0;
    while (index_line(&r, &time, &id) && !is_earlier(time, reached_time)) {
        char quoted[96];
        if (index_has(reached, time, id))
            continue;
        if (!name_is_fit(id))
            return err_set(err, ERR_FORMAT, 0, "%s: '%s' is no advisory's id", ecosystem->index,
                           text_quote(id, quoted, sizeof quoted));
        if (count == LIMIT_MIRROR_SINGLES)
            return 0;
        AUTO_BUF struct buf file = {0};
        buf_add(&file, id);
        buf_text(&file, ".json");
        struct fetch fetch = {.url = url_make(mirror, ecosystem->name, buf_span(&file)),
                              .path = arena_format(&mirror->arena, "%s/%.*s.json", ecosystem->newer, SPAN_FORMAT(id)),
                              .bytes_max = LIMIT_FEED_DOCUMENT_BYTES};
        if (file.failed || fetch.url == NULL || fetch.path == NULL)
            return nomem(err);
        fetches[count++] = fetch;
    }
    *ret_count = count;
    return 0;
}

static int newer_fetch(struct mirror *mirror, const struct ecosystem *ecosystem, struct span index, struct span reached,
                       struct err *err) {
    size_t count = SIZE_MAX;
    struct fetch *fetches = arena_array(&mirror->arena, LIMIT_MIRROR_SINGLES, sizeof *fetches);
    if (fetches == NULL)
        return nomem(err);
    if (access(ecosystem->archive, F_OK) == 0 &&
        singles_list(mirror, ecosystem, index, reached, fetches, &count, err) < 0)
        return -1;
    if (count == SIZE_MAX)
        return archive_fetch(mirror, ecosystem, false, err);
    if (fetch_all(mirror, fetches, count, err) < 0)
        return -1;
    mirror->summary.advisories += count;
    return 0;
}

static int ecosystem_update(struct mirror *mirror, const char *name, struct err *err) {
    struct ecosystem ecosystem;
    AUTO_BUF struct buf index = {.size_max = LIMIT_MIRROR_INDEX_BYTES};
    AUTO_BUF struct buf reached = {.size_max = LIMIT_MIRROR_INDEX_BYTES};
    struct err why = {0};
    if (ecosystem_make(mirror, name, &ecosystem, err) < 0)
        return -1;
    struct fetch fetch = {.url = url_make(mirror, ecosystem.name, span_text("modified_id.csv")),
                          .path = ecosystem.index,
                          .condition = ecosystem.index_condition,
                          .bytes_max = LIMIT_MIRROR_INDEX_BYTES};
    if (fetch.url == NULL)
        return nomem(err);
    if (fetch_one(mirror, &fetch, &why) < 0) {
        /* A plain mirror has archives alone. */
        if (why.code == ERR_NOTFOUND)
            return archive_fetch(mirror, &ecosystem, true, err);
        return err_set(err, why.code, why.sys, "%s", why.text);
    }
    if (file_read(ecosystem.index, &index, err) < 0)
        return -1;
    if (file_read(ecosystem.reached, &reached, &why) < 0 && why.code != ERR_NOTFOUND)
        return err_set(err, why.code, why.sys, "%s", why.text);
    if (reached.size > 0 && span_equal(buf_span(&index), buf_span(&reached)) && access(ecosystem.archive, F_OK) == 0)
        return 0;
    if (newer_fetch(mirror, &ecosystem, buf_span(&index), buf_span(&reached), err) < 0)
        return -1;
    return file_replace(ecosystem.reached, buf_span(&index), err);
}

/* ---- all of them ---- */

static int ecosystems_all(struct mirror *mirror, struct err *err) {
    AUTO_BUF struct buf names = {.size_max = LIMIT_MIB};
    struct fetch fetch = {.url = url_make(mirror, span_text("ecosystems.txt"), span_text("")),
                          .path = arena_format(&mirror->arena, "%s/.ecosystems.txt", mirror->options->folder),
                          .bytes_max = LIMIT_MIB};
    if (fetch.url == NULL || fetch.path == NULL)
        return nomem(err);
    if (fetch_one(mirror, &fetch, err) < 0 || file_read(fetch.path, &names, err) < 0)
        return -1;
    struct reader r = reader_init(buf_span(&names));
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(line);
        /* Releases ("Debian:12") are in their ecosystem's archive too. */
        if (line.size == 0 || span_index(line, ':', 0) != SIZE_MAX)
            continue;
        const char *name = arena_text(&mirror->arena, line);
        if (name == NULL)
            return nomem(err);
        if (ecosystem_update(mirror, name, err) < 0)
            return -1;
    }
    return 0;
}

static int extra_fetch(struct mirror *mirror, const char *url, struct err *err) {
    struct span name = span_from(span_text(url), span_index_last(span_text(url), '/') + 1);
    const char *folder =
        arena_format(&mirror->arena, "%s/extra-%016" PRIx64, mirror->options->folder, xxh64_file(span_text(url), 0));
    char quoted[96];
    if (!name_is_fit(name) || span_index(span_text(url), ':', 0) == SIZE_MAX)
        return err_set(err, ERR_USAGE, 0, "'%s': an address with a file's name at its end is expected",
                       text_quote(span_text(url), quoted, sizeof quoted));
    if (folder == NULL || file_make_folder(folder, err) < 0)
        return folder == NULL ? nomem(err) : -1;
    struct fetch fetch = {.url = url,
                          .path = arena_format(&mirror->arena, "%s/%.*s", folder, SPAN_FORMAT(name)),
                          .condition = arena_format(&mirror->arena, "%s/.condition", folder),
                          .bytes_max = LIMIT_FEED_BYTES};
    if (fetch.path == NULL || fetch.condition == NULL)
        return nomem(err);
    return fetch_one(mirror, &fetch, err);
}

static int update_run(struct mirror *mirror, struct err *err) {
    const struct mirror_options *options = mirror->options;
    if (file_make_folder(options->folder, err) < 0 || loop_open(LOOP_AUTO, &mirror->loop, err) < 0 ||
        http_open(mirror->loop, &options->http, &mirror->http, err) < 0)
        return -1;
    for (size_t i = 0; i < options->ecosystem_count; i++) {
        bool all = strcmp(options->ecosystems[i], "all") == 0;
        if ((all ? ecosystems_all(mirror, err) : ecosystem_update(mirror, options->ecosystems[i], err)) < 0)
            return -1;
    }
    for (size_t i = 0; i < options->extra_count; i++) {
        if (extra_fetch(mirror, options->extra_urls[i], err) < 0)
            return -1;
    }
    return 0;
}

int mirror_update(const struct mirror_options *options, struct mirror_summary *ret_summary, struct err *err) {
    struct mirror mirror = {.options = options};
    arena_init(&mirror.arena, 0, 0);
    int result = update_run(&mirror, err);
    http_close(mirror.http);
    loop_close(mirror.loop);
    arena_release(&mirror.arena);
    *ret_summary = mirror.summary;
    return result;
}
