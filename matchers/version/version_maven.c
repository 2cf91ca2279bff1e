/* Maven's order: ComparableVersion of maven-artifact 3.9.9.
 *
 * A version is a list of numbers and qualifiers whose last element may be a list again ("-", and every change between
 * digits and letters, opens one), so that the whole is one row of items with opening marks in it. Elements at the same
 * place compare as qualifier < list < number; what is missing stands for zero and for the release, between the
 * qualifiers "snapshot" and "sp".
 *
 * Maven's comparison has cycles: a list that sorts below the release ("1-alpha") is above every qualifier that stands
 * bare in the outer list ("1.sp.2"), which is above the release. maven_compare() is that comparison; keys are right for
 * versions whose qualifiers begin their lists, which is nearly all that there are. */
#include "base/vec.h"
#include "matchers/version/version_rules.h"

/* At one place of a list. The two sides of the release: of a list or a release qualifier, what follows decides. */
enum {
    TAG_QUALIFIER_LESS = 1,
    TAG_RELEASE_LESS,
    TAG_LIST_LESS,
    TAG_END,
    TAG_RELEASE_MORE,
    TAG_QUALIFIER_MORE,
    TAG_LIST_MORE,
    TAG_NUMBER
};

enum { RANK_RELEASE = 5, RANK_OTHER = 7 };

enum item_kind { ITEM_NUMBER, ITEM_QUALIFIER, ITEM_OPEN };

struct item {
    enum item_kind kind;
    uint8_t rank;     /* of a qualifier */
    int8_t side;      /* of the release: where the list lies from here on */
    struct span text; /* of a qualifier, digits of a number without the zeros in front */
};

/* `first` on are what normalisation kept. */
struct items {
    VEC(struct item) vec;
    size_t first;
    bool list_is_empty;
    bool failed;
};

static void items_release(struct items *items) { vec_release(&items->vec); }

static void item_add(struct items *items, struct item item) {
    if (!vec_push(&items->vec, item))
        items->failed = true;
    items->list_is_empty = item.kind == ITEM_OPEN;
}

static void list_open(struct items *items) { item_add(items, (struct item){.kind = ITEM_OPEN}); }

static void number_add(struct items *items, struct span digits) {
    item_add(items, (struct item){.kind = ITEM_NUMBER, .text = version_zeros_skip(digits)});
}

/* One letter means a word only right before a digit: "1.a1" is an alpha, "1.a" is not. */
static uint8_t rank_of(struct span text, bool digit_follows) {
    static const struct {
        const char *word;
        uint8_t rank;
    } words[] = {{"alpha", 0},    {"beta", 1}, {"milestone", 2}, {"rc", 3},      {"cr", 3},
                 {"snapshot", 4}, {"ga", 5},   {"final", 5},     {"release", 5}, {"sp", 6}};
    static const char letters[] = "abm";
    if (digit_follows && text.size == 1) {
        for (uint8_t i = 0; i < 3; i++) {
            if (text_lower_byte(text.data[0]) == letters[i])
                return i;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (text_equal_nocase(text, span_text(words[i].word)))
            return words[i].rank;
    }
    return RANK_OTHER;
}

static void qualifier_add(struct items *items, struct span text, bool digit_follows) {
    item_add(items, (struct item){.kind = ITEM_QUALIFIER, .rank = rank_of(text, digit_follows), .text = text});
}

/* The text between two separators, all digits or none; nothing is zero. */
static void text_add(struct items *items, struct span text, bool is_digit) {
    if (text.size == 0 || is_digit)
        number_add(items, text);
    else
        qualifier_add(items, text, false);
}

static void items_parse(struct span text, struct items *items) {
    bool is_digit = false;
    size_t start = 0;
    items->list_is_empty = true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '.' || c == '-') {
            text_add(items, span_slice(text, start, i - start), is_digit);
            start = i + 1;
            if (c == '-')
                list_open(items);
        } else if (text_is_digit(c)) {
            if (!is_digit && i > start) {
                if (!items->list_is_empty)
                    list_open(items);
                qualifier_add(items, span_slice(text, start, i - start), true);
                start = i;
                list_open(items);
            }
            is_digit = true;
        } else {
            if (is_digit && i > start) {
                number_add(items, span_slice(text, start, i - start));
                start = i;
                list_open(items);
            }
            is_digit = false;
        }
    }
    if (start < text.size) {
        if (!is_digit && !items->list_is_empty)
            list_open(items);
        text_add(items, span_from(text, start), is_digit);
    }
}

static int8_t item_side(const struct item *item) {
    if (item->kind == ITEM_NUMBER)
        return item->text.size > 0;
    if (item->kind == ITEM_OPEN || item->rank == RANK_RELEASE)
        return 0;
    return item->rank < RANK_RELEASE ? -1 : 1;
}

/* From the end: takes away what means nothing at the end of a list or before a list in it, and sets the sides. What is
 * kept is moved to the end of the array. */
static void items_normalize(struct items *items) {
    struct item *data = items->vec.data;
    size_t count = items->vec.count;
    size_t kept = count;
    bool at_end = true; /* nothing but lists follows in this list */
    for (size_t i = count; i-- > 0;) {
        bool is_open = data[i].kind == ITEM_OPEN;
        int8_t side = item_side(&data[i]);
        if ((is_open && kept == count) || (!is_open && side == 0 && at_end)) {
            at_end = at_end || is_open;
            continue;
        }
        at_end = is_open;
        if (side == 0 && kept < count)
            side = data[kept].side;
        data[--kept] = data[i];
        data[kept].side = side;
    }
    items->first = kept;
}

static void qualifier_key(const struct item *item, struct buf *key) {
    if (item->rank == RANK_RELEASE) {
        buf_byte(key, item->side < 0 ? TAG_RELEASE_LESS : TAG_RELEASE_MORE);
        return;
    }
    buf_byte(key, item->side < 0 ? TAG_QUALIFIER_LESS : TAG_QUALIFIER_MORE);
    buf_byte(key, item->rank);
    if (item->rank == RANK_OTHER)
        key_text_lower(key, item->text);
}

static bool items_make(struct span text, struct items *items) {
    text = text_trim(text);
    items_parse(text, items);
    if (!items->failed)
        items_normalize(items);
    return text.size > 0;
}

static bool maven_key(struct span text, struct buf *key) {
    AUTO(items_release) struct items items = {0};
    bool made = items_make(text, &items);
    key->failed = key->failed || items.failed;
    for (size_t i = items.first; !items.failed && i < items.vec.count; i++) {
        const struct item *item = &items.vec.data[i];
        /* From here on nothing differs from the release: "1-final" = "1". */
        if (item->side == 0)
            break;
        if (item->kind == ITEM_NUMBER)
            key_number(key, TAG_NUMBER, item->text);
        else if (item->kind == ITEM_OPEN)
            buf_byte(key, item->side < 0 ? TAG_LIST_LESS : TAG_LIST_MORE);
        else
            qualifier_key(item, key);
    }
    buf_byte(key, TAG_END);
    return made;
}

/* Whether every qualifier begins a list, no list begins with a list, and no word for the release is left: then no two
 * kinds meet that compare in a circle. */
static bool maven_is_keyed(struct span text) {
    AUTO(items_release) struct items items = {0};
    bool keyed = items_make(text, &items) && !items.failed;
    for (size_t i = items.first; keyed && i < items.vec.count; i++) {
        const struct item *item = &items.vec.data[i];
        bool begins = i == items.first || items.vec.data[i - 1].kind == ITEM_OPEN;
        keyed = item->kind == ITEM_NUMBER ||
                (item->kind == ITEM_QUALIFIER ? begins && item->rank != RANK_RELEASE : !begins);
    }
    return keyed;
}

static int items_order(const struct item *a, const struct item *b) {
    static const int weight[] = {[ITEM_QUALIFIER] = 0, [ITEM_OPEN] = 1, [ITEM_NUMBER] = 2};
    if (a->kind != b->kind)
        return weight[a->kind] - weight[b->kind];
    if (a->kind == ITEM_OPEN)
        return 0;
    if (a->kind == ITEM_NUMBER)
        return version_numbers_order(a->text, b->text);
    if (a->rank != RANK_OTHER || b->rank != RANK_OTHER)
        return (int)a->rank - (int)b->rank;
    for (size_t i = 0; i < a->text.size && i < b->text.size; i++) {
        int order = (int)text_lower_byte(a->text.data[i]) - (int)text_lower_byte(b->text.data[i]);
        if (order != 0)
            return order;
    }
    return (a->text.size > b->text.size) - (a->text.size < b->text.size);
}

static int maven_compare(struct span a, struct span b, int *ret_order, struct err *err) {
    AUTO(items_release) struct items left = {0};
    AUTO(items_release) struct items right = {0};
    if (!items_make(a, &left) || !items_make(b, &right))
        return err_set(err, ERR_FORMAT, 0, "version '': not one of its scheme");
    if (left.failed || right.failed)
        return err_set(err, ERR_NOMEM, 0, "version: out of memory");
    size_t i = left.first;
    size_t k = right.first;
    int order = 0;
    /* A list is the last element of the one that it is in: item by item is list by list. */
    for (; order == 0 && i < left.vec.count && k < right.vec.count; i++, k++)
        order = items_order(&left.vec.data[i], &right.vec.data[k]);
    if (order == 0 && i < left.vec.count)
        order = left.vec.data[i].side;
    else if (order == 0 && k < right.vec.count)
        order = -right.vec.data[k].side;
    *ret_order = (order > 0) - (order < 0);
    return 0;
}

/* Intervals, or comparators as advisories write them; a version alone, which Maven takes as a wish, is
 * itself. */
static int maven_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                          struct err *err) {
    range = text_trim(range);
    bool is_interval = range.size > 0 && (range.data[0] == '[' || range.data[0] == '(');
    return (is_interval ? range_intervals : version_range_plain)(rules, range, version, ret_inside, err);
}

static bool maven_range_is_valid(struct span text) {
    text = text_trim(text);
    bool is_interval = text.size > 0 && (text.data[0] == '[' || text.data[0] == '(');
    return is_interval ? range_intervals_are_valid(&version_rules_maven, text, true) : text.size > 0;
}

const struct version_rules version_rules_maven = {
    .key = maven_key, .in_range = maven_in_range, .compare = maven_compare, .is_keyed = maven_is_keyed};
/* The same, where what is asked about is a range. */
const struct version_rules version_rules_maven_range = {.key = maven_key,
                                                        .is_valid = maven_range_is_valid,
                                                        .in_range = maven_in_range,
                                                        .compare = maven_compare,
                                                        .is_keyed = maven_is_keyed};
