#include "io/source/challenge.h"

#include "base/reader.h"
#include "base/text.h"

/* token of RFC 9110 §5.6.2 */
static bool is_token_byte(uint8_t c) { return text_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL); }

static bool peek(const struct reader *r, uint8_t *ret_byte) {
    if (reader_left(r) == 0)
        return false;
    *ret_byte = r->bytes.data[r->offset];
    return true;
}

static void skip(struct reader *r, const char *bytes) {
    for (uint8_t c; peek(r, &c) && c != '\0' && strchr(bytes, c) != NULL;)
        read_skip(r, 1);
}

static struct span token(struct reader *r) {
    size_t start = r->offset;
    for (uint8_t c; peek(r, &c) && is_token_byte(c);)
        read_skip(r, 1);
    return span_slice(r->bytes, start, r->offset - start);
}

/* After the opening quote. 0, -1 where it has no end, -2 when memory is short. */
static int quoted(struct arena *arena, struct reader *r, struct span *ret_value) {
    size_t start = r->offset, escapes = 0;
    for (uint8_t c = 0; c != '"';) {
        c = read_u8(r);
        if (c == '\\') {
            read_skip(r, 1);
            escapes++;
        }
        if (r->failed)
            return -1;
    }
    struct span raw = span_slice(r->bytes, start, r->offset - start - 1);
    if (escapes > 0) {
        uint8_t *out = arena_alloc(arena, raw.size);
        if (out == NULL)
            return -2;
        size_t size = 0;
        for (size_t i = 0; i < raw.size; i++) {
            i += raw.data[i] == '\\';
            out[size++] = raw.data[i]; /* a backslash is never the last byte: it would have escaped the quote */
        }
        raw = span_make(out, size);
    }
    *ret_value = raw;
    return 0;
}

struct parameter {
    struct span name, value;
};

/* 1 and the next parameter; 0 where another challenge begins or the text ends; errors as quoted(). */
static int parameter(struct arena *arena, struct reader *r, struct parameter *ret_parameter) {
    skip(r, " \t,");
    struct reader start = *r;
    uint8_t c;
    ret_parameter->name = token(r);
    skip(r, " \t");
    if (ret_parameter->name.size == 0 || !peek(r, &c) || c != '=') {
        *r = start;
        return 0;
    }
    read_skip(r, 1);
    skip(r, " \t");
    if (peek(r, &c) && c == '"') {
        read_skip(r, 1);
        int result = quoted(arena, r, &ret_parameter->value);
        return result < 0 ? result : 1;
    }
    /* A token by the grammar; some servers leave the quotes out around a URL. */
    size_t value = r->offset;
    while (peek(r, &c) && c != ',' && !text_is_space(c))
        read_skip(r, 1);
    ret_parameter->value = span_slice(r->bytes, value, r->offset - value);
    return 1;
}

/* token68: one run of letters and padding up to a comma or the end, as Negotiate has it. Nothing is moved where there
 * is none. */
static void token68_skip(struct reader *r) {
    struct reader start = *r;
    for (uint8_t c; peek(r, &c) && (text_is_alnum(c) || (c != '\0' && strchr("-._~+/", c) != NULL));)
        read_skip(r, 1);
    skip(r, "=");
    size_t end = r->offset;
    skip(r, " \t");
    uint8_t c;
    if (end == start.offset || (peek(r, &c) && c != ','))
        *r = start;
}

static void bearer_keep(struct challenge *challenge, const struct parameter *found) {
    const struct {
        const char *name;
        struct span *value;
    } fields[] = {{"realm", &challenge->realm},
                  {"service", &challenge->service},
                  {"scope", &challenge->scope},
                  {"error", &challenge->error}};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (text_equal_nocase(found->name, span_text(fields[i].name)) && fields[i].value->size == 0)
            *fields[i].value = found->value;
    }
}

int challenge_parse(struct arena *arena, struct span text, struct challenge *ret_challenge, struct err *err) {
    struct reader r = reader_init(text);
    struct challenge challenge = {0};
    char found[96];
    for (skip(&r, " \t,"); reader_left(&r) > 0; skip(&r, " \t,")) {
        size_t start = r.offset;
        struct span scheme = token(&r);
        if (scheme.size == 0)
            return err_set(err, ERR_FORMAT, 0, "WWW-Authenticate: expected a scheme at byte %zu, found '%s'", start,
                           text_quote(span_from(text, start), found, sizeof found));
        bool bearer = text_equal_nocase(scheme, span_text("bearer"));
        bool first = bearer && !challenge.bearer, basic = text_equal_nocase(scheme, span_text("basic"));
        challenge.bearer = challenge.bearer || bearer;
        challenge.basic = challenge.basic || basic;
        if (!bearer && !basic && challenge.other.size == 0)
            challenge.other = scheme;
        skip(&r, " \t");
        token68_skip(&r);
        struct parameter next = {0};
        int more;
        while ((more = parameter(arena, &r, &next)) > 0) {
            if (first)
                bearer_keep(&challenge, &next);
        }
        if (more == -2)
            return err_set(err, ERR_NOMEM, 0, "WWW-Authenticate: out of memory");
        if (more < 0)
            return err_set(err, ERR_FORMAT, 0, "WWW-Authenticate: expected a quote at the end of '%s'",
                           text_quote(span_from(text, start), found, sizeof found));
    }
    if (!challenge.basic && !challenge.bearer && challenge.other.size == 0)
        return err_set(err, ERR_FORMAT, 0, "WWW-Authenticate: expected a challenge, found none");
    *ret_challenge = challenge;
    return 0;
}
