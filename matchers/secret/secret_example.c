#include "matchers/secret/secret_example.h"

#include "base/limits.h"
#include "base/text.h"
#include "matchers/secret/secret_validator.h"

#define BASE62 "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const struct {
    const char *name, *bytes;
} charsets[] = {
    {"digit", "0123456789"},
    {"hex", "0123456789abcdef"},
    {"HEX", "0123456789ABCDEF"},
    {"lower", "abcdefghijklmnopqrstuvwxyz"},
    {"upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"alpha", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"},
    {"base32", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"},
    {"base58", "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"},
    {"base62", BASE62},
    {"base64", BASE62 "+/"},
    {"base64url", BASE62 "-_"},
    {"alnum", "0123456789abcdefghijklmnopqrstuvwxyz"},
    {"ALNUM", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    {"any", BASE62 "!#%&()*+,-./:;=?@[]^_|~"},
};

/* splitmix64: any seed gives a good sequence, and the same on every machine. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void fill_from(struct buf *out, const char *bytes, uint64_t count, uint64_t *state) {
    size_t size = strlen(bytes);
    for (uint64_t i = 0; i < count; i++)
        buf_byte(out, (uint8_t)bytes[random_next(state) % size]);
}

static void fill_base64(struct buf *out, struct span s, bool url, size_t line_bytes) {
    const char *digits = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                             : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t column = 0;
    for (size_t i = 0; i < s.size; i += 3) {
        struct span part = span_slice(s, i, 3);
        uint32_t group = (uint32_t)part.data[0] << 16 | (part.size > 1 ? (uint32_t)part.data[1] << 8 : 0) |
                         (part.size > 2 ? part.data[2] : 0);
        for (size_t digit = 0; digit < 4; digit++) {
            if (digit <= part.size)
                buf_byte(out, (uint8_t)digits[group >> (18 - 6 * digit) & 63]);
            else if (!url)
                buf_byte(out, '=');
        }
        column += 4;
        if (line_bytes > 0 && column >= line_bytes && i + 3 < s.size) {
            buf_byte(out, '\n');
            column = 0;
        }
    }
}

static void fill_uuid(struct buf *out, uint64_t *state) {
    static const char shape[] = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
    for (const char *c = shape; *c != '\0'; c++) {
        if (*c == 'x' || *c == 'y')
            fill_from(out, *c == 'x' ? "0123456789abcdef" : "89ab", 1, state);
        else
            buf_byte(out, (uint8_t)*c);
    }
}

static void fill_jwt(struct buf *out, uint64_t *state) {
    char claims[64];
    (void)snprintf(claims, sizeof claims, "{\"sub\":\"%010u\",\"iat\":%u}", (unsigned)(random_next(state) % 1000000000),
                   1500000000U + (unsigned)(random_next(state) % 100000000));
    fill_base64(out, span_text("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), true, 0);
    buf_byte(out, '.');
    fill_base64(out, span_text(claims), true, 0);
    buf_byte(out, '.');
    fill_from(out, BASE62 "-_", 43, state);
}

/* A block that begins as a key does and holds noise: enough for what is checked, useless for anything else. */
static void fill_pem(struct buf *out, struct span type, uint64_t *state) {
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_next(state);
    static const uint8_t sequence[] = {0x30, 0x82, 0x01, 0x28, 0x02, 0x01, 0x00};
    static const char openssh[] = "openssh-key-v1\0\0\0\0\4none\0\0\0\4none";
    if (span_is(type, "OPENSSH PRIVATE KEY"))
        memcpy(bytes, openssh, sizeof openssh - 1);
    else
        memcpy(bytes, sequence, sizeof sequence);
    buf_format(out, "-----BEGIN %.*s-----\n", SPAN_FORMAT(type));
    fill_base64(out, span_make(bytes, sizeof bytes), false, 64);
    buf_format(out, "\n-----END %.*s-----", SPAN_FORMAT(type));
}

/* PREFIX, COUNT characters, and the CRC in base62 (`hex` false) or hex. */
static void fill_checksummed(struct buf *out, struct span prefix, uint64_t count, bool hex, uint64_t *state) {
    size_t begin = out->size;
    buf_add(out, prefix);
    fill_from(out, BASE62, count, state);
    if (out->failed)
        return;
    if (hex) {
        buf_format(out, "%08" PRIX32, secret_crc32(span_from(buf_span(out), begin)));
        return;
    }
    char digits[6];
    secret_crc32_base62(span_from(buf_span(out), begin + prefix.size), digits);
    buf_add(out, span_make(digits, sizeof digits));
}

/* One of Azure's identifiable keys of 32 or 64 bytes: the signature's four characters stand ten before the end, and the
 * last four bytes are the checksum of those before. */
static void fill_azure(struct buf *out, struct span signature, size_t size, uint64_t *state) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t key[64];
    for (size_t i = 0; i < size; i++)
        key[i] = (uint8_t)random_next(state);
    size_t bit = ((size * 8 + 5) / 6 - 10) * 6;
    for (size_t i = 0; i < signature.size; i++) {
        const char *digit = memchr(digits, signature.data[i], sizeof digits - 1);
        for (unsigned shift = 6; digit != NULL && shift-- > 0; bit++) {
            uint8_t mask = (uint8_t)(0x80u >> (bit & 7));
            key[bit / 8] = (uint8_t)((key[bit / 8] & ~mask) | ((digit - digits) >> shift & 1 ? mask : 0));
        }
    }
    uint32_t checksum = secret_marvin32(span_make(key, size - 4), UINT64_C(0x44656661756c7430)); /* "Default0" */
    for (size_t i = 0; i < 4; i++)
        key[size - 4 + i] = (uint8_t)(checksum >> (8 * i));
    fill_base64(out, span_make(key, size), false, 0);
}

/* A common annotated key: 52 characters, signature, year and month, nothing reserved, the provider's four, checksum. */
static void fill_annotated(struct buf *out, struct span provider, uint64_t *state) {
    struct arena arena;
    size_t begin = out->size;
    struct span bytes = {NULL, 0};
    char checksum[4] = "0000";
    fill_from(out, BASE62, 52, state);
    buf_format(out, "JQQJ99BEAAAAAAAAAAAAAAAA%.*s", SPAN_FORMAT(provider));
    if (out->failed)
        return;
    arena_init(&arena, 0, 0);
    if (secret_base64_decode(span_slice(buf_span(out), begin, 80), &arena, &bytes))
        secret_annotated_checksum(bytes, checksum);
    arena_release(&arena);
    buf_add(out, span_make(checksum, sizeof checksum));
}

static int fill_count(struct span text, struct span whole, uint64_t *ret_count, struct err *err) {
    char quoted[64];
    if (text_u64(text, 10, LIMIT_SECRET_EXAMPLE_BYTES, ret_count))
        return 0;
    return err_set(err, ERR_FORMAT, 0,
                   "example: {{%s}} has no count: write {{CHARSET:COUNT}} with a number of at most %zu",
                   text_quote(whole, quoted, sizeof quoted), LIMIT_SECRET_EXAMPLE_BYTES);
}

static int fill_one(struct span inside, uint64_t *state, struct buf *out, struct err *err) {
    struct span rest = inside;
    struct span name = text_cut(&rest, ':');
    char quoted[64];
    uint64_t count = 0;
    if (span_is(inside, "uuid")) {
        fill_uuid(out, state);
    } else if (span_is(inside, "jwt")) {
        fill_jwt(out, state);
    } else if (span_is(inside, "b64jwt")) {
        AUTO_BUF struct buf token;
        buf_init(&token, LIMIT_SECRET_EXAMPLE_BYTES);
        fill_jwt(&token, state);
        fill_base64(out, buf_span(&token), false, 0);
    } else if (span_is(name, "bytes") && rest.size > 0) {
        if (!text_hex_decode(rest, out))
            return err_set(err, ERR_FORMAT, 0, "example: {{%s}}: expected pairs of hexadecimal digits",
                           text_quote(inside, quoted, sizeof quoted));
    } else if (span_is(name, "pem") && rest.size > 0) {
        fill_pem(out, rest, state);
    } else if (span_is(name, "github") && rest.size > 0) {
        fill_checksummed(out, rest, 30, false, state);
    } else if (span_is(name, "annotated") && rest.size == 4) {
        fill_annotated(out, rest, state);
    } else if (span_is(name, "azure") && rest.size == 7 && rest.data[4] == ':') {
        if (fill_count(span_from(rest, 5), inside, &count, err) < 0)
            return -1;
        if (count != 32 && count != 64)
            return err_set(err, ERR_FORMAT, 0, "example: {{%s}}: these keys have 32 or 64 bytes",
                           text_quote(inside, quoted, sizeof quoted));
        fill_azure(out, span_slice(rest, 0, 4), (size_t)count, state);
    } else if ((span_is(name, "crc32hex") || span_is(name, "repeat")) && rest.size > 0) {
        size_t colon = span_index_last(rest, ':');
        struct span number = colon == SIZE_MAX ? (struct span){NULL, 0} : span_from(rest, colon + 1);
        if (fill_count(number, inside, &count, err) < 0)
            return -1;
        if (span_is(name, "crc32hex"))
            fill_checksummed(out, span_slice(rest, 0, colon), count, true, state);
        else
            for (uint64_t i = 0; i < count && !out->failed; i++)
                buf_add(out, span_slice(rest, 0, colon));
    } else {
        size_t set = 0;
        while (set < ARRAY_COUNT(charsets) && !span_is(name, charsets[set].name))
            set++;
        if (set == ARRAY_COUNT(charsets))
            return err_set(err, ERR_FORMAT, 0, "example: unknown {{%s}}: rules/README.md lists the names",
                           text_quote(inside, quoted, sizeof quoted));
        if (fill_count(rest, inside, &count, err) < 0)
            return -1;
        fill_from(out, charsets[set].bytes, count, state);
    }
    return 0;
}

int secret_example_fill(struct span example, uint64_t seed, struct buf *out, struct err *err) {
    static const struct span open = SPAN_LITERAL("{{"), close = SPAN_LITERAL("}}");
    uint64_t state = seed;
    size_t from = 0;
    while (from < example.size) {
        size_t begin = span_find(example, open, from);
        size_t end = begin == SIZE_MAX ? SIZE_MAX : span_find(example, close, begin);
        if (end == SIZE_MAX) {
            buf_add(out, span_from(example, from));
            break;
        }
        struct span inside = span_slice(example, begin + 2, end - begin - 2);
        buf_add(out, span_slice(example, from, begin - from));
        if (inside.size == 0 || !text_is_alpha(inside.data[0]) || span_index(inside, '\n', 0) != SIZE_MAX)
            buf_add(out, span_slice(example, begin, end + 2 - begin));
        else if (fill_one(inside, &state, out, err) < 0)
            return -1;
        from = end + 2;
        if (out->size > 4 * LIMIT_SECRET_EXAMPLE_BYTES)
            return err_set(err, ERR_LIMIT, 0, "example: longer than %zu bytes", 4 * LIMIT_SECRET_EXAMPLE_BYTES);
    }
    return out->failed ? err_set(err, ERR_NOMEM, 0, "example: no memory") : 0;
}
