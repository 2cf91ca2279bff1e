#include "engine/cli/sweep_state.h"

#include <dirent.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/reader.h"
#include "engine/image/layer_pack.h"
#include "io/file/file.h"

/* "trawl sweep 3\n", a checksum of what follows but for the next number, how many bytes the fields before the plan
 * take, those fields in the struct's order, the plan. */
static const char magic[] = "trawl sweep 3\n";
#define MAGIC_BYTES (sizeof magic - 1)

static int path_make(const char *folder, char ret_path[PATH_MAX], struct err *err) {
    if (snprintf(ret_path, PATH_MAX, "%s/" SWEEP_STATE_NAME, folder) >= PATH_MAX)
        return err_set(err, ERR_IO, ENAMETOOLONG, "%s: the name is too long", folder);
    return 0;
}

/* Of a fleet the plan is tens of MiB: it is hashed and written where it is. */
static uint64_t checksum_of(struct span fields, struct span plan) {
    return xxh64_seeded(plan, xxh64_seeded(fields, 0));
}

int sweep_state_write(const char *folder, const struct sweep_state *state, struct err *err) {
    char path[PATH_MAX];
    AUTO_BUF struct buf fields, head;
    buf_init(&fields, 0);
    buf_init(&head, 0);
    text_pack(state->sweep_id, &fields);
    buf_le64(&fields, (uint64_t)state->started_at);
    buf_le64(&fields, state->conditions.low);
    buf_le64(&fields, state->conditions.high);
    text_pack(state->cache, &fields);
    buf_le64(&fields, state->target_count);
    for (size_t i = 0; i < state->target_count; i++)
        text_pack(state->targets[i], &fields);
    buf_text(&head, magic);
    buf_le64(&head, checksum_of(buf_span(&fields), state->plan));
    buf_le64(&head, fields.size);
    if (fields.failed || head.failed)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", folder);
    const struct span parts[] = {buf_span(&head), buf_span(&fields), state->plan};
    return path_make(folder, path, err) < 0 ? -1 : file_replace_parts(path, parts, ARRAY_COUNT(parts), err);
}

static int fields_read(struct arena *arena, struct reader *reader, struct sweep_state *state, struct err *err) {
    state->sweep_id = text_unpack(reader);
    state->started_at = (int64_t)read_le64(reader);
    state->conditions.low = read_le64(reader);
    state->conditions.high = read_le64(reader);
    state->cache = text_unpack(reader);
    uint64_t count = read_le64(reader);
    if (reader->failed || count > reader_left(reader) / 4)
        return err_set(err, ERR_FORMAT, 0, "it is damaged");
    struct span *targets = arena_array(arena, (size_t)count, sizeof *targets);
    if (targets == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    for (uint64_t i = 0; i < count; i++)
        targets[i] = text_unpack(reader);
    state->targets = targets;
    state->target_count = (size_t)count;
    return reader->failed || reader_left(reader) > 0 ? err_set(err, ERR_FORMAT, 0, "it is damaged") : 0;
}

int sweep_state_read(struct arena *arena, const char *folder, struct sweep_state *ret_state, struct err *err) {
    char path[PATH_MAX];
    AUTO_BUF struct buf file;
    buf_init(&file, 64 * LIMIT_GIB);
    if (path_make(folder, path, err) < 0 || file_read(path, &file, err) < 0)
        return -1;
    struct span bytes = arena_copy(arena, buf_span(&file));
    struct reader reader = reader_init(bytes);
    if (bytes.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "%s: out of memory", path);
    if (!span_is(read_bytes(&reader, MAGIC_BYTES), magic))
        return err_set(err, ERR_FORMAT, 0, "%s: expected the state of a sweep by this version of trawl", path);
    uint64_t checksum = read_le64(&reader);
    struct span fields = read_bytes(&reader, (size_t)read_le64(&reader));
    struct span plan = read_bytes(&reader, reader_left(&reader));
    if (reader.failed || checksum != checksum_of(fields, plan))
        return err_set(err, ERR_FORMAT, 0, "%s: it is damaged; sweep again without --resume", path);
    *ret_state = (struct sweep_state){.plan = plan};
    reader = reader_init(fields);
    return fields_read(arena, &reader, ret_state, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

/* "unfinished.4711.tmp": what file_replace() leaves where it is killed. */
static bool is_left_over(const char *name) {
    struct span text = span_text(name);
    return span_starts(text, SWEEP_STATE_NAME ".") && span_ends(text, ".tmp");
}

/* The manifest says that the sweep is finished, whether or not these go. */
void sweep_state_remove(const char *folder) {
    AUTO_DIR DIR *directory = opendir(folder);
    const struct dirent *item;
    while (directory != NULL && (item = readdir(directory)) != NULL) {
        if (strcmp(item->d_name, SWEEP_STATE_NAME) == 0 || is_left_over(item->d_name))
            (void)unlinkat(dirfd(directory), item->d_name, 0);
    }
}
