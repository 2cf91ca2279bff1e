/* NuGet's order: SemVer 2.0.0 with a fourth number (System.Version's revision), missing numbers being
 * zero, and pre-release words in any case. */
#include "matchers/version/version_semver.h"

static bool nuget_key(struct span text, struct buf *key) {
    struct semver_parts parts;
    text = text_trim(text);
    if (text.size > 1 && text_lower_byte(text.data[0]) == 'v')
        text = span_from(text, 1);
    if (!semver_split(text, &parts))
        return false;
    parts.is_caseless = true;
    return semver_parts_key(&parts, key);
}

static bool nuget_is_valid(struct span text) {
    struct semver_parts parts;
    return semver_split(text, &parts) && parts.number_count <= 4 &&
           (!parts.has_pre || semver_identifiers_are_strict(parts.pre, false)) &&
           (!parts.has_build || semver_identifiers_are_strict(parts.build, false));
}

/* Intervals; a version alone is the least one wanted; or comparators as advisories write them. */
static int nuget_in_range(const struct version_rules *rules, struct span range, struct span version, bool *ret_inside,
                          struct err *err) {
    range = text_trim(range);
    if (range.size > 0 && (range.data[0] == '[' || range.data[0] == '('))
        return range_intervals(rules, range, version, ret_inside, err);
    if (range.size == 0 || !text_is_digit(range.data[0]))
        return version_range_plain(rules, range, version, ret_inside, err);
    struct range_subject subject;
    int order = 0;
    int result = range_subject_init(&subject, rules, version, err);
    if (result == 0)
        result = range_subject_order(&subject, range, &order, err);
    range_subject_release(&subject);
    if (result == 0)
        *ret_inside = order >= 0;
    return result;
}

/* Whether a text is a range: a least version, one interval, or a floating version ("1.*"). */
static bool nuget_range_is_valid(struct span text) {
    text = text_trim(text);
    if (text.size > 0 && (text.data[0] == '[' || text.data[0] == '(')) {
        struct span inside = span_slice(text, 1, text.size - 2);
        bool has_bound = false;
        while (inside.data != NULL)
            has_bound = text_trim(text_cut(&inside, ',')).size > 0 || has_bound;
        return has_bound && range_intervals_are_valid(&version_rules_nuget, text, false);
    }
    if (span_is(text, "*"))
        return true;
    if (span_ends(text, ".*") || span_ends(text, "-*"))
        text.size -= 2;
    return nuget_is_valid(text);
}

const struct version_rules version_rules_nuget_range = {
    .key = nuget_key, .is_valid = nuget_range_is_valid, .in_range = nuget_in_range};
const struct version_rules version_rules_nuget = {
    .key = nuget_key, .is_valid = nuget_is_valid, .in_range = nuget_in_range};
