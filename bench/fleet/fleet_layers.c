#include "bench/fleet/fleet_layers.h"

#include <zlib.h>

#include "base/text.h"
#include "bench/fleet/fleet_random.h"
#include "tests/support/tar_build.h"

#define CHAIN_GROWTH 1.4
#define FILE_BYTES_MAX ((uint64_t)96 * 1024)
#define ENTRY_MTIME ((uint64_t)1700000000)
#define OWN_SECRET_EVERY 100 /* layers to one with a made-up token: about what surveys of public images report */

struct joint {
    size_t packed_size; /* of the chain up to here */
    struct digest_stream *packed, *unpacked;
};

struct chain {
    struct buf packed;
    struct joint joints[FLEET_PREFIXES];
};

struct fleet_layers {
    struct chain chains[FLEET_CHAINS];
    z_stream deflate;
    bool deflate_ready;
    struct digest_stream *scratch;
    struct buf tar, body; /* of what is being made */
};

/* ---- shapes ---- */

static const uint8_t chain_first[FLEET_KIND_COUNT] = {0, 2, 4, 5}, chain_count[FLEET_KIND_COUNT] = {2, 2, 1, 3};

static enum fleet_kind kind_of(unsigned chain) {
    enum fleet_kind kind = FLEET_BASE;
    while (kind + 1 < FLEET_KIND_COUNT && chain >= chain_first[kind + 1])
        kind++;
    return kind;
}

struct fleet_shape fleet_shape_of(enum fleet_kind kind, uint64_t key) {
    static const uint8_t percent[FLEET_PREFIXES] = {24, 22, 18, 14, 10, 6, 4, 2};
    struct fleet_random random = {key};
    struct fleet_shape shape = {.key = key};
    shape.chain = (uint8_t)(chain_first[kind] + fleet_below(&random, chain_count[kind]));
    if (kind == FLEET_BASE) {
        shape.prefix = (uint8_t)(6 + fleet_below(&random, 3));
    } else if (kind == FLEET_RUNTIME) {
        shape.prefix = (uint8_t)(4 + fleet_below(&random, 4));
    } else {
        uint64_t draw = fleet_below(&random, 100), sum = percent[0];
        while (draw >= sum)
            sum += percent[++shape.prefix];
        shape.prefix++;
    }
    return shape;
}

static double member_weight(unsigned member) {
    double weight = 1;
    for (unsigned i = 0; i < member; i++)
        weight *= CHAIN_GROWTH;
    return weight;
}

double fleet_shape_weight(struct fleet_shape shape) {
    double weight = 0;
    for (unsigned i = 0; i < shape.prefix; i++)
        weight += member_weight(i);
    return weight;
}

/* ---- contents ---- */

static const char *const words[] = {
    "request", "handler", "session", "return", "value", "config",  "stream",   "buffer", "index",  "module",
    "export",  "async",   "await",   "const",  "error", "message", "callback", "queue",  "worker", "schema",
    "table",   "column",  "update",  "insert", "where", "client",  "server",   "socket", "header", "cookie",
    "render",  "layout",  "button",  "state",  "props", "effect",  "context",  "store",  "action", "reducer",
    "the",     "of",      "and",     "to",     "in",    "is",      "that",     "for",    "with",   "as",
};

/* Lines of words: packs to about a third, as sources do. */
static void add_text(struct buf *out, struct fleet_random *random, size_t size) {
    static const char *const joints[] = {" ", " ", " ", ", ", ".", "(", ") ", " = ", ";\n", ";\n    "};
    size_t end = out->size + size;
    while (!out->failed && out->size < end) {
        uint64_t bits = fleet_next(random);
        for (unsigned i = 0; i < 5; i++, bits >>= 12) {
            buf_text(out, words[(bits & 0xFF) % ARRAY_COUNT(words)]);
            buf_text(out, joints[(bits >> 8 & 0xF) % ARRAY_COUNT(joints)]);
        }
    }
    buf_byte(out, '\n');
}

/* An ELF header without sections, then instruction-like bytes: half of each eight repeat, so that they pack by half. */
static void add_binary(struct buf *out, struct fleet_random *random, size_t size) {
    static const uint8_t head[64] = {0x7F, 'E', 'L', 'F', 2, 1, 1, [16] = 3, [18] = 62, [20] = 1, [52] = 64};
    buf_add(out, span_make(head, sizeof head));
    for (size_t i = 0; i < size / 8; i++)
        buf_le64(out, (fleet_next(random) & 0xFFFFFFFF) | (uint64_t)0x8B4889E5 << 32);
}

static void add_file(struct buf *tar, const char *path, const struct buf *body, uint32_t mode) {
    tar_build_add(
        tar, &(struct tar_build_entry){
                 .name = path, .data = buf_span(body), .mode = mode, .mtime = ENTRY_MTIME, .format = TAR_BUILD_GNU});
}

static void add_npm(struct buf *tar, struct buf *body, struct fleet_random *random, const char *folder,
                    uint64_t number) {
    char path[100];
    (void)snprintf(path, sizeof path, "%s/node_modules/%s-%s-%06" PRIx64 "/package.json", folder,
                   words[fleet_below(random, ARRAY_COUNT(words))], words[fleet_below(random, ARRAY_COUNT(words))],
                   number & 0xFFFFFF);
    struct span name = span_text(path);
    size_t slash = span_index_last(name, '/');
    name = span_slice(name, strlen(folder) + 14, slash - strlen(folder) - 14);
    buf_reset(body);
    buf_format(body,
               "{\n  \"name\": \"%.*s\",\n  \"version\": \"%u.%u.%u\",\n  \"description\": \"made up\",\n  \"main\": "
               "\"index.js\",\n  \"license\": \"MIT\",\n  \"dependencies\": {}\n}\n",
               SPAN_FORMAT(name), (unsigned)fleet_below(random, 9), (unsigned)fleet_below(random, 30),
               (unsigned)fleet_below(random, 20));
    add_file(tar, path, body, 0644);
}

static void add_dpkg(struct buf *tar, struct buf *body, struct fleet_random *random, uint64_t number) {
    char path[100], name[64];
    (void)snprintf(name, sizeof name, "lib%s%s%" PRIu64, words[fleet_below(random, ARRAY_COUNT(words))],
                   words[fleet_below(random, ARRAY_COUNT(words))], number);
    (void)snprintf(path, sizeof path, "var/lib/dpkg/status.d/%s", name);
    buf_reset(body);
    buf_format(body,
               "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: %u\n"
               "Maintainer: nobody\nArchitecture: amd64\nVersion: %u.%u-%u\nDescription: made up\n",
               name, (unsigned)fleet_below(random, 9000), (unsigned)fleet_below(random, 9),
               (unsigned)fleet_below(random, 40), (unsigned)fleet_below(random, 9));
    add_file(tar, path, body, 0644);
}

/* The next file of a chain. `size` is that of its largest ones: members are filled file by file, so a large file in a
 * small member would make it larger than it should be. */
static void add_chain_file(struct buf *tar, struct buf *body, struct fleet_random *random, unsigned chain,
                           unsigned number, size_t size) {
    static const char *const folders[FLEET_CHAINS] = {
        "usr/lib",        "usr/share",   "usr/local/lib",  "opt/runtime",
        "srv/app/vendor", "srv/app/src", "srv/app/public", "opt/service",
    };
    enum fleet_kind kind = kind_of(chain);
    char path[100];
    uint64_t draw = fleet_below(random, 8);
    uint64_t mark = (uint64_t)chain << 20 | number;
    buf_reset(body);
    if (kind == FLEET_BASE && draw < 2) {
        add_dpkg(tar, body, random, mark);
        return;
    }
    if ((kind == FLEET_RUNTIME || kind == FLEET_DEPENDENCIES) && draw < 2) {
        add_npm(tar, body, random, folders[chain], mark);
        return;
    }
    bool binary = draw == 2 || (kind == FLEET_APPLICATION && draw == 3);
    size_t bytes = size / 4 + (size_t)fleet_below(random, size);
    if (binary)
        add_binary(body, random, bytes);
    else
        add_text(body, random, bytes);
    (void)snprintf(path, sizeof path, "%s/%s/%s-%05u.%s", folders[chain],
                   words[fleet_below(random, ARRAY_COUNT(words))], words[fleet_below(random, ARRAY_COUNT(words))],
                   number, binary ? "so" : "txt");
    add_file(tar, path, body, binary ? 0755 : 0644);
}

/* ---- packing ---- */

static int deflate_add(struct fleet_layers *layers, struct span bytes, int flush, struct buf *out, struct err *err) {
    z_stream *stream = &layers->deflate;
    stream->next_in = (Bytef *)(uintptr_t)bytes.data;
    stream->avail_in = (uInt)bytes.size;
    int result;
    do {
        if (!buf_reserve(out, 4096))
            return err_set(err, ERR_NOMEM, 0, "fleet layer: out of memory");
        size_t room = out->capacity - out->size;
        stream->next_out = out->data + out->size;
        stream->avail_out = (uInt)room;
        result = deflate(stream, flush);
        out->size += room - stream->avail_out;
    } while (result == Z_OK && stream->avail_out == 0);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return err_set(err, ERR_FORMAT, 0, "fleet layer: zlib says %d", result);
    if (flush == Z_FINISH)
        (void)deflateReset(stream); /* fails only on a stream that was never begun */
    return 0;
}

/* Members of about `packed_size` bytes: two, so that a file lies across their border. */
static int add_member(struct fleet_layers *layers, unsigned chain, struct fleet_random *random, unsigned *number,
                      size_t packed_size, struct digest_stream *unpacked, struct err *err) {
    struct buf *out = &layers->chains[chain].packed;
    size_t begin = out->size;
    size_t file_bytes = (size_t)(packed_size / 4 < FILE_BYTES_MAX ? packed_size / 4 : FILE_BYTES_MAX);
    bool halved = false;
    while (out->size - begin < packed_size) {
        buf_reset(&layers->tar);
        add_chain_file(&layers->tar, &layers->body, random, chain, (*number)++, file_bytes);
        if (layers->tar.failed || layers->body.failed)
            return err_set(err, ERR_NOMEM, 0, "fleet layer: out of memory");
        struct span tar = buf_span(&layers->tar);
        digest_stream_add(unpacked, tar);
        struct span first = span_slice(tar, 0, tar.size / 2);
        bool halve = !halved && out->size - begin >= packed_size / 2;
        halved = halved || halve;
        /* Flushed at each file: zlib holds back more than a small member has. */
        if (deflate_add(layers, first, halve ? Z_FINISH : Z_NO_FLUSH, out, err) < 0 ||
            deflate_add(layers, span_from(tar, first.size), Z_PARTIAL_FLUSH, out, err) < 0)
            return -1;
    }
    return deflate_add(layers, (struct span){NULL, 0}, Z_FINISH, out, err);
}

static int joint_make(struct joint *joint, struct err *err) {
    if (digest_stream_new(DIGEST_SHA256, &joint->packed, err) < 0)
        return -1;
    return digest_stream_new(DIGEST_SHA256, &joint->unpacked, err);
}

static int chain_make(struct fleet_layers *layers, unsigned chain, uint64_t seed, uint64_t unit_bytes,
                      struct err *err) {
    static const char *const releases[] = {"ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
                                           "ID=debian\nVERSION_ID=\"11\"\nPRETTY_NAME=\"Debian GNU/Linux 11\"\n"};
    struct chain *self = &layers->chains[chain];
    struct fleet_random random = {fleet_hash(seed, 100, chain)};
    unsigned number = 0;
    for (unsigned i = 0; i < FLEET_PREFIXES; i++) {
        struct joint *joint = &self->joints[i];
        size_t begin = self->packed.size;
        if (joint_make(joint, err) < 0)
            return -1;
        if (i > 0 && (digest_stream_copy(joint->packed, self->joints[i - 1].packed, err) < 0 ||
                      digest_stream_copy(joint->unpacked, self->joints[i - 1].unpacked, err) < 0))
            return -1;
        if (i == 0 && kind_of(chain) == FLEET_BASE) {
            buf_reset(&layers->tar);
            tar_build_file(&layers->tar, "etc/os-release", releases[chain]);
            digest_stream_add(joint->unpacked, buf_span(&layers->tar));
            if (deflate_add(layers, buf_span(&layers->tar), Z_NO_FLUSH, &self->packed, err) < 0)
                return -1;
        }
        if (add_member(layers, chain, &random, &number, (size_t)((double)unit_bytes * member_weight(i)),
                       joint->unpacked, err) < 0)
            return -1;
        joint->packed_size = self->packed.size;
        digest_stream_add(joint->packed, span_from(buf_span(&self->packed), begin));
    }
    return 0;
}

int fleet_layers_new(uint64_t seed, uint64_t unit_bytes, struct fleet_layers **ret_layers, struct err *err) {
    struct fleet_layers *layers = mem_zalloc(sizeof *layers);
    if (layers == NULL)
        return err_set(err, ERR_NOMEM, 0, "fleet layers: out of memory");
    /* Level 1: the bytes are what counts, and a million of them a second more are ready. */
    layers->deflate_ready = deflateInit2(&layers->deflate, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    int result = layers->deflate_ready ? digest_stream_new(DIGEST_SHA256, &layers->scratch, err)
                                       : err_set(err, ERR_NOMEM, 0, "fleet layers: zlib gave no stream");
    for (unsigned i = 0; i < FLEET_CHAINS && result == 0; i++)
        result = chain_make(layers, i, seed, unit_bytes, err);
    if (result < 0) {
        fleet_layers_free(layers);
        return -1;
    }
    *ret_layers = layers;
    return 0;
}

void fleet_layers_free(struct fleet_layers *layers) {
    if (layers == NULL)
        return;
    for (unsigned i = 0; i < FLEET_CHAINS; i++) {
        for (unsigned j = 0; j < FLEET_PREFIXES; j++) {
            digest_stream_free(layers->chains[i].joints[j].packed);
            digest_stream_free(layers->chains[i].joints[j].unpacked);
        }
        buf_release(&layers->chains[i].packed);
    }
    if (layers->deflate_ready)
        (void)deflateEnd(&layers->deflate); /* frees in any case */
    digest_stream_free(layers->scratch);
    buf_release(&layers->tar);
    buf_release(&layers->body);
    mem_free(layers);
}

struct span fleet_layers_shared(const struct fleet_layers *layers, struct fleet_shape shape) {
    const struct chain *chain = &layers->chains[shape.chain];
    return span_slice(buf_span(&chain->packed), 0, chain->joints[shape.prefix - 1].packed_size);
}

size_t fleet_layers_bytes(const struct fleet_layers *layers) {
    size_t size = 0;
    for (unsigned i = 0; i < FLEET_CHAINS; i++)
        size += layers->chains[i].packed.size;
    return size;
}

/* A token of GitHub's form with random letters: MADE UP, and its checksum is not GitHub's. */
static void add_secret(struct buf *out, struct fleet_random *random) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    buf_text(out, "# made up for a simulation\ntoken: gh");
    buf_text(out, "p_");
    for (unsigned i = 0; i < 36; i++)
        buf_byte(out, (uint8_t)letters[fleet_below(random, sizeof letters - 1)]);
    buf_byte(out, '\n');
}

/* The files that only this layer has: a source file, a configuration, a small program, sometimes a package. */
static void own_files(struct fleet_layers *layers, struct fleet_shape shape) {
    struct buf *tar = &layers->tar, *body = &layers->body;
    struct fleet_random random = {fleet_hash(shape.key, 1, 0)};
    unsigned long long name = shape.key & 0xFFFFFFFFFF;
    char path[100];
    buf_reset(tar);
    buf_reset(body);
    add_text(body, &random, 2048);
    (void)snprintf(path, sizeof path, "srv/app/dist/%010llx.js", name);
    add_file(tar, path, body, 0644);
    buf_reset(body);
    buf_format(body, "service: %010llx\nport: %u\nworkers: %u\n", name, (unsigned)fleet_below(&random, 60000),
               (unsigned)fleet_below(&random, 64));
    if (fleet_below(&random, OWN_SECRET_EVERY) == 0)
        add_secret(body, &random);
    (void)snprintf(path, sizeof path, "srv/app/etc/%010llx.yaml", name);
    add_file(tar, path, body, 0640);
    buf_reset(body);
    add_binary(body, &random, 1024);
    (void)snprintf(path, sizeof path, "srv/app/bin/%010llx", name);
    add_file(tar, path, body, 0755);
    enum fleet_kind kind = kind_of(shape.chain);
    if (kind == FLEET_RUNTIME || kind == FLEET_DEPENDENCIES)
        add_npm(tar, body, &random, "srv/app", shape.key);
    else if (kind == FLEET_BASE)
        add_dpkg(tar, body, &random, shape.key & 0xFFFFFF);
    tar_build_end(tar);
}

static int digest_end(struct fleet_layers *layers, const struct digest_stream *shared, struct span own,
                      struct digest *ret_digest, struct err *err) {
    if (digest_stream_copy(layers->scratch, shared, err) < 0)
        return -1;
    digest_stream_add(layers->scratch, own);
    *ret_digest = digest_stream_end(layers->scratch);
    return 0;
}

int fleet_layers_own(struct fleet_layers *layers, struct fleet_shape shape, struct buf *ret_packed,
                     struct digest *ret_digest, struct digest *ret_diff_id, struct err *err) {
    const struct joint *joint = &layers->chains[shape.chain].joints[shape.prefix - 1];
    size_t begin = ret_packed->size;
    own_files(layers, shape);
    if (layers->tar.failed || layers->body.failed)
        return err_set(err, ERR_NOMEM, 0, "fleet layer: out of memory");
    if (deflate_add(layers, buf_span(&layers->tar), Z_FINISH, ret_packed, err) < 0)
        return -1;
    if (ret_digest == NULL)
        return 0;
    if (digest_end(layers, joint->packed, span_from(buf_span(ret_packed), begin), ret_digest, err) < 0)
        return -1;
    return digest_end(layers, joint->unpacked, buf_span(&layers->tar), ret_diff_id, err);
}
