#include "io/archive/tar.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "io/archive/tar_header.h"

/* Old GNU sparse maps: where a further block says that yet another follows. */
enum { SPARSE_EXTENDED_AT = 504 };

enum tar_place {
    PLACE_HEADER,      /* gathering a header block */
    PLACE_EXTENDED,    /* gathering the body of 'x', 'g', 'L' or 'K' */
    PLACE_BODY,        /* passing a body on, or by */
    PLACE_PADDING,     /* to the next block boundary */
    PLACE_SPARSE_MAP,  /* old GNU: further blocks of the map, before the body */
    PLACE_SPARSE_TEXT, /* PAX 1.0: the map as text in the body's first blocks */
    PLACE_LINK,        /* a hard link with a size: the next block tells whether it has a body */
    PLACE_END,         /* after the end-of-archive marker */
};

struct tar {
    const struct tar_handler *handler;
    void *context;
    struct tar_limits limits;
    struct err failure; /* the error that every call gives from now on */

    enum tar_place place;
    uint64_t offset;
    uint64_t entries;
    uint8_t block[TAR_BLOCK_BYTES];
    size_t block_size;
    unsigned zero_blocks;
    bool end_reported; /* bytes after the end were */

    uint64_t body_left;
    size_t padding_left;
    bool listed;  /* the entry is to be handed over; false for those that are skipped */
    bool deliver; /* data() gets the body */
    bool open;    /* entry() was called and entry_end() was not */

    uint8_t extended_type;
    uint64_t extended_offset;
    uint64_t extended_left;
    struct buf extended_global;
    struct buf pax, long_name, long_link; /* for the next entry, where their flag is set */
    bool has_pax, has_long_name, has_long_link;

    struct tar_entry entry;
    struct tar_sparse_text sparse_text;
    struct buf name, path, link, link_path; /* what `entry` borrows */
};

struct tar_limits tar_limits_default(void) {
    return (struct tar_limits){
        .entries_max = LIMIT_LAYER_ENTRIES, .path_bytes_max = LIMIT_PATH_BYTES, .pax_bytes_max = LIMIT_PAX_BYTES};
}

const char *tar_kind_name(enum tar_kind kind) {
    static const char *const names[TAR_KIND_COUNT] = {"file",        "directory",    "symlink", "hard link",
                                                      "char device", "block device", "fifo",    "other"};
    return kind < TAR_KIND_COUNT ? names[kind] : "?";
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
    buf_release(&tar->extended_global);
    buf_release(&tar->pax);
    buf_release(&tar->long_name);
    buf_release(&tar->long_link);
    buf_release(&tar->name);
    buf_release(&tar->path);
    buf_release(&tar->link);
    buf_release(&tar->link_path);
    mem_free(tar);
}

static void pending_forget(struct tar *tar) { tar->has_pax = tar->has_long_name = tar->has_long_link = false; }

void tar_begin(struct tar *tar, const struct tar_limits *limits, const struct tar_handler *handler, void *context) {
    tar->handler = handler;
    tar->context = context;
    tar->limits = limits == NULL ? tar_limits_default() : *limits;
    tar->failure.code = ERR_NONE;
    tar->place = PLACE_HEADER;
    tar->offset = tar->entries = 0;
    tar->block_size = 0;
    tar->zero_blocks = 0;
    tar->end_reported = false;
    tar->body_left = 0;
    tar->padding_left = 0;
    tar->open = false;
    pending_forget(tar);
}

/* An extended header was read, and the entry that it speaks of is still to come. */
static bool is_pending(const struct tar *tar) { return tar->has_pax || tar->has_long_name || tar->has_long_link; }

uint64_t tar_offset(const struct tar *tar) { return tar->offset; }

bool tar_at_end(const struct tar *tar) { return tar->place == PLACE_END; }

static int problem(struct tar *tar, const struct err *what, struct span name, uint64_t offset, struct err *err) {
    return tar->handler->problem == NULL ? 0 : tar->handler->problem(tar->context, what, name, offset, err);
}

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "tar: out of memory"); }

static int failed_before(const struct tar *tar, struct err *err) {
    if (err != NULL)
        *err = tar->failure;
    return -1;
}

static int fail(struct tar *tar, const struct err *failure, struct err *err) {
    tar->failure = *failure;
    return failed_before(tar, err);
}

static size_t padding_of(uint64_t size) { return (size_t)(-size & (TAR_BLOCK_BYTES - 1)); }

/* A whole block: from the input without a copy where it has one, else gathered piece by piece. NULL while
 * it is not whole. */
static const uint8_t *block_take(struct tar *tar, struct span *input) {
    if (tar->block_size == 0 && input->size >= TAR_BLOCK_BYTES) {
        const uint8_t *block = input->data;
        *input = span_from(*input, TAR_BLOCK_BYTES);
        tar->offset += TAR_BLOCK_BYTES;
        return block;
    }
    tar->offset += span_gather(input, tar->block, &tar->block_size, TAR_BLOCK_BYTES);
    if (tar->block_size < TAR_BLOCK_BYTES)
        return NULL;
    tar->block_size = 0;
    return tar->block;
}

/* Bodies. */

static void padding_begin(struct tar *tar) { tar->place = tar->padding_left > 0 ? PLACE_PADDING : PLACE_HEADER; }

static int entry_close(struct tar *tar, struct err *err) {
    if (!tar->open)
        return 0;
    tar->open = false;
    return tar->handler->entry_end == NULL ? 0 : tar->handler->entry_end(tar->context, err);
}

/* Hands the entry over and goes to its body of `body_left` bytes. */
static int entry_open(struct tar *tar, struct err *err) {
    tar->padding_left = padding_of(tar->body_left);
    tar->entry.stored_bytes = tar->deliver ? tar->body_left : 0;
    int result = tar->handler->entry == NULL ? 0 : tar->handler->entry(tar->context, &tar->entry, err);
    if (result < 0)
        return -1;
    tar->open = true;
    if (result == TAR_SKIP)
        tar->deliver = false;
    tar->place = PLACE_BODY;
    if (tar->body_left > 0)
        return 0;
    padding_begin(tar);
    return entry_close(tar, err);
}

/* Goes past a body that belongs to no entry. */
static void body_pass(struct tar *tar, uint64_t size) {
    tar->body_left = size;
    tar->padding_left = padding_of(size);
    tar->deliver = false;
    tar->place = PLACE_BODY;
    if (size == 0)
        padding_begin(tar);
}

/* Goes to the body, with its entry where that is to be handed over. */
static int entry_ready(struct tar *tar, struct err *err) {
    if (tar->listed)
        return entry_open(tar, err);
    body_pass(tar, tar->body_left);
    return 0;
}

static int body_advance(struct tar *tar, uint64_t size, struct err *err) {
    tar->offset += size;
    tar->body_left -= size;
    if (tar->body_left > 0)
        return 0;
    padding_begin(tar);
    return entry_close(tar, err);
}

static int body_step(struct tar *tar, struct span *input, struct err *err) {
    size_t size = (size_t)u64_min(tar->body_left, input->size);
    struct span piece = span_slice(*input, 0, size);
    *input = span_from(*input, size);
    if (tar->deliver && tar->handler->data != NULL && tar->handler->data(tar->context, piece, err) < 0)
        return -1;
    return body_advance(tar, size, err);
}

static void padding_advance(struct tar *tar, size_t size) {
    tar->offset += size;
    tar->padding_left -= size;
    if (tar->padding_left == 0)
        tar->place = PLACE_HEADER;
}

static void padding_step(struct tar *tar, struct span *input) {
    size_t size = size_min(tar->padding_left, input->size);
    *input = span_from(*input, size);
    padding_advance(tar, size);
}

uint64_t tar_skippable(const struct tar *tar) {
    if (tar->place == PLACE_BODY)
        return tar->body_left + tar->padding_left;
    return tar->place == PLACE_PADDING ? tar->padding_left : 0;
}

int tar_skip(struct tar *tar, uint64_t size, struct err *err) {
    assert(size <= tar_skippable(tar));
    if (tar->place == PLACE_BODY) {
        uint64_t body = u64_min(size, tar->body_left);
        size -= body;
        struct err failure;
        if (body_advance(tar, body, &failure) < 0)
            return fail(tar, &failure, err);
    }
    if (size > 0)
        padding_advance(tar, (size_t)size);
    return 0;
}

/* Extended headers. */

static struct buf *extended_buf(struct tar *tar) {
    switch (tar->extended_type) {
    case 'L':
        return &tar->long_name;
    case 'K':
        return &tar->long_link;
    case 'g':
        return &tar->extended_global;
    default:
        return &tar->pax;
    }
}

static int extended_end(struct tar *tar, struct err *err);

static int extended_begin(struct tar *tar, const struct tar_header *header, uint64_t offset, struct err *err) {
    if (header->size > tar->limits.pax_bytes_max)
        return err_set(err, ERR_LIMIT, 0,
                       "tar: extended header '%c' at offset %" PRIu64 " has %" PRIu64 " bytes, the ceiling is %zu",
                       header->type, offset, header->size, tar->limits.pax_bytes_max);
    tar->extended_type = header->type;
    tar->extended_offset = offset;
    tar->extended_left = header->size;
    tar->padding_left = padding_of(header->size);
    buf_reset(extended_buf(tar));
    tar->place = PLACE_EXTENDED;
    return header->size == 0 ? extended_end(tar, err) : 0;
}

/* Global records rarely say more than a comment (git archive). Those that would move or rename entries are
 * pointed out: readers disagree on them, which is a way to show one file to a scanner and another to a
 * runtime. */
static int global_check(struct tar *tar, struct err *err) {
    struct tar_pax pax;
    struct err what;
    struct span nothing = {NULL, 0};
    if (tar_pax_parse(buf_span(&tar->extended_global), &pax, &what) < 0 &&
        problem(tar, &what, nothing, tar->extended_offset, err) < 0)
        return -1;
    const char *key = pax.path.size > 0 || pax.sparse_name.size > 0 ? "path"
                      : pax.link_path.size > 0                      ? "linkpath"
                      : pax.size.size > 0                           ? "size"
                                                                    : NULL;
    if (key == NULL)
        return 0;
    err_set(&what, ERR_FORMAT, 0, "tar: global pax header sets %s, which container runtimes ignore; ignored", key);
    return problem(tar, &what, nothing, tar->extended_offset, err);
}

static int extended_end(struct tar *tar, struct err *err) {
    padding_begin(tar);
    switch (tar->extended_type) {
    case 'L':
        tar->has_long_name = true;
        return 0;
    case 'K':
        tar->has_long_link = true;
        return 0;
    case 'g':
        pending_forget(tar);
        return global_check(tar, err);
    default:
        tar->has_pax = true;
        return 0;
    }
}

static int extended_step(struct tar *tar, struct span *input, struct err *err) {
    size_t size = (size_t)u64_min(tar->extended_left, input->size);
    struct buf *buf = extended_buf(tar);
    buf_add(buf, span_slice(*input, 0, size));
    if (buf->failed)
        return nomem(err);
    *input = span_from(*input, size);
    tar->offset += size;
    tar->extended_left -= size;
    return tar->extended_left > 0 ? 0 : extended_end(tar, err);
}

/* Entries. */

static struct span until_nul(struct span s) { return text_cut(&s, 0); }

static bool keep(struct buf *buf, struct span s) {
    buf_reset(buf);
    buf_add(buf, s);
    return !buf->failed;
}

/* What an entry's headers say once they are put together. */
struct facts {
    const struct tar_header *header;
    struct tar_pax pax;
    uint64_t body_size; /* in the stream */
    bool sparse_text;   /* PAX 1.0 */
};

static int facts_gather(struct tar *tar, struct facts *facts, uint64_t offset, struct err *err) {
    struct err what;
    char quoted[64];
    facts->body_size = facts->header->size;
    if (tar->has_pax && tar_pax_parse(buf_span(&tar->pax), &facts->pax, &what) < 0 &&
        problem(tar, &what, facts->header->name, tar->extended_offset, err) < 0)
        return -1;
    if (facts->pax.size.size > 0 && !tar_pax_number(facts->pax.size, &facts->body_size))
        return err_set(err, ERR_FORMAT, 0, "tar: header at offset %" PRIu64 ": pax size is \"%s\"", offset,
                       text_quote(facts->pax.size, quoted, sizeof quoted));
    return 0;
}

static enum tar_kind kind_of(uint8_t type) {
    switch (type) {
    case 0:
    case '0':
    case '7':
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
    case 'D':
        return TAR_DIRECTORY;
    case '6':
        return TAR_FIFO;
    default:
        return TAR_OTHER;
    }
}

static bool name_gather(struct tar *tar, const struct facts *facts, bool sparse_pax) {
    const struct tar_header *header = facts->header;
    if (sparse_pax && facts->pax.sparse_name.size > 0)
        return keep(&tar->name, until_nul(facts->pax.sparse_name));
    if (tar->has_long_name && tar->long_name.size > 0)
        return keep(&tar->name, until_nul(buf_span(&tar->long_name)));
    if (facts->pax.path.size > 0)
        return keep(&tar->name, until_nul(facts->pax.path));
    bool kept = keep(&tar->name, header->prefix);
    if (header->prefix.size > 0)
        buf_byte(&tar->name, '/');
    buf_add(&tar->name, header->name);
    return kept && !tar->name.failed;
}

static bool link_gather(struct tar *tar, const struct facts *facts) {
    struct span link = tar->has_long_link && tar->long_link.size > 0 ? buf_span(&tar->long_link)
                       : facts->pax.link_path.size > 0               ? facts->pax.link_path
                                                                     : facts->header->link;
    return keep(&tar->link, until_nul(link));
}

/* `buf` becomes the path of `name` seen from `folder`. */
static bool normalise(struct buf *buf, struct span folder, struct span name, bool *ret_escapes) {
    buf_reset(buf);
    if (!buf_reserve(buf, folder.size + 1 + name.size))
        return false;
    buf->size = tar_path_normalise(folder, name, buf->data, ret_escapes);
    return true;
}

static struct span folder_of(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? (struct span){NULL, 0} : span_slice(path, 0, slash);
}

static bool link_resolve(struct tar *tar) {
    struct tar_entry *entry = &tar->entry;
    entry->link = buf_span(&tar->link);
    struct span folder = entry->kind == TAR_SYMLINK ? folder_of(entry->path) : (struct span){NULL, 0};
    if (!normalise(&tar->link_path, folder, entry->link, &entry->escapes))
        return false;
    entry->link_path = buf_span(&tar->link_path);
    return true;
}

/* Which of OCI's marks the path is. Returns false for aufs metadata and for marks that name nothing.
 * `*ret_what` says what is wrong with the latter, its code stays ERR_NONE for the former. */
static bool whiteout_resolve(struct tar_entry *entry, struct err *ret_what) {
    struct span folder = folder_of(entry->path);
    struct span base = span_from(entry->path, folder.size == 0 ? 0 : folder.size + 1);
    ret_what->code = ERR_NONE;
    if (span_is(base, ".wh..wh..opq")) {
        entry->whiteout = TAR_WHITEOUT_OPAQUE;
        entry->path = folder;
        return true;
    }
    if (span_starts(base, ".wh..wh.") || span_starts(entry->path, ".wh..wh."))
        return false;
    if (!span_starts(base, ".wh."))
        return true;
    struct span name = span_from(base, 4);
    if (name.size == 0 || span_is(name, ".") || span_is(name, "..")) {
        err_set(ret_what, ERR_FORMAT, 0, "tar: whiteout that names nothing");
        return false;
    }
    entry->whiteout = TAR_WHITEOUT_NAME;
    return true;
}

/* A whiteout's path is that of what it deletes: the mark is cut out of the buffer. */
static void whiteout_cut(struct tar *tar) {
    struct span folder = folder_of(tar->entry.path);
    size_t base = folder.size == 0 ? 0 : folder.size + 1;
    memmove(tar->path.data + base, tar->path.data + base + 4, tar->path.size - base - 4);
    tar->path.size -= 4;
    tar->entry.path = buf_span(&tar->path);
}

/* Names and normalises. 1 to go on, 0 when the entry is not to be delivered (`what` says why, or has no
 * code), -1 NOMEM. */
static int paths_resolve(struct tar *tar, const struct facts *facts, bool sparse_pax, struct err *what,
                         struct err *err) {
    struct tar_entry *entry = &tar->entry;
    size_t path_bytes_max = tar->limits.path_bytes_max;
    char quoted[96];
    bool escapes;
    if (!name_gather(tar, facts, sparse_pax) || !link_gather(tar, facts))
        return nomem(err);
    entry->name = buf_span(&tar->name);
    /* v7 has no type for folders, only a slash; some writers keep to that under '0'. */
    bool slash = entry->name.size > 0 && entry->name.data[entry->name.size - 1] == '/';
    uint8_t type = facts->header->type;
    if (slash && (type == 0 || (type == '0' && facts->body_size == 0)))
        entry->kind = TAR_DIRECTORY;
    if (entry->name.size > path_bytes_max || tar->link.size > path_bytes_max) {
        err_set(what, ERR_LIMIT, 0, "tar: a path of %zu bytes, the ceiling is %zu; skipped",
                size_max(entry->name.size, tar->link.size), path_bytes_max);
        return 0;
    }
    if (!normalise(&tar->path, (struct span){NULL, 0}, entry->name, &escapes))
        return nomem(err);
    entry->path = buf_span(&tar->path);
    if (escapes) {
        err_set(what, ERR_FORMAT, 0, "tar: the name \"%s\" climbs above the root; skipped",
                text_quote(entry->name, quoted, sizeof quoted));
        return 0;
    }
    if (entry->path.size == 0 && entry->kind != TAR_DIRECTORY) {
        err_set(what, ERR_FORMAT, 0, "tar: a %s without a name; skipped", tar_kind_name(entry->kind));
        return 0;
    }
    if (!whiteout_resolve(entry, what))
        return 0;
    if (entry->whiteout == TAR_WHITEOUT_NAME)
        whiteout_cut(tar);
    bool links = entry->kind == TAR_SYMLINK || entry->kind == TAR_HARD_LINK;
    if (links && entry->whiteout == TAR_WHITEOUT_NONE && !link_resolve(tar))
        return nomem(err);
    return 1;
}

static bool sparse_pax_known(const struct tar_pax *pax, bool *ret_text) {
    *ret_text = span_is(pax->sparse_major, "1") && span_is(pax->sparse_minor, "0");
    if (*ret_text)
        return true;
    bool early = pax->sparse_major.size == 0 || span_is(pax->sparse_major, "0");
    return early && pax->sparse_map;
}

/* The size with holes, where the headers tell it. */
static void sparse_gather(struct tar *tar, struct facts *facts, bool sparse_pax) {
    struct tar_entry *entry = &tar->entry;
    if (sparse_pax) {
        entry->sparse = true;
        struct span size = facts->pax.sparse_size.size > 0 ? facts->pax.sparse_size : facts->pax.sparse_real_size;
        (void)tar_pax_number(size, &entry->size); /* where it is damaged, the stored size stays */
    } else if (facts->header->type == 'S') {
        entry->sparse = true;
        entry->size = facts->header->sparse_size;
    }
}

/* Everything between a good header block of an entry and its body. */
static int entry_begin(struct tar *tar, const struct tar_header *header, uint64_t offset, struct err *err) {
    struct facts facts = {.header = header};
    if (tar->entries >= tar->limits.entries_max)
        return err_set(err, ERR_LIMIT, 0, "tar: more than %" PRIu64 " entries, the ceiling of --max-layer-entries",
                       tar->limits.entries_max);
    tar->entries++;
    tar->entry = (struct tar_entry){
        .kind = kind_of(header->type), .mode = header->mode, .offset = offset, .data_offset = offset + TAR_BLOCK_BYTES};
    struct tar_entry *entry = &tar->entry;
    if (facts_gather(tar, &facts, offset, err) < 0)
        return -1;
    bool sparse_pax =
        sparse_pax_known(&facts.pax, &facts.sparse_text) && entry->kind == TAR_FILE && header->type != 'S';
    struct err what;
    int resolved = paths_resolve(tar, &facts, sparse_pax, &what, err);
    pending_forget(tar);
    if (resolved < 0)
        return -1;
    bool has_body =
        entry->kind == TAR_FILE || entry->kind == TAR_OTHER || entry->kind == TAR_HARD_LINK || header->type == 'D';
    tar->body_left = has_body ? facts.body_size : 0;
    tar->listed = resolved == 1;
    tar->deliver = tar->listed && entry->whiteout == TAR_WHITEOUT_NONE && entry->kind != TAR_DIRECTORY;
    entry->size = tar->deliver ? tar->body_left : 0;
    if (!tar->listed && what.code != ERR_NONE && problem(tar, &what, entry->name, offset, err) < 0)
        return -1;
    if (entry->kind == TAR_HARD_LINK && tar->body_left > 0) {
        tar->place = PLACE_LINK;
        return 0;
    }
    if (tar->deliver)
        sparse_gather(tar, &facts, sparse_pax);
    if (header->type == 'S' && header->sparse_extended) {
        tar->place = PLACE_SPARSE_MAP;
        return 0;
    }
    if (entry->sparse && facts.sparse_text && tar->body_left > 0) {
        tar->sparse_text = (struct tar_sparse_text){.pairs_max = tar->body_left / 4};
        tar->place = PLACE_SPARSE_TEXT;
        return 0;
    }
    return entry_ready(tar, err);
}

static int sparse_map_step(struct tar *tar, struct span *input, struct err *err) {
    const uint8_t *block = block_take(tar, input);
    if (block == NULL || block[SPARSE_EXTENDED_AT] != 0)
        return 0;
    return entry_ready(tar, err);
}

static int sparse_text_step(struct tar *tar, struct span *input, struct err *err) {
    int result = -1;
    if (tar->body_left >= TAR_BLOCK_BYTES) {
        const uint8_t *block = block_take(tar, input);
        if (block == NULL)
            return 0;
        tar->body_left -= TAR_BLOCK_BYTES;
        result = tar_sparse_text_read(&tar->sparse_text, block);
    }
    if (result == 0 && tar->body_left > 0)
        return 0;
    if (result != 1) {
        struct err what;
        err_set(&what, ERR_FORMAT, 0, "tar: damaged sparse map; the file's data is skipped");
        tar->deliver = false;
        if (problem(tar, &what, tar->entry.name, tar->entry.offset, err) < 0)
            return -1;
    }
    return entry_ready(tar, err);
}

/* Headers. */

static int header_refuse(const uint8_t *block, uint64_t offset, uint64_t expected, uint64_t found, struct err *err) {
    bool ustar = memcmp(block + 257, "ustar", 5) == 0;
    if (offset == 0 && !ustar)
        return err_set(err, ERR_FORMAT, 0, "tar: no tar header at offset 0, found bytes %02x %02x %02x %02x %02x %02x",
                       block[0], block[1], block[2], block[3], block[4], block[5]);
    return err_set(err, ERR_FORMAT, 0,
                   "tar: header at offset %" PRIu64 ": expected checksum %" PRIu64 ", found %" PRIu64, offset, expected,
                   found);
}

static int zero_block(struct tar *tar, uint64_t offset, struct err *err) {
    bool pending = is_pending(tar);
    pending_forget(tar);
    if (++tar->zero_blocks == 2)
        tar->place = PLACE_END;
    if (!pending)
        return 0;
    struct err what;
    err_set(&what, ERR_FORMAT, 0, "tar: extended header without an entry after it");
    return problem(tar, &what, (struct span){NULL, 0}, offset, err);
}

/* After the end nobody reads: what is there is hidden from every runtime. Said once. */
static int end_report(struct tar *tar, const char *text, uint64_t offset, struct err *err) {
    struct err what;
    if (tar->end_reported)
        return 0;
    tar->end_reported = true;
    err_set(&what, ERR_FORMAT, 0, "tar: %s at offset %" PRIu64 "; ignored", text, offset);
    return problem(tar, &what, (struct span){NULL, 0}, offset, err);
}

static int header_block(struct tar *tar, const uint8_t *block, uint64_t offset, struct err *err) {
    uint64_t expected, found;
    struct tar_header header;
    struct err what;
    tar->place = PLACE_HEADER;
    if (tar_block_is_zero(block))
        return zero_block(tar, offset, err);
    if (tar->zero_blocks > 0) {
        tar->place = PLACE_END;
        return end_report(tar, "data after a single zero block, where the archive ends,", offset, err);
    }
    if (!tar_block_checksum(block, &expected, &found))
        return header_refuse(block, offset, expected, found, err);
    if (tar_header_parse(block, offset, &header, err) < 0)
        return -1;
    switch (header.type) {
    case 'x':
    case 'X':
    case 'g':
    case 'L':
    case 'K':
        return extended_begin(tar, &header, offset, err);
    case 'V': /* GNU volume label: names the tape */
        pending_forget(tar);
        body_pass(tar, header.size);
        return 0;
    case 'M':
    case 'N':
        err_set(&what, ERR_UNSUPPORTED, 0, "tar: GNU member type '%c' (%s) is not supported; skipped", header.type,
                header.type == 'M' ? "continued from another volume" : "old long names");
        pending_forget(tar);
        body_pass(tar, header.size);
        return problem(tar, &what, header.name, offset, err);
    default:
        return entry_begin(tar, &header, offset, err);
    }
}

static int header_step(struct tar *tar, struct span *input, struct err *err) {
    const uint8_t *block = block_take(tar, input);
    return block == NULL ? 0 : header_block(tar, block, tar->offset - TAR_BLOCK_BYTES, err);
}

/* Hands out `piece`, the front of the body that was gathered to look at it. */
static int link_body(struct tar *tar, struct span piece, struct err *err) {
    tar->offset -= piece.size;
    if (entry_ready(tar, err) < 0 || body_step(tar, &piece, err) < 0)
        return -1;
    if (tar->place == PLACE_PADDING && piece.size > 0)
        padding_step(tar, &piece);
    return 0;
}

static int link_step(struct tar *tar, struct span *input, struct err *err) {
    uint64_t expected, found;
    const uint8_t *block = block_take(tar, input);
    if (block == NULL)
        return 0;
    if (!tar_block_is_zero(block) && !tar_block_checksum(block, &expected, &found))
        return link_body(tar, span_make(block, TAR_BLOCK_BYTES), err);
    tar->body_left = 0;
    tar->entry.size = 0;
    if (entry_ready(tar, err) < 0)
        return -1;
    return header_block(tar, block, tar->offset - TAR_BLOCK_BYTES, err);
}

static int end_step(struct tar *tar, struct span *input, struct err *err) {
    struct span rest = *input;
    tar->offset += rest.size;
    *input = span_from(rest, rest.size);
    if (tar->end_reported || (rest.data[0] == 0 && memcmp(rest.data, rest.data + 1, rest.size - 1) == 0))
        return 0;
    size_t i = 0;
    while (rest.data[i] == 0)
        i++;
    return end_report(tar, "data after the end of the archive", tar->offset - rest.size + i, err);
}

static int step(struct tar *tar, struct span *input, struct err *err) {
    switch (tar->place) {
    case PLACE_HEADER:
        return header_step(tar, input, err);
    case PLACE_EXTENDED:
        return extended_step(tar, input, err);
    case PLACE_BODY:
        return body_step(tar, input, err);
    case PLACE_PADDING:
        padding_step(tar, input);
        return 0;
    case PLACE_SPARSE_MAP:
        return sparse_map_step(tar, input, err);
    case PLACE_SPARSE_TEXT:
        return sparse_text_step(tar, input, err);
    case PLACE_LINK:
        return link_step(tar, input, err);
    case PLACE_END:
        return end_step(tar, input, err);
    }
    return err_set(err, ERR_FORMAT, 0, "tar: no such place %d", (int)tar->place); /* all places are above */
}

int tar_push(struct tar *tar, struct span input, struct err *err) {
    struct err failure;
    if (tar->failure.code != ERR_NONE)
        return failed_before(tar, err);
    while (input.size > 0)
        if (step(tar, &input, &failure) < 0)
            return fail(tar, &failure, err);
    return 0;
}

static int end_in_body(const struct tar *tar, struct err *err) {
    char quoted[96];
    return err_set(err, ERR_FORMAT, 0,
                   "tar: ends at offset %" PRIu64 " in the body of \"%s\", %" PRIu64 " bytes are missing", tar->offset,
                   text_quote(buf_span(&tar->name), quoted, sizeof quoted), tar->body_left);
}

static int finish(struct tar *tar, struct err *err) {
    switch (tar->place) {
    case PLACE_PADDING:
    case PLACE_HEADER:
        if (tar->block_size > 0)
            return err_set(err, ERR_FORMAT, 0,
                           "tar: %s at offset %" PRIu64 ": ends in the middle of a header, %zu of 512 bytes are there",
                           tar->offset < TAR_BLOCK_BYTES ? "no tar header" : "header", tar->offset - tar->block_size,
                           tar->block_size);
        if (is_pending(tar))
            return err_set(err, ERR_FORMAT, 0,
                           "tar: ends at offset %" PRIu64 " after an extended header, without its entry", tar->offset);
        return 0;
    case PLACE_EXTENDED:
        return err_set(err, ERR_FORMAT, 0,
                       "tar: ends at offset %" PRIu64 " in extended header '%c', %" PRIu64 " bytes are missing",
                       tar->offset, tar->extended_type, tar->extended_left);
    case PLACE_LINK:
        if (tar->block_size == 0) {
            tar->body_left = 0;
            tar->entry.size = 0;
            return entry_ready(tar, err);
        }
        if (tar->block_size < tar->body_left)
            return end_in_body(tar, err);
        return link_body(tar, span_make(tar->block, tar->block_size), err);
    case PLACE_BODY:
    case PLACE_SPARSE_MAP:
    case PLACE_SPARSE_TEXT:
        return end_in_body(tar, err);
    case PLACE_END:
        break;
    }
    return 0;
}

int tar_finish(struct tar *tar, struct err *err) {
    struct err failure;
    if (tar->failure.code != ERR_NONE)
        return failed_before(tar, err);
    return finish(tar, &failure) < 0 ? fail(tar, &failure, err) : 0;
}
