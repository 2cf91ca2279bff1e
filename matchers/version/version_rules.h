/* What one version order is made of, and the pieces its key is built from. Private to this folder.
 *
 * A key is a run of items that each end by themselves: after equal items the next bytes of two keys
 * mean the same thing, so memcmp never compares a length with a letter. An item is a tag byte, chosen
 * so that tags sort as the scheme sorts the kinds of items, then the item's value. "Nothing more" is a
 * tag too, because some things sort before it ("~" in dpkg) and some after. */
#ifndef TRAWL_VERSION_RULES_H
#define TRAWL_VERSION_RULES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct version_rules {
    /* Appends the key; false when the text is not a version. What was appended then is taken back by
     * the caller, who also sees to length, NUL bytes (there are none in `text`) and memory. */
    bool (*key)(struct span text, struct buf *key);
    /* NULL: valid is what has a key. */
    bool (*is_valid)(struct span text);
    /* Orders two texts, for schemes whose order no key has in full; NULL: the keys are the order. FORMAT, NOMEM. Texts
     * hold no NUL and are no longer than LIMIT_FIELD_BYTES. */
    int (*compare)(struct span a, struct span b, int *ret_order, struct err *err);
    /* With compare(): whether this text's key has the scheme's order among all texts of which the same is true; NULL:
     * no text's. */
    bool (*is_keyed)(struct span text);
    /* NULL: the comparators of version_range_plain(). `rules` are the scheme's own. */
    int (*in_range)(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                    struct err *err);
};

#define SCHEME(id, name, rules, synonyms) extern const struct version_rules version_rules_##rules;
#include "matchers/version/scheme.def"
#undef SCHEME

/* How many tags key_number() takes: `tag` to `tag + KEY_NUMBER_TAGS - 1`. */
#define KEY_NUMBER_TAGS 10

/* A whole number of any length: `tag` + how many bytes the value takes, then these bytes, big-endian.
 * Numbers of 20 digits and more, which may not fit 64 bits, take the last tag, the count of digits and
 * the digits. `digits` holds nothing but digits; leading zeros do not count, and none at all is zero. */
void key_number(struct buf *key, uint8_t tag, struct span digits);

/* Numbers apart by dots, each as key_number(); zeros at the end are as good as absent: "1.2.0" is "1.2". */
void key_numbers(struct buf *key, uint8_t tag, struct span dotted);

/* Text without NUL bytes, ended by a NUL: a prefix sorts first. */
void key_text(struct buf *key, struct span text);
/* The same with ASCII letters in lower case. */
void key_text_lower(struct buf *key, struct span text);

/* Sequences whose missing elements are zero, so that "1" = "1.0.0" and "1.0.a" < "1" < "1.0.1": zeros
 * are counted, not written, and what they lead to says on which side of the end the sequence lies.
 * Before each element that is not zero comes key_padding() with the number of zeros since the last one;
 * an element that is more than zero then begins with a tag from KEY_PADDED_MORE up; at the end of the
 * sequence comes KEY_PADDED_END. */
enum { KEY_PADDED_LESS = 1, KEY_PADDED_END, KEY_PADDED_LATER, KEY_PADDED_MORE };
void key_padding(struct buf *key, size_t zeros, bool next_is_less);

/* A cursor over the text of a version. */
struct version_text {
    struct span text;
    size_t at;
};

static inline bool version_text_left(const struct version_text *in) { return in->at < in->text.size; }
/* The byte at the cursor, or 0 at the end: versions hold no NUL. */
static inline uint8_t version_text_peek(const struct version_text *in) {
    return in->at < in->text.size ? in->text.data[in->at] : 0;
}
/* Steps over `byte` if it is next. */
static inline bool version_text_skip(struct version_text *in, uint8_t byte) {
    if (version_text_peek(in) != byte || !version_text_left(in))
        return false;
    in->at++;
    return true;
}
/* The run of digits, letters or both at the cursor, maybe empty. */
struct span version_text_digits(struct version_text *in);
struct span version_text_letters(struct version_text *in);
struct span version_text_alnum(struct version_text *in);
/* Steps over `word`, ASCII letters in any case, if it is next. */
bool version_text_word(struct version_text *in, const char *word);

/* Digits without the zeros in front; empty when the number is zero. */
struct span version_zeros_skip(struct span digits);

/* The order of two numbers, digits alone, of any length. */
int version_numbers_order(struct span a, struct span b);

/* Whether every byte is a digit, and there is at least one. */
bool version_is_number(struct span s);

/* Ranges of comparators: alternatives apart by "||", comparators apart by commas or spaces, all of
 * which must hold: < <= > >= = == != and dpkg's << and >>. A version alone means "=". An empty range
 * holds for all. */
int version_range_plain(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                        struct err *err);

/* Ranges ask, bound for bound, on which side of it the version lies. */
struct range_subject {
    const struct version_rules *rules;
    struct span version; /* as it was written */
    struct buf key;      /* the version's; empty where the rules compare texts */
};
int range_subject_init(struct range_subject *subject, const struct version_rules *rules, struct span version,
                       struct err *err);
void range_subject_release(struct range_subject *subject);
/* `*ret_order` <0, 0, >0: the version is less than, equal to, more than the bound. */
int range_subject_order(const struct range_subject *subject, struct span bound, int *ret_order, struct err *err);

/* Cuts the next alternative off at `separator`, a text of one byte or more; false when there is none left
 * (`rest->data` NULL). */
bool range_alternative_take(struct span *rest, const char *separator, struct span *ret_alternative);

/* How most range languages join conditions: sets of which one must hold, made of conditions that must all hold. */
struct range_language {
    const char *set_separator;
    const char *condition_separator; /* NULL: holds() takes a whole set */
    bool empty_holds;                /* a range or a set without a condition; else holds() sees the empty condition */
    int (*holds)(const struct range_subject *subject, struct span condition, bool *ret_holds, struct err *err);
};
int range_sets(const struct range_language *language, const struct version_rules *rules, struct span range,
               struct span version, bool *ret_inside, struct err *err);

/* Comparison signs, as a set. */
enum { RANGE_LESS = 1, RANGE_EQUAL = 2, RANGE_MORE = 4 };
static inline bool range_allows(unsigned sides, int order) {
    return (sides & (order < 0 ? RANGE_LESS : order > 0 ? RANGE_MORE : RANGE_EQUAL)) != 0;
}
/* Takes < <= > >= = == != << >> off the front; 0 when there is none. */
unsigned range_sign_take(struct span *rest);

/* "range 'text': why", code FORMAT. */
int range_bad(struct span range, const char *why, struct err *err);

/* Whether intervals as Maven and NuGet write them are well-formed: bounds in order, no interval that begins before the
 * last one ended; with `many` false, one interval. */
bool range_intervals_are_valid(const struct version_rules *rules, struct span range, bool many);

/* Intervals as Maven and NuGet write them, apart by commas: [1,2) [1] (,2] [1,). Without one, FORMAT. */
int range_intervals(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                    struct err *err);

/* Calls the scheme's key function with everything that version_key() promises. */
int version_rules_key(const struct version_rules *rules, struct span version, struct buf *key, struct err *err);
/* The order of two texts, as version_compare() gives it. */
int version_rules_compare(const struct version_rules *rules, struct span a, struct span b, int *ret_order,
                          struct err *err);

#endif
