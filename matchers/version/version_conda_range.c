/* Conda's version specifications: VersionSpec of conda.models.version.
 *
 * Conditions joined by "," (and) and "|" (or, binds less) with parentheses: a relation (">=1.2", "=1.2" and "1.2*" for
 * everything that begins so, "~=1.2.3"), a version, "*", a pattern with stars in it, or a regular expression between
 * "^" and "$". Of these, single bytes, ".", classes and the quantifiers * + ? are understood, which is what
 * specifications use. */
#include "matchers/version/version_conda.h"

/* More than any specification has; conda itself nests them by recursion. */
enum { CONDA_DEPTH_MAX = 64, CONDA_ATOMS_MAX = 256 };

/* One byte class of an expression, and how often it may come. */
struct atom {
    uint64_t set[4];
    bool may_lack, may_repeat;
};

struct expression {
    struct atom atoms[CONDA_ATOMS_MAX];
    size_t count;
};

static void set_add(struct atom *atom, uint8_t c) { atom->set[c / 64] |= UINT64_C(1) << (c % 64); }
static bool set_has(const struct atom *atom, uint8_t c) { return (atom->set[c / 64] >> (c % 64) & 1) != 0; }

static void set_add_range(struct atom *atom, unsigned from, unsigned to) {
    for (unsigned c = from; c <= to; c++)
        set_add(atom, (uint8_t)c);
}

static void set_invert(struct atom *atom) {
    for (size_t i = 0; i < ARRAY_COUNT(atom->set); i++)
        atom->set[i] = ~atom->set[i];
}

/* Behind a backslash: \d, \w, \s, or the byte itself. */
static void set_add_escaped(struct atom *atom, uint8_t c) {
    if (c == 'd' || c == 'w')
        set_add_range(atom, '0', '9');
    if (c == 'w') {
        set_add_range(atom, 'a', 'z');
        set_add_range(atom, 'A', 'Z');
        set_add(atom, '_');
    }
    if (c == 's')
        set_add(atom, ' ');
    if (!text_is_alpha(c))
        set_add(atom, c);
}

static bool class_take(struct version_text *in, struct atom *atom) {
    bool inverted = version_text_skip(in, '^');
    for (bool first = true; first || version_text_peek(in) != ']'; first = false) {
        if (!version_text_left(in))
            return false;
        uint8_t c = in->text.data[in->at++];
        if (c == '\\') {
            set_add_escaped(atom, version_text_peek(in));
            in->at++;
        } else if (version_text_peek(in) == '-' && in->at + 1 < in->text.size && in->text.data[in->at + 1] != ']') {
            set_add_range(atom, c, in->text.data[in->at + 1]);
            in->at += 2;
        } else {
            set_add(atom, c);
        }
    }
    in->at++;
    if (inverted)
        set_invert(atom);
    return true;
}

/* False for what is not understood: groups, alternatives, counted repetition. */
static bool expression_parse(struct span text, struct expression *expression) {
    struct version_text in = {text, 0};
    expression->count = 0;
    while (version_text_left(&in)) {
        struct atom atom = {.may_lack = false};
        uint8_t c = in.text.data[in.at++];
        if (expression->count == CONDA_ATOMS_MAX || c == '(' || c == ')' || c == '|' || c == '{' || c == '*' ||
            c == '+' || c == '?')
            return false;
        if (c == '.') {
            set_invert(&atom);
        } else if (c == '\\') {
            if (!version_text_left(&in))
                return false;
            set_add_escaped(&atom, in.text.data[in.at++]);
        } else if (c != '[') {
            set_add(&atom, c);
        } else if (!class_take(&in, &atom)) {
            return false;
        }
        uint8_t quantifier = version_text_peek(&in);
        atom.may_lack = quantifier == '*' || quantifier == '?';
        atom.may_repeat = quantifier == '*' || quantifier == '+';
        in.at += atom.may_lack || atom.may_repeat;
        expression->atoms[expression->count++] = atom;
    }
    return true;
}

/* A star stands for any text, everything else for itself. */
static bool pattern_parse(struct span text, struct expression *expression) {
    expression->count = 0;
    for (size_t i = 0; i < text.size; i++) {
        struct atom atom = {.may_lack = text.data[i] == '*', .may_repeat = text.data[i] == '*'};
        if (expression->count == CONDA_ATOMS_MAX)
            return false;
        if (text.data[i] == '*')
            set_invert(&atom);
        else
            set_add(&atom, text.data[i]);
        expression->atoms[expression->count++] = atom;
    }
    return true;
}

/* From every place, those that are reached without a byte. */
static void places_close(const struct expression *expression, bool *places) {
    for (size_t i = 0; i < expression->count; i++)
        places[i + 1] = places[i + 1] || (places[i] && expression->atoms[i].may_lack);
}

/* All places at once: linear in the text for an expression of bounded length. */
static bool expression_matches(const struct expression *expression, struct span text) {
    bool places[CONDA_ATOMS_MAX + 1] = {true};
    places_close(expression, places);
    for (size_t k = 0; k < text.size; k++) {
        bool next[CONDA_ATOMS_MAX + 1] = {false};
        for (size_t i = 0; i < expression->count; i++) {
            const struct atom *atom = &expression->atoms[i];
            if (!places[i] || !set_has(atom, text.data[k]))
                continue;
            next[i + 1] = true;
            next[i] = next[i] || atom->may_repeat;
        }
        /* A repeated atom may be left after each of its bytes. */
        memcpy(places, next, sizeof places);
        places_close(expression, places);
    }
    return places[expression->count];
}

static int expression_holds(const struct range_subject *subject, struct span condition, bool is_pattern,
                            bool *ret_holds, struct err *err) {
    struct expression expression;
    struct span inner = is_pattern ? condition : span_slice(condition, 1, condition.size - 2);
    if (!(is_pattern ? pattern_parse : expression_parse)(inner, &expression))
        return range_bad(condition, "an expression beyond bytes, classes and the quantifiers * + ?", err);
    *ret_holds = expression_matches(&expression, text_trim(subject->version));
    return 0;
}

/* "~=1.2.3": at least that, and "1.2" at the beginning. */
static int compatible_holds(const struct range_subject *subject, struct span bound, bool *ret_holds, struct err *err) {
    size_t dot = span_index_last(bound, '.');
    int order = 0;
    bool begins = true;
    if (range_subject_order(subject, bound, &order, err) < 0 ||
        (dot != SIZE_MAX && conda_starts(subject->version, span_slice(bound, 0, dot), &begins, err) < 0))
        return -1;
    *ret_holds = order >= 0 && begins;
    return 0;
}

static int relation_holds(const struct range_subject *subject, struct span condition, bool *ret_holds,
                          struct err *err) {
    struct span bound = condition;
    bool compatible = span_starts(condition, "~=");
    bool begins = span_starts(condition, "=") && !span_starts(condition, "==");
    unsigned sides = compatible ? RANGE_EQUAL : range_sign_take(&bound);
    if (compatible)
        bound = span_from(condition, 2);
    bool has_star = span_ends(bound, ".*");
    if (has_star)
        bound.size -= 2;
    bool is_foreign = span_starts(condition, "<>") || span_starts(condition, "<<") || span_starts(condition, ">>");
    if (is_foreign || sides == 0 || bound.size == 0 || (compatible && has_star) ||
        (!text_is_alnum(bound.data[0]) && bound.data[0] != '_'))
        return range_bad(condition, "expected a relation such as >=1.2", err);
    if (compatible)
        return compatible_holds(subject, bound, ret_holds, err);
    if (begins || (has_star && sides == (RANGE_LESS | RANGE_MORE))) {
        if (conda_starts(subject->version, bound, ret_holds, err) < 0)
            return -1;
        *ret_holds = *ret_holds == begins;
        return 0;
    }
    int order = 0;
    if (range_subject_order(subject, bound, &order, err) < 0)
        return -1;
    *ret_holds = range_allows(sides, order);
    return 0;
}

static int condition_holds(const struct range_subject *subject, struct span condition, bool *ret_holds,
                           struct err *err) {
    if (condition.size == 0)
        return range_bad(condition, "a condition is missing", err);
    bool from_begin = condition.data[0] == '^';
    bool to_end = condition.size > 1 && condition.data[condition.size - 1] == '$';
    if (from_begin || to_end) {
        if (!from_begin || !to_end)
            return range_bad(condition, "an expression begins with ^ and ends with $", err);
        return expression_holds(subject, condition, false, ret_holds, err);
    }
    if (span_index(span_text("=<>!~"), condition.data[0], 0) != SIZE_MAX)
        return relation_holds(subject, condition, ret_holds, err);
    struct span bare = condition;
    while (bare.size > 0 && bare.data[bare.size - 1] == '*')
        bare.size--;
    if (bare.size == 0) {
        *ret_holds = true;
        return 0;
    }
    if (span_index(bare, '*', 0) != SIZE_MAX)
        return expression_holds(subject, condition, true, ret_holds, err);
    if (bare.size < condition.size) {
        while (bare.size > 0 && bare.data[bare.size - 1] == '.')
            bare.size--;
        return conda_starts(subject->version, bare, ret_holds, err);
    }
    int order = 0;
    if (range_subject_order(subject, condition, &order, err) < 0)
        return -1;
    *ret_holds = order == 0;
    return 0;
}

/* What is known inside one pair of parentheses: "|" of "," of conditions. */
struct level {
    bool any, all, wants_condition;
};

static bool level_close(const struct level *level) { return level->any || level->all; }

static struct span condition_take(struct version_text *in) {
    size_t from = in->at;
    if (version_text_peek(in) == '^') {
        while (version_text_left(in) && version_text_peek(in) != '$')
            in->at++;
        in->at += version_text_left(in);
    } else {
        while (version_text_left(in) && span_index(span_text("()|,"), version_text_peek(in), 0) == SIZE_MAX)
            in->at++;
    }
    return text_trim(span_slice(in->text, from, in->at - from));
}

static int specification_holds(const struct range_subject *subject, struct span range, bool *ret_holds,
                               struct err *err) {
    struct level levels[CONDA_DEPTH_MAX] = {{.all = true, .wants_condition = true}};
    size_t depth = 0;
    struct version_text in = {text_trim(range), 0};
    while (version_text_left(&in)) {
        struct level *level = &levels[depth];
        uint8_t c = version_text_peek(&in);
        bool holds = false;
        if (text_is_space(c)) {
            in.at++;
        } else if (c == '(' && level->wants_condition && depth + 1 < CONDA_DEPTH_MAX) {
            levels[++depth] = (struct level){.all = true, .wants_condition = true};
            in.at++;
        } else if (c == ')' && !level->wants_condition && depth > 0) {
            holds = level_close(level);
            level = &levels[--depth];
            level->all = level->all && holds;
            level->wants_condition = false;
            in.at++;
        } else if ((c == '|' || c == ',') && !level->wants_condition) {
            if (c == '|')
                *level = (struct level){.any = level_close(level), .all = true};
            level->wants_condition = true;
            /* "||" is how advisories write it. */
            in.at += c == '|' && in.at + 1 < in.text.size && in.text.data[in.at + 1] == '|' ? 2 : 1;
        } else if (span_index(span_text("()|,"), c, 0) == SIZE_MAX && level->wants_condition) {
            if (condition_holds(subject, condition_take(&in), &holds, err) < 0)
                return -1;
            level->all = level->all && holds;
            level->wants_condition = false;
        } else {
            return range_bad(range, "conditions are apart by , or |, in pairs of parentheses", err);
        }
    }
    if (depth > 0 || levels[0].wants_condition)
        return range_bad(range, "a condition or a parenthesis is missing", err);
    *ret_holds = level_close(&levels[0]);
    return 0;
}

int conda_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                   struct err *err) {
    struct range_subject subject;
    int result = range_subject_init(&subject, rules, version, err);
    if (result == 0)
        result = specification_holds(&subject, range, ret_inside, err);
    range_subject_release(&subject);
    return result;
}
