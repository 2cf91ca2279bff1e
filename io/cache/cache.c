#include "io/cache/cache.h"

#include <fcntl.h>
#include <lmdb.h>
#include <lz4.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/vec.h"
#include "io/cache/cache_probe.h"
#include "io/file/file.h"

#define FORMAT "2"
#define DATA_NAME "data-" FORMAT ".mdb"
#define LOCK_NAME "data-" FORMAT ".mdb-lock" /* LMDB's name for the lock of a file that has no folder of its own */
#define LOCK_BYTES ((off_t)READERS_MAX * 64 + 8192) /* a reader takes a line of the processor's cache; and the head */
#define META_SECRET "secret"

#define BATCH_BYTES (4 * LIMIT_MIB)    /* a commit is two fsyncs: rarer than this costs memory, more often costs disk */
#define PENDING_BYTES (64 * LIMIT_MIB) /* what may wait for a slow disk before cache_put() waits too */
/* What a kill loses beside the batch that is being written: a second of it was more layers than are in flight. While a
 * commit waits for its disk the next batch grows, so a slow disk sees no more of them than it can take. */
#define BATCH_MS ((uint64_t)20)
#define MAP_BYTES ((size_t)1 << 40) /* of address space, not of disk; halved where the system gives less */
#define MAP_BYTES_LEAST LIMIT_GIB
#define READERS_MAX 4096U /* over all processes */
#define STALE_S ((int64_t)7 * 86400)
#define PROBE_MS ((uint64_t)250)        /* of a huge cache only as much is looked at before it is opened */
#define LOOK_BYTES (128 * LIMIT_KIB)    /* of neighbours that come into memory with a page of the map, about */
#define RESIDENT_BYTES (16 * LIMIT_MIB) /* of the map, before pages are given back to the page cache */

/* In front of every value: XXH3-64 of the bytes under one of table and key, and the time of writing. */
#define HEAD_BYTES ((size_t)16)
/* The time's upper 24 bits: how large the value is unpacked, where it is an LZ4 block; 0 where it is not. Records are
 * JSON and rows for the most part: packed, three stand on a page of the file where one took two. */
#define TIME_BITS 40
#define PACK_BYTES_MIN ((size_t)512) /* smaller ones gain nothing */
#define PACK_BYTES_MAX (((size_t)1 << 24) - 1)

static const char *const table_names[CACHE_TABLE_COUNT] = {"index",       "image", "layer",    "body",
                                                           "composition", "set",   "set_rows", "reference"};

const char *cache_table_name(enum cache_table table) { return table_names[table]; }

struct cache {
    char *path; /* of the data file */
    int users;  /* users.lock: holds a byte while somebody uses the cache, and after a user that died */
    bool died;  /* the last user did */
    MDB_env *env;
    void *map; /* where LMDB has the file; NULL: not found, then its pages stay */
    size_t map_bytes;
    _Atomic size_t looks; /* at pages of the map, since they were last given back; relaxed: it only counts */
    size_t looks_max;
    MDB_dbi tables[CACHE_TABLE_COUNT];
    MDB_dbi meta;
    struct hash_key secret;

    pthread_t writer;
    bool writer_started;
    pthread_mutex_t lock; /* guards everything below; a leaf lock */
    pthread_cond_t work;  /* something is pending, or the end */
    pthread_cond_t done;  /* a batch was written */
    struct buf pending;   /* records as record_put() makes them */
    uint64_t put_count;   /* records put so far */
    uint64_t written;     /* of them, committed or lost */
    bool flush_wanted, closing;
    struct err failure; /* the first one of writing */
};

struct cache_reader {
    struct cache *cache;
    MDB_txn *transaction;
    bool active;
    bool memory_short;     /* the last value could not be unpacked */
    struct arena unpacked; /* values that are packed in the file */
};

/* A write of which a part came through is EIO to LMDB: a disk that has just filled up does that. */
static bool is_full(const struct cache *cache, int code) {
    struct statvfs disk;
    return code == ENOSPC || (code == EIO && statvfs(cache->path, &disk) == 0 &&
                              (uint64_t)disk.f_bavail * disk.f_frsize < (uint64_t)LIMIT_MIB);
}

static int fail(struct err *err, const struct cache *cache, int code, const char *what) {
    if (code == MDB_MAP_FULL)
        return err_set(err, ERR_LIMIT, 0, "cache %s: %s: it has outgrown its address space; trawl cache prune",
                       cache->path, what);
    if (code == MDB_READERS_FULL)
        return err_set(err, ERR_LIMIT, 0, "cache %s: more than %u readers at the same time", cache->path, READERS_MAX);
    if (is_full(cache, code))
        return err_set(err, ERR_IO, ENOSPC, "cache %s: %s: %s; make room and run again with --resume", cache->path,
                       what, strerror(ENOSPC));
    return err_set(err, code == ENOMEM ? ERR_NOMEM : ERR_IO, code > 0 ? code : 0, "cache %s: %s: %s", cache->path, what,
                   mdb_strerror(code));
}

static uint64_t checksum_of(enum cache_table table, struct span key, size_t unpacked, struct span value) {
    return xxh64_seeded(value, xxh64_seeded(key, ((uint64_t)table + 1) << 32 | unpacked));
}

static MDB_val val_of(struct span s) { return (MDB_val){.mv_size = s.size, .mv_data = (void *)(uintptr_t)s.data}; }

static struct span span_of(MDB_val value) { return span_make(value.mv_data, value.mv_size); }

static uint64_t head_word(struct span stored) {
    struct reader head = reader_init(stored);
    (void)read_le64(&head);
    return read_le64(&head);
}

static int64_t time_of(struct span stored) { return (int64_t)(head_word(stored) & (((uint64_t)1 << TIME_BITS) - 1)); }

/* How large the value is unpacked; 0: it is not packed. */
static size_t packed_size(struct span stored) { return (size_t)(head_word(stored) >> TIME_BITS); }

/* The bytes behind the head, when they are those that were put. */
static bool value_check(enum cache_table table, struct span key, struct span stored, struct span *ret_value) {
    struct reader head = reader_init(stored);
    uint64_t checksum = read_le64(&head);
    if (stored.size < HEAD_BYTES)
        return false;
    *ret_value = span_make(stored.data + HEAD_BYTES, stored.size - HEAD_BYTES); /* an empty one has its head too */
    return checksum == checksum_of(table, key, packed_size(stored), *ret_value);
}

bool cache_is_stale(struct span value) {
    /* `value` came from cache_get(): its head stands right before it. */
    return clock_utc_s() - time_of(span_make(value.data - HEAD_BYTES, HEAD_BYTES)) > STALE_S;
}

/* ---- opening ---- */

#define TABLE_NONE ((MDB_dbi)0) /* LMDB's own table of free pages: no handle of ours */

/* Without MDB_CREATE a table that an older build of the same format did not have is TABLE_NONE. */
static int tables_open(struct cache *cache, MDB_txn *transaction, unsigned flags) {
    int code = mdb_dbi_open(transaction, "meta", flags, &cache->meta);
    for (size_t i = 0; code == 0 && i < CACHE_TABLE_COUNT; i++) {
        code = mdb_dbi_open(transaction, table_names[i], flags, &cache->tables[i]);
        if (code != MDB_NOTFOUND)
            continue;
        cache->tables[i] = TABLE_NONE;
        code = 0;
    }
    return code;
}

static int environment_try(MDB_env **ret_env, const char *path, unsigned flags, size_t map_bytes) {
    MDB_env *env = NULL;
    int code = mdb_env_create(&env);
    if (code == 0)
        code = mdb_env_set_maxdbs(env, CACHE_TABLE_COUNT + 1);
    if (code == 0)
        code = mdb_env_set_maxreaders(env, READERS_MAX);
    if (code == 0)
        code = mdb_env_set_mapsize(env, map_bytes);
    if (code == 0)
        code = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
    if (code == 0)
        *ret_env = env;
    else if (env != NULL)
        mdb_env_close(env); /* after a failure nothing else may be done with it */
    return code;
}

static int environment_make(MDB_env **ret_env, const char *path, unsigned flags) {
    size_t bytes = MAP_BYTES;
    int code = environment_try(ret_env, path, flags, bytes);
    /* EINVAL where no address is high enough, as under ThreadSanitizer. */
    while ((code == ENOMEM || code == EINVAL) && (bytes /= 2) >= MAP_BYTES_LEAST)
        code = environment_try(ret_env, path, flags, bytes);
    return code;
}

/* LMDB makes its lock file as long as it needs it by a hole, and maps it: without room on the disk the first reader
 * would be a bus error. Must come before LMDB has it open, since closing it here would take LMDB's own locks away. */
static int lock_reserve(const char *folder) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, LOCK_NAME) >= (int)sizeof path)
        return ENAMETOOLONG;
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? errno : posix_fallocate(fd, 0, LOCK_BYTES);
}

/* Walks the tables in a child process: LMDB trusts its own pages, and a damaged one may end the process that reads it.
 * 0 when nothing was found. */
static int probe_child(const char *path, bool thorough) {
    struct cache cache = {0};
    MDB_txn *transaction = NULL;
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    uint64_t deadline_ns = thorough ? UINT64_MAX : clock_ns() + PROBE_MS * 1000000;
    /* The transaction first: what the file says of itself afterwards is not older than what it sees. */
    if (environment_make(&cache.env, path, MDB_RDONLY) != 0 ||
        mdb_txn_begin(cache.env, NULL, MDB_RDONLY, &transaction) != 0 || mdb_env_info(cache.env, &info) != 0 ||
        mdb_env_stat(cache.env, &stat) != 0 || lstat(path, &file) != 0)
        return 1;
    if ((uint64_t)file.st_size < ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize && info.me_last_pgno > 1)
        return 1; /* cut off: its pages would be a bus error */
    if (stat.ms_entries == 0)
        return 0; /* whoever made it was killed before the first table */
    int major = 0, minor = 0;
    (void)mdb_version(&major, &minor, NULL);
    struct cache_probe probe = {
        .knows_format = major == 0 && minor == 9, .page_bytes = stat.ms_psize, .deadline_ns = deadline_ns};
    uint8_t *seen = mem_zalloc((size_t)(info.me_last_pgno / 8 + 1));
    MDB_dbi names;
    if (seen == NULL || tables_open(&cache, transaction, 0) != 0 || mdb_dbi_open(transaction, NULL, 0, &names) != 0 ||
        !cache_probe_table(&probe, transaction, 0, info.me_last_pgno, seen) || /* that of free pages has no name */
        !cache_probe_table(&probe, transaction, names, info.me_last_pgno, NULL) ||
        !cache_probe_table(&probe, transaction, cache.meta, info.me_last_pgno, NULL))
        return 1;
    for (size_t i = 0; i < CACHE_TABLE_COUNT; i++) {
        if (cache.tables[i] != TABLE_NONE &&
            !cache_probe_table(&probe, transaction, cache.tables[i], info.me_last_pgno, NULL))
            return 1;
    }
    return 0;
}

static bool is_damaged(const char *path, bool thorough) {
    struct stat file;
    int status = 0;
    if (lstat(path, &file) != 0)
        return false; /* none yet */
    if (!S_ISREG(file.st_mode))
        return true;
    if (file.st_size == 0)
        return false;
    pid_t child = fork();
    if (child == 0) {
        /* What LMDB prints of itself, and a core file, are no news to anybody. */
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        (void)signal(SIGABRT, SIG_DFL);
        int quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void)dup2(quiet, STDERR_FILENO);
        _exit(probe_child(path, thorough));
    }
    if (child < 0)
        return false; /* no process to spare: open it unseen */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static int set_aside(const struct cache *cache, const char *folder, struct err *err) {
    char aside[PATH_MAX], lock[PATH_MAX];
    struct stat file;
    if (snprintf(aside, sizeof aside, "%s.damaged", cache->path) >= (int)sizeof aside ||
        snprintf(lock, sizeof lock, "%s/%s", folder, LOCK_NAME) >= (int)sizeof lock)
        return err_set(err, ERR_IO, ENAMETOOLONG, "cache %s: the name is too long", folder);
    if (lstat(aside, &file) == 0 && !S_ISDIR(file.st_mode))
        (void)unlink(aside);
    if (rename(cache->path, aside) != 0)
        return err_set(err, ERR_IO, errno, "cache %s: it is damaged and cannot be set aside: %s", cache->path,
                       strerror(errno));
    (void)unlink(lock); /* holds what the damaged file's users knew of it */
    return 0;
}

/* The secret is made with the cache, under LMDB's write lock: of two processes that start at once one makes it. */
static int contents_open(struct cache *cache) {
    MDB_txn *transaction = NULL;
    MDB_val key = val_of(span_text(META_SECRET)), value;
    int code = mdb_txn_begin(cache->env, NULL, 0, &transaction);
    if (code != 0)
        return code;
    code = tables_open(cache, transaction, MDB_CREATE);
    if (code == 0)
        code = mdb_get(transaction, cache->meta, &key, &value);
    if (code == 0 && value.mv_size == sizeof cache->secret) {
        memcpy(&cache->secret, value.mv_data, sizeof cache->secret);
    } else if (code == 0 || code == MDB_NOTFOUND) {
        code = hash_key_random(&cache->secret, NULL) < 0 ? EIO : 0;
        value = val_of(span_make(&cache->secret, sizeof cache->secret));
        if (code == 0)
            code = mdb_put(transaction, cache->meta, &key, &value, 0);
    }
    if (code != 0) {
        mdb_txn_abort(transaction);
        return code;
    }
    return mdb_txn_commit(transaction);
}

static int users_lock(struct cache *cache, const char *folder, struct err *err) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/users.lock", folder);
    cache->users = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* Damage beyond what is looked at in a short time would end one sweep after another. Whoever comes after one that
     * died, and is alone, looks at all of it. */
    struct stat file;
    if (cache->users >= 0 && flock(cache->users, LOCK_EX | LOCK_NB) == 0)
        cache->died = fstat(cache->users, &file) == 0 && file.st_size > 0;
    if (cache->users < 0 || flock(cache->users, LOCK_SH) != 0)
        return err_set(err, ERR_IO, errno, "cache %s: %s", path, strerror(errno));
    ssize_t written = pwrite(cache->users, "1", 1, 0);
    (void)written; /* on a full disk the mark is missing, which costs a thorough look and nothing else */
    return 0;
}

static void *writer_thread(void *context);

/* LMDB tells where its map is only when that is fixed; the kernel always does. */
static void map_find(struct cache *cache) {
    struct stat file;
    AUTO_FILE FILE *maps = fopen("/proc/self/maps", "re");
    char line[PATH_MAX + 128];
    while (maps != NULL && stat(cache->path, &file) == 0 && fgets(line, sizeof line, maps) != NULL) {
        /* "7f0000000000-7f0000001000 r--s 00000000 08:01 1234 PATH" */
        struct span rest = span_text(line);
        struct span range = text_cut(&rest, ' ');
        (void)text_cut(&rest, ' ');
        (void)text_cut(&rest, ' ');
        (void)text_cut(&rest, ' ');
        uint64_t first, end, inode;
        struct span low = text_cut(&range, '-');
        if (text_u64(text_cut(&rest, ' '), 10, UINT64_MAX, &inode) && inode == file.st_ino &&
            text_u64(low, 16, UINT64_MAX, &first) && text_u64(range, 16, UINT64_MAX, &end) && end > first &&
            end - first >= MAP_BYTES_LEAST) {
            cache->map = (void *)(uintptr_t)first;
            cache->map_bytes = (size_t)(end - first);
        }
    }
}

static int open_all(struct cache *cache, const char *folder, const struct cache_options *options, bool *ret_set_aside,
                    struct err *err) {
    if (access(cache->path, F_OK) != 0 && options->existing)
        return err_set(err, ERR_NOTFOUND, 0, "cache %s: there is none", folder);
    if (file_make_folder(folder, err) < 0 || users_lock(cache, folder, err) < 0)
        return -1;
    int code = lock_reserve(folder);
    if (code == 0 && is_damaged(cache->path, cache->died)) {
        if (set_aside(cache, folder, err) < 0)
            return -1;
        *ret_set_aside = true;
        code = lock_reserve(folder);
    }
    if (code == 0)
        code = environment_make(&cache->env, cache->path, options->private_use ? MDB_NOSYNC : MDB_NOMETASYNC);
    int dead = 0; /* processes that were killed while they read keep old pages alive until somebody looks */
    if (code == 0)
        code = mdb_reader_check(cache->env, &dead);
    if (code == 0)
        code = contents_open(cache);
    map_find(cache);
    if (code == 0)
        code = pthread_create(&cache->writer, NULL, writer_thread, cache);
    if (code != 0)
        return fail(err, cache, code, "open");
    cache->writer_started = true;
    return 0;
}

int cache_open(const char *folder, const struct cache_options *options, struct cache **ret_cache, bool *ret_set_aside,
               struct err *err) {
    struct cache *cache = mem_zalloc(sizeof *cache);
    *ret_set_aside = false;
    if (cache == NULL)
        return err_set(err, ERR_NOMEM, 0, "cache: out of memory");
    cache->users = -1;
    cache_resident_limit(cache, RESIDENT_BYTES);
    (void)pthread_mutex_init(&cache->lock, NULL);
    (void)pthread_cond_init(&cache->work, NULL);
    (void)pthread_cond_init(&cache->done, NULL);
    buf_init(&cache->pending, 0);
    size_t size = strlen(folder) + sizeof "/" DATA_NAME;
    cache->path = mem_alloc(size);
    int result = 0;
    if (cache->path == NULL)
        result = err_set(err, ERR_NOMEM, 0, "cache: out of memory");
    else if (size > PATH_MAX)
        result = err_set(err, ERR_IO, ENAMETOOLONG, "cache: the folder's name is too long");
    if (result == 0) {
        (void)snprintf(cache->path, size, "%s/%s", folder, DATA_NAME);
        result = open_all(cache, folder, options, ret_set_aside, err);
    }
    if (result < 0) {
        cache_close(cache);
        return -1;
    }
    *ret_cache = cache;
    return 0;
}

void cache_close(struct cache *cache) {
    if (cache == NULL)
        return;
    if (cache->writer_started) {
        (void)pthread_mutex_lock(&cache->lock);
        cache->closing = true;
        (void)pthread_cond_signal(&cache->work);
        (void)pthread_mutex_unlock(&cache->lock);
        (void)pthread_join(cache->writer, NULL);
    }
    if (cache->env != NULL)
        mdb_env_close(cache->env);
    if (cache->users >= 0) {
        bool last = cache->writer_started && flock(cache->users, LOCK_EX | LOCK_NB) == 0;
        if (last && ftruncate(cache->users, 0) != 0)
            (void)0; /* the next one looks longer than it needs to */
        (void)close(cache->users);
    }
    buf_release(&cache->pending);
    (void)pthread_cond_destroy(&cache->work);
    (void)pthread_cond_destroy(&cache->done);
    (void)pthread_mutex_destroy(&cache->lock);
    mem_free(cache->path);
    mem_free(cache);
}

void cache_remove(const char *folder) {
    static const char *const names[] = {DATA_NAME, LOCK_NAME, DATA_NAME ".damaged", DATA_NAME ".compact", "users.lock"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) < (int)sizeof path)
            (void)unlink(path); /* most are not there */
    }
    (void)rmdir(folder);
}

const struct hash_key *cache_secret(const struct cache *cache) { return &cache->secret; }

/* ---- reading ---- */

int cache_reader_new(struct cache *cache, struct cache_reader **ret_reader, struct err *err) {
    struct cache_reader *reader = mem_zalloc(sizeof *reader);
    if (reader == NULL)
        return err_set(err, ERR_NOMEM, 0, "cache: out of memory");
    reader->cache = cache;
    int code = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &reader->transaction);
    if (code != 0) {
        mem_free(reader);
        return fail(err, cache, code, "read");
    }
    mdb_txn_reset(reader->transaction); /* begun anew by the first look */
    arena_init(&reader->unpacked, 64 * LIMIT_KIB, 0);
    *ret_reader = reader;
    return 0;
}

void cache_reader_free(struct cache_reader *reader) {
    if (reader == NULL)
        return;
    mdb_txn_abort(reader->transaction);
    arena_release(&reader->unpacked);
    mem_free(reader);
}

/* Counts looks at pages of the map, which are this process' memory until they are given back. Others may read there
 * meanwhile: they just fetch again. A failure costs memory alone. */
static void pages_look(struct cache *cache, size_t looks) {
    struct stat file;
    if (atomic_fetch_add_explicit(&cache->looks, looks, memory_order_relaxed) + looks < cache->looks_max)
        return;
    atomic_store_explicit(&cache->looks, 0, memory_order_relaxed);
    if (cache->map != NULL && stat(cache->path, &file) == 0 && (uint64_t)file.st_size <= cache->map_bytes)
        (void)madvise(cache->map, (size_t)file.st_size, MADV_DONTNEED);
}

void cache_resident_limit(struct cache *cache, size_t bytes) { cache->looks_max = size_max(bytes / LOOK_BYTES, 16); }

void cache_reader_reset(struct cache_reader *reader) {
    if (!reader->active)
        return;
    mdb_txn_reset(reader->transaction);
    arena_reset(&reader->unpacked);
    reader->active = false;
}

/* The value with its head in front of it, as in the file. */
static bool value_unpack(struct cache_reader *reader, struct span stored, struct span *ret_value) {
    size_t size = packed_size(stored);
    uint8_t *copy = arena_alloc(&reader->unpacked, HEAD_BYTES + size);
    reader->memory_short = copy == NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, stored.data, HEAD_BYTES);
    int got =
        LZ4_decompress_safe((const char *)ret_value->data, (char *)copy + HEAD_BYTES, (int)ret_value->size, (int)size);
    *ret_value = span_make(copy + HEAD_BYTES, size);
    return got == (int)size;
}

bool cache_get(struct cache_reader *reader, enum cache_table table, struct span key, struct span *ret_value) {
    MDB_val name = val_of(key), value;
    if (!reader->active && mdb_txn_renew(reader->transaction) != 0)
        return false;
    reader->active = true;
    pages_look(reader->cache, 1);
    if (mdb_get(reader->transaction, reader->cache->tables[table], &name, &value) != 0)
        return false;
    pages_look(reader->cache, value.mv_size / LOOK_BYTES);
    struct span stored = span_of(value);
    return value_check(table, key, stored, ret_value) &&
           (packed_size(stored) == 0 || value_unpack(reader, stored, ret_value));
}

int cache_need(struct cache_reader *reader, enum cache_table table, struct span key, struct span *ret_value,
               struct err *err) {
    reader->memory_short = false;
    if (cache_get(reader, table, key, ret_value))
        return 0;
    if (reader->memory_short)
        return err_set(err, ERR_NOMEM, 0, "cache: out of memory");
    return err_set(err, ERR_IO, 0, "the cache lost it since this sweep put it there; run again with --resume");
}

static bool is_of_part(struct span key, size_t part, size_t parts) {
    return parts <= 1 || xxh64_seeded(span_slice(key, 0, 8), 0) % parts == part;
}

int cache_walk(struct cache_reader *reader, enum cache_table table, size_t part, size_t parts, cache_walk_fn each,
               void *context, struct err *err) {
    struct cache *cache = reader->cache;
    MDB_cursor *cursor = NULL;
    MDB_val name, stored;
    int result = 0;
    reader->memory_short = false;
    cache_reader_reset(reader);
    int code = mdb_txn_renew(reader->transaction);
    if (code != 0)
        return fail(err, cache, code, "read");
    reader->active = true;
    code = mdb_cursor_open(reader->transaction, cache->tables[table], &cursor);
    while (code == 0 && result >= 0 && (code = mdb_cursor_get(cursor, &name, &stored, MDB_NEXT)) == 0) {
        struct span key = span_of(name), value;
        if (!is_of_part(key, part, parts))
            continue;
        pages_look(cache, 1 + stored.mv_size / LOOK_BYTES);
        bool whole = value_check(table, key, span_of(stored), &value);
        if (whole && packed_size(span_of(stored)) != 0)
            whole = value_unpack(reader, span_of(stored), &value);
        if (whole)
            result = each(context, key, value, err);
        else if (reader->memory_short)
            result = err_set(err, ERR_NOMEM, 0, "cache: out of memory");
        arena_reset(&reader->unpacked);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    cache_reader_reset(reader);
    if (result >= 0 && code != MDB_NOTFOUND)
        return fail(err, cache, code, "read");
    return result < 0 ? result : 0;
}

/* ---- writing ---- */

/* Appends the value as an LZ4 block where that makes it smaller; 0 when it was left out. */
static size_t pack(struct buf *pending, struct span value) {
    size_t most = value.size - value.size / 8;
    if (value.size < PACK_BYTES_MIN || value.size > PACK_BYTES_MAX || !buf_reserve(pending, most))
        return 0;
    int size = LZ4_compress_default((const char *)value.data, (char *)pending->data + pending->size, (int)value.size,
                                    (int)most);
    pending->size += size > 0 ? (size_t)size : 0;
    return size > 0 ? (size_t)size : 0;
}

static void le_set(uint8_t *place, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        place[i] = (uint8_t)(value >> 8 * i);
}

#define RECORD_BYTES ((size_t)7)
/* table u8, key size u16, value size u32 (head included), key, value. */
static void record_put(struct buf *pending, enum cache_table table, struct span key, struct span value) {
    if (!buf_reserve(pending, RECORD_BYTES + key.size + HEAD_BYTES + value.size))
        return;
    size_t begin = pending->size;
    buf_byte(pending, (uint8_t)table);
    buf_le16(pending, (uint16_t)key.size);
    buf_le32(pending, 0); /* the rest is known when it is packed */
    buf_add(pending, key);
    size_t head = pending->size;
    buf_fill(pending, 0, HEAD_BYTES);
    size_t packed = pack(pending, value);
    if (packed == 0)
        buf_add(pending, value);
    struct span stored = span_make(pending->data + head + HEAD_BYTES, pending->size - head - HEAD_BYTES);
    uint64_t word = (uint64_t)clock_utc_s() | (packed > 0 ? (uint64_t)value.size << TIME_BITS : 0);
    le_set(pending->data + begin + 3, HEAD_BYTES + stored.size, 4);
    le_set(pending->data + head, checksum_of(table, key, packed > 0 ? value.size : 0, stored), 8);
    le_set(pending->data + head + 8, word, 8);
}

void cache_put(struct cache *cache, enum cache_table table, struct span key, struct span value) {
    assert(key.size > 0 && key.size <= CACHE_KEY_MAX);
    if (value.size > LIMIT_GIB)
        return; /* nothing that trawl keeps comes near */
    (void)pthread_mutex_lock(&cache->lock);
    while (cache->pending.size > PENDING_BYTES && cache->failure.code == ERR_NONE) {
        (void)pthread_cond_signal(&cache->work);
        (void)pthread_cond_wait(&cache->done, &cache->lock);
    }
    if (cache->failure.code == ERR_NONE) {
        bool first = cache->pending.size == 0;
        record_put(&cache->pending, table, key, value);
        if (cache->pending.failed)
            (void)err_set(&cache->failure, ERR_NOMEM, 0, "cache: out of memory");
        cache->put_count++;
        if (first || cache->pending.size >= BATCH_BYTES)
            (void)pthread_cond_signal(&cache->work);
    }
    (void)pthread_mutex_unlock(&cache->lock);
}

static int batch_write(struct cache *cache, struct span batch, uint64_t *ret_count) {
    MDB_txn *transaction = NULL;
    struct reader records = reader_init(batch);
    int code = mdb_txn_begin(cache->env, NULL, 0, &transaction);
    *ret_count = 0;
    while (reader_left(&records) > 0) {
        uint8_t table = read_u8(&records);
        size_t key_size = read_le16(&records), value_size = read_le32(&records);
        MDB_val key = val_of(read_bytes(&records, key_size)), value = val_of(read_bytes(&records, value_size));
        if (code == 0)
            code = mdb_put(transaction, cache->tables[table], &key, &value, 0);
        ++*ret_count;
        pages_look(cache, 1); /* it reads where it writes; what it changes it has in memory of its own */
    }
    if (code == 0)
        return mdb_txn_commit(transaction);
    if (transaction != NULL)
        mdb_txn_abort(transaction);
    return code;
}

static void work_wait(struct cache *cache) {
    struct timespec until;
    while (cache->pending.size == 0 && !cache->flush_wanted && !cache->closing)
        (void)pthread_cond_wait(&cache->work, &cache->lock);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    uint64_t until_ns = (uint64_t)until.tv_nsec + BATCH_MS * 1000000;
    until.tv_sec += (time_t)(until_ns / 1000000000);
    until.tv_nsec = (long)(until_ns % 1000000000);
    while (cache->pending.size < BATCH_BYTES && !cache->flush_wanted && !cache->closing) {
        if (pthread_cond_timedwait(&cache->work, &cache->lock, &until) == ETIMEDOUT)
            return;
    }
}

static void *writer_thread(void *context) {
    struct cache *cache = context;
    struct buf batch;
    buf_init(&batch, 0);
    (void)pthread_mutex_lock(&cache->lock);
    while (!cache->closing || cache->pending.size > 0) {
        work_wait(cache);
        struct buf taken = cache->pending;
        cache->pending = batch;
        batch = taken;
        cache->flush_wanted = false;
        uint64_t count = 0;
        int code = 0;
        if (batch.size > 0 && cache->failure.code == ERR_NONE) {
            (void)pthread_mutex_unlock(&cache->lock);
            code = batch_write(cache, buf_span(&batch), &count);
            (void)pthread_mutex_lock(&cache->lock);
        }
        buf_reset(&batch);
        if (batch.capacity > 4 * BATCH_BYTES)
            buf_release(&batch);
        if (code != 0 && cache->failure.code == ERR_NONE)
            (void)fail(&cache->failure, cache, code, "write");
        cache->written = cache->failure.code == ERR_NONE ? cache->written + count : cache->put_count;
        if (cache->failure.code != ERR_NONE)
            buf_reset(&cache->pending);
        (void)pthread_cond_broadcast(&cache->done);
    }
    (void)pthread_mutex_unlock(&cache->lock);
    buf_release(&batch);
    return NULL;
}

int cache_flush(struct cache *cache, struct err *err) {
    (void)pthread_mutex_lock(&cache->lock);
    uint64_t target = cache->put_count;
    while (cache->written < target && cache->failure.code == ERR_NONE) {
        cache->flush_wanted = true;
        (void)pthread_cond_signal(&cache->work);
        (void)pthread_cond_wait(&cache->done, &cache->lock);
    }
    struct err failure = cache->failure;
    (void)pthread_mutex_unlock(&cache->lock);
    if (failure.code == ERR_NONE)
        return 0;
    *err = failure;
    return -1;
}

bool cache_has_failed(struct cache *cache) {
    (void)pthread_mutex_lock(&cache->lock);
    bool failed = cache->failure.code != ERR_NONE;
    (void)pthread_mutex_unlock(&cache->lock);
    return failed;
}

/* ---- care ---- */

int cache_info(struct cache *cache, struct cache_info *ret_info, struct err *err) {
    MDB_txn *transaction = NULL;
    struct stat file;
    *ret_info = (struct cache_info){0};
    int code = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &transaction);
    for (size_t i = 0; code == 0 && i < CACHE_TABLE_COUNT; i++) {
        MDB_stat stat;
        code = mdb_stat(transaction, cache->tables[i], &stat);
        if (code != 0)
            break;
        ret_info->entries[i] = stat.ms_entries;
        ret_info->bytes[i] = (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
    }
    if (transaction != NULL)
        mdb_txn_abort(transaction);
    if (code == 0 && stat(cache->path, &file) == 0)
        ret_info->file_bytes = (uint64_t)file.st_size;
    return code == 0 ? 0 : fail(err, cache, code, "read");
}

/* Whether an entry is to go. */
typedef bool (*entry_fn)(void *context, enum cache_table table, struct span key, struct span stored);

/* One pass over all tables in a write transaction, removing what `is_unwanted` says. Memory: LMDB's dirty pages. */
static int sweep_entries(struct cache *cache, entry_fn is_unwanted, void *context, uint64_t *ret_removed,
                         struct err *err) {
    uint64_t removed = 0;
    for (size_t i = 0; i < CACHE_TABLE_COUNT; i++) {
        MDB_txn *transaction = NULL;
        MDB_cursor *cursor = NULL;
        MDB_val key, value;
        int code = mdb_txn_begin(cache->env, NULL, 0, &transaction);
        if (code == 0)
            code = mdb_cursor_open(transaction, cache->tables[i], &cursor);
        while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            if (!is_unwanted(context, (enum cache_table)i, span_of(key), span_of(value)))
                continue;
            code = mdb_cursor_del(cursor, 0);
            removed++;
        }
        if (cursor != NULL)
            mdb_cursor_close(cursor);
        if (code == MDB_NOTFOUND)
            code = mdb_txn_commit(transaction);
        else if (transaction != NULL)
            mdb_txn_abort(transaction);
        if (code != 0)
            return fail(err, cache, code, "clean");
    }
    *ret_removed = removed;
    return 0;
}

static bool entry_is_damaged(void *context, enum cache_table table, struct span key, struct span stored) {
    uint64_t *whole = context;
    struct span value;
    bool good = value_check(table, key, stored, &value);
    *whole += good;
    return !good;
}

int cache_verify(struct cache *cache, uint64_t *ret_whole, uint64_t *ret_damaged, struct err *err) {
    *ret_whole = 0;
    return sweep_entries(cache, entry_is_damaged, ret_whole, ret_damaged, err);
}

struct age {
    int64_t written;
    uint64_t bytes;
};

struct pruning {
    int64_t older_than;
    VEC(struct age) ages;
    bool failed;
};

static bool entry_is_old(void *context, enum cache_table table, struct span key, struct span stored) {
    const struct pruning *pruning = context;
    (void)table;
    (void)key;
    return time_of(stored) < pruning->older_than;
}

/* What an entry costs with its key and its share of a page. */
static uint64_t entry_bytes(struct span key, struct span stored) { return key.size + stored.size + 16; }

static bool entry_weigh(void *context, enum cache_table table, struct span key, struct span stored) {
    struct pruning *pruning = context;
    (void)table;
    pruning->failed |= !vec_push(&pruning->ages, ((struct age){time_of(stored), entry_bytes(key, stored)}));
    return false;
}

static int newest_first(const void *left, const void *right) {
    const struct age *a = left, *b = right;
    return (a->written < b->written) - (a->written > b->written);
}

/* The time before which entries have to go so that at most `bytes_max` are left. Those of one second go together. */
static int64_t age_limit(struct pruning *pruning, uint64_t bytes_max) {
    uint64_t sum = 0;
    if (pruning->ages.count > 0)
        qsort(pruning->ages.data, pruning->ages.count, sizeof *pruning->ages.data, newest_first);
    for (size_t i = 0; i < pruning->ages.count; i++) {
        sum += pruning->ages.data[i].bytes;
        if (sum > bytes_max)
            return pruning->ages.data[i].written + 1;
    }
    return INT64_MIN;
}

/* A copy without free pages takes the place of the file. Only while nobody else has the cache open: others would go on
 * in the old file under the same lock. */
static bool compact(struct cache *cache) {
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s.compact", cache->path) >= (int)sizeof copy ||
        flock(cache->users, LOCK_EX | LOCK_NB) != 0)
        return false;
    (void)unlink(copy);
    bool done = mdb_env_copy2(cache->env, copy, MDB_CP_COMPACT) == 0 && rename(copy, cache->path) == 0;
    if (!done)
        (void)unlink(copy);
    return done; /* the lock is held until the cache is closed: whoever opens it meanwhile waits for the new file */
}

int cache_prune(struct cache *cache, int64_t older_than_utc_s, uint64_t bytes_max, uint64_t *ret_removed,
                bool *ret_shrunk, struct err *err) {
    struct pruning pruning = {.older_than = older_than_utc_s};
    uint64_t removed = 0;
    *ret_removed = 0;
    int result = sweep_entries(cache, entry_is_old, &pruning, ret_removed, err);
    if (result == 0 && bytes_max > 0) {
        result = sweep_entries(cache, entry_weigh, &pruning, &removed, err);
        if (result == 0 && pruning.failed)
            result = err_set(err, ERR_NOMEM, 0, "cache: out of memory");
        pruning.older_than = age_limit(&pruning, bytes_max);
        if (result == 0)
            result = sweep_entries(cache, entry_is_old, &pruning, &removed, err);
        *ret_removed += removed;
    }
    vec_release(&pruning.ages);
    *ret_shrunk = result == 0 && compact(cache);
    return result;
}
