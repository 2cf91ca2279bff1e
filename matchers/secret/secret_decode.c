#include "matchers/secret/secret_decode.h"

#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"

#define RUN_BYTES_MIN ((size_t)48)   /* shorter ones are words, digests' parts, names */
#define CLOSE_BYTES_MIN ((size_t)12) /* in documents of encoded secrets */
#define BLOCK_BYTES ((size_t)16)
/* One block in so many bytes is looked at: a run of RUN_BYTES_MIN holds a whole one, wherever it begins. */
#define STRIDE_BYTES (RUN_BYTES_MIN - BLOCK_BYTES)
#define PROBE_BYTES ((size_t)18) /* decoded from a run's head to see whether it is text */
#define NAME_BYTES_MAX ((size_t)96)
#define VALUE_BYTES_MAX ((size_t)1024) /* longer ones are no value that a name says something about */
/* Percent-encoding and escapes are looked for in texts up to this size: settings, logs, scripts. */
#define TEXT_BYTES_MAX LIMIT_MIB
#define TOKEN_BYTES_MAX ((size_t)64 * LIMIT_KIB)
#define TEXT_PROBE_BYTES ((size_t)512)

const char *secret_encoding_name(enum secret_encoding encoding) {
    static const char *const names[] = {"base64", "hex", "percent", "escaped", "utf16"};
    return names[encoding];
}

void secret_view_init(struct secret_view *view, size_t size_max) {
    *view = (struct secret_view){.truncated = false};
    buf_init(&view->bytes, size_max);
}

void secret_view_release(struct secret_view *view) {
    buf_release(&view->bytes);
    vec_release(&view->segments);
}

const struct secret_segment *secret_view_segment(const struct secret_view *view, size_t at) {
    size_t low = 0, high = view->segments.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->segments.data[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &view->segments.data[low - 1];
}

/* ---- digits ---- */

/* One more than the value of a digit of either alphabet; 0 is no digit. */
static const uint8_t digits64[256] = {
    ['A'] = 1, 2,  3,  4,  5,  6,  7,          8,          9,          10,        11,         12, 13,         14,
    15,        16, 17, 18, 19, 20, 21,         22,         23,         24,        25,         26, ['a'] = 27, 28,
    29,        30, 31, 32, 33, 34, 35,         36,         37,         38,        39,         40, 41,         42,
    43,        44, 45, 46, 47, 48, 49,         50,         51,         52,        ['0'] = 53, 54, 55,         56,
    57,        58, 59, 60, 61, 62, ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64};

static bool is_digit64(uint8_t c) { return digits64[c] != 0; }

/* Printable ASCII and white space. */
static bool is_text(uint8_t c) { return (c >= ' ' && c < 0x7F) || c == '\n' || c == '\t' || c == '\r'; }

/* Whether decoded bytes begin as something that is worth a search: text, UTF-16, gzip, zip. */
static bool is_promising(struct span head) {
    static const uint8_t gzip[] = {0x1F, 0x8B, 8}, zip[] = {'P', 'K', 3, 4};
    if (head.size < 6)
        return false;
    if (memcmp(head.data, gzip, sizeof gzip) == 0 || memcmp(head.data, zip, sizeof zip) == 0)
        return true;
    size_t texts = 0, pairs = 0;
    for (size_t i = 0; i < head.size; i++) {
        texts += is_text(head.data[i]);
        pairs += i % 2 == 0 ? is_text(head.data[i]) : head.data[i] == 0;
    }
    return texts == head.size || pairs == head.size;
}

/* Decodes up to `bytes_max` bytes; white space and escaped line ends between lines are passed over. Returns how many
 * source bytes that were, with the padding. */
static size_t base64_take(struct span run, size_t bytes_max, uint8_t *out, size_t *ret_size) {
    uint32_t bits = 0, count = 0;
    size_t size = 0, i = 0;
    for (; i < run.size && size < bytes_max; i++) {
        uint32_t value = digits64[run.data[i]];
        if (value == 0) {
            if (run.data[i] == '\r' || run.data[i] == '\n')
                continue;
            break;
        }
        bits = bits << 6 | (value - 1);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[size++] = (uint8_t)(bits >> count);
        }
    }
    while (i < run.size && run.data[i] == '=')
        i++;
    *ret_size = size;
    return i;
}

static size_t hex_take(struct span run, size_t bytes_max, uint8_t *out, size_t *ret_size) {
    size_t size = 0;
    for (; 2 * size + 1 < run.size && size < bytes_max; size++) {
        int high = text_hex_value(run.data[2 * size]), low = text_hex_value(run.data[2 * size + 1]);
        if (high < 0 || low < 0)
            break;
        out[size] = (uint8_t)(high << 4 | low);
    }
    *ret_size = size;
    return 2 * size;
}

/* ---- the view ---- */

static struct span line_name(struct span body, size_t begin) {
    size_t from = begin < NAME_BYTES_MAX ? 0 : begin - NAME_BYTES_MAX, at = begin;
    while (at > from && body.data[at - 1] != '\n')
        at--;
    struct span name = text_trim(span_slice(body, at, begin - at));
    bool assigns = false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        assigns = assigns || c == ':' || c == '=';
        if (!text_is_alnum(c) && memchr(":=\"'_-. \t{,!", c, 12) == NULL)
            return (struct span){NULL, 0};
    }
    while (name.size > 0 && memchr("\"' \t", name.data[name.size - 1], 4) != NULL)
        name.size--;
    return assigns ? name : (struct span){NULL, 0};
}

static void view_begin(struct secret_view *view, enum secret_encoding encoding, size_t begin) {
    if (view->bytes.size > 0)
        buf_text(&view->bytes, "\n\n");
    struct secret_segment segment = {.at = view->bytes.size, .begin = begin, .encoding = encoding};
    view->failed = view->failed || !vec_push(&view->segments, segment);
}

static void view_end(struct secret_view *view, size_t end) {
    if (view->failed)
        return;
    struct secret_segment *segment = &view->segments.data[view->segments.count - 1];
    segment->size = end - segment->begin;
}

/* Room for so much; where there is not, the view says so. */
static bool view_has_room(struct secret_view *view, size_t bytes) {
    view->truncated = view->truncated || bytes > view->bytes.size_max - view->bytes.size;
    if (view->truncated || view->failed)
        return false;
    view->failed = !buf_reserve(&view->bytes, bytes);
    return !view->failed;
}

/* ---- runs of digits ---- */

static size_t run_begin(struct span body, size_t at) {
    while (at > 0 && is_digit64(body.data[at - 1]))
        at--;
    return at;
}

/* The run's end; with `lines`, of all lines of as many digits that follow one another. */
static size_t run_end(struct span body, size_t at, bool lines) {
    for (;;) {
        size_t begin = at;
        while (at < body.size && is_digit64(body.data[at]))
            at++;
        size_t next = at;
        next += next < body.size && body.data[next] == '\r';
        next += next < body.size && body.data[next] == '\n';
        if (!lines || next == at || at - begin < RUN_BYTES_MIN || next >= body.size || !is_digit64(body.data[next]))
            break;
        at = next;
    }
    while (at < body.size && body.data[at] == '=')
        at++;
    return at;
}

typedef size_t (*take_fn)(struct span run, size_t bytes_max, uint8_t *out, size_t *ret_size);

static bool run_is_promising(struct span run, take_fn take) {
    uint8_t head[PROBE_BYTES];
    size_t size;
    (void)take(run, 3, head, &size); /* most runs are no text, and the first digits tell */
    for (size_t i = 1; i < size; i++)
        if (!is_text(head[i]) && head[i] != 0 && head[0] != 0x1F && head[0] != 'P')
            return false;
    (void)take(run, sizeof head, head, &size);
    return is_promising(span_make(head, size));
}

static bool run_decode(struct span body, size_t begin, struct span run, enum secret_encoding encoding,
                       struct secret_view *view) {
    take_fn take = encoding == SECRET_HEX ? hex_take : base64_take;
    size_t size;
    if (!view_has_room(view, run.size + NAME_BYTES_MAX + 16))
        return false;
    uint8_t head = 0;
    (void)take(run, 1, &head, &size);
    struct span name = run.size > VALUE_BYTES_MAX || head == 0x1F ? (struct span){NULL, 0} : line_name(body, begin);
    view_begin(view, encoding, begin);
    if (name.size > 0) {
        buf_add(&view->bytes, name);
        buf_text(&view->bytes, " \"");
    }
    size_t used = take(run, run.size, view->bytes.data + view->bytes.size, &size);
    view->bytes.size += size;
    if (name.size > 0)
        buf_text(&view->bytes, "\"");
    view_end(view, begin + used);
    return true;
}

static bool is_hex(struct span s) {
    for (size_t i = 0; i < s.size; i++)
        if (text_hex_value(s.data[i]) < 0)
            return false;
    return true;
}

/* Decodes the run around `at`; returns where the search goes on. */
static size_t run_look(struct span body, size_t at, size_t bytes_min, size_t from, size_t to,
                       struct secret_view *view) {
    size_t begin = run_begin(body, at);
    size_t end = run_end(body, at, false);
    struct span run = span_slice(body, begin, end - begin);
    if (run.size < bytes_min || begin < from || begin >= to)
        return end;
    if (text_hex_value(run.data[0]) >= 0 && is_hex(span_slice(run, 0, PROBE_BYTES)) &&
        run_is_promising(run, hex_take) && run_decode(body, begin, run, SECRET_HEX, view))
        return end;
    /* What stands before the first digit may look like digits: a path, a word and a dash. */
    for (size_t shift = 0; shift < 4; shift++) {
        if (!run_is_promising(span_from(run, shift), base64_take))
            continue;
        size_t whole = run_end(body, at, true);
        /* A run that leaves a window goes on where this window's rest does not reach. */
        view->truncated = view->truncated || (whole == body.size && to < body.size);
        (void)run_decode(body, begin + shift, span_slice(body, begin + shift, whole - begin - shift), SECRET_BASE64,
                         view);
        return whole;
    }
    return end;
}

/* ---- UTF-16 ---- */

/* Pairs of a printable byte and a zero: little-endian, and big-endian but for its first zero. */
static size_t utf16_look(struct span body, size_t at, size_t from, size_t to, struct secret_view *view) {
    size_t begin = at + (body.data[at] == 0);
    while (begin >= 2 && is_text(body.data[begin - 2]) && body.data[begin - 1] == 0)
        begin -= 2;
    size_t end = begin;
    while (end + 1 < body.size && is_text(body.data[end]) && body.data[end + 1] == 0)
        end += 2;
    size_t more = end < body.size && is_text(body.data[end]);
    if (end - begin < RUN_BYTES_MIN || begin < from || begin >= to || !view_has_room(view, (end - begin) / 2 + 4))
        return size_max(end, at + BLOCK_BYTES);
    view_begin(view, SECRET_UTF16, begin);
    for (size_t i = begin; i < end + more; i += 2)
        buf_byte(&view->bytes, body.data[i]);
    view_end(view, end + more);
    return end;
}

/* ---- blocks ---- */

/* Each byte of every body comes by here: 16 at a time, as vectors of the compiler's. */
typedef uint8_t block16 __attribute__((vector_size(16)));

static block16 block_load(const uint8_t *p) {
    block16 block;
    memcpy(&block, p, sizeof block);
    return block;
}

static bool block_is_digits(block16 c) {
    block16 folded = c | 0x20;
    block16 good = (block16)((block16)(folded - 'a') < 26) | (block16)((block16)(c - '0') < 10) | (block16)(c == '+') |
                   (block16)(c == '/') | (block16)(c == '-') | (block16)(c == '_');
    uint64_t words[2];
    memcpy(words, &good, sizeof words);
    return (words[0] & words[1]) == UINT64_MAX;
}

/* Every second byte is zero, and no other. */
static bool block_is_pairs(block16 c) {
    static const uint64_t low = 0x00FF00FF00FF00FFU;
    block16 zero = (block16)(c == 0);
    uint64_t words[2];
    memcpy(words, &zero, sizeof words);
    return words[0] == words[1] && (words[0] == low || words[0] == ~low);
}

/* From '+' to 'z': digits and little else, for text has a blank, a quote or a bracket in most blocks. */
static bool block_may_be_digits(block16 c) {
    block16 bad = (block16)((block16)(c - '+') > (uint8_t)('z' - '+'));
    uint64_t words[2];
    memcpy(words, &bad, sizeof words);
    return (words[0] | words[1]) == 0;
}

/* The same of eight bytes. */
static bool word_may_be_digits(const uint8_t *p) {
    static const uint64_t tops = 0x8080808080808080U, least = 0x2B2B2B2B2B2B2B2BU, most = 0x0505050505050505U;
    uint64_t word;
    memcpy(&word, p, sizeof word);
    /* No borrow and no carry where no byte is out of range; where one is, its top bit says so. */
    return ((word | (word - least) | (word + most)) & tops) == 0;
}

/* A run of RUN_BYTES_MIN around a block reaches eight bytes beyond it, to one side at least. */
static bool block_has_company(struct span body, size_t at) {
    return (at >= 8 && word_may_be_digits(body.data + at - 8)) ||
           (at + BLOCK_BYTES + 8 <= body.size && word_may_be_digits(body.data + at + BLOCK_BYTES));
}

static bool block_may_be_pairs(block16 c) {
    static const uint64_t low = 0x00FF00FF00FF00FFU;
    uint64_t word;
    memcpy(&word, &c, sizeof word);
    return ((word & low) == 0) != ((word & ~low) == 0);
}

static void runs_decode(struct span body, size_t from, size_t to, struct secret_view *view) {
    size_t at = from;
    while (at + BLOCK_BYTES <= body.size && at < to + STRIDE_BYTES && !view->truncated && !view->failed) {
        block16 block = block_load(body.data + at);
        if (block_may_be_digits(block) && block_has_company(body, at) && block_is_digits(block))
            at = size_max(run_look(body, at, RUN_BYTES_MIN, from, to, view), at + 1);
        else if (block_may_be_pairs(block) && block_is_pairs(block))
            at = size_max(utf16_look(body, at, from, to, view), at + 1);
        else
            at += STRIDE_BYTES;
    }
}

/* Every run of 12 digits, one after the other. */
static void runs_decode_close(struct span body, size_t from, size_t to, struct secret_view *view) {
    for (size_t at = from; at < to && !view->truncated && !view->failed; at++)
        if (is_digit64(body.data[at]))
            at = run_look(body, at, CLOSE_BYTES_MIN, from, to, view);
}

/* ---- signs that stand for others ---- */

static size_t percent_take(struct span s, size_t at, uint8_t *ret_byte) {
    int high = at + 2 < s.size ? text_hex_value(s.data[at + 1]) : -1;
    int low = high < 0 ? -1 : text_hex_value(s.data[at + 2]);
    *ret_byte = (uint8_t)(low < 0 ? '%' : high << 4 | low);
    return low < 0 ? 1 : 3;
}

static size_t escape_take(struct span s, size_t at, uint8_t *ret_byte) {
    uint8_t c = at + 1 < s.size ? s.data[at + 1] : 0;
    uint64_t code = 0;
    *ret_byte = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    if (c != 'u' && c != 'x')
        return c == 0 ? (*ret_byte = '\\', (size_t)1) : 2;
    size_t digits = c == 'u' ? 4 : 2;
    if (at + 2 + digits > s.size || !text_u64(span_slice(s, at + 2, digits), 16, 0x7F, &code))
        return 2;
    *ret_byte = (uint8_t)code;
    return 2 + digits;
}

/* Whether a sign there hides what a rule would look for. */
static bool is_telling(struct span body, size_t at, bool percent) {
    uint8_t byte = 0;
    size_t used = percent ? percent_take(body, at, &byte) : escape_take(body, at, &byte);
    if (percent)
        return used > 1 && memchr("=:\"{&@+/-_", byte, 10) != NULL;
    return byte == '"' || used > 2;
}

/* The word (percent) or the line around the sign, but nothing before `done`, decoded; returns where the search goes
 * on. */
static size_t token_decode(struct span body, size_t at, bool percent, size_t done, size_t from, size_t to,
                           struct secret_view *view) {
    size_t begin = at, end = at;
    size_t least = size_max(done, at < TOKEN_BYTES_MAX / 2 ? 0 : at - TOKEN_BYTES_MAX / 2);
    while (begin > least && body.data[begin - 1] != '\n' && !(percent && text_is_space(body.data[begin - 1])))
        begin--;
    while (end < body.size && end - begin < TOKEN_BYTES_MAX && body.data[end] != '\n' &&
           !(percent && text_is_space(body.data[end])))
        end++;
    struct span token = span_slice(body, begin, end - begin);
    if (begin < from || begin >= to || !view_has_room(view, token.size + 4))
        return end;
    view_begin(view, percent ? SECRET_PERCENT : SECRET_ESCAPED, begin);
    for (size_t i = 0; i < token.size;) {
        uint8_t byte = token.data[i];
        size_t used = 1;
        if (byte == (percent ? '%' : '\\'))
            used = percent ? percent_take(token, i, &byte) : escape_take(token, i, &byte);
        buf_byte(&view->bytes, byte);
        i += used;
    }
    view_end(view, end);
    return end;
}

static void signs_decode(struct span body, size_t from, size_t to, bool percent, struct secret_view *view) {
    size_t done = 0; /* no byte is decoded twice, however long a line is */
    for (size_t at = from; at < to && !view->truncated && !view->failed; at++) {
        at = span_index(span_slice(body, 0, to), percent ? '%' : '\\', at);
        if (at == SIZE_MAX)
            return;
        if (is_telling(body, at, percent))
            done = token_decode(body, at, percent, done, from, to, view), at = size_max(at + 1, done) - 1;
    }
}

void secret_decode(struct span body, size_t from, size_t to, bool close, struct secret_view *view) {
    buf_reset(&view->bytes);
    view->segments.count = 0;
    view->truncated = view->failed = false;
    to = size_min(to, body.size);
    if (close && body.size <= TEXT_BYTES_MAX)
        runs_decode_close(body, from, to, view);
    else
        runs_decode(body, from, to, view);
    if (body.size > TEXT_BYTES_MAX || span_index(span_slice(body, 0, TEXT_PROBE_BYTES), 0, 0) != SIZE_MAX)
        return;
    signs_decode(body, from, to, true, view);
    signs_decode(body, from, to, false, view);
}
