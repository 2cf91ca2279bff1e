#include "matchers/secret/secret_validator.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/parse/doc.h"
#include "base/reader.h"
#include "base/text.h"

static const char digits_base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

uint32_t secret_crc32(struct span s) {
    uint32_t crc = UINT32_MAX; /* bit by bit: tokens are short, a table would cost more cache than it saves */
    for (size_t i = 0; i < s.size; i++) {
        crc ^= s.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

void secret_crc32_base62(struct span s, char out[6]) {
    uint32_t value = secret_crc32(s);
    for (size_t i = 6; i-- > 0; value /= 62)
        out[i] = digits_base62[value % 62];
}

/* Tokens are written in either alphabet, RFC 4648 §4 or §5. */
static int either_value(uint8_t c) { return c == '-' ? 62 : c == '_' ? 63 : base64_value(c); }

bool secret_base64_decode(struct span s, struct arena *arena, struct span *ret_bytes) {
    uint8_t *out = arena_alloc(arena, s.size / 4 * 3 + 4);
    if (out == NULL)
        return false;
    size_t size = 0, digits = 0, padding = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (text_is_space(c))
            continue;
        /* A key in JSON or in an environment variable has its line ends as "\n" in two characters, or "\\n" in three.
         * */
        if (c == '\\') {
            if (i + 1 < s.size && (s.data[i + 1] == 'n' || s.data[i + 1] == 'r'))
                i++;
            continue;
        }
        if (c == '=') {
            padding++;
            continue;
        }
        int value = either_value(c);
        if (value < 0 || padding > 0)
            return false;
        group = group << 6 | (uint32_t)value;
        digits++;
        if (digits % 4 == 0) {
            out[size++] = (uint8_t)(group >> 16);
            out[size++] = (uint8_t)(group >> 8);
            out[size++] = (uint8_t)group;
            group = 0;
        }
    }
    size_t rest = digits % 4;
    if (rest == 1 || padding > 2 || (padding > 0 && rest + padding != 4))
        return false;
    if (rest >= 2)
        out[size++] = (uint8_t)(rest == 2 ? group >> 4 : group >> 10);
    if (rest == 3)
        out[size++] = (uint8_t)(group >> 2);
    *ret_bytes = span_make(out, size);
    return true;
}

/* GitHub and npm: after the prefix's underscore, a payload and six base62 digits of its CRC-32. */
static bool check_github_crc32(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    size_t underscore = span_index_last(secret, '_');
    struct span body = underscore == SIZE_MAX ? secret : span_from(secret, underscore + 1);
    if (body.size < 12)
        return false;
    char expected[6];
    secret_crc32_base62(span_slice(body, 0, body.size - 6), expected);
    return memcmp(body.data + body.size - 6, expected, 6) == 0;
}

/* Atlassian: the last eight hex digits are the CRC-32 of everything before, prefix included. */
static bool check_crc32_hex(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    uint64_t found = 0;
    if (secret.size < 12 || !text_u64(span_from(secret, secret.size - 8), 16, UINT32_MAX, &found))
        return false;
    return found == secret_crc32(span_slice(secret, 0, secret.size - 8));
}

static int base32_value(uint8_t c) {
    c = text_lower_byte(c);
    return text_is_lower(c) ? c - 'a' : c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

/* AWS: the 16 characters after the four of the prefix are base32; 40 bits of the first 6 bytes are the account. Ids
 * made before
 * 2019, whose fifth character is I or J, have no account in them. */
static bool check_aws_key_id(struct span secret, struct secret_verdict *verdict) {
    if (secret.size < 20)
        return false;
    uint64_t bits = 0;
    for (size_t i = 4; i < 20; i++) {
        int value = base32_value(secret.data[i]);
        if (value < 0)
            return false;
        if (i < 14)
            bits = bits << 5 | (uint64_t)value; /* 10 digits: 50 bits, of which the first 48 are wanted */
    }
    uint64_t account = (bits >> 2 & UINT64_C(0x7fffffffff80)) >> 7;
    if (secret.data[4] == 'I' || secret.data[4] == 'J')
        return true;
    if (account > UINT64_C(999999999999))
        return false;
    (void)snprintf(verdict->note, sizeof verdict->note, "account %012" PRIu64, account);
    return true;
}

static bool span_all(struct span s, bool (*is)(uint8_t)) {
    for (size_t i = 0; i < s.size; i++)
        if (!is(s.data[i]))
            return false;
    return s.size > 0;
}

/* Slack: segments between dashes; after the kind come numbers, and the last segment is the secret part. */
static bool check_slack(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    struct span rest = secret;
    struct span kind = text_cut(&rest, '-');
    if (!(span_starts(kind, "xox") || span_starts(kind, "xapp") || span_starts(kind, "xwfp")) || rest.data == NULL)
        return false;
    size_t numbers = 0;
    struct span last = {NULL, 0};
    while (rest.data != NULL) {
        last = text_cut(&rest, '-');
        if (last.size == 0)
            return false;
        numbers += last.size >= 8 && span_all(last, text_is_digit);
    }
    return numbers >= 1 && last.size >= 20 && span_all(last, text_is_alnum);
}

/* Stripe: kind_mode_ and 24 characters (until 2018) or an account's and a random part, 99 or more together. */
static bool check_stripe(struct span secret, struct secret_verdict *verdict) {
    size_t underscore = span_index_last(secret, '_');
    if (underscore == SIZE_MAX || underscore < 7)
        return false;
    struct span body = span_from(secret, underscore + 1);
    if (span_equal(span_slice(secret, underscore - 4, 4), span_text("test")))
        (void)snprintf(verdict->note, sizeof verdict->note, "test mode");
    return span_all(body, text_is_alnum) && (body.size == 24 || body.size >= 80);
}

static bool is_algorithm_byte(uint8_t c) { return text_is_alnum(c) || c == '-' || c == '+' || c == '_'; }

/* Appends to the note what a stranger's text says, where it is short and plain: names, addresses, hosts. */
static void note_add(struct secret_verdict *verdict, const char *what, struct span text) {
    size_t used = strlen(verdict->note);
    if (text.size == 0 || text.size > 48)
        return;
    for (size_t i = 0; i < text.size; i++)
        if (!text_is_alnum(text.data[i]) && memchr("@.-_:/+ <>", text.data[i], 10) == NULL)
            return;
    (void)snprintf(verdict->note + used, sizeof verdict->note - used, "%s%s %.*s", used > 0 ? ", " : "", what,
                   SPAN_FORMAT(text));
}

/* Until when it is good, and who made it and for whom. The day alone: whether it is over depends on when one asks. */
static void jwt_claims_note(struct span claims, struct secret_verdict *verdict) {
    struct doc *root = NULL;
    uint64_t seconds = 0;
    char day[32] = "";
    struct doc_limits limits = {.depth_max = 8, .nodes_max = 256};
    if (json_parse(verdict->arena, claims, limits, &root, NULL) < 0)
        return;
    if (text_u64(doc_scalar(doc_get(root, "exp")), 10, 253402300799U, &seconds)) {
        (void)clock_text((int64_t)seconds, day);
        note_add(verdict, "expires", span_slice(span_text(day), 0, 10));
    }
    note_add(verdict, "iss", doc_text(doc_get(root, "iss")));
    note_add(verdict, "sub", doc_text(doc_get(root, "sub")));
}

/* RFC 7519: a JSON header, and claims that are JSON too. `alg` is demanded by the RFC and missing in the wild. */
static bool check_jwt(struct span secret, struct secret_verdict *verdict) {
    struct span rest = secret;
    if (span_index(secret, '.', 0) == SIZE_MAX && !secret_base64_decode(secret, verdict->arena, &rest))
        return false; /* neither a token nor the base64 of one */
    struct span header = text_cut(&rest, '.'), payload = text_cut(&rest, '.');
    struct span bytes = {NULL, 0}, claims = {NULL, 0};
    struct doc *root = NULL;
    struct doc_limits limits = {.depth_max = 8, .nodes_max = 256};
    if (!secret_base64_decode(header, verdict->arena, &bytes) ||
        !secret_base64_decode(payload, verdict->arena, &claims) ||
        json_parse(verdict->arena, bytes, limits, &root, NULL) < 0)
        return false;
    struct span algorithm = doc_text(doc_get(root, "alg"));
    if (!doc_is(root, DOC_OBJECT) || algorithm.size > 24)
        return false;
    if (algorithm.size > 0 && span_all(algorithm, is_algorithm_byte))
        (void)snprintf(verdict->note, sizeof verdict->note, "alg %.*s", SPAN_FORMAT(algorithm));
    /* An encrypted token's second part is a key, not claims. */
    if (doc_get(root, "enc") != NULL)
        return true;
    jwt_claims_note(claims, verdict);
    return span_starts(text_trim(claims), "{");
}

/* PROTOCOL.key of OpenSSH: cipher, KDF, its options, the public keys, the private ones. The last text of these is a
 * comment, mostly user and host; padding 1, 2, 3 … follows. */
static bool openssh_read(struct span bytes, struct secret_verdict *verdict) {
    struct reader r = reader_init(bytes);
    read_skip(&r, sizeof "openssh-key-v1"); /* with its NUL */
    struct span cipher = read_bytes(&r, read_be32(&r));
    bool encrypted = !r.failed && !span_is(cipher, "none");
    for (int i = 0; i < 2; i++)
        (void)read_bytes(&r, read_be32(&r));
    uint32_t keys = read_be32(&r);
    (void)read_bytes(&r, read_be32(&r));
    struct reader inner = reader_init(read_bytes(&r, read_be32(&r)));
    if (encrypted || r.failed || keys != 1)
        return encrypted;
    (void)read_be64(&inner); /* two equal numbers */
    struct span last = {NULL, 0};
    while (reader_left(&inner) >= 4) {
        uint32_t size = read_be32(&inner);
        if (size > reader_left(&inner))
            break; /* padding */
        last = read_bytes(&inner, size);
    }
    note_add(verdict, "of", last);
    return false;
}

/* RFC 4880 §4.2 and §5.11: the first user id of the packets. */
static void openpgp_owner(struct span bytes, struct secret_verdict *verdict) {
    struct reader r = reader_init(bytes);
    while (reader_left(&r) > 2) {
        uint8_t head = read_u8(&r);
        bool is_new = (head & 0x40) != 0;
        unsigned tag = is_new ? head & 0x3F : head >> 2 & 0x0F;
        uint64_t size = 0;
        if ((head & 0x80) == 0 || (!is_new && (head & 3) == 3))
            return; /* no packet, or one without a length */
        if (is_new) {
            uint8_t first = read_u8(&r);
            if (first >= 224 && first != 255)
                return; /* in parts */
            size = first < 192    ? first
                   : first == 255 ? read_be32(&r)
                                  : (uint64_t)(first - 192) * 256 + read_u8(&r) + 192;
        } else {
            size = (head & 3) == 0 ? read_u8(&r) : (head & 3) == 1 ? read_be16(&r) : read_be32(&r);
        }
        if (r.failed || size > reader_left(&r))
            return;
        struct span body = read_bytes(&r, (size_t)size);
        if (tag == 13) {
            note_add(verdict, "of", body);
            return;
        }
    }
}

/* A DER SEQUENCE that ends where its length says, within the bytes: half a key is no key. */
static bool is_whole_der(struct span bytes) {
    struct reader r = reader_init(bytes);
    if (read_u8(&r) != 0x30)
        return false;
    uint64_t length = read_u8(&r);
    if (length > 0x80 && length <= 0x84) {
        size_t count = (size_t)(length - 0x80);
        length = 0;
        for (size_t i = 0; i < count; i++)
            length = length << 8 | read_u8(&r);
    }
    return !r.failed && length >= 16 && length <= reader_left(&r);
}

/* RFC 7468: the text between the lines decodes and begins as a key does. RFC 1421 headers ("Proc-Type: 4,ENCRYPTED")
 * may come first. */
static bool check_pem(struct span secret, struct secret_verdict *verdict) {
    static const struct span dashes = SPAN_LITERAL("-----");
    struct span marker = SPAN_LITERAL("ENCRYPTED");
    size_t open = span_find(secret, dashes, 0);
    size_t begin = open == SIZE_MAX ? SIZE_MAX : span_find(secret, dashes, open + dashes.size);
    if (begin == SIZE_MAX)
        return false;
    begin += dashes.size;
    size_t end = span_find(secret, dashes, begin);
    struct span body = span_slice(secret, begin, (end == SIZE_MAX ? secret.size : end) - begin);
    verdict->encrypted = span_find(span_slice(secret, 0, begin + 128), marker, 0) != SIZE_MAX;
    size_t colon = span_index_last(body, ':');
    if (colon != SIZE_MAX) { /* the headers' last line ends the part that is not base64 */
        size_t line = span_index(body, '\n', colon);
        struct span escaped = SPAN_LITERAL("\\n");
        if (line == SIZE_MAX)
            line = span_find(body, escaped, colon);
        if (line == SIZE_MAX)
            return false;
        body = span_from(body, line);
    }
    struct span bytes = {NULL, 0}, armor = SPAN_LITERAL("\n=");
    size_t checksum = span_find(body, armor, 0); /* RFC 4880 §6.1: a line of its own, not of the base64 */
    body = checksum == SIZE_MAX ? body : span_slice(body, 0, checksum);
    if (!secret_base64_decode(body, verdict->arena, &bytes) || bytes.size < 24)
        return false;
    if (span_starts(bytes, "openssh-key-v1")) {
        verdict->encrypted = openssh_read(bytes, verdict) || verdict->encrypted;
        return true;
    }
    if ((bytes.data[0] & 0x80) != 0)
        openpgp_owner(bytes, verdict);
    /* Under RFC 1421 encryption the bytes are a cipher's; OpenPGP packets have the high bit of their first byte set. */
    return is_whole_der(bytes) || verdict->encrypted || (bytes.data[0] & 0x80) != 0;
}

static bool check_luhn(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    unsigned sum = 0, place = 0;
    for (size_t i = secret.size; i-- > 0;) {
        uint8_t c = secret.data[i];
        if (!text_is_digit(c))
            continue;
        unsigned digit = (unsigned)(c - '0') << (place++ & 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return place >= 8 && sum % 10 == 0;
}

/* RFC 9562: version digit 1 to 8, variant digit 8 to b. Keys are random ones, version 4, but some makers set other
 * bits. */
static bool check_uuid(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    if (secret.size != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? secret.data[i] != '-' : text_hex_value(secret.data[i]) < 0)
            return false;
    }
    int version = text_hex_value(secret.data[14]), variant = text_hex_value(secret.data[19]);
    return version >= 1 && version <= 8 && variant >= 8 && variant <= 11;
}

static bool check_base64(struct span secret, struct secret_verdict *verdict) {
    struct span bytes = {NULL, 0};
    return secret_base64_decode(secret, verdict->arena, &bytes) && bytes.size > 0;
}

static bool check_base64_json(struct span secret, struct secret_verdict *verdict) {
    struct span bytes = {NULL, 0};
    size_t from = span_index_last(secret, '_'); /* after a prefix such as glc_ */
    struct span body = from != SIZE_MAX && from <= 8 ? span_from(secret, from + 1) : secret;
    struct doc *root = NULL;
    struct doc_limits limits = {.depth_max = 16, .nodes_max = 1024};
    return secret_base64_decode(body, verdict->arena, &bytes) &&
           json_parse(verdict->arena, bytes, limits, &root, NULL) == 0 && doc_is(root, DOC_OBJECT);
}

static bool check_hex(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    for (size_t i = 0; i < secret.size; i++)
        if (text_hex_value(secret.data[i]) < 0)
            return false;
    return secret.size >= 16 && secret.size % 2 == 0;
}

static bool check_base58(struct span secret, struct secret_verdict *verdict) {
    (void)verdict;
    for (size_t i = 0; i < secret.size; i++) {
        uint8_t c = secret.data[i];
        if (!text_is_alnum(c) || c == '0' || c == 'O' || c == 'I' || c == 'l')
            return false;
    }
    return secret.size >= 16;
}

static uint32_t rotate(uint32_t value, unsigned bits) { return value << bits | value >> (32 - bits); }

static void marvin_mix(uint32_t *low, uint32_t *high) {
    *high ^= *low;
    *low = rotate(*low, 20) + *high;
    *high = rotate(*high, 9) ^ *low;
    *low = rotate(*low, 27) + *high;
    *high = rotate(*high, 19);
}

uint32_t secret_marvin32(struct span s, uint64_t seed) {
    uint32_t low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
    struct reader r = reader_init(s);
    while (reader_left(&r) >= 4) {
        low += read_le32(&r);
        marvin_mix(&low, &high);
    }
    uint32_t last = 0x80;
    for (size_t i = s.size; i-- > r.offset;)
        last = last << 8 | s.data[i];
    low += last;
    marvin_mix(&low, &high);
    marvin_mix(&low, &high);
    return low ^ high;
}

void secret_annotated_checksum(struct span bytes, char out[4]) {
    uint32_t value = __builtin_bswap32(secret_marvin32(bytes, UINT64_C(0x44656661756c7430))); /* "Default0" */
    char digits[8];
    size_t count = 0;
    for (; value > 0; value /= 62)
        digits[count++] = digits_base62[value % 62];
    for (size_t i = 0; i < 4; i++) /* one of less than four digits comes once in 18,000 keys */
        out[i] = i < count ? digits[count - 1 - i] : '0';
}

/* Common annotated keys: 80 base62 characters, and the first four base62 digits of the Marvin32 of the 60 bytes they
 * are in base64, its bytes read from the lowest on and written without leading zeros. Where the platform's and the
 * customer's reserved characters are all 'A' nothing but the issuing library has written them, and the checksum holds
 * or the key was changed; of keys with such data published examples do not keep to it. */
static bool check_azure_annotated(struct span secret, struct secret_verdict *verdict) {
    static const struct span signature = SPAN_LITERAL("JQQJ99");
    struct span bytes = {NULL, 0};
    char expected[4];
    verdict->unsure = secret.size < 84 || !span_equal(span_slice(secret, 52, signature.size), signature) ||
                      !secret_base64_decode(span_slice(secret, 0, 80), verdict->arena, &bytes);
    if (verdict->unsure)
        return false;
    secret_annotated_checksum(bytes, expected);
    bool valid = memcmp(secret.data + 80, expected, sizeof expected) == 0;
    struct span reserved = span_slice(secret, 60, 16);
    size_t zeros = 0;
    while (zeros < reserved.size && reserved.data[zeros] == 'A')
        zeros++;
    verdict->unsure = !valid && zeros < reserved.size;
    return valid;
}

static bool check_azure_key(struct span secret, struct secret_verdict *verdict) {
    struct span bytes = {NULL, 0};
    if (!secret_base64_decode(secret, verdict->arena, &bytes) || bytes.size < 20)
        return false;
    /* Each service takes eight letters as its seeds, one set for each use of its keys. Trying all of them leaves a
     * made-up key a chance of one in 10^8. */
    static const char seeds[][9] = {
        "Default0", "Send0000", "Manage00", "Listen00", "System00", "Unknown0", "AbAcct00",
        "Master00", "Functi00", "SysAll00", "Resour00", "MastRO00", "SystRO00", "Encryp00",
        "MastRW00", "SystRW00", "Access00", "Query000", "PAdmin00", "Classic0", "ACRDflt0",
        "UsrPwd00", "IoTHub00", "DpsKey00", "Device00", "Tenant00", "Gatewy00", "GitKey00",
    };
    struct reader tail = reader_init(span_from(bytes, bytes.size - 4));
    uint32_t checksum = read_le32(&tail);
    for (size_t i = 0; i < ARRAY_COUNT(seeds); i++) {
        struct reader seed = reader_init(span_make(seeds[i], 8));
        if (secret_marvin32(span_slice(bytes, 0, bytes.size - 4), read_be64(&seed)) == checksum)
            return true;
    }
    return false;
}

static const struct secret_validator rows[] = {
    {"aws_key_id", "structure", check_aws_key_id},
    {"azure_annotated", "checksum", check_azure_annotated},
    {"azure_key", "checksum", check_azure_key},
    {"base58", "structure", check_base58},
    {"base64", "structure", check_base64},
    {"base64_json", "structure", check_base64_json},
    {"crc32_hex", "checksum", check_crc32_hex},
    {"github_crc32", "checksum", check_github_crc32},
    {"hex", "structure", check_hex},
    {"jwt", "structure", check_jwt},
    {"luhn", "checksum", check_luhn},
    {"pem", "structure", check_pem},
    {"slack", "structure", check_slack},
    {"stripe", "structure", check_stripe},
    {"uuid", "structure", check_uuid},
};

const struct secret_validator *secret_validator_find(struct span name) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (span_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}
