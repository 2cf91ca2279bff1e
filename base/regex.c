#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/overflow.h"

/* Steps of an attempt: a hundred times what the longest honest rule needs. PCRE2 does not tell how many it took, so an
 * attempt begins with few and is begun anew with four times as many: what it cost is then known within a factor. */
#define MATCH_STEPS_FIRST ((uint32_t)64)
#define MATCH_STEPS_MAX ((uint32_t)20000)
/* Work, in units of about a nanosecond: of a call, of a step, of a place where no match begins. */
#define WORK_CALL ((uint64_t)96)
#define WORK_STEP ((uint64_t)4)
#define WORK_PLACE ((uint64_t)2)
/* PCRE2 counts the steps of each beginning anew: an attempt that may begin anywhere goes in stretches of so many. */
#define PLACES_PER_CALL ((size_t)32)
/* Of how many of a stretch's places it is supposed that they took as many steps as the one that took most. */
#define PLACES_HARD ((uint64_t)4)
/* How much of the subject behind the last place where a match may begin is looked at first. Most attempts fail or
 * succeed within it, and those cost what they looked at, not what the longest match would. */
#define NEAR_BYTES ((size_t)128)
#define JIT_STACK_BYTES_MIN ((size_t)32 * 1024)
#define JIT_STACK_BYTES_MAX ((size_t)512 * 1024)

struct regex {
    pcre2_code *code;
    atomic_bool compiled; /* to machine code, or found not to be; release in regex_ready(), acquire there as well */
    pthread_mutex_t lock; /* held while it is */
    enum regex_use use;
    uint32_t group; /* its number; 0 for the whole match */
};

struct regex_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

int regex_new(struct span expression, enum regex_use use, const char *group, struct regex **ret_regex,
              struct err *err) {
    /* Unnamed groups do not capture: the match block stays small. Lists of what to suppress may refer back by number.
     * */
    uint32_t options = PCRE2_MULTILINE | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
    if (use != REGEX_ALLOW)
        options |= PCRE2_NO_AUTO_CAPTURE | (use == REGEX_AT ? PCRE2_ANCHORED : PCRE2_USE_OFFSET_LIMIT);
    int code = 0;
    PCRE2_SIZE place = 0;
    struct regex *regex = mem_zalloc(sizeof *regex);
    if (regex == NULL)
        return err_set(err, ERR_NOMEM, 0, "no memory for an expression");
    regex->use = use;
    (void)pthread_mutex_init(&regex->lock, NULL); /* cannot fail without attributes on Linux */
    regex->code = pcre2_compile(expression.data == NULL ? (PCRE2_SPTR) "" : expression.data, expression.size, options,
                                &code, &place, NULL);
    if (regex->code == NULL) {
        PCRE2_UCHAR message[128];
        if (pcre2_get_error_message(code, message, sizeof message) < 0)
            message[0] = '\0';
        regex_free(regex);
        return err_set(err, ERR_FORMAT, 0, "expression does not compile: %s at byte %zu", (const char *)message,
                       (size_t)place);
    }
    if (use != REGEX_ALLOW) {
        int number = pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)group);
        if (number < 0) {
            regex_free(regex);
            return err_set(err, ERR_FORMAT, 0, "expression has no group named %s: write (?<%s>…) around it", group,
                           group);
        }
        regex->group = (uint32_t)number;
    }
    *ret_regex = regex;
    return 0;
}

void regex_free(struct regex *regex) {
    if (regex == NULL)
        return;
    pcre2_code_free(regex->code);
    (void)pthread_mutex_destroy(&regex->lock); /* nobody holds it */
    mem_free(regex);
}

/* Machine code is made when an expression is first tried: most never are, and a start has to be short. Without JIT (a
 * hardened kernel, an unusual CPU) matching is slower and gives the same results. */
static void regex_ready(struct regex *regex) {
    if (atomic_load_explicit(&regex->compiled, memory_order_acquire))
        return;
    (void)pthread_mutex_lock(&regex->lock);
    if (!atomic_load_explicit(&regex->compiled, memory_order_relaxed)) {
        (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
        atomic_store_explicit(&regex->compiled, true, memory_order_release);
    }
    (void)pthread_mutex_unlock(&regex->lock);
}

struct regex_matcher *regex_matcher_new(void) {
    struct regex_matcher *matcher = mem_zalloc(sizeof *matcher);
    if (matcher == NULL)
        return NULL;
    matcher->data = pcre2_match_data_create(8, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    matcher->stack = pcre2_jit_stack_create(JIT_STACK_BYTES_MIN, JIT_STACK_BYTES_MAX, NULL);
    if (matcher->data == NULL || matcher->context == NULL) {
        regex_matcher_free(matcher);
        return NULL;
    }
    if (matcher->stack != NULL) /* NULL without JIT */
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    return matcher;
}

void regex_matcher_free(struct regex_matcher *matcher) {
    if (matcher == NULL)
        return;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->stack);
    mem_free(matcher);
}

struct attempt {
    const struct regex *regex;
    struct regex_matcher *matcher;
    struct span subject;
    bool cut;
    uint64_t work, work_max;
};

/* What was found, as PCRE2 says it, with as few steps as it takes. */
static int steps_run(struct attempt *attempt, struct span subject, size_t from, size_t last, uint32_t options) {
    uint64_t hard = last > from ? PLACES_HARD : 1;
    attempt->work += WORK_PLACE * (last - from);
    for (uint32_t steps = MATCH_STEPS_FIRST;; steps *= 4) {
        (void)pcre2_set_match_limit(attempt->matcher->context, steps);
        int found = pcre2_match(attempt->regex->code, subject.data == NULL ? (PCRE2_SPTR) "" : subject.data,
                                subject.size, from, options, attempt->matcher->data, attempt->matcher->context);
        attempt->work += WORK_CALL;
        if (found != PCRE2_ERROR_MATCHLIMIT)
            return found;
        attempt->work += WORK_STEP * steps * hard;
        if (steps >= MATCH_STEPS_MAX || attempt->work > attempt->work_max)
            return found;
    }
}

/* A match that begins in [from, last]. Whatever touches the end of the part looked at first is decided by the whole;
 * that part's end is no end of the text, and `$` has to say that it touched it: so not NOTEOL. */
static int places_run(struct attempt *attempt, size_t from, size_t last) {
    int found = PCRE2_ERROR_PARTIAL;
    struct span near = span_slice(attempt->subject, 0, last + NEAR_BYTES);
    bool is_near = attempt->regex->use == REGEX_NEAR;
    (void)pcre2_set_offset_limit(attempt->matcher->context, is_near ? last : PCRE2_UNSET);
    if (attempt->regex->use != REGEX_ALLOW && near.size < attempt->subject.size)
        found = steps_run(attempt, near, from, last, PCRE2_PARTIAL_HARD);
    if (found == PCRE2_ERROR_PARTIAL) {
        attempt->work += attempt->subject.size - from;
        found = steps_run(attempt, attempt->subject, from, last, attempt->cut ? PCRE2_NOTEOL : 0);
    }
    return found;
}

int regex_match(struct regex *regex, struct regex_matcher *matcher, struct span subject, size_t from, size_t last,
                bool cut, uint64_t *work_left, struct regex_match *ret_match) {
    if (from > subject.size)
        return 0;
    regex_ready(regex);
    struct attempt attempt = {regex, matcher, subject, cut, 0, *work_left};
    int found = PCRE2_ERROR_NOMATCH;
    last = regex->use == REGEX_NEAR ? size_max(from, size_min(last, subject.size)) : from;
    while (found == PCRE2_ERROR_NOMATCH && from <= last && attempt.work <= attempt.work_max) {
        size_t until = size_min(last, from + PLACES_PER_CALL - 1);
        found = places_run(&attempt, from, until);
        from = until + 1;
    }
    *work_left -= u64_min(*work_left, attempt.work);
    if (found == PCRE2_ERROR_NOMATCH)
        return attempt.work > attempt.work_max ? -1 : 0;
    if (found < 0)
        return -1;
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(matcher->data);
    uint32_t group = regex->group;
    /* More groups than the block holds give 0; a group that did not take part is unset. Both are no hit. */
    if (group >= pcre2_get_ovector_count(matcher->data) || (found > 0 && group >= (uint32_t)found))
        return 0;
    if (places[2 * group] == PCRE2_UNSET || places[2 * group] > places[2 * group + 1] || places[0] > places[1])
        return 0;
    *ret_match = (struct regex_match){places[0], places[1], places[2 * group], places[2 * group + 1]};
    return 1;
}
