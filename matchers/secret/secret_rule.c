#include "matchers/secret/secret_rule.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/embed.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "base/vec.h"
#include "base/regex.h"
#include "matchers/secret/secret_validator.h"

#define EXAMPLE_POSITIVES_MIN 2
#define EXAMPLE_NEGATIVES_MIN 3
#define EXPRESSION_BYTES_MAX 8192
#define LITERAL_BYTES_MIN 3
#define LITERAL_BYTES_MAX 64

struct rule_offset {
    struct span id;
    double offset;
    uint32_t cases;
};

struct secret_rules {
    struct arena arena;
    VEC(struct secret_rule) rules; /* sorted by id once all files are read */
    VEC(struct regex *) patterns;  /* of rules and lists: to be freed */
    struct map shared;             /* expressions of rules that match behind their literal, to patterns */
    VEC(struct span) allow_values;
    VEC(struct digest) allow_digests; /* sorted once all files are read */
    VEC(struct regex *) allow_expressions, allow_generic;
    struct secret_model model;
    VEC(struct rule_offset) offsets; /* what the model knows of single rules */
};

/* Where a message points. */
struct place {
    const char *file;
    uint32_t line;
    bool is_converted; /* the file is another tool's, made over: examples are not asked for */
};

static struct place place_at(struct place place, const struct doc *value) {
    place.line = value->line;
    return place;
}

#define rule_error(place, err, ...)                                                                                    \
    (err_set(err, ERR_FORMAT, 0, __VA_ARGS__), err_wrap(err, "secret rules: %s:%" PRIu32, (place).file, (place).line))

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "secret rules: no memory"); }

/* A name that ends in one of these may be parted from its value by a blank, a line break, a dash or a dot. */
#define SECRET_WORD_BEHIND "(?<=[Kk]ey|KEY|oken|OKEN|cret|CRET|word|WORD|ccess|CCESS|ivate|IVATE)"
/* The parts of {{credential}} and {{setting}}, which begin behind a service's name: the rest of a name that speaks of a
 * secret, and what parts it from its value… */
#define NAMED_VALUE                                                                                                    \
    "(?i:key(?!board|word|frame|note)|token|secret|access|private|passw|pwd|api(?![a-z])|auth(?!or[^i])|credential)"   \
    "(?:[\\w.-]{0,16}?[\"'`\\\\)\\]}]{0,4}[ \\t]{0,8}"                                                                 \
    "(?:[?:.+!|&*/-]?[:=]{1,4}>?|->|,(?=[ \\t]{0,2}[\"'])|\\((?=[\"'])|<?>|\\|\\||%3[aAdD])"                           \
    "|" SECRET_WORD_BEHIND "[\\s.-]{1,4})"                                                                             \
    "[\\s\"'`\\\\(\\[{]{0,8}(?i:(?:bearer|token|basic)[ \\t]{1,4})?"
/* … or an operator or blank right behind the service's name (and what is no key's name), where a key of a common form
 * follows…
 */
#define ASSIGNED_KEY                                                                                                   \
    "(?!.{0,24}(?i:commit|revision|sha|hash|digest|checksum|integrity|etag|md5|version|uuid|[_-]id))"                  \
    "(?:[\\w.\"'\\]-]{0,20}?[\"'\\]]{0,3}[ \\t]{0,8}(?::=|=>|=|:)[ \\t]{0,8}[\"'`]{0,2}|[ \\t]{1,3})"                  \
    "(?=(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-z]{20,64})(?![0-9A-Za-z_.+/=-]))"
/* … and a value without a shape of its own: at least two digits, no attribute (a.b1.c2) and no call. */
#define OPAQUE                                                                                                                \
    "(?=[^\\s\"'0-9]{0,100}[0-9][^\\s\"'0-9]{0,100}[0-9])(?![A-Za-z_]\\w{0,15}(?:\\.[A-Za-z_]\\w{0,15}){1,6}(?![\\w.+/=~-]))" \
    "(?<secret>[0-9A-Za-z][0-9A-Za-z_.+/=~-]{9,511}+)(?![(\\[{$@%<:])"

/* What {{…}} stands for in expressions. rules/README.md describes them. */
static const struct {
    const char *name, *text;
} macros[] = {
    {"start", "(?:(?<![0-9A-Za-z])|(?<=\\\\[nrt]))"},
    {"end", "(?![0-9A-Za-z_-])"},
    {"quote", "[\"'`]?"},
    {"near", "[\\s\\S]{0,48}?"},
    {"is", "[\\w.\\-]{0,32}[\"'`\\]]{0,3}[ \\t]{0,8}(?::=|=>|=|:)[ \\t]{0,8}[\"'`]{0,2}"},
    {"assign", "[\\w \\t.\\-\"'\\]]{0,40}?"
               "(?:[\"'`\\\\)\\]}]{0,4}[ \\t]{0,8}(?:[?:.+!|&~^%*/-]?[:=]{1,4}>?|->|,|<?>|\\(|\\|\\||%3[aAdD])"
               "|[\"']?,?\\s{1,24}[\"']?[vV]alue[\"']?\\s{0,3}[:=>]"
               "|" SECRET_WORD_BEHIND "[\\s.-]{1,4})"
               "[\\s\"'`\\\\(\\[{]{0,8}(?:(?:[Bb]earer|[Tt]oken)[ \\t]{1,4})?"},
    {"credential", "(?:[\\s\\S]{0,40}?" NAMED_VALUE "|" ASSIGNED_KEY ")" OPAQUE},
    {"setting",
     "(?:(?![A-Za-z])|(?=[A-Z]|(?i:api|key|token|secret|access|private)))[\\w \\t.-]{0,16}?" NAMED_VALUE OPAQUE},
};

/* Puts macros in; quantifiers like {3} are left alone, since a macro has two braces and a name. */
static int expression_expand(struct secret_rules *set, struct place place, struct span text, struct span *ret_text,
                             struct err *err) {
    static const struct span open = SPAN_LITERAL("{{"), close = SPAN_LITERAL("}}");
    AUTO_BUF struct buf out;
    buf_init(&out, 0); /* a macro is at most 60 times as long as its name */
    if (text.size > EXPRESSION_BYTES_MAX)
        return rule_error(place, err, "expression has %zu bytes: at most %d", text.size, EXPRESSION_BYTES_MAX);
    size_t from = 0;
    for (;;) {
        size_t begin = span_find(text, open, from);
        size_t end = begin == SIZE_MAX ? SIZE_MAX : span_find(text, close, begin);
        if (end == SIZE_MAX)
            break;
        struct span name = span_slice(text, begin + 2, end - begin - 2);
        size_t index = 0;
        while (index < ARRAY_COUNT(macros) && !span_is(name, macros[index].name))
            index++;
        char quoted[32];
        if (index == ARRAY_COUNT(macros))
            return rule_error(place, err,
                              "unknown {{%s}} in an expression: use start, end, quote, near, is, assign, credential or "
                              "setting",
                              text_quote(name, quoted, sizeof quoted));
        buf_add(&out, span_slice(text, from, begin - from));
        buf_text(&out, macros[index].text);
        from = end + 2;
    }
    buf_add(&out, span_from(text, from));
    if (out.failed)
        return nomem(err);
    *ret_text = arena_copy(&set->arena, buf_span(&out));
    return ret_text->data == NULL ? nomem(err) : 0;
}

static int text_read(struct secret_rules *set, struct place place, const struct doc *value, struct span *ret_text,
                     struct err *err) {
    struct span text = doc_scalar(value);
    if (text.size == 0)
        return rule_error(place, err, "'%.*s' must be text that is not empty", SPAN_FORMAT(value->key));
    *ret_text = arena_copy(&set->arena, text);
    return ret_text->data == NULL ? nomem(err) : 0;
}

static int texts_read(struct secret_rules *set, struct place place, const struct doc *value,
                      const struct span **ret_items, size_t *ret_count, struct err *err) {
    if (!doc_is(value, DOC_ARRAY))
        return rule_error(place, err, "'%.*s' must be a list: [a, b]", SPAN_FORMAT(value->key));
    struct span *items = arena_array(&set->arena, value->count + 1, sizeof *items);
    if (items == NULL)
        return nomem(err);
    size_t count = 0;
    for (const struct doc *item = doc_first(value); item != NULL; item = item->next, count++) {
        place.line = item->line;
        struct span text = doc_scalar(item);
        if (text.size == 0)
            return rule_error(place, err, "'%.*s' holds something that is not text: quote it", SPAN_FORMAT(value->key));
        items[count] = arena_copy(&set->arena, text);
        if (items[count].data == NULL)
            return nomem(err);
    }
    *ret_items = items;
    *ret_count = count;
    return 0;
}

/* A decimal number from 0 to `max`, without exponents. */
static int number_read(struct place place, const struct doc *value, double max, double *ret_value, struct err *err) {
    struct span rest = doc_scalar(value);
    struct span whole = text_cut(&rest, '.');
    uint64_t left = 0, right = 0;
    double scale = 1;
    bool good = text_u64(whole, 10, 1000000, &left) && rest.size <= 9;
    if (good && rest.size > 0)
        good = text_u64(rest, 10, UINT64_MAX, &right);
    for (size_t i = 0; i < rest.size; i++)
        scale *= 10;
    double number = (double)left + (double)right / scale;
    if (!good || number > max)
        return rule_error(place, err, "'%.*s' must be a number from 0 to %g", SPAN_FORMAT(value->key), max);
    *ret_value = number;
    return 0;
}

static int size_read(struct place place, const struct doc *value, size_t max, size_t *ret_value, struct err *err) {
    uint64_t number = 0;
    if (!text_u64(doc_scalar(value), 10, max, &number))
        return rule_error(place, err, "'%.*s' must be a whole number from 0 to %zu", SPAN_FORMAT(value->key), max);
    *ret_value = (size_t)number;
    return 0;
}

static bool is_kebab(struct span s) {
    for (size_t i = 0; i < s.size; i++)
        if (!text_is_lower(s.data[i]) && !text_is_digit(s.data[i]) && s.data[i] != '-')
            return false;
    return s.size > 0 && s.data[0] != '-' && s.data[s.size - 1] != '-';
}

static int require_read(struct place place, const struct doc *value, unsigned *ret_require, struct err *err) {
    static const char *const names[] = {"digit", "lower", "upper", "letter", "symbol"};
    for (const struct doc *item = doc_first(value); item != NULL; item = item->next) {
        size_t index = 0;
        while (index < ARRAY_COUNT(names) && !span_is(doc_text(item), names[index]))
            index++;
        if (index == ARRAY_COUNT(names))
            return rule_error(place, err, "'require' knows digit, lower, upper, letter and symbol");
        *ret_require |= 1U << index;
    }
    return 0;
}

static int examples_read(struct secret_rules *set, struct place place, const struct doc *value,
                         struct secret_rule *rule, struct err *err) {
    for (const struct doc *item = doc_first(value); item != NULL; item = item->next) {
        place.line = item->line;
        int result = 0;
        if (span_is(item->key, "positive"))
            result = texts_read(set, place, item, &rule->positives, &rule->positive_count, err);
        else if (span_is(item->key, "negative"))
            result = texts_read(set, place, item, &rule->negatives, &rule->negative_count, err);
        else
            return rule_error(place, err, "'examples' holds only positive and negative");
        if (result < 0)
            return -1;
    }
    return 0;
}

/* What a rule's file says, before defaults fill in. */
struct rule_draft {
    struct secret_rule rule;
    struct span expression;
    double confidence, confidence_valid, confidence_invalid, confidence_pair; /* < 0: not given */
};

static int validator_read(struct place place, const struct doc *value, struct secret_rule *rule, struct err *err) {
    char quoted[48];
    rule->validator = secret_validator_find(doc_text(value));
    if (rule->validator == NULL)
        return rule_error(place, err, "unknown validator '%s': rules/README.md lists them",
                          text_quote(doc_scalar(value), quoted, sizeof quoted));
    return 0;
}

static int severity_read(struct place place, const struct doc *value, struct secret_rule *rule, struct err *err) {
    if (!severity_parse(doc_text(value), &rule->severity) || rule->severity < SEVERITY_LOW)
        return rule_error(place, err, "'severity' must be critical, high, medium or low");
    return 0;
}

static int follow_read(struct place place, const struct doc *value, struct secret_rule *rule, struct err *err) {
    struct span text = doc_text(value);
    if (text.size != 1)
        return rule_error(place, err, "'follow' must be one character in quotes");
    rule->follow = SECRET_FOLLOW_BYTE;
    rule->follow_byte = text.data[0];
    return 0;
}

static int bool_read(struct place place, const struct doc *value, bool *ret_value, struct err *err) {
    if (!doc_is(value, DOC_BOOL))
        return rule_error(place, err, "'%.*s' must be true or false", SPAN_FORMAT(value->key));
    *ret_value = value->boolean;
    return 0;
}

/* "bytes:2A8648" is three bytes: what is no text, such as a file's magic, cannot be written in YAML otherwise. */
static int literals_read(struct secret_rules *set, struct place place, const struct doc *value,
                         struct secret_rule *rule, struct err *err) {
    static const struct span prefix = SPAN_LITERAL("bytes:");
    if (texts_read(set, place, value, &rule->literals, &rule->literal_count, err) < 0)
        return -1;
    struct span *literals = arena_array(&set->arena, rule->literal_count + 1, sizeof *literals);
    if (literals == NULL)
        return nomem(err);
    for (size_t i = 0; i < rule->literal_count; i++) {
        AUTO_BUF struct buf bytes;
        struct span text = rule->literals[i];
        buf_init(&bytes, 0);
        literals[i] = text;
        if (!span_starts(text, "bytes:"))
            continue;
        if (!text_hex_decode(span_from(text, prefix.size), &bytes) || span_index(buf_span(&bytes), 0, 0) != SIZE_MAX)
            return rule_error(place, err,
                              "a literal of bytes is written as 'bytes:' and pairs of hexadecimal digits "
                              "that are not 00");
        literals[i] = arena_copy(&set->arena, buf_span(&bytes));
        if (literals[i].data == NULL)
            return nomem(err);
    }
    rule->literals = literals;
    return 0;
}

/* One member of a rule. */
static int member_read(struct secret_rules *set, struct place place, const struct doc *value, struct rule_draft *draft,
                       struct err *err) {
    struct secret_rule *rule = &draft->rule;
    struct span key = value->key;
    char quoted[48];
    if (span_is(key, "id"))
        return text_read(set, place, value, &rule->id, err);
    if (span_is(key, "description"))
        return text_read(set, place, value, &rule->description, err);
    if (span_is(key, "expression"))
        return text_read(set, place, value, &draft->expression, err);
    if (span_is(key, "pair"))
        return text_read(set, place, value, &rule->pair_id, err);
    if (span_is(key, "severity"))
        return severity_read(place, value, rule, err);
    if (span_is(key, "nocase"))
        return bool_read(place, value, &rule->nocase, err);
    if (span_is(key, "yields"))
        return bool_read(place, value, &rule->yields, err);
    if (span_is(key, "behind"))
        return bool_read(place, value, &rule->behind, err);
    if (span_is(key, "follow"))
        return follow_read(place, value, rule, err);
    if (span_is(key, "validator"))
        return validator_read(place, value, rule, err);
    if (span_is(key, "require"))
        return require_read(place, value, &rule->require, err);
    if (span_is(key, "examples"))
        return examples_read(set, place, value, rule, err);
    if (span_is(key, "literals"))
        return literals_read(set, place, value, rule, err);
    if (span_is(key, "keywords"))
        return texts_read(set, place, value, &rule->keywords, &rule->keyword_count, err);
    if (span_is(key, "allow"))
        return texts_read(set, place, value, &rule->allow, &rule->allow_count, err);
    if (span_is(key, "references"))
        return texts_read(set, place, value, &rule->references, &rule->reference_count, err);
    if (span_is(key, "confidence"))
        return number_read(place, value, 1, &draft->confidence, err);
    if (span_is(key, "confidence_valid"))
        return number_read(place, value, 1, &draft->confidence_valid, err);
    if (span_is(key, "confidence_invalid"))
        return number_read(place, value, 1, &draft->confidence_invalid, err);
    if (span_is(key, "confidence_pair"))
        return number_read(place, value, 1, &draft->confidence_pair, err);
    if (span_is(key, "entropy_min"))
        return number_read(place, value, 8, &rule->entropy_min, err);
    if (span_is(key, "keyword_bytes"))
        return size_read(place, value, 4096, &rule->keyword_bytes, err);
    if (span_is(key, "pair_bytes"))
        return size_read(place, value, 4096, &rule->pair_bytes, err);
    if (span_is(key, "before_bytes"))
        return size_read(place, value, 4096, &rule->before_bytes, err);
    if (span_is(key, "max_bytes"))
        return size_read(place, value, LIMIT_SECRET_MATCH_BYTES, &rule->max_bytes, err);
    return rule_error(place, err, "unknown key '%s': rules/README.md lists the keys of a rule",
                      text_quote(key, quoted, sizeof quoted));
}

/* Whether `macro` comes right after every literal, with at most a few plain characters (the other alternatives, an
 * optional dash)
 * between: then a look at the bytes behind the literal tells whether the expression is worth trying. */
static bool is_followed_by(struct span expression, const struct secret_rule *rule, struct span macro) {
    size_t at = span_find(expression, macro, 0);
    if (at == SIZE_MAX || rule->before_bytes > 0)
        return false;
    for (size_t i = 0; i < rule->literal_count; i++) {
        struct span literal = rule->literals[i];
        size_t begin = 0;
        while (begin < at && !text_equal_nocase(span_slice(expression, begin, literal.size), literal))
            begin++;
        size_t end = begin + literal.size;
        if (begin >= at || end > at)
            return false;
        if (expression.data[end] == '|') /* the other alternatives of its group take no bytes */
            while (end < at && expression.data[end] != ')')
                end += text_is_alnum(expression.data[end]) || memchr("|_- ", expression.data[end], 4) != NULL ? 1 : at;
        if (end > at || at - end > 24)
            return false;
        int depth = 0; /* in an open group the macro may be one of several alternatives */
        for (size_t place = end; place < at; place++) {
            uint8_t c = expression.data[place];
            depth += c == '(' ? 1 : c == ')' && depth > 0 ? -1 : 0;
            if (!text_is_alnum(c) && memchr("|()?:_-[] ", c, 10) == NULL)
                return false;
        }
        if (depth > 0)
            return false;
        for (size_t place = at; place + literal.size <= expression.size;
             place++) /* nor may another alternative do without it */
            if (text_equal_nocase(span_slice(expression, place, literal.size), literal))
                return false;
    }
    return true;
}

/* What the engine may check beside a literal without the expression. */
static void hints_find(struct secret_rule *rule, struct span expression) {
    static const struct span assign = SPAN_LITERAL("{{assign}}"), is = SPAN_LITERAL("{{is}}");
    rule->bounded = rule->before_bytes == 0 && (span_starts(expression, "{{start}}") ||
                                                (!rule->behind && span_starts(expression, "(?i){{start}}")));
    if (rule->follow == SECRET_FOLLOW_BYTE || rule->literal_count == 0 || rule->behind)
        return;
    if (is_followed_by(expression, rule, is))
        rule->follow = SECRET_FOLLOW_IS;
    else if (is_followed_by(expression, rule, assign))
        rule->follow = SECRET_FOLLOW_ASSIGN;
}

static int literals_check(struct place place, const struct secret_rule *rule, struct err *err) {
    char quoted[48];
    for (size_t i = 0; i < rule->literal_count; i++) {
        struct span literal = rule->literals[i];
        if (literal.size < LITERAL_BYTES_MIN || literal.size > LITERAL_BYTES_MAX)
            return rule_error(place, err, "literal '%s' must have %d to %d bytes, better 5 or more",
                              text_quote(literal, quoted, sizeof quoted), LITERAL_BYTES_MIN, LITERAL_BYTES_MAX);
    }
    return 0;
}

/* Compiles an expression, which the set then owns. `field` is for the message. */
static int pattern_make(struct secret_rules *set, struct place place, const char *field, struct span expression,
                        enum regex_use use, struct regex **ret_pattern, struct err *err) {
    struct regex *pattern = NULL;
    if (regex_new(expression, use, "secret", &pattern, err) < 0)
        return err_wrap(err, "secret rules: %s:%" PRIu32 "%s", place.file, place.line, field);
    if (!vec_push(&set->patterns, pattern)) {
        regex_free(pattern);
        return nomem(err);
    }
    *ret_pattern = pattern;
    return 0;
}

static int expressions_compile(struct secret_rules *set, struct place place, struct secret_rule *rule,
                               struct err *err) {
    bool at = rule->literal_count > 0 && rule->before_bytes == 0;
    struct regex **allow = arena_array(&set->arena, rule->allow_count, sizeof *allow);
    if (allow == NULL)
        return nomem(err);
    rule->allow_patterns = allow;
    /* Hundreds of rules that match behind their literal have the same expression: compiling it is most of their cost.
     */
    bool is_new = true;
    void **slot = rule->behind ? map_put(&set->shared, rule->expression, &is_new) : NULL;
    if (rule->behind && slot == NULL)
        return nomem(err);
    if (!is_new)
        rule->pattern = *slot;
    else if (pattern_make(set, place, "", rule->expression, at ? REGEX_AT : REGEX_NEAR, &rule->pattern, err) < 0)
        return -1;
    if (is_new && slot != NULL)
        *slot = (void *)(uintptr_t)rule->pattern;
    for (size_t i = 0; i < rule->allow_count; i++) {
        if (pattern_make(set, place, ": allow", rule->allow[i], REGEX_ALLOW, &allow[i], err) < 0)
            return -1;
    }
    return 0;
}

/* Checks what the file said and fills in the rest. */
static int rule_finish(struct secret_rules *set, struct place place, struct rule_draft *draft, struct err *err) {
    struct secret_rule *rule = &draft->rule;
    struct span provider = rule->provider;
    if (!is_kebab(rule->id))
        return rule_error(place, err, "a rule needs an 'id' of lower case letters, digits and dashes");
    if (rule->id.size <= provider.size + 1 || !span_equal(span_slice(rule->id, 0, provider.size), provider) ||
        rule->id.data[provider.size] != '-')
        return rule_error(place, err, "id '%.*s' must begin with '%.*s-'", SPAN_FORMAT(rule->id),
                          SPAN_FORMAT(provider));
    if (rule->description.size == 0 || rule->severity == SEVERITY_UNKNOWN || draft->confidence < 0)
        return rule_error(place, err, "rule '%.*s' needs description, severity and confidence", SPAN_FORMAT(rule->id));
    if (draft->expression.size == 0)
        return rule_error(place, err, "rule '%.*s' needs an expression", SPAN_FORMAT(rule->id));
    if (!place.is_converted &&
        (rule->positive_count < EXAMPLE_POSITIVES_MIN || rule->negative_count < EXAMPLE_NEGATIVES_MIN))
        return rule_error(place, err, "rule '%.*s' needs %d positive and %d negative examples", SPAN_FORMAT(rule->id),
                          EXAMPLE_POSITIVES_MIN, EXAMPLE_NEGATIVES_MIN);
    if (rule->max_bytes == 0)
        return rule_error(place, err, "'max_bytes' must be at least 1");
    if (rule->pair_id.size > 0 && draft->confidence_pair < 0)
        return rule_error(place, err, "'pair' needs 'confidence_pair'");
    if (rule->validator == NULL && (draft->confidence_valid >= 0 || draft->confidence_invalid >= 0))
        return rule_error(place, err, "'confidence_valid' and 'confidence_invalid' need a 'validator'");
    rule->confidence = draft->confidence;
    rule->confidence_valid = draft->confidence_valid < 0 ? draft->confidence : draft->confidence_valid;
    rule->confidence_invalid = draft->confidence_invalid < 0 ? draft->confidence : draft->confidence_invalid;
    rule->confidence_pair = draft->confidence_pair;
    hints_find(rule, draft->expression);
    rule->opaque = span_find(draft->expression, span_text("{{credential}}"), 0) != SIZE_MAX ||
                   span_find(draft->expression, span_text("{{setting}}"), 0) != SIZE_MAX;
    if (rule->behind && (rule->literal_count == 0 || rule->before_bytes > 0))
        return rule_error(place, err, "'behind' needs 'literals' and no 'before_bytes'");
    if (rule->behind && rule->bounded) /* it speaks of the place before the literal: the engine looks there */
        draft->expression = span_from(draft->expression, span_text("{{start}}").size);
    if (literals_check(place, rule, err) < 0 ||
        expression_expand(set, place, draft->expression, &rule->expression, err) < 0)
        return -1;
    return expressions_compile(set, place, rule, err);
}

static bool member_is_repeated(const struct doc *object, const struct doc *member) {
    for (const struct doc *other = doc_first(object); other != member; other = other->next)
        if (span_equal(other->key, member->key))
            return true;
    return false;
}

static int rule_read(struct secret_rules *set, struct place place, struct span provider, const struct doc *object,
                     struct err *err) {
    struct rule_draft draft = {
        .confidence = -1, .confidence_valid = -1, .confidence_invalid = -1, .confidence_pair = -1};
    draft.rule.provider = provider;
    draft.rule.generic = span_is(provider, "generic");
    draft.rule.keyword_bytes = 128;
    draft.rule.pair_bytes = 512;
    draft.rule.max_bytes = 512;
    draft.rule.file = place.file;
    draft.rule.line = place.line;
    if (!doc_is(object, DOC_OBJECT))
        return rule_error(place, err, "'rules' must be a list of rules: - id: …");
    for (const struct doc *value = doc_first(object); value != NULL; value = value->next) {
        if (member_is_repeated(object, value))
            return rule_error(place_at(place, value), err, "'%.*s' stands twice in one rule", SPAN_FORMAT(value->key));
        if (member_read(set, place_at(place, value), value, &draft, err) < 0)
            return -1;
    }
    if (rule_finish(set, place, &draft, err) < 0)
        return -1;
    if (set->rules.count >= LIMIT_SECRET_RULES)
        return err_set(err, ERR_LIMIT, 0, "secret rules: %s: more than %zu rules", place.file, LIMIT_SECRET_RULES);
    return vec_push(&set->rules, draft.rule) ? 0 : nomem(err);
}

static int allow_read(struct secret_rules *set, struct place place, const struct doc *root, struct err *err) {
    for (const struct doc *value = doc_first(root); value != NULL; value = value->next) {
        place.line = value->line;
        const struct span *items = NULL;
        size_t count = 0;
        if (texts_read(set, place, value, &items, &count, err) < 0)
            return -1;
        bool values = span_is(value->key, "values"), generic = span_is(value->key, "generic");
        bool digests = span_is(value->key, "digests");
        if (!values && !digests && !generic && !span_is(value->key, "expressions"))
            return rule_error(place, err,
                              "a file without 'provider' holds values, digests, expressions and generic only");
        for (size_t i = 0; digests && i < count; i++) {
            struct digest digest;
            if (digest_parse(items[i], &digest, err) < 0)
                return err_wrap(err, "secret rules: %s:%" PRIu32, place.file, place.line);
            if (!vec_push(&set->allow_digests, digest))
                return nomem(err);
        }
        for (size_t i = 0; !digests && i < count; i++) {
            struct regex *pattern = NULL;
            if (!values && pattern_make(set, place, "", items[i], REGEX_ALLOW, &pattern, err) < 0)
                return -1;
            if (!(values    ? vec_push(&set->allow_values, items[i])
                  : generic ? vec_push(&set->allow_generic, pattern)
                            : vec_push(&set->allow_expressions, pattern)))
                return nomem(err);
        }
    }
    return 0;
}

static int model_read(struct secret_rules *set, struct place place, const struct doc *value, struct err *err) {
    if (secret_model_read(value, &set->model, err) < 0)
        return err_wrap(err, "secret rules: %s:%" PRIu32, place.file, value->line);
    set->offsets.count = 0; /* of a model that a user's file replaces */
    const struct doc *list = doc_get(value, "rules");
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        int64_t offset = 0, cases = 0;
        const struct doc *first = doc_first(item);
        if (!doc_i64(first, &offset) || !doc_i64(first->next, &cases) || cases < 0)
            return rule_error(place, err, "'model': expected two whole numbers for each rule");
        struct rule_offset known = {arena_copy(&set->arena, item->key), (double)offset / 1000, (uint32_t)cases};
        if (known.id.data == NULL || !vec_push(&set->offsets, known))
            return nomem(err);
    }
    return 0;
}

static int file_read(struct secret_rules *set, const struct secret_rule_file *file, struct arena *scratch,
                     struct err *err) {
    if (file->bytes.size > LIMIT_SECRET_RULE_FILE_BYTES)
        return err_set(err, ERR_LIMIT, 0, "secret rules: %s: %zu bytes; at most %zu", file->name, file->bytes.size,
                       LIMIT_SECRET_RULE_FILE_BYTES);
    struct doc *root = NULL;
    struct span name = arena_copy(&set->arena, span_text(file->name));
    struct place place = {.file = (const char *)name.data, .line = 1};
    if (name.data == NULL)
        return nomem(err);
    if (yaml_parse(scratch, file->bytes, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "secret rules: %s", file->name);
    if (!doc_is(root, DOC_OBJECT))
        return rule_error(place, err, "a rule file begins with 'provider: name' and 'rules:'");
    if (doc_get(root, "model") != NULL)
        return model_read(set, place, doc_get(root, "model"), err);
    if (doc_get(root, "provider") == NULL)
        return doc_get(root, "rules") == NULL ? allow_read(set, place, root, err)
                                              : rule_error(place, err, "'provider' is missing");
    const struct doc *list = doc_get(root, "rules");
    place.is_converted = doc_get(root, "converted") != NULL;
    for (const struct doc *value = doc_first(root); value != NULL; value = value->next) {
        place.line = value->line;
        if (!span_is(value->key, "provider") && !span_is(value->key, "rules") && !span_is(value->key, "converted"))
            return rule_error(place, err, "unknown key '%.*s': a rule file holds 'provider' and 'rules'",
                              SPAN_FORMAT(value->key));
    }
    struct span provider = {NULL, 0};
    place.line = doc_get(root, "provider")->line;
    if (text_read(set, place, doc_get(root, "provider"), &provider, err) < 0)
        return -1;
    if (!is_kebab(provider))
        return rule_error(place, err, "'provider' must be lower case letters, digits and dashes");
    if (!doc_is(list, DOC_ARRAY) || list->count == 0)
        return rule_error(place, err, "'rules' must be a list of at least one rule");
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        place.line = item->line;
        if (rule_read(set, place, provider, item, err) < 0)
            return -1;
    }
    return 0;
}

static int compare_rules(const void *a, const void *b) {
    return span_compare(((const struct secret_rule *)a)->id, ((const struct secret_rule *)b)->id);
}

static int compare_digests(const void *a, const void *b) { return digest_compare(a, b); }

/* SIZE_MAX when there is none; the rules are sorted. */
static size_t rule_index(const struct secret_rules *set, struct span id) {
    size_t low = 0, high = set->rules.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(set->rules.data[middle].id, id);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SIZE_MAX;
}

/* Once all files are read: their order is final, and pairs are found. */
static int rules_link(struct secret_rules *set, struct err *err) {
    if (set->rules.count > 1)
        qsort(set->rules.data, set->rules.count, sizeof *set->rules.data, compare_rules);
    if (set->allow_digests.count > 1)
        qsort(set->allow_digests.data, set->allow_digests.count, sizeof *set->allow_digests.data, compare_digests);
    for (size_t i = 0; i < set->rules.count; i++) {
        struct secret_rule *rule = &set->rules.data[i];
        struct place place = {.file = rule->file, .line = rule->line};
        if (i > 0 && span_equal(rule->id, rule[-1].id))
            return rule_error(place, err, "id '%.*s' is taken by %s:%" PRIu32 ": choose another", SPAN_FORMAT(rule->id),
                              rule[-1].file, rule[-1].line);
        rule->pair = rule->pair_id.size == 0 ? NULL : secret_rules_find(set, rule->pair_id);
        if (rule->pair_id.size > 0 && rule->pair == NULL)
            return rule_error(place, err, "'pair' names no rule: '%.*s'", SPAN_FORMAT(rule->pair_id));
    }
    for (size_t i = 0; i < set->offsets.count; i++) {
        const struct rule_offset *known = &set->offsets.data[i];
        size_t index = rule_index(set, known->id);
        if (index == SIZE_MAX)
            continue; /* a user's file has replaced it */
        set->rules.data[index].score_offset = known->offset;
        set->rules.data[index].score_cases = known->cases;
    }
    return 0;
}

static bool is_replaced(const char *name, const struct secret_rule_file *files, size_t file_count) {
    for (size_t i = 0; i < file_count; i++) {
        struct span path = span_text(files[i].name);
        size_t slash = span_index_last(path, '/');
        if (span_is(slash == SIZE_MAX ? path : span_from(path, slash + 1), name))
            return true;
    }
    return false;
}

int secret_rules_load(bool builtin, const struct secret_rule_file *files, size_t file_count,
                      struct secret_rules **ret_rules, struct err *err) {
    AUTO_SECRET_RULES struct secret_rules *set = mem_zalloc(sizeof *set);
    if (set == NULL)
        return nomem(err);
    arena_init(&set->arena, 0, LIMIT_SECRET_RULES_BYTES);
    map_init(&set->shared, 0);
    struct arena scratch __attribute__((cleanup(arena_release)));
    arena_init(&scratch, 0, LIMIT_SECRET_RULES_BYTES);
    for (const struct embed_file *file = embed_rules; builtin && file->name != NULL; file++) {
        if (is_replaced(file->name, files, file_count))
            continue;
        struct secret_rule_file embedded = {file->name, embed_bytes(file)};
        if (file_read(set, &embedded, &scratch, err) < 0)
            return -1;
        arena_reset(&scratch);
    }
    for (size_t i = 0; i < file_count; i++) {
        if (file_read(set, &files[i], &scratch, err) < 0)
            return -1;
        arena_reset(&scratch);
    }
    if (rules_link(set, err) < 0)
        return -1;
    *ret_rules = STEAL(set);
    return 0;
}

void secret_rules_free(struct secret_rules *rules) {
    if (rules == NULL)
        return;
    vec_release(&rules->rules);
    for (size_t i = 0; i < rules->patterns.count; i++)
        regex_free(rules->patterns.data[i]);
    vec_release(&rules->patterns);
    map_release(&rules->shared);
    vec_release(&rules->allow_values);
    vec_release(&rules->allow_digests);
    vec_release(&rules->allow_expressions);
    vec_release(&rules->allow_generic);
    vec_release(&rules->offsets);
    arena_release(&rules->arena);
    mem_free(rules);
}

size_t secret_rules_count(const struct secret_rules *rules) { return rules->rules.count; }

const struct secret_rule *secret_rules_at(const struct secret_rules *rules, size_t index) {
    assert(index < rules->rules.count);
    return &rules->rules.data[index];
}

const struct secret_rule *secret_rules_find(const struct secret_rules *rules, struct span id) {
    size_t index = rule_index(rules, id);
    return index == SIZE_MAX ? NULL : &rules->rules.data[index];
}

const struct secret_model *secret_rules_model(const struct secret_rules *rules) { return &rules->model; }

struct secret_allow secret_rules_allow(const struct secret_rules *rules) {
    return (struct secret_allow){
        .values = rules->allow_values.data,
        .digests = rules->allow_digests.data,
        .value_count = rules->allow_values.count,
        .digest_count = rules->allow_digests.count,
        .expressions = rules->allow_expressions.data,
        .expression_count = rules->allow_expressions.count,
        .generic = rules->allow_generic.data,
        .generic_count = rules->allow_generic.count,
    };
}
