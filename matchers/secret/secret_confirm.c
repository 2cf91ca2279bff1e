#include "base/overflow.h"
#include "base/text.h"
#include "matchers/secret/secret_internal.h"

/* A name and a value in a longer line is minified code or data. */
#define GENERIC_LINE_BYTES_MAX ((size_t)2048)
/* A NUL this near says: not text. */
#define GENERIC_NUL_BYTES ((size_t)256)

/* What the checks cost, in regex_match()'s units: entropy, classes, a validator that decodes and parses. */
#define WORK_CONFIRM ((uint64_t)128)
#define WORK_SECRET_BYTE ((uint64_t)4)

static struct span around(struct span body, size_t begin, size_t end, size_t bytes) {
    size_t from = begin < bytes ? 0 : begin - bytes;
    return span_slice(body, from, end - from + bytes);
}

static bool contains_nocase(struct span s, struct span lower) {
    for (size_t i = 0; lower.size <= s.size && i <= s.size - lower.size; i++)
        if (text_lower_byte(s.data[i]) == text_lower_byte(lower.data[0]) &&
            text_equal_nocase(span_slice(s, i, lower.size), lower))
            return true;
    return false;
}

static unsigned classes_of(struct span s) {
    unsigned classes = 0;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (text_is_digit(c))
            classes |= SECRET_CLASS_DIGIT;
        else if (text_is_lower(c))
            classes |= SECRET_CLASS_LOWER | SECRET_CLASS_LETTER;
        else if (text_is_upper(c))
            classes |= SECRET_CLASS_UPPER | SECRET_CLASS_LETTER;
        else
            classes |= SECRET_CLASS_SYMBOL;
    }
    return classes;
}

/* One byte repeated over half of the secret: "ghp_xxxxxxxx…". */
static bool is_repetition(struct span s) {
    size_t run = 1, longest = s.size > 0;
    for (size_t i = 1; i < s.size; i++) {
        run = s.data[i] == s.data[i - 1] ? run + 1 : 1;
        longest = size_max(longest, run);
    }
    return s.size >= 4 && longest * 2 >= s.size;
}

static bool matches_any(struct regex *const *patterns, size_t count, struct secret_scratch *scratch,
                        struct span secret) {
    struct regex_match match;
    for (size_t i = 0; i < count; i++)
        if (regex_match(patterns[i], scratch->matcher, secret, 0, SIZE_MAX, false, &scratch->work_left, &match) > 0)
            return true;
    return false;
}

/* What the digest of a secret is made of: the secret itself, or of a key block the base64 digits between its lines: the
 * same key stands in PEM files, in source code and in JSON, with other line ends. scripts/known_secrets.py does the
 * same.
 */
static struct span digested(struct secret_scratch *scratch, struct span secret) {
    static const struct span begin = SPAN_LITERAL("-----BEGIN "), dashes = SPAN_LITERAL("-----");
    size_t from = span_starts(secret, "-----BEGIN ") ? span_find(secret, dashes, begin.size) : SIZE_MAX;
    if (from == SIZE_MAX)
        return secret;
    size_t end = span_find(secret, dashes, from + dashes.size);
    struct span body = span_slice(secret, from, (end == SIZE_MAX ? secret.size : end) - from);
    buf_reset(&scratch->bytes);
    for (size_t i = 0; i < body.size; i++) {
        uint8_t c = body.data[i];
        if (c == '\\')
            i++; /* a line end in two characters */
        else if (text_is_alnum(c) || c == '+' || c == '/')
            buf_byte(&scratch->bytes, c);
    }
    return buf_span(&scratch->bytes);
}

/* Whether the list knows the secret by its digest. A digest that cannot be made (no memory) is not known. */
static bool is_published(const struct secret_allow *list, struct secret_scratch *scratch, struct span secret) {
    struct digest digest;
    struct err err;
    if (list->digest_count == 0 || digest_of(DIGEST_SHA256, digested(scratch, secret), &digest, &err) < 0)
        return false;
    size_t low = 0, high = list->digest_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = digest_compare(&list->digests[middle], &digest);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_allowed(const struct secret_engine *engine, struct secret_scratch *scratch,
                       const struct secret_rule *rule, struct span secret, bool certain) {
    const struct secret_allow *list = &engine->allow;
    if (!certain && is_repetition(secret))
        return true;
    for (size_t i = 0; i < list->value_count; i++)
        if (span_equal(secret, list->values[i]))
            return true;
    return matches_any(rule->allow_patterns, rule->allow_count, scratch, secret) ||
           matches_any(list->expressions, list->expression_count, scratch, secret) ||
           (rule->generic && matches_any(list->generic, list->generic_count, scratch, secret)) ||
           is_published(list, scratch, secret);
}

/* Rules that speak of names, not of token shapes, need text of human lines to stand on. */
static bool is_in_text(struct span body, size_t begin, size_t end) {
    struct span near = around(body, begin, end, GENERIC_NUL_BYTES);
    if (span_index(near, 0, 0) != SIZE_MAX)
        return false;
    struct span before = span_slice(body, begin < GENERIC_LINE_BYTES_MAX ? 0 : begin - GENERIC_LINE_BYTES_MAX,
                                    size_min(begin, GENERIC_LINE_BYTES_MAX));
    struct span after = span_slice(body, end, GENERIC_LINE_BYTES_MAX);
    size_t line_begin = span_index_last(before, '\n');
    size_t line_end = span_index(after, '\n', 0);
    size_t size = (line_begin == SIZE_MAX ? before.size : before.size - 1 - line_begin) + (end - begin) +
                  (line_end == SIZE_MAX ? after.size : line_end);
    return size <= GENERIC_LINE_BYTES_MAX;
}

/* Whether a component of the path says that the file shows or tests something. */
bool secret_path_is_test(struct span path) {
    static const char *const names[] = {"test",     "tests",   "testing", "testdata", "fixtures", "__tests__", "spec",
                                        "examples", "example", "samples", "doc",      "docs",     "mock",      "mocks"};
    struct span rest = path;
    while (rest.size > 0) {
        struct span part = text_cut(&rest, '/');
        for (size_t i = 0; i < ARRAY_COUNT(names); i++)
            if (text_equal_nocase(part, span_text(names[i])))
                return true;
        if (rest.data == NULL) /* the file's own name */
            return span_starts(part, "test_") || span_find(part, span_text("_test."), 0) != SIZE_MAX ||
                   span_find(part, span_text(".test."), 0) != SIZE_MAX ||
                   span_find(part, span_text(".example"), 0) != SIZE_MAX;
    }
    return false;
}

static bool has_keyword(const struct secret_rule *rule, struct span body, const struct regex_match *match) {
    struct span near = around(body, match->begin, match->end, rule->keyword_bytes);
    for (size_t i = 0; i < rule->keyword_count; i++)
        if (contains_nocase(near, rule->keywords[i]))
            return true;
    return false;
}

/* Asks the rule's validator; sets confidence, note and what was validated. */
static void validate(struct secret_scratch *scratch, const struct secret_rule *rule, struct span secret,
                     struct candidate *candidate) {
    struct secret_verdict verdict = {.arena = &scratch->arena};
    arena_reset(&scratch->arena);
    bool valid = rule->validator->check(secret, &verdict);
    candidate->validator = verdict.unsure && !valid ? NULL : rule->validator->name;
    candidate->confidence = valid            ? rule->confidence_valid
                            : verdict.unsure ? rule->confidence
                                             : rule->confidence_invalid;
    candidate->validated = valid ? rule->validator->kind : "";
    memcpy(candidate->note, verdict.note, sizeof candidate->note);
    if (verdict.encrypted) {
        (void)snprintf(candidate->note, sizeof candidate->note, "encrypted%s%.80s", verdict.note[0] == '\0' ? "" : ", ",
                       verdict.note);
        candidate->severity = rule->severity > SEVERITY_LOW ? SEVERITY_LOW : rule->severity;
    }
}

/* Checks that cost little and need only the bytes. */
static bool is_plausible(const struct secret_rule *rule, struct span body, const struct regex_match *match,
                         struct span secret) {
    if (secret.size == 0 || (classes_of(secret) & rule->require) != rule->require)
        return false;
    if (rule->keyword_count > 0 && !has_keyword(rule, body, match))
        return false;
    return (!rule->generic && !rule->opaque) || is_in_text(body, match->begin, match->end);
}

enum confirm_result secret_confirm(const struct secret_engine *engine, struct secret_scratch *scratch,
                                   uint32_t rule_index, const struct secret_input *input,
                                   const struct regex_match *match, struct candidate *ret_candidate) {
    const struct secret_rule *rule = &engine->rules[rule_index];
    struct span secret = span_slice(input->body, match->group_begin, match->group_end - match->group_begin);
    uint64_t work = WORK_CONFIRM + WORK_SECRET_BYTE * secret.size +
                    rule->keyword_count * (rule->keyword_bytes + match->end - match->begin);
    scratch->work_left -= u64_min(scratch->work_left, work);
    if (!is_plausible(rule, input->body, match, secret))
        return CONFIRM_NO;
    *ret_candidate = (struct candidate){
        .rule = rule_index,
        .severity = rule->severity,
        .begin = match->group_begin,
        .end = match->group_end,
        .confidence = rule->confidence,
        .entropy = text_entropy(secret),
        .validated = "",
        .keyword = rule->keyword_count > 0,
    };
    if (rule->validator != NULL)
        validate(scratch, rule, secret, ret_candidate);
    /* Chance does not make a checksum: what passes one is a token, however plain it looks. */
    bool certain = strcmp(ret_candidate->validated, "checksum") == 0;
    if (!certain && ret_candidate->entropy < rule->entropy_min)
        return CONFIRM_NO;
    if (is_allowed(engine, scratch, rule, secret, certain))
        return CONFIRM_ALLOWED;
    return ret_candidate->confidence > 0 ? CONFIRM_YES : CONFIRM_NO;
}
