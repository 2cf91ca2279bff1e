/* Maven's order: ComparableVersion of maven-artifact 3.9.
 *
 * A version is a list of numbers and qualifiers whose last element may be a list again ("-", and every
 * change between digits and letters, opens one), so that the whole is one row of items with opening
 * marks in it. Elements at the same place compare as qualifier < list < number; what is missing stands
 * for zero and for the release, between the qualifiers "snapshot" and "sp".
 *
 * Maven's own comparison has cycles: a list that sorts below the release ("1-alpha") is above every
 * qualifier that stands bare in the outer list ("1.sp.2"), which is above the release. No order agrees
 * with all three; this one keeps what is said about the release, against which advisories are written,
 * and lets the bare qualifier win. */
#include "base/vec.h"
#include "matchers/version/version_rules.h"

/* At one place of a list. The two sides of the release: of a list or a release qualifier, what follows
 * decides. */
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
    bool is_combination; /* a qualifier with a number: "rc1", "rc-1" */
    uint8_t rank;        /* of a qualifier */
    int8_t side;         /* of the release: where the list lies from here on */
    struct span text;    /* of a qualifier */
    struct span number;
};

struct items {
    VEC(struct item) vec;
    bool list_is_empty;
    bool failed;
};

static void item_add(struct items *items, struct item item) {
    if (!vec_push(&items->vec, item))
        items->failed = true;
    items->list_is_empty = item.kind == ITEM_OPEN;
}

static uint8_t rank_of(struct span text, bool has_number) {
    static const struct {
        const char *word;
        uint8_t rank;
    } words[] = {{"alpha", 0},    {"beta", 1}, {"milestone", 2}, {"rc", 3},      {"cr", 3},
                 {"snapshot", 4}, {"ga", 5},   {"final", 5},     {"release", 5}, {"sp", 6}};
    static const char letters[] = "abm";
    if (has_number && text.size == 1) {
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

/* The text between two separators: a number, a qualifier, or both. */
static void text_add(struct items *items, struct span text, bool is_digit, bool is_combination) {
    size_t letters = 0;
    while (letters < text.size && !text_is_digit(text.data[letters]))
        letters++;
    if (!is_combination && is_digit) {
        item_add(items, (struct item){.kind = ITEM_NUMBER, .number = text});
        return;
    }
    struct item item = {.kind = ITEM_QUALIFIER, .is_combination = is_combination};
    item.text = is_combination ? span_slice(text, 0, letters) : text;
    if (is_combination)
        item.number = span_from(text, letters);
    /* "rc-1" is "rc1". */
    if (is_combination && item.text.size > 0 && item.text.data[item.text.size - 1] == '-')
        item.text.size--;
    item.rank = rank_of(item.text, is_combination);
    item_add(items, item);
}

static void list_open(struct items *items) { item_add(items, (struct item){.kind = ITEM_OPEN}); }

static void items_parse(struct span text, struct items *items) {
    bool is_digit = false;
    bool is_combination = false;
    size_t start = 0;
    items->list_is_empty = true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '-' && i > start && !is_digit && i + 1 < text.size && text_is_digit(text.data[i + 1])) {
            is_combination = true;
        } else if (c == '.' || c == '-') {
            if (i == start)
                item_add(items, (struct item){.kind = ITEM_NUMBER});
            else
                text_add(items, span_slice(text, start, i - start), is_digit, is_combination);
            start = i + 1;
            is_combination = false;
            if (c == '-')
                list_open(items);
        } else if (text_is_digit(c)) {
            if (!is_digit && i > start) {
                is_combination = true;
                if (!items->list_is_empty)
                    list_open(items);
            }
            is_digit = true;
        } else {
            if (is_digit && i > start) {
                text_add(items, span_slice(text, start, i - start), true, is_combination);
                start = i;
                list_open(items);
                is_combination = false;
            }
            is_digit = false;
        }
    }
    if (start < text.size) {
        if (!is_digit && !items->list_is_empty)
            list_open(items);
        text_add(items, span_slice(text, start, text.size - start), is_digit, is_combination);
    }
}

/* Whether Maven's normalisation takes the zero before `next` (and `after` behind it) away. */
static bool zero_is_dropped(const struct item *next, const struct item *after) {
    if (next == NULL)
        return true;
    if (next->kind == ITEM_QUALIFIER)
        return !next->is_combination;
    return next->kind == ITEM_OPEN && after != NULL && after->kind == ITEM_QUALIFIER;
}

static int8_t item_side(const struct item *item, int8_t rest) {
    if (item->kind == ITEM_NUMBER)
        return 1;
    if (item->kind == ITEM_OPEN)
        return rest;
    if (item->rank < RANK_RELEASE)
        return -1;
    return item->rank > RANK_RELEASE || item->is_combination ? 1 : rest;
}

/* From the end: takes away what means nothing, and sets the sides. What is kept is moved to the end of
 * the array, from the returned index on. */
static size_t items_normalize(struct items *items) {
    struct item *data = items->vec.data;
    size_t count = items->vec.count;
    size_t kept = count;
    for (size_t i = count; i-- > 0;) {
        const struct item *next = kept < count ? &data[kept] : NULL;
        const struct item *after = kept + 1 < count ? &data[kept + 1] : NULL;
        if (data[i].kind == ITEM_NUMBER && version_zeros_skip(data[i].number).size == 0 && zero_is_dropped(next, after))
            continue;
        if (data[i].kind == ITEM_OPEN && next == NULL)
            continue;
        int8_t side = item_side(&data[i], next == NULL ? 0 : next->side);
        data[--kept] = data[i];
        data[kept].side = side;
    }
    return kept;
}

static void qualifier_key(const struct item *item, struct buf *key) {
    if (item->rank == RANK_RELEASE && !item->is_combination) {
        buf_byte(key, item->side < 0 ? TAG_RELEASE_LESS : TAG_RELEASE_MORE);
        return;
    }
    buf_byte(key, item->side < 0 ? TAG_QUALIFIER_LESS : TAG_QUALIFIER_MORE);
    buf_byte(key, item->rank);
    if (item->rank == RANK_OTHER)
        key_text_lower(key, item->text);
    if (item->is_combination)
        key_number(key, 1, item->number);
    else
        buf_byte(key, 0);
}

static bool maven_key(struct span text, struct buf *key) {
    text = text_trim(text);
    if (text.size == 0)
        return false;
    struct items items = {0};
    items_parse(text, &items);
    if (items.failed)
        key->failed = true;
    for (size_t i = items_normalize(&items); i < items.vec.count; i++) {
        const struct item *item = &items.vec.data[i];
        /* From here on nothing differs from the release: "1-final" = "1". */
        if (item->side == 0)
            break;
        if (item->kind == ITEM_NUMBER)
            key_number(key, TAG_NUMBER, item->number);
        else if (item->kind == ITEM_OPEN)
            buf_byte(key, item->side < 0 ? TAG_LIST_LESS : TAG_LIST_MORE);
        else
            qualifier_key(item, key);
    }
    buf_byte(key, TAG_END);
    vec_release(&items.vec);
    return true;
}

/* Intervals, or comparators as advisories write them; a version alone, which Maven takes as a wish, is
 * itself. */
static int maven_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                          struct err *err) {
    range = text_trim(range);
    bool is_interval = range.size > 0 && (range.data[0] == '[' || range.data[0] == '(');
    return (is_interval ? range_intervals : version_range_plain)(rules, range, version, ret_inside, err);
}

const struct version_rules version_rules_maven = {.key = maven_key, .in_range = maven_in_range};
