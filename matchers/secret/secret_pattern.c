#include "matchers/secret/secret_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"

/* Internal match() calls per attempt: a hundred times what the longest honest rule needs; a hostile window costs some
 * 100 µs. */
#define MATCH_CALLS_MAX 20000
#define JIT_STACK_BYTES_MIN ((size_t)32 * 1024)
#define JIT_STACK_BYTES_MAX ((size_t)512 * 1024)

struct secret_pattern {
    pcre2_code *code;
    enum secret_pattern_use use;
    uint32_t group; /* number of `secret`; 0 for the whole match */
};

struct secret_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

int secret_pattern_new(struct span expression, enum secret_pattern_use use, struct secret_pattern **ret_pattern,
                       struct err *err) {
    /* Unnamed groups do not capture: the match block stays small. Lists of what to suppress may refer back by number.
     * */
    uint32_t options = PCRE2_MULTILINE | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    if (use != SECRET_PATTERN_ALLOW)
        options |= PCRE2_NO_AUTO_CAPTURE | (use == SECRET_PATTERN_AT ? PCRE2_ANCHORED : PCRE2_USE_OFFSET_LIMIT);
    int code = 0;
    PCRE2_SIZE place = 0;
    struct secret_pattern *pattern = mem_zalloc(sizeof *pattern);
    if (pattern == NULL)
        return err_set(err, ERR_NOMEM, 0, "secret: no memory for an expression");
    pattern->use = use;
    pattern->code = pcre2_compile(expression.data == NULL ? (PCRE2_SPTR) "" : expression.data, expression.size, options,
                                  &code, &place, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR message[128];
        if (pcre2_get_error_message(code, message, sizeof message) < 0)
            message[0] = '\0';
        secret_pattern_free(pattern);
        return err_set(err, ERR_FORMAT, 0, "expression does not compile: %s at byte %zu", (const char *)message,
                       (size_t)place);
    }
    if (use != SECRET_PATTERN_ALLOW) {
        int group = pcre2_substring_number_from_name(pattern->code, (PCRE2_SPTR) "secret");
        if (group < 0) {
            secret_pattern_free(pattern);
            return err_set(err, ERR_FORMAT, 0, "expression has no group named secret: write (?<secret>…) around it");
        }
        pattern->group = (uint32_t)group;
    }
    /* Without JIT (a hardened kernel, an unusual CPU) matching is slower and gives the same results. */
    (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    *ret_pattern = pattern;
    return 0;
}

void secret_pattern_free(struct secret_pattern *pattern) {
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    mem_free(pattern);
}

struct secret_matcher *secret_matcher_new(void) {
    struct secret_matcher *matcher = mem_zalloc(sizeof *matcher);
    if (matcher == NULL)
        return NULL;
    matcher->data = pcre2_match_data_create(8, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    matcher->stack = pcre2_jit_stack_create(JIT_STACK_BYTES_MIN, JIT_STACK_BYTES_MAX, NULL);
    if (matcher->data == NULL || matcher->context == NULL) {
        secret_matcher_free(matcher);
        return NULL;
    }
    (void)pcre2_set_match_limit(matcher->context, MATCH_CALLS_MAX);
    if (matcher->stack != NULL) /* NULL without JIT */
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

void secret_matcher_free(struct secret_matcher *matcher) {
    if (matcher == NULL)
        return;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->stack);
    mem_free(matcher);
}

int secret_pattern_match(const struct secret_pattern *pattern, struct secret_matcher *matcher, struct span subject,
                         size_t from, size_t last, bool cut, struct secret_match *ret_match) {
    if (from > subject.size)
        return 0;
    (void)pcre2_set_offset_limit(matcher->context, pattern->use == SECRET_PATTERN_NEAR ? last : PCRE2_UNSET);
    int found = pcre2_match(pattern->code, subject.data == NULL ? (PCRE2_SPTR) "" : subject.data, subject.size, from,
                            cut ? PCRE2_NOTEOL : 0, matcher->data, matcher->context);
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0)
        return -1;
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(matcher->data);
    uint32_t group = pattern->group;
    /* More groups than the block holds give 0; a group that did not take part is unset. Both are no hit. */
    if (group >= pcre2_get_ovector_count(matcher->data) || (found > 0 && group >= (uint32_t)found))
        return 0;
    if (places[2 * group] == PCRE2_UNSET || places[2 * group] > places[2 * group + 1] || places[0] > places[1])
        return 0;
    *ret_match = (struct secret_match){places[0], places[1], places[2 * group], places[2 * group + 1]};
    return 1;
}
