#include "io/git/git_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/overflow.h"
#include "base/parse/inflate.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/file/file.h"

#define PACK_HEAD_BYTES ((size_t)12)
#define INDEX_HEAD_BYTES ((size_t)8)
#define FANOUT_BYTES ((size_t)1024)
#define CACHE_SLOTS ((size_t)256)
#define CACHE_BODY_BYTES (LIMIT_GIT_CACHE_BYTES / CACHE_SLOTS)

struct pack {
    struct file_map data, index;
    uint32_t count;
    struct span hashes, offsets, large_offsets; /* of the index */
};

/* Where an object of the pack at hand begins, and its place in the index. */
struct place {
    uint64_t offset;
    uint32_t index;
};

/* Contents that were made lately: the next delta's base is mostly one of them. */
struct kept {
    const struct pack *pack;
    uint64_t offset;
    enum git_kind kind;
    struct buf body;
};

struct git_store {
    size_t hash_bytes;
    VEC(char *) folders; /* "…/objects", the repository's own first */
    VEC(struct pack) packs;
    struct kept *kept; /* CACHE_SLOTS */
    VEC(uint64_t) chain;
    struct buf file, body, other, delta;
    uint8_t hash[32];
    /* The walk. */
    size_t folder, first; /* loose: the folder, and the first byte of its names */
    DIR *loose;
    size_t pack; /* packed */
    VEC(struct place) places;
    size_t place;
    bool places_ready;
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "git repository: out of memory"); }

static char *path_join(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = mem_alloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* ---- opening ---- */

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The parts of an index of version 2, all of them within it. */
static bool index_read(struct pack *pack, size_t hash_bytes) {
    struct span bytes = pack->index.bytes;
    struct reader r = reader_init(bytes);
    bool known = read_be32(&r) == 0xFF744F63 && read_be32(&r) == 2;
    struct reader fanout = reader_init(span_slice(bytes, INDEX_HEAD_BYTES + FANOUT_BYTES - 4, 4));
    pack->count = read_be32(&fanout);
    (void)read_bytes(&r, FANOUT_BYTES);
    pack->hashes = read_bytes(&r, (size_t)pack->count * hash_bytes);
    (void)read_bytes(&r, (size_t)pack->count * 4); /* checksums */
    pack->offsets = read_bytes(&r, (size_t)pack->count * 4);
    pack->large_offsets = span_from(bytes, r.offset);
    return known && !r.failed && !fanout.failed && span_starts(pack->data.bytes, "PACK");
}

static int pack_add(struct git_store *store, const char *folder, const char *name, struct err *err) {
    struct pack pack = {.count = 0};
    AUTO_FREE char *index = path_join(folder, name);
    AUTO_FREE char *data = index == NULL ? NULL : mem_text(index, strlen(index) + 1);
    if (index == NULL || data == NULL)
        return nomem(err);
    memcpy(data + strlen(data) - 4, ".pack", 6); /* "….idx": its text has room for one more byte */
    if (store->packs.count >= LIMIT_GIT_PACKS)
        return err_set(err, ERR_LIMIT, 0, "git repository: more than %zu packs; run git gc first", LIMIT_GIT_PACKS);
    if (file_map_open(index, &pack.index, err) < 0)
        return -1;
    if (file_map_open(data, &pack.data, err) < 0) {
        file_map_close(&pack.index);
        return -1;
    }
    int result = 0;
    if (!index_read(&pack, store->hash_bytes))
        result = err_set(err, ERR_UNSUPPORTED, 0, "%s: expected an index of version 2 and its pack", index);
    else if (!vec_push(&store->packs, pack))
        result = nomem(err);
    if (result < 0) {
        file_map_close(&pack.index);
        file_map_close(&pack.data);
    }
    return result;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* In the order of their names: the same repository is told in the same order. */
static int packs_open(struct git_store *store, const char *objects, struct err *err) {
    AUTO_FREE char *folder = path_join(objects, "pack");
    if (folder == NULL)
        return nomem(err);
    AUTO_DIR DIR *entries = opendir(folder);
    if (entries == NULL)
        return 0; /* nothing was ever packed */
    VEC(char *) names = {0};
    int result = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL && result == 0; entry = readdir(entries)) {
        if (!span_ends(span_text(entry->d_name), ".idx"))
            continue;
        char *name = mem_text(entry->d_name, strlen(entry->d_name));
        if (name == NULL || !vec_push(&names, name)) {
            mem_free(name);
            result = nomem(err);
        }
    }
    if (names.count > 1)
        qsort(names.data, names.count, sizeof *names.data, compare_names);
    for (size_t i = 0; i < names.count; i++) {
        if (result == 0)
            result = pack_add(store, folder, names.data[i], err);
        mem_free(names.data[i]);
    }
    vec_release(&names);
    return result;
}

/* Other stores that this one borrows from, one a line; theirs are not followed any further. */
static int alternates_add(struct git_store *store, const char *objects, struct err *err) {
    AUTO_FREE char *path = path_join(objects, "info/alternates");
    AUTO_BUF struct buf text;
    struct err missing = {0};
    buf_init(&text, LIMIT_MIB);
    if (path == NULL)
        return nomem(err);
    if (file_read(path, &text, &missing) < 0)
        return 0;
    struct span rest = buf_span(&text);
    while (rest.size > 0) {
        struct span line = text_trim(text_cut(&rest, '\n'));
        if (line.size == 0 || line.data[0] == '#')
            continue;
        AUTO_FREE char *name = mem_text(line.data, line.size);
        char *folder = name == NULL ? NULL : name[0] == '/' ? mem_text(name, line.size) : path_join(objects, name);
        if (folder == NULL || store->folders.count >= LIMIT_GIT_ALTERNATES || !vec_push(&store->folders, folder)) {
            mem_free(folder);
            return err_set(err, ERR_LIMIT, 0, "git repository: more than %zu alternates, or out of memory",
                           LIMIT_GIT_ALTERNATES);
        }
    }
    return 0;
}

static int folders_find(struct git_store *store, const char *folder, struct err *err) {
    static const char *const places[] = {".git/objects", "objects"};
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        char *objects = path_join(folder, places[i]);
        if (objects == NULL)
            return nomem(err);
        if (is_folder(objects)) {
            if (vec_push(&store->folders, objects))
                return alternates_add(store, objects, err);
            mem_free(objects);
            return nomem(err);
        }
        mem_free(objects);
    }
    return err_set(err, ERR_NOTFOUND, 0, "%s: no git repository: expected .git/objects or objects in it", folder);
}

/* "objectformat = sha256" in the configuration beside the objects. */
static bool is_sha256(const struct git_store *store) {
    AUTO_FREE char *path = path_join(store->folders.data[0], "../config");
    AUTO_BUF struct buf text;
    struct err missing = {0};
    buf_init(&text, LIMIT_MIB);
    if (path == NULL || file_read(path, &text, &missing) < 0)
        return false;
    struct span rest = buf_span(&text);
    while (rest.size > 0) {
        struct span value = text_cut(&rest, '\n');
        struct span key = text_trim(text_cut(&value, '='));
        if (text_equal_nocase(key, span_text("objectformat")) && span_is(text_trim(value), "sha256"))
            return true;
    }
    return false;
}

int git_store_open(const char *folder, struct git_store **ret_store, struct err *err) {
    AUTO_GIT_STORE struct git_store *store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return nomem(err);
    buf_init(&store->file, LIMIT_GIT_OBJECT_BYTES);
    buf_init(&store->body, LIMIT_GIT_OBJECT_BYTES);
    buf_init(&store->other, LIMIT_GIT_OBJECT_BYTES);
    buf_init(&store->delta, LIMIT_GIT_OBJECT_BYTES);
    store->kept = mem_array(CACHE_SLOTS, sizeof *store->kept);
    if (store->kept == NULL)
        return nomem(err);
    if (folders_find(store, folder, err) < 0)
        return -1;
    store->hash_bytes = is_sha256(store) ? 32 : 20;
    for (size_t i = 0; i < store->folders.count; i++)
        if (packs_open(store, store->folders.data[i], err) < 0)
            return -1;
    *ret_store = STEAL(store);
    return 0;
}

void git_store_free(struct git_store *store) {
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->folders.count; i++)
        mem_free(store->folders.data[i]);
    vec_release(&store->folders);
    for (size_t i = 0; i < store->packs.count; i++) {
        file_map_close(&store->packs.data[i].data);
        file_map_close(&store->packs.data[i].index);
    }
    vec_release(&store->packs);
    for (size_t i = 0; store->kept != NULL && i < CACHE_SLOTS; i++)
        buf_release(&store->kept[i].body);
    mem_free(store->kept);
    vec_release(&store->chain);
    vec_release(&store->places);
    buf_release(&store->file);
    buf_release(&store->body);
    buf_release(&store->other);
    buf_release(&store->delta);
    if (store->loose != NULL)
        (void)closedir(store->loose); /* only read from */
    mem_free(store);
}

void git_store_rewind(struct git_store *store) {
    if (store->loose != NULL)
        (void)closedir(store->loose); /* only read from */
    store->loose = NULL;
    store->folder = store->first = store->pack = store->place = 0;
    store->places_ready = false;
}

/* ---- packs ---- */

static struct span hash_at(const struct git_store *store, const struct pack *pack, size_t index) {
    return span_slice(pack->hashes, index * store->hash_bytes, store->hash_bytes);
}

static uint64_t offset_at(const struct pack *pack, size_t index) {
    struct reader r = reader_init(span_slice(pack->offsets, index * 4, 4));
    uint32_t offset = read_be32(&r);
    if ((offset & 0x80000000U) == 0)
        return offset;
    struct reader large = reader_init(span_slice(pack->large_offsets, (size_t)(offset & 0x7FFFFFFFU) * 8, 8));
    uint64_t value = read_be64(&large);
    return large.failed ? UINT64_MAX : value;
}

static bool pack_find(const struct git_store *store, const struct pack *pack, struct span hash, size_t *ret_index) {
    size_t low = 0, high = pack->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(hash_at(store, pack, middle), hash);
        if (order == 0) {
            *ret_index = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether one of the first `count` packs holds it. */
static bool is_packed(const struct git_store *store, struct span hash, size_t count) {
    size_t index;
    for (size_t i = 0; i < count; i++)
        if (pack_find(store, &store->packs.data[i], hash, &index))
            return true;
    return false;
}

static struct kept *kept_slot(const struct git_store *store, uint64_t offset) {
    return &store->kept[(offset * 0x9E3779B97F4A7C15U) >> 56 & (CACHE_SLOTS - 1)];
}

static void keep(const struct git_store *store, const struct pack *pack, uint64_t offset, enum git_kind kind,
                 struct span body) {
    struct kept *kept = kept_slot(store, offset);
    if (body.size > CACHE_BODY_BYTES)
        return;
    kept->pack = NULL;
    kept->body.size_max = CACHE_BODY_BYTES;
    buf_reset(&kept->body);
    buf_add(&kept->body, body);
    if (!kept->body.failed)
        *kept = (struct kept){pack, offset, kind, kept->body};
}

static const struct kept *kept_find(const struct git_store *store, const struct pack *pack, uint64_t offset) {
    const struct kept *kept = kept_slot(store, offset);
    return kept->pack == pack && kept->offset == offset ? kept : NULL;
}

/* Follows deltas from the object at `offset` to what is none, or was kept; their places are in `chain`, the base last.
 * With `only_kind` what was kept ends nothing. */
static int chain_follow(struct git_store *store, const struct pack *pack, uint64_t offset, struct git_entry *ret_base,
                        struct err *err) {
    store->chain.count = 0;
    for (;;) {
        struct git_entry entry;
        if (offset < PACK_HEAD_BYTES || offset >= pack->data.bytes.size ||
            !git_entry_read(pack->data.bytes, (size_t)offset, store->hash_bytes, &entry))
            return err_set(err, ERR_FORMAT, 0, "git pack: no object at offset %" PRIu64, offset);
        if (store->chain.count >= LIMIT_GIT_DELTA_DEPTH)
            return err_set(err, ERR_LIMIT, 0, "git pack: more than %zu deltas on each other", LIMIT_GIT_DELTA_DEPTH);
        if (!vec_push(&store->chain, offset))
            return nomem(err);
        *ret_base = entry;
        if (entry.kind < GIT_OFFSET_DELTA || kept_find(store, pack, offset) != NULL)
            return 0;
        size_t index;
        if (entry.kind == GIT_OFFSET_DELTA) {
            if (entry.base_distance == 0 || entry.base_distance > offset)
                return err_set(err, ERR_FORMAT, 0, "git pack: a delta at offset %" PRIu64 " without its base", offset);
            offset -= entry.base_distance;
        } else if (pack_find(store, pack, entry.base_hash, &index)) {
            offset = offset_at(pack, index);
        } else {
            return err_set(err, ERR_FORMAT, 0, "git pack: a delta at offset %" PRIu64 " whose base is not there",
                           offset);
        }
    }
}

static int entry_inflate(const struct git_store *store, const struct pack *pack, uint64_t offset, struct buf *out,
                         struct err *err) {
    struct git_entry entry;
    if (!git_entry_read(pack->data.bytes, (size_t)offset, store->hash_bytes, &entry))
        return err_set(err, ERR_FORMAT, 0, "git pack: no object at offset %" PRIu64, offset);
    buf_reset(out);
    return inflate_bytes(span_from(pack->data.bytes, (size_t)offset + entry.head_bytes), INFLATE_ZLIB, out, err);
}

/* The object whose chain was followed: its contents are in `body`. */
static int chain_resolve(struct git_store *store, const struct pack *pack, enum git_kind kind, struct err *err) {
    uint64_t base = store->chain.data[store->chain.count - 1];
    const struct kept *kept = kept_find(store, pack, base);
    buf_reset(&store->body);
    if (kept != NULL)
        buf_add(&store->body, buf_span(&kept->body));
    else if (entry_inflate(store, pack, base, &store->body, err) < 0)
        return -1;
    if (store->body.failed)
        return nomem(err);
    for (size_t i = store->chain.count - 1; i-- > 0;) {
        buf_reset(&store->other);
        if (entry_inflate(store, pack, store->chain.data[i], &store->delta, err) < 0 ||
            git_delta_apply(buf_span(&store->body), buf_span(&store->delta), &store->other, err) < 0)
            return -1;
        struct buf made = store->other;
        store->other = store->body;
        store->body = made;
    }
    keep(store, pack, store->chain.data[0], kind, buf_span(&store->body));
    return 0;
}

static enum git_kind chain_kind(const struct git_store *store, const struct pack *pack, const struct git_entry *base) {
    const struct kept *kept = kept_find(store, pack, store->chain.data[store->chain.count - 1]);
    return kept != NULL ? kept->kind : base->kind;
}

static int compare_places(const void *a, const void *b) {
    uint64_t x = ((const struct place *)a)->offset, y = ((const struct place *)b)->offset;
    return (x > y) - (x < y);
}

/* In the order of their places: bases stand before most of their deltas. */
static int places_make(struct git_store *store, const struct pack *pack, struct err *err) {
    store->places.count = 0;
    store->place = 0;
    if (!vec_reserve(&store->places, pack->count))
        return nomem(err);
    for (uint32_t i = 0; i < pack->count; i++)
        store->places.data[i] = (struct place){offset_at(pack, i), i};
    store->places.count = pack->count;
    if (pack->count > 1)
        qsort(store->places.data, pack->count, sizeof *store->places.data, compare_places);
    store->places_ready = true;
    return 0;
}

/* ---- the walk ---- */

static void object_name(const struct git_store *store, struct span hash, struct git_object *object) {
    object->hash = hash;
    for (size_t i = 0; i < store->hash_bytes && i < hash.size; i++)
        (void)snprintf(object->text + 2 * i, 3, "%02x", hash.data[i]);
}

/* A failure of one object, which the walk survives; -1 where memory is short. */
static int problem_take(struct git_object *object, const struct err *problem, struct err *err) {
    if (problem->code == ERR_NOMEM)
        *err = *problem;
    object->problem = *problem;
    return problem->code == ERR_NOMEM ? -1 : 1;
}

/* 1 an object, 0 the pack is through, 2 not of this kind. */
static int packed_next(struct git_store *store, const struct pack *pack, enum git_kind kind, struct git_object *object,
                       struct err *err) {
    struct err problem = {0};
    struct git_entry base;
    if (store->place == store->places.count)
        return 0;
    struct place place = store->places.data[store->place++];
    struct span hash = hash_at(store, pack, place.index);
    if (is_packed(store, hash, store->pack))
        return 2;
    *object = (struct git_object){.kind = kind};
    object_name(store, hash, object);
    if (chain_follow(store, pack, place.offset, &base, &problem) < 0)
        return problem_take(object, &problem, err);
    if (chain_kind(store, pack, &base) != kind)
        return 2;
    int result = chain_resolve(store, pack, kind, &problem);
    object->body = result == 0 || problem.code == ERR_LIMIT ? buf_span(&store->body) : (struct span){NULL, 0};
    return result < 0 ? problem_take(object, &problem, err) : 1;
}

static int loose_read(struct git_store *store, const char *path, enum git_kind kind, struct git_object *object,
                      struct err *err) {
    struct err problem = {0};
    buf_reset(&store->file);
    buf_reset(&store->body);
    if (file_read_at(AT_FDCWD, path, false, &store->file, &problem) < 0)
        return problem_take(object, &problem, err);
    int result = inflate_bytes(buf_span(&store->file), INFLATE_ZLIB, &store->body, &problem);
    struct span body = buf_span(&store->body);
    size_t zero = span_index(span_slice(body, 0, 32), 0, 0);
    struct span head = span_slice(body, 0, zero == SIZE_MAX ? 0 : zero);
    if (result < 0 && problem.code != ERR_LIMIT)
        return problem_take(object, &problem, err);
    if (git_kind_parse(text_cut(&head, ' ')) != kind)
        return 2;
    object->body = span_from(body, zero + 1);
    return result < 0 ? problem_take(object, &problem, err) : 1;
}

/* The name of a loose object's file is the rest of its hash. */
static bool hash_parse(const struct git_store *store, size_t first, const char *name, uint8_t *out) {
    if (strlen(name) != 2 * store->hash_bytes - 2)
        return false;
    out[0] = (uint8_t)first;
    for (size_t i = 1; i < store->hash_bytes; i++) {
        int high = text_hex_value((uint8_t)name[2 * i - 2]), low = text_hex_value((uint8_t)name[2 * i - 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* 1 an object, 0 all loose ones are through, 2 not of this kind. */
static int loose_next(struct git_store *store, enum git_kind kind, struct git_object *object, struct err *err) {
    char part[4];
    while (store->folder < store->folders.count) {
        (void)snprintf(part, sizeof part, "%02zx", store->first);
        AUTO_FREE char *folder = path_join(store->folders.data[store->folder], part);
        if (folder == NULL)
            return nomem(err);
        if (store->loose == NULL)
            store->loose = opendir(folder); /* most of the 256 are not there */
        struct dirent *entry = store->loose == NULL ? NULL : readdir(store->loose);
        if (entry == NULL) {
            if (store->loose != NULL)
                (void)closedir(store->loose); /* only read from */
            store->loose = NULL;
            store->folder += store->first == 255;
            store->first = (store->first + 1) % 256;
            continue;
        }
        if (!hash_parse(store, store->first, entry->d_name, store->hash))
            continue;
        *object = (struct git_object){.kind = kind};
        object_name(store, span_make(store->hash, store->hash_bytes), object);
        if (is_packed(store, object->hash, store->packs.count))
            continue;
        AUTO_FREE char *path = path_join(folder, entry->d_name);
        return path == NULL ? nomem(err) : loose_read(store, path, kind, object, err);
    }
    return 0;
}

int git_store_next(struct git_store *store, enum git_kind kind, struct git_object *ret_object, struct err *err) {
    for (;;) {
        int found = loose_next(store, kind, ret_object, err);
        if (found == 0)
            break;
        if (found != 2)
            return found;
    }
    while (store->pack < store->packs.count) {
        const struct pack *pack = &store->packs.data[store->pack];
        if (!store->places_ready && places_make(store, pack, err) < 0)
            return -1;
        int found = packed_next(store, pack, kind, ret_object, err);
        if (found == 1 || found < 0)
            return found;
        if (found == 0) {
            store->pack++;
            store->places_ready = false;
        }
    }
    return 0;
}
