#include "shard/shard_sort.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "base/vec.h"
#include "shard/shard_folder.h"
#include "shard/shard_frame.h"
#include "shard/sort_key.h"

/* A run is read 16-fold when merged: small frames keep those buffers small. */
#define RUN_FRAME_BYTES (64 * LIMIT_KIB)

/* A row in memory: its sort key, then the row, so that one comparison of bytes decides all. Of a block the key is its
 * first row's, and what follows are its counts and packed rows. */
struct record {
    uint32_t key_size;
    uint32_t row_size;
    bool is_block;
    uint8_t body[];
};

/* A record's bytes, wherever they are. */
struct item {
    struct span body;
    uint32_t key_size;
    bool is_block;
};

struct entry {
    uint64_t prefix; /* order-preserving: decides most comparisons without touching the record */
    const struct record *record;
};

struct run {
    int fd;
    unsigned level;
};

/* One run while it is merged. */
struct run_source {
    struct frame_reader *frames;
    struct reader records; /* of the present frame */
    struct item item;
};

struct merge {
    struct run_source *sources;
    struct run_source **heap; /* the smallest body first */
    size_t source_count;
    size_t heap_count;
    bool advance;         /* the first of the heap has been handed out */
    struct buf last_body; /* what was handed out last, to see duplicates */
    struct item last;
};

struct shard_sort {
    int folder;
    size_t memory_bytes;
    struct arena arena; /* the records */
    VEC(struct entry) entries;
    struct buf key;       /* scratch */
    VEC(struct run) runs; /* levels never rise from front to back */
    uint64_t duplicates;
    uint64_t spills;
    bool finished;
    size_t next;        /* of entries, when nothing was spilled */
    struct merge merge; /* otherwise */
};

int shard_sort_new(int folder, size_t memory_bytes, struct shard_sort **ret_sort, struct err *err) {
    struct shard_sort *sort = mem_zalloc(sizeof *sort);
    if (sort == NULL)
        return err_set(err, ERR_NOMEM, 0, "sort: out of memory");
    sort->folder = folder;
    sort->memory_bytes = memory_bytes;
    /* Blocks well below the budget, so that a partly used one does not distort it. */
    arena_init(&sort->arena, size_max(4 * LIMIT_KIB, size_min(LIMIT_MIB, memory_bytes / 16)), 0);
    *ret_sort = sort;
    return 0;
}

static void merge_release(struct merge *merge) {
    for (size_t i = 0; i < merge->source_count; i++)
        frame_reader_free(merge->sources[i].frames);
    mem_free(merge->sources);
    mem_free(merge->heap);
    buf_release(&merge->last_body);
    *merge = (struct merge){0};
}

void shard_sort_free(struct shard_sort *sort) {
    if (sort == NULL)
        return;
    merge_release(&sort->merge);
    for (size_t i = 0; i < sort->runs.count; i++)
        cleanup_close(&sort->runs.data[i].fd);
    vec_release(&sort->runs);
    vec_release(&sort->entries);
    arena_release(&sort->arena);
    buf_release(&sort->key);
    mem_free(sort);
}

/* Most tables lead with a digest, whose "sha256:" would fill the prefix without deciding anything: it becomes a class
 * of its own between what sorts before and what sorts after such a text. */
static uint64_t key_prefix(struct span key) {
    static const struct span common = SPAN_LITERAL("sha256:");
    assert(key.size >= 2);
    struct span text = span_from(key, 2);
    uint8_t bytes[8] = {key.data[0]};
    if (key.data[1] != 0) {
        int order = span_compare(span_slice(text, 0, common.size), common);
        bytes[1] = order < 0 ? 1 : order == 0 ? 2 : 3;
        if (order == 0)
            text = span_from(text, common.size);
        text = span_slice(text, 0, sizeof bytes - 2);
        if (text.size > 0)
            memcpy(bytes + 2, text.data, text.size);
    }
    uint64_t prefix = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        prefix = prefix << 8 | bytes[i];
    return prefix;
}

static struct span record_body(const struct record *record) {
    return span_make(record->body, (size_t)record->key_size + record->row_size);
}

static struct item record_item(const struct record *record) {
    return (struct item){record_body(record), record->key_size, record->is_block};
}

/* Blocks of one key are the same however they were packed. */
static bool items_are_equal(const struct item *a, const struct item *b) {
    if (a->is_block && b->is_block)
        return span_equal(span_slice(a->body, 0, a->key_size), span_slice(b->body, 0, b->key_size));
    return a->is_block == b->is_block && span_equal(a->body, b->body);
}

#define BLOCK_HEAD_BYTES (2 * sizeof(uint32_t))

/* False when it is none. */
static bool item_block(const struct item *item, struct row_block *ret_block) {
    struct reader reader = reader_init(span_from(item->body, item->key_size));
    *ret_block = (struct row_block){.table = (enum table)item->body.data[0],
                                    .row_count = read_le32(&reader),
                                    .unpacked_size = read_le32(&reader),
                                    .key = span_slice(item->body, 0, item->key_size),
                                    .packed = read_bytes(&reader, reader_left(&reader))};
    return !reader.failed;
}

static void duplicate_count(struct shard_sort *sort, const struct item *item) {
    struct row_block block = {.row_count = 1};
    (void)(item->is_block && item_block(item, &block)); /* what comes out of here was looked at when it went in */
    sort->duplicates += block.row_count;
}

static bool entry_is_after(const struct entry *a, const struct entry *b, bool whole) {
    if (a->prefix != b->prefix)
        return a->prefix > b->prefix;
    return whole && span_compare(record_body(a->record), record_body(b->record)) > 0;
}

/* Bottom-up merge sort: rows come nearly sorted (one image's after another), and halves already in order are not
 * merged. With `whole` rows of equal prefixes are compared, else they stay as they came. `spare` has room for as many.
 */
static void entries_merge(struct entry *entries, struct entry *spare, size_t count, bool whole) {
    enum { STRIDE = 8 };
    struct entry *from = entries, *to = spare;
    for (size_t begin = 0; begin < count; begin += STRIDE) {
        size_t end = size_min(count, begin + STRIDE);
        for (size_t i = begin + 1; i < end; i++) {
            struct entry moved = from[i];
            size_t at = i;
            for (; at > begin && entry_is_after(&from[at - 1], &moved, whole); at--)
                from[at] = from[at - 1];
            from[at] = moved;
        }
    }
    for (size_t width = STRIDE; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            size_t middle = size_min(count, begin + width), end = size_min(count, begin + 2 * width);
            size_t left = begin, right = middle, at = begin;
            if (middle == end || !entry_is_after(&from[middle - 1], &from[middle], whole)) {
                memcpy(to + begin, from + begin, (end - begin) * sizeof *to);
                continue;
            }
            while (left < middle && right < end)
                to[at++] = entry_is_after(&from[left], &from[right], whole) ? from[right++] : from[left++];
            memcpy(to + at, from + left, (middle - left) * sizeof *to);
            at += middle - left;
            memcpy(to + at, from + right, (end - right) * sizeof *to);
        }
        struct entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof *entries);
}

/* Records lie all over the memory: what is looked at soon is asked for now. */
static void entry_prefetch(const struct entry *entries, size_t count, size_t at) {
    enum { AHEAD = 8, LINES = 4, LINE_BYTES = 64 };
    if (at + AHEAD >= count)
        return;
    const char *record = (const char *)entries[at + AHEAD].record;
    for (size_t i = 0; i < LINES; i++)
        __builtin_prefetch(record + i * LINE_BYTES);
}

/* Rows of one prefix, which are many where they begin with the same text: they get another one, of what follows after
 * all that they have in common. */
static void group_sort(struct entry *entries, struct entry *spare, size_t count) {
    struct span first = record_body(entries[0].record);
    size_t common = first.size;
    for (size_t i = 1; i < count; i++) {
        struct span body = record_body(entries[i].record);
        entry_prefetch(entries, count, i);
        common = span_common(first, span_slice(body, 0, common));
    }
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_slice(record_body(entries[i].record), common, sizeof entries[i].prefix);
        uint64_t prefix = 0;
        for (size_t b = 0; b < sizeof prefix; b++)
            prefix = prefix << 8 | (b < rest.size ? rest.data[b] : 0U);
        entries[i].prefix = prefix;
    }
    entries_merge(entries, spare, count, true);
}

static int entries_sort(struct shard_sort *sort, struct err *err) {
    struct entry *entries = sort->entries.data;
    size_t count = sort->entries.count;
    if (count < 2)
        return 0;
    struct entry *spare = mem_array(count, sizeof *spare);
    if (spare == NULL)
        return err_set(err, ERR_NOMEM, 0, "sort of %zu rows: out of memory", count);
    entries_merge(entries, spare, count, false);
    for (size_t begin = 0, end; begin < count; begin = end) {
        uint64_t prefix = entries[begin].prefix;
        for (end = begin + 1; end < count && entries[end].prefix == prefix; end++)
            ;
        if (end - begin > 1)
            group_sort(entries + begin, spare, end - begin);
    }
    mem_free(spare);
    return 0;
}

/* A run being written. */
struct run_writer {
    int fd;
    struct buf records; /* of the frame to come */
    struct buf frame;
};

static int run_flush(struct run_writer *writer, struct err *err) {
    if (writer->records.failed)
        return err_set(err, ERR_NOMEM, 0, "run: out of memory");
    if (writer->records.size == 0)
        return 0;
    buf_reset(&writer->frame);
    if (frame_encode(&writer->frame, buf_span(&writer->records), err) < 0)
        return -1;
    buf_reset(&writer->records);
    return folder_write_all(writer->fd, buf_span(&writer->frame), "run", err);
}

static int run_add(struct run_writer *writer, const struct item *item, struct err *err) {
    if (writer->records.size > 0 &&
        item->body.size > RUN_FRAME_BYTES - size_min(RUN_FRAME_BYTES, writer->records.size) &&
        run_flush(writer, err) < 0)
        return -1;
    buf_le32(&writer->records, item->key_size);
    buf_le32(&writer->records, (uint32_t)(item->body.size - item->key_size));
    buf_byte(&writer->records, item->is_block);
    buf_add(&writer->records, item->body);
    return 0;
}

static int run_begin(struct shard_sort *sort, struct run_writer *ret_writer, struct err *err) {
    static const char name[] = ".run.tmp";
    *ret_writer = (struct run_writer){.fd = -1};
    if (folder_create(sort->folder, name, &ret_writer->fd, err) < 0)
        return -1;
    if (unlinkat(sort->folder, name, 0) != 0)
        return err_set(err, ERR_IO, errno, "%s: remove the name: %s", name, strerror(errno));
    return 0;
}

static int run_end(struct shard_sort *sort, struct run_writer *writer, unsigned level, struct err *err) {
    if (run_flush(writer, err) < 0)
        return -1;
    if (!vec_push(&sort->runs, (struct run){.fd = writer->fd, .level = level}))
        return err_set(err, ERR_NOMEM, 0, "sort: out of memory");
    writer->fd = -1;
    return 0;
}

static void run_writer_release(struct run_writer *writer) {
    cleanup_close(&writer->fd);
    buf_release(&writer->records);
    buf_release(&writer->frame);
}
#define AUTO_RUN_WRITER AUTO(run_writer_release)

static int source_advance(struct run_source *source, bool *ret_more, struct err *err) {
    *ret_more = false;
    if (reader_left(&source->records) == 0) {
        struct span content;
        int got = frame_next(source->frames, &content, err);
        if (got <= 0)
            return got;
        source->records = reader_init(content);
    }
    uint32_t key_size = read_le32(&source->records);
    uint32_t row_size = read_le32(&source->records);
    bool is_block = read_u8(&source->records) != 0;
    size_t size = 0;
    if (!size_add(key_size, row_size, &size))
        size = SIZE_MAX;
    source->item = (struct item){read_bytes(&source->records, size), key_size, is_block};
    if (source->records.failed || key_size == 0 || row_size == 0)
        return err_set(err, ERR_FORMAT, 0, "sort: a spilled run changed on disk");
    *ret_more = true;
    return 0;
}

/* Restores the heap below `at`. */
static void heap_sift(struct merge *merge, size_t at) {
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < merge->heap_count; child++) {
            if (span_compare(merge->heap[child]->item.body, merge->heap[least]->item.body) < 0)
                least = child;
        }
        if (least == at)
            return;
        struct run_source *swap = merge->heap[at];
        merge->heap[at] = merge->heap[least];
        merge->heap[least] = swap;
        at = least;
    }
}

/* Over the last `count` runs, which stay in the list. */
static int merge_begin(struct merge *merge, const struct shard_sort *sort, size_t count, struct err *err) {
    *merge = (struct merge){0};
    merge->sources = mem_array(count, sizeof *merge->sources);
    merge->heap = mem_array(count, sizeof *merge->heap);
    if (merge->sources == NULL || merge->heap == NULL)
        return err_set(err, ERR_NOMEM, 0, "merge of %zu runs: out of memory", count);
    for (size_t i = 0; i < count; i++) {
        int fd = sort->runs.data[sort->runs.count - count + i].fd;
        struct run_source *source = &merge->sources[i];
        if (lseek(fd, 0, SEEK_SET) != 0)
            return err_set(err, ERR_IO, errno, "run: seek: %s", strerror(errno));
        if (frame_reader_new(fd, (struct span){NULL, 0}, "run", &source->frames, err) < 0)
            return -1;
        merge->source_count++;
        bool more;
        if (source_advance(source, &more, err) < 0)
            return -1;
        if (more)
            merge->heap[merge->heap_count++] = source;
    }
    for (size_t i = merge->heap_count; i-- > 0;)
        heap_sift(merge, i);
    return 0;
}

/* 1 and the next that is not the one before again; valid until the next call. */
static int merge_next(struct shard_sort *sort, struct merge *merge, struct item *ret_item, struct err *err) {
    for (;;) {
        if (merge->advance) {
            bool more;
            if (source_advance(merge->heap[0], &more, err) < 0)
                return -1;
            if (!more)
                merge->heap[0] = merge->heap[--merge->heap_count];
            heap_sift(merge, 0);
            merge->advance = false;
        }
        if (merge->heap_count == 0)
            return 0;
        merge->advance = true;
        const struct item *item = &merge->heap[0]->item;
        if (merge->last.key_size > 0 && items_are_equal(&merge->last, item)) {
            duplicate_count(sort, item);
            continue;
        }
        buf_reset(&merge->last_body);
        buf_add(&merge->last_body, item->body);
        if (merge->last_body.failed)
            return err_set(err, ERR_NOMEM, 0, "merge: out of memory");
        merge->last = *item;
        merge->last.body = buf_span(&merge->last_body);
        *ret_item = merge->last;
        return 1;
    }
}

static int runs_merge_into(struct shard_sort *sort, struct merge *merge, size_t count, unsigned level,
                           struct err *err) {
    AUTO_RUN_WRITER struct run_writer writer = {.fd = -1};
    if (merge_begin(merge, sort, count, err) < 0 || run_begin(sort, &writer, err) < 0)
        return -1;
    for (;;) {
        struct item item;
        int got = merge_next(sort, merge, &item, err);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        if (run_add(&writer, &item, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        cleanup_close(&sort->runs.data[--sort->runs.count].fd);
    return run_end(sort, &writer, level, err);
}

/* Merges the last SHARD_MERGE_WAYS runs into one of the next level. */
static int runs_merge(struct shard_sort *sort, struct err *err) {
    size_t count = SHARD_MERGE_WAYS;
    unsigned level = sort->runs.data[sort->runs.count - count].level + 1;
    struct merge merge;
    int result = runs_merge_into(sort, &merge, count, level, err);
    merge_release(&merge);
    return result;
}

/* Sorts what is in memory and writes it as a run. The memory is given back: merging comes next and wants some. */
static int spill(struct shard_sort *sort, struct err *err) {
    AUTO_RUN_WRITER struct run_writer writer = {.fd = -1};
    if (entries_sort(sort, err) < 0 || run_begin(sort, &writer, err) < 0)
        return -1;
    struct item last = {.key_size = 0};
    for (size_t i = 0; i < sort->entries.count; i++) {
        struct item item = record_item(sort->entries.data[i].record);
        entry_prefetch(sort->entries.data, sort->entries.count, i);
        if (last.key_size > 0 && items_are_equal(&last, &item)) {
            duplicate_count(sort, &item);
            continue;
        }
        if (run_add(&writer, &item, err) < 0)
            return -1;
        last = item;
    }
    if (run_end(sort, &writer, 0, err) < 0)
        return -1;
    sort->spills++;
    vec_release(&sort->entries);
    arena_release(&sort->arena);
    size_t count = sort->runs.count;
    while (count >= SHARD_MERGE_WAYS &&
           sort->runs.data[count - SHARD_MERGE_WAYS].level == sort->runs.data[count - 1].level) {
        if (runs_merge(sort, err) < 0)
            return -1;
        count = sort->runs.count;
    }
    return 0;
}

/* Room for a record, with its key; NULL and the error set when it failed. */
static struct record *record_add(struct shard_sort *sort, struct span key, size_t row_size, struct err *err) {
    assert(!sort->finished);
    size_t size = sizeof(struct record) + key.size + row_size;
    /* Entries count twice: sorting needs as many again. */
    size_t used = sort->arena.reserved + 2 * sort->entries.capacity * sizeof(struct entry);
    if (sort->entries.count > 0 && used + size > sort->memory_bytes && spill(sort, err) < 0)
        return NULL;
    struct record *record = arena_alloc(&sort->arena, size);
    struct entry entry = {.prefix = key_prefix(key), .record = record};
    if (record == NULL || !vec_push(&sort->entries, entry)) {
        (void)err_set(err, ERR_NOMEM, 0, "sort: out of memory");
        return NULL;
    }
    record->key_size = (uint32_t)key.size;
    record->row_size = (uint32_t)row_size;
    record->is_block = false;
    memcpy(record->body, key.data, key.size);
    return record;
}

int shard_sort_add(struct shard_sort *sort, const struct row_view *view, struct err *err) {
    buf_reset(&sort->key);
    sort_key_add(&sort->key, view);
    if (sort->key.failed)
        return err_set(err, ERR_NOMEM, 0, "sort: out of memory");
    struct record *record = record_add(sort, buf_span(&sort->key), view->bytes.size, err);
    if (record == NULL)
        return -1;
    memcpy(record->body + record->key_size, view->bytes.data, view->bytes.size);
    return 0;
}

int shard_sort_add_block(struct shard_sort *sort, const struct row_block *block, struct err *err) {
    struct record *record = record_add(sort, block->key, BLOCK_HEAD_BYTES + block->packed.size, err);
    if (record == NULL)
        return -1;
    record->is_block = true;
    uint8_t *to = record->body + record->key_size;
    for (size_t i = 0; i < sizeof(uint32_t); i++) {
        to[i] = (uint8_t)(block->row_count >> 8 * i);
        to[sizeof(uint32_t) + i] = (uint8_t)(block->unpacked_size >> 8 * i);
    }
    if (block->packed.size > 0)
        memcpy(to + BLOCK_HEAD_BYTES, block->packed.data, block->packed.size);
    return 0;
}

int shard_sort_finish(struct shard_sort *sort, struct err *err) {
    assert(!sort->finished);
    sort->finished = true;
    if (sort->runs.count == 0)
        return entries_sort(sort, err);
    if (sort->entries.count > 0 && spill(sort, err) < 0)
        return -1;
    while (sort->runs.count > SHARD_MERGE_WAYS) {
        if (runs_merge(sort, err) < 0)
            return -1;
    }
    return merge_begin(&sort->merge, sort, sort->runs.count, err);
}

int shard_sort_next(struct shard_sort *sort, struct shard_sorted *ret_sorted, struct err *err) {
    assert(sort->finished);
    struct item item = {.key_size = 0};
    if (sort->runs.count > 0) {
        int got = merge_next(sort, &sort->merge, &item, err);
        if (got <= 0)
            return got;
    } else {
        for (; sort->next < sort->entries.count; sort->next++) {
            item = record_item(sort->entries.data[sort->next].record);
            entry_prefetch(sort->entries.data, sort->entries.count, sort->next);
            struct item before = {.key_size = 0};
            if (sort->next > 0)
                before = record_item(sort->entries.data[sort->next - 1].record);
            if (sort->next == 0 || !items_are_equal(&before, &item))
                break;
            duplicate_count(sort, &item);
        }
        if (sort->next == sort->entries.count)
            return 0;
        sort->next++;
    }
    *ret_sorted = (struct shard_sorted){
        .table = (enum table)item.body.data[0], .is_block = item.is_block, .row = span_from(item.body, item.key_size)};
    if (ret_sorted->table >= TABLE_COUNT || (item.is_block && !item_block(&item, &ret_sorted->block)))
        return err_set(err, ERR_FORMAT, 0, "sort: a spilled run changed on disk");
    return 1;
}

uint64_t shard_sort_duplicates(const struct shard_sort *sort) { return sort->duplicates; }

uint64_t shard_sort_spills(const struct shard_sort *sort) { return sort->spills; }
