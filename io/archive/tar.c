#include "io/archive/tar.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "io/archive/tar_header.h"

enum state {
    STATE_HEADER,   /* collecting a block that is a header, or zeros */
    STATE_META,     /* collecting the body of an extended header or a long name */
    STATE_SPARSE,   /* collecting blocks of an old GNU sparse map */
    STATE_MAP,      /* collecting blocks of a PAX 1.0 sparse map, which stands before the body */
    STATE_LINK,     /* collecting the block behind a hard link: is it a body or a header? */
    STATE_BODY,     /* passing bytes through */
    STATE_PADDING,  /* to the next block */
    STATE_END,      /* behind the end-of-archive marker: whatever comes is not looked at */
    STATE_FAILED
};

/* What extended headers and long names say of the next entry. */
struct extension {
    bool has_path, has_link, has_size, sparse, sparse_map_in_body;
    uint64_t size, real_size;
    bool has_real_size;
};

struct tar {
    const struct tar_handler *handler;
    void *context;
    struct tar_limits limits;
    enum state state;
    struct err failure;
    uint64_t offset;        /* bytes seen */
    uint64_t entry_count;
    bool zero_seen;         /* the first of the two zero blocks */
    uint8_t block[512];
    size_t block_size;

    struct buf meta;        /* STATE_META: the body so far; STATE_MAP: the map */
    char meta_type;
    uint64_t meta_left;
    struct extension extension;
    bool gnu_path, gnu_link; /* came as 'L' or 'K': stronger than PAX */
    struct buf path, link;   /* extended, or put together from the header */

    struct tar_entry entry;
    struct buf normal, target; /* what entry.path and entry.link_path borrow */
    uint64_t body_left, padding;
    bool open;              /* entry() was called, entry_end() was not */
    bool skip;              /* data() is not wanted */
};

struct tar_limits tar_limits_default(void) {
    return (struct tar_limits){
        .entries_max = LIMIT_LAYER_ENTRIES, .path_bytes_max = LIMIT_PATH_BYTES, .pax_bytes_max = LIMIT_PAX_BYTES};
}

int tar_new(struct tar **ret_tar, struct err *err) {
    struct tar *tar = mem_zalloc(sizeof *tar);
    if (tar == NULL)
        return err_set(err, ERR_NOMEM, 0, "tar: out of memory");
    *ret_tar = tar;
    return 0;
}

void tar_free(struct tar *tar) {
    if (tar == NULL)
        return;
    buf_release(&tar->meta);
    buf_release(&tar->path);
    buf_release(&tar->link);
    buf_release(&tar->normal);
    buf_release(&tar->target);
    mem_free(tar);
}

static void extension_forget(struct tar *tar) {
    tar->extension = (struct extension){0};
    tar->gnu_path = tar->gnu_link = false;
}

void tar_begin(struct tar *tar, const struct tar_limits *limits, const struct tar_handler *handler, void *context) {
    tar->limits = limits == NULL ? tar_limits_default() : *limits;
    tar->handler = handler;
    tar->context = context;
    tar->state = STATE_HEADER;
    tar->failure = (struct err){.code = ERR_NONE};
    tar->offset = tar->entry_count = 0;
    tar->block_size = 0;
    tar->zero_seen = tar->open = tar->skip = false;
    tar->body_left = tar->padding = tar->meta_left = 0;
    tar->meta.size_max = tar->limits.pax_bytes_max;
    buf_reset(&tar->meta);
    extension_forget(tar);
}

uint64_t tar_offset(const struct tar *tar) { return tar->offset; }
uint64_t tar_entry_count(const struct tar *tar) { return tar->entry_count; }
bool tar_at_end(const struct tar *tar) { return tar->state == STATE_END; }

const char *tar_kind_name(enum tar_kind kind) {
    static const char *const names[TAR_KIND_COUNT] = {"file", "directory", "symlink", "hard link", "character device",
                                                      "block device", "fifo", "other"};
    return kind < TAR_KIND_COUNT ? names[kind] : "other";
}

size_t tar_path_normalise(struct span folder, struct span name, uint8_t *out, bool *ret_escapes) {
    size_t used = folder.size;
    if (used > 0)
        memcpy(out, folder.data, used);
    *ret_escapes = false;
    while (name.data != NULL) {
        struct span part = text_cut(&name, '/');
        if (part.size == 0 || span_is(part, "."))
            continue;
        if (span_is(part, "..")) {
            *ret_escapes = *ret_escapes || used == 0;
            while (used > 0 && out[used - 1] != '/')
                used--;
            used -= used > 0;
            continue;
        }
        if (used > 0)
            out[used++] = '/';
        memmove(out + used, part.data, part.size);
        used += part.size;
    }
    return used;
}

/* ---- failures ---- */

static int memory_short(struct err *err) {
    return err_set(err, ERR_NOMEM, 0, "tar: out of memory");
}

static int problem(struct tar *tar, enum err_code code, const char *text, struct err *err) {
    struct err problem = {0};
    (void)err_set(&problem, code, 0, "tar: %s", text);
    return tar->handler->problem(tar->context, &problem, buf_span(&tar->path), tar->entry.offset, err);
}

/* ---- entries ---- */

static enum tar_kind kind_of(char type, struct span name) {
    switch (type) {
    case '\0':
    case '0':
        /* Before POSIX a slash at the end was all that told a folder. */
        return span_ends(name, "/") ? TAR_DIRECTORY : TAR_FILE;
    case '7': /* contiguous file */
    case 'S':
        return TAR_FILE;
    case '1':
        return TAR_HARD_LINK;
    case '2':
        return TAR_SYMLINK;
    case '3':
        return TAR_CHAR_DEVICE;
    case '4':
        return TAR_BLOCK_DEVICE;
    case '5':
        return TAR_DIRECTORY;
    case '6':
        return TAR_FIFO;
    default:
        return TAR_OTHER;
    }
}

static bool kind_has_body(enum tar_kind kind) {
    return kind == TAR_FILE || kind == TAR_OTHER || kind == TAR_HARD_LINK;
}

static int normalise(struct buf *to, struct span folder, struct span name, bool *ret_escapes, struct err *err) {
    buf_reset(to);
    if (!buf_reserve(to, folder.size + name.size + 2))
        return memory_short(err);
    to->size = tar_path_normalise(folder, name, to->data, ret_escapes);
    return 0;
}

static struct span folder_of(struct span path) {
    size_t slash = span_index_last(path, '/');
    return span_slice(path, 0, slash == SIZE_MAX ? 0 : slash);
}

/* Takes the whiteout's prefix off the last component. 1 an entry, 0 metadata that means nothing to us. */
static int whiteout_read(struct tar *tar) {
    struct tar_entry *entry = &tar->entry;
    struct span path = buf_span(&tar->normal);
    struct span folder = folder_of(path);
    size_t begin = folder.size == 0 ? 0 : folder.size + 1;
    struct span base = span_from(path, begin);
    entry->path = path;
    if (!span_starts(base, ".wh."))
        return 1;
    if (span_is(base, ".wh..wh..opq")) {
        entry->whiteout = TAR_WHITEOUT_OPAQUE;
        entry->path = folder;
        return 1;
    }
    struct span name = span_from(base, 4);
    if (span_starts(name, ".wh.") || name.size == 0 || span_is(name, ".") || span_is(name, ".."))
        return 0;
    entry->whiteout = TAR_WHITEOUT_NAME;
    memmove(tar->normal.data + begin, tar->normal.data + begin + 4, name.size);
    tar->normal.size -= 4;
    entry->path = buf_span(&tar->normal);
    return 1;
}

/* Path and link of the entry at hand. 1 deliver it, 0 leave it out, -1 error. */
static int names_read(struct tar *tar, struct err *err) {
    struct tar_entry *entry = &tar->entry;
    bool escapes = false;
    entry->name = buf_span(&tar->path);
    entry->link = buf_span(&tar->link);
    if (tar->path.size > tar->limits.path_bytes_max || tar->link.size > tar->limits.path_bytes_max)
        return problem(tar, ERR_LIMIT, "name or link longer than the limit, entry left out", err);
    if (normalise(&tar->normal, (struct span){NULL, 0}, entry->name, &escapes, err) < 0)
        return -1;
    if (escapes)
        return problem(tar, ERR_FORMAT, "name climbs above the root, entry left out", err);
    if (tar->normal.size == 0 && entry->kind != TAR_DIRECTORY)
        return problem(tar, ERR_FORMAT, "entry without a name, left out", err);
    if (entry->kind == TAR_HARD_LINK || entry->kind == TAR_SYMLINK) {
        bool relative = entry->kind == TAR_SYMLINK && !span_starts(entry->link, "/");
        struct span folder = relative ? folder_of(buf_span(&tar->normal)) : (struct span){NULL, 0};
        if (normalise(&tar->target, folder, entry->link, &entry->escapes, err) < 0)
            return -1;
        entry->link_path = buf_span(&tar->target);
    }
    return whiteout_read(tar);
}

/* Calls entry() and prepares for the body. */
static int entry_open(struct tar *tar, struct err *err) {
    struct tar_entry *entry = &tar->entry;
    tar->body_left = entry->stored_bytes;
    tar->padding = (TAR_BLOCK_BYTES - entry->stored_bytes % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    entry->data_offset = tar->offset;
    extension_forget(tar);
    int deliver = names_read(tar, err);
    if (deliver < 0)
        return -1;
    tar->skip = deliver == 0;
    if (deliver > 0) {
        if (tar->entry_count >= tar->limits.entries_max)
            return err_set(err, ERR_LIMIT, 0, "tar: more than %" PRIu64 " entries", tar->limits.entries_max);
        tar->entry_count++;
        int wanted = tar->handler->entry(tar->context, entry, err);
        if (wanted < 0)
            return -1;
        tar->open = true;
        tar->skip = wanted == TAR_SKIP;
    }
    tar->state = STATE_BODY;
    return 0;
}

/* The body is through. */
static int entry_close(struct tar *tar, struct err *err) {
    tar->state = tar->padding > 0 ? STATE_PADDING : STATE_HEADER;
    if (!tar->open)
        return 0;
    tar->open = false;
    return tar->handler->entry_end(tar->context, err);
}

static int body_begin(struct tar *tar, struct err *err) {
    if (entry_open(tar, err) < 0)
        return -1;
    return tar->body_left == 0 ? entry_close(tar, err) : 0;
}

/* ---- extended headers ---- */

static int text_keep(struct buf *to, struct span text, struct err *err) {
    size_t end = span_index(text, '\0', 0);
    buf_reset(to);
    buf_add(to, span_slice(text, 0, end == SIZE_MAX ? text.size : end));
    return to->failed ? memory_short(err) : 0;
}

static int record_bad(struct span key, struct span value, struct err *err) {
    char quoted[64];
    return err_set(err, ERR_FORMAT, 0, "extended header: %.*s: expected a number of bytes, found '%s'", SPAN_FORMAT(key),
                   text_quote(value, quoted, sizeof quoted));
}

static int record_apply(struct tar *tar, struct span key, struct span value, struct err *err) {
    struct extension *extension = &tar->extension;
    uint64_t number;
    if (span_is(key, "path") || span_is(key, "GNU.sparse.name")) {
        /* The path of a sparse file is a made-up one; its true name comes as GNU.sparse.name, before or after it. */
        if (tar->gnu_path || (extension->sparse && extension->has_path && span_is(key, "path")))
            return 0;
        extension->has_path = value.size > 0;
        extension->sparse = extension->sparse || span_starts(key, "GNU.");
        return text_keep(&tar->path, value, err);
    }
    if (span_is(key, "linkpath")) {
        if (tar->gnu_link)
            return 0;
        extension->has_link = value.size > 0;
        return text_keep(&tar->link, value, err);
    }
    if (span_is(key, "size")) {
        if (!text_u64(value, 10, INT64_MAX, &number))
            return record_bad(key, value, err);
        extension->has_size = true;
        extension->size = number;
    } else if (span_is(key, "GNU.sparse.size") || span_is(key, "GNU.sparse.realsize")) {
        if (!text_u64(value, 10, INT64_MAX, &number))
            return record_bad(key, value, err);
        extension->sparse = extension->has_real_size = true;
        extension->real_size = number;
    } else if (span_is(key, "GNU.sparse.major")) {
        extension->sparse = true;
        extension->sparse_map_in_body = span_is(value, "1");
    }
    return 0;
}

static int pax_read(struct tar *tar, struct err *err) {
    bool global = tar->meta_type == 'g';
    struct span rest = buf_span(&tar->meta), key, value;
    struct err bad = {0};
    int got;
    if (global)
        extension_forget(tar);
    else if (!tar->gnu_path && !tar->gnu_link)
        extension_forget(tar); /* a second header replaces the first */
    while ((got = tar_pax_next(&rest, &key, &value, &bad)) > 0) {
        bool names_entry = span_is(key, "path") || span_is(key, "linkpath") || span_is(key, "size");
        if (global && names_entry) {
            if (problem(tar, ERR_FORMAT, "global header names a path, link or size, which was not applied", err) < 0)
                return -1;
        } else if (!global && record_apply(tar, key, value, &bad) < 0) {
            return bad.code == ERR_NOMEM ? memory_short(err) : err_set(err, bad.code, 0, "tar: %s", bad.text);
        }
    }
    if (got < 0)
        return err_set(err, bad.code, 0, "tar: %s at offset %" PRIu64, bad.text, tar->offset);
    return 0;
}

static int meta_read(struct tar *tar, struct err *err) {
    switch (tar->meta_type) {
    case 'L':
        tar->gnu_path = true;
        return text_keep(&tar->path, buf_span(&tar->meta), err);
    case 'K':
        tar->gnu_link = true;
        return text_keep(&tar->link, buf_span(&tar->meta), err);
    default:
        return pax_read(tar, err);
    }
}

static int meta_begin(struct tar *tar, const struct tar_header *header, struct err *err) {
    if (header->size > tar->limits.pax_bytes_max)
        return err_set(err, ERR_LIMIT, 0, "tar: extended header of %" PRIu64 " bytes at offset %" PRIu64 ": expected at most %zu",
                       header->size, tar->offset - TAR_BLOCK_BYTES, tar->limits.pax_bytes_max);
    tar->meta_type = header->type;
    tar->meta_left = header->size;
    tar->padding = (TAR_BLOCK_BYTES - header->size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    buf_reset(&tar->meta);
    tar->state = STATE_META;
    if (header->size > 0)
        return 0;
    tar->state = STATE_HEADER;
    return meta_read(tar, err);
}

/* ---- sparse files ---- */

/* The map of PAX sparse format 1.0 is text at the front of the body: a count, then offset and size for each piece, a line each,
 * padded to whole blocks. 1 it is complete, 0 more blocks are needed, -1 FORMAT. */
static int map_complete(struct span map, struct err *err) {
    uint64_t count = 0, number;
    size_t lines = 0;
    struct span rest = map;
    for (;;) {
        size_t end = span_index(rest, '\n', 0);
        if (end == SIZE_MAX)
            return 0;
        if (!text_u64(span_slice(rest, 0, end), 10, INT64_MAX, &number))
            return err_set(err, ERR_FORMAT, 0, "tar: sparse map: expected a number on each line");
        if (lines == 0) {
            count = number;
            if (count > LIMIT_PAX_BYTES) /* a line has two bytes at least */
                return err_set(err, ERR_LIMIT, 0, "tar: sparse map of %" PRIu64 " pieces", count);
        }
        lines++;
        if (lines == 2 * count + 1)
            return 1;
        rest = span_from(rest, end + 1);
    }
}

static int map_block(struct tar *tar, struct err *err) {
    struct tar_entry *entry = &tar->entry;
    if (entry->stored_bytes < TAR_BLOCK_BYTES)
        return err_set(err, ERR_FORMAT, 0, "tar: sparse map at offset %" PRIu64 " is cut off by its file's size", tar->offset);
    entry->stored_bytes -= TAR_BLOCK_BYTES;
    buf_add(&tar->meta, span_make(tar->block, TAR_BLOCK_BYTES));
    if (tar->meta.failed)
        return err_set(err, ERR_LIMIT, 0, "tar: sparse map longer than %zu bytes", tar->limits.pax_bytes_max);
    int complete = map_complete(buf_span(&tar->meta), err);
    return complete <= 0 ? complete : body_begin(tar, err);
}

/* ---- headers ---- */

static int entry_read(struct tar *tar, const struct tar_header *header, struct err *err) {
    const struct extension *extension = &tar->extension;
    if (!extension->has_path && !tar->gnu_path) {
        buf_reset(&tar->path);
        if (header->prefix.size > 0) {
            buf_add(&tar->path, header->prefix);
            buf_byte(&tar->path, '/');
        }
        buf_add(&tar->path, header->name);
    }
    if (!extension->has_link && !tar->gnu_link) {
        buf_reset(&tar->link);
        buf_add(&tar->link, header->link);
    }
    if (tar->path.failed || tar->link.failed)
        return memory_short(err);
    enum tar_kind kind = kind_of(header->type, buf_span(&tar->path));
    uint64_t size = !kind_has_body(kind) ? 0 : extension->has_size ? extension->size : header->size;
    bool sparse = kind == TAR_FILE && (header->type == 'S' || extension->sparse);
    tar->entry = (struct tar_entry){.kind = kind,
                                    .sparse = sparse,
                                    .size = !sparse                    ? size
                                            : header->type == 'S'      ? header->real_size
                                            : extension->has_real_size ? extension->real_size
                                                                       : size,
                                    .stored_bytes = size,
                                    .mode = header->mode,
                                    .mtime = header->mtime,
                                    .offset = tar->offset - TAR_BLOCK_BYTES};
    if (header->type == 'S' && header->sparse_goes_on) {
        tar->state = STATE_SPARSE;
        return 0;
    }
    if (sparse && extension->sparse_map_in_body) {
        buf_reset(&tar->meta);
        tar->state = STATE_MAP;
        return 0;
    }
    if (kind == TAR_HARD_LINK && size > 0) {
        tar->state = STATE_LINK;
        return 0;
    }
    return body_begin(tar, err);
}

static int header_block(struct tar *tar, struct err *err) {
    struct tar_header header;
    uint64_t expected, found, at = tar->offset - TAR_BLOCK_BYTES;
    switch (tar_block_kind(tar->block, &expected, &found)) {
    case TAR_BLOCK_ZERO:
        if (tar->zero_seen)
            tar->state = STATE_END;
        tar->zero_seen = true;
        return 0;
    case TAR_BLOCK_BAD:
        if (at == 0)
            return err_set(err, ERR_FORMAT, 0, "tar: no tar header at offset 0: the checksum does not fit");
        if (found == UINT64_MAX)
            return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 ": expected checksum %" PRIu64 ", found no number", at, expected);
        return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 ": expected checksum %" PRIu64 ", found %" PRIu64, at, expected, found);
    case TAR_BLOCK_HEADER:
        break;
    }
    if (tar->zero_seen)
        return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 " behind a zero block: expected the end", at);
    if (tar_header_parse(tar->block, &header, err) < 0)
        return err_wrap(err, "tar: header at offset %" PRIu64, at);
    if (header.type == 'x' || header.type == 'g' || header.type == 'X' || header.type == 'L' || header.type == 'K')
        return meta_begin(tar, &header, err);
    return entry_read(tar, &header, err);
}

/* The block behind a hard link that claims a size: old archives repeat the body there, most do not. */
static int link_block(struct tar *tar, struct err *err) {
    uint64_t expected, found;
    bool is_body = tar_block_kind(tar->block, &expected, &found) == TAR_BLOCK_BAD;
    if (!is_body) {
        tar->entry.size = tar->entry.stored_bytes = 0;
        if (body_begin(tar, err) < 0)
            return -1;
        return header_block(tar, err);
    }
    if (entry_open(tar, err) < 0)
        return -1;
    struct span piece = span_make(tar->block, (size_t)(tar->body_left < TAR_BLOCK_BYTES ? tar->body_left : TAR_BLOCK_BYTES));
    if (!tar->skip && tar->handler->data(tar->context, piece, err) < 0)
        return -1;
    tar->body_left -= piece.size;
    if (tar->body_left > 0)
        return 0;
    tar->padding = 0; /* it stood in the same block */
    return entry_close(tar, err);
}

static int block_take(struct tar *tar, struct err *err) {
    switch (tar->state) {
    case STATE_SPARSE:
        return tar_sparse_goes_on(tar->block) ? 0 : body_begin(tar, err);
    case STATE_MAP:
        return map_block(tar, err);
    case STATE_LINK:
        return link_block(tar, err);
    case STATE_HEADER:
    case STATE_META:
    case STATE_BODY:
    case STATE_PADDING:
    case STATE_END:
    case STATE_FAILED:
        break;
    }
    return header_block(tar, err);
}

/* ---- the stream ---- */

/* Moves whole blocks together where they straddle pieces. Returns what it used. */
static int block_push(struct tar *tar, struct span *input, struct err *err) {
    size_t size = size_min(TAR_BLOCK_BYTES - tar->block_size, input->size);
    memcpy(tar->block + tar->block_size, input->data, size);
    tar->block_size += size;
    tar->offset += size;
    *input = span_from(*input, size);
    if (tar->block_size < TAR_BLOCK_BYTES)
        return 0;
    tar->block_size = 0;
    return block_take(tar, err);
}

static struct span piece_take(struct tar *tar, struct span *input, uint64_t *left) {
    struct span piece = span_slice(*input, 0, *left < input->size ? (size_t)*left : input->size);
    *left -= piece.size;
    tar->offset += piece.size;
    *input = span_from(*input, piece.size);
    return piece;
}

static int piece_push(struct tar *tar, struct span *input, struct err *err) {
    struct span piece;
    switch (tar->state) {
    case STATE_META:
        buf_add(&tar->meta, piece_take(tar, input, &tar->meta_left));
        if (tar->meta.failed)
            return memory_short(err);
        if (tar->meta_left > 0)
            return 0;
        tar->state = tar->padding > 0 ? STATE_PADDING : STATE_HEADER;
        return meta_read(tar, err);
    case STATE_BODY:
        piece = piece_take(tar, input, &tar->body_left);
        if (!tar->skip && tar->handler->data(tar->context, piece, err) < 0)
            return -1;
        return tar->body_left == 0 ? entry_close(tar, err) : 0;
    case STATE_PADDING:
        (void)piece_take(tar, input, &tar->padding);
        if (tar->padding == 0)
            tar->state = STATE_HEADER;
        return 0;
    case STATE_END:
        tar->offset += input->size;
        *input = (struct span){NULL, 0};
        return 0;
    case STATE_HEADER:
    case STATE_SPARSE:
    case STATE_MAP:
    case STATE_LINK:
    case STATE_FAILED:
        break;
    }
    return block_push(tar, input, err);
}

static int fail(struct tar *tar, struct err *err) {
    if (tar->state != STATE_FAILED && err != NULL)
        tar->failure = *err;
    tar->state = STATE_FAILED;
    return -1;
}

int tar_push(struct tar *tar, struct span input, struct err *err) {
    struct err own = {0};
    if (tar->state == STATE_FAILED) {
        if (err != NULL)
            *err = tar->failure;
        return -1;
    }
    while (input.size > 0) {
        if (piece_push(tar, &input, &own) < 0) {
            if (err != NULL)
                *err = own;
            return fail(tar, &own);
        }
    }
    return 0;
}

int tar_finish(struct tar *tar, struct err *err) {
    struct err own = {0};
    int result = 0;
    char quoted[96];
    switch (tar->state) {
    case STATE_FAILED:
        if (err != NULL)
            *err = tar->failure;
        return -1;
    case STATE_LINK:
        if (tar->block_size == 0) {
            tar->entry.size = tar->entry.stored_bytes = 0;
            result = body_begin(tar, &own);
            break;
        }
        __attribute__((fallthrough));
    case STATE_META:
    case STATE_SPARSE:
    case STATE_MAP:
    case STATE_HEADER:
        if (tar->block_size > 0 || tar->state != STATE_HEADER)
            result = err_set(&own, ERR_FORMAT, 0, "tar: ends in the middle of a header at offset %" PRIu64, tar->offset);
        break;
    case STATE_BODY:
        result = err_set(&own, ERR_FORMAT, 0, "tar: ends at offset %" PRIu64 ", %" PRIu64 " bytes before the end of '%s'", tar->offset,
                         tar->body_left, text_quote(buf_span(&tar->path), quoted, sizeof quoted));
        break;
    case STATE_PADDING:
    case STATE_END:
        break;
    }
    if (result == 0)
        return 0;
    if (err != NULL)
        *err = own;
    return fail(tar, &own);
}

uint64_t tar_skippable(const struct tar *tar) {
    if (tar->state == STATE_BODY)
        return tar->body_left;
    return tar->state == STATE_PADDING ? tar->padding : 0;
}

int tar_skip(struct tar *tar, uint64_t size, struct err *err) {
    assert(size <= tar_skippable(tar));
    struct err own = {0};
    int result = 0;
    tar->offset += size;
    if (tar->state == STATE_BODY) {
        tar->body_left -= size;
        result = tar->body_left == 0 ? entry_close(tar, &own) : 0;
    } else if (tar->state == STATE_PADDING) {
        tar->padding -= size;
        if (tar->padding == 0)
            tar->state = STATE_HEADER;
    }
    if (result == 0)
        return 0;
    if (err != NULL)
        *err = own;
    return fail(tar, &own);
}
