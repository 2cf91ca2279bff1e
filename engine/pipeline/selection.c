#include "engine/pipeline/selection.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/text.h"

/* A literal colon of a pattern can only stand for the one between repository and tag, as neither has one in it: what is
 * before it is the pattern of the repository alone. With a class the colon may stand inside of it; then anything may
 * match. */
static bool pattern_may_match(struct span pattern, struct span repository) {
    size_t colon = span_index(pattern, ':', 0);
    if (colon == SIZE_MAX)
        return text_glob(pattern, repository);
    return span_index(pattern, '[', 0) != SIZE_MAX || text_glob(span_slice(pattern, 0, colon), repository);
}

static bool pattern_matches(struct span pattern, struct span repository, struct span name) {
    return text_glob(pattern, span_index(pattern, ':', 0) == SIZE_MAX ? repository : name);
}

bool selection_wants_name(const struct selection *selection, struct span repository, struct span tag) {
    char buffer[512]; /* the grammar of references allows 255 and 128 bytes */
    if (selection == NULL || (selection->include_count == 0 && selection->exclude_count == 0))
        return true;
    int size = snprintf(buffer, sizeof buffer, "%.*s:%.*s", SPAN_FORMAT(repository), SPAN_FORMAT(tag));
    struct span name = span_make(buffer, size < 0 ? 0 : size < (int)sizeof buffer ? (size_t)size : sizeof buffer - 1);
    bool wanted = selection->include_count == 0;
    for (size_t i = 0; !wanted && i < selection->include_count; i++) {
        struct span pattern = selection->includes[i];
        wanted = tag.size == 0 ? pattern_may_match(pattern, repository) : pattern_matches(pattern, repository, name);
    }
    for (size_t i = 0; wanted && i < selection->exclude_count; i++) {
        struct span pattern = selection->excludes[i];
        bool of_tags = span_index(pattern, ':', 0) != SIZE_MAX;
        wanted = (of_tags && tag.size == 0) || !pattern_matches(pattern, repository, name);
    }
    return wanted;
}

bool selection_wants_time(const struct selection *selection, int64_t created_utc_s) {
    return selection == NULL || !selection->has_since || created_utc_s >= selection->since_utc_s;
}

static struct span digits_take(struct span *rest) {
    size_t size = 0;
    while (size < rest->size && text_is_digit(rest->data[size]))
        size++;
    struct span digits = span_slice(*rest, 0, size);
    *rest = span_from(*rest, size);
    while (digits.size > 1 && digits.data[0] == '0')
        digits = span_from(digits, 1);
    return digits;
}

int selection_natural_compare(struct span a, struct span b) {
    struct span x = a, y = b;
    while (x.size > 0 && y.size > 0) {
        if (text_is_digit(x.data[0]) && text_is_digit(y.data[0])) {
            struct span n = digits_take(&x), m = digits_take(&y);
            int order = n.size != m.size ? (n.size > m.size) - (n.size < m.size) : span_compare(n, m);
            if (order != 0)
                return order;
        } else if (x.data[0] != y.data[0]) {
            return x.data[0] < y.data[0] ? -1 : 1;
        } else {
            x = span_from(x, 1);
            y = span_from(y, 1);
        }
    }
    if (x.size != y.size)
        return x.size < y.size ? -1 : 1;
    return span_compare(a, b); /* "01" and "1" */
}

/* All images of one tag: `items[first]` to `items[first + count - 1]` of the sorted array. */
struct tag_group {
    struct selection_item *const *first;
    size_t count;
    const struct selection_item *newest;
};

static int item_order(const void *left, const void *right) {
    const struct selection_item *a = *(struct selection_item *const *)left, *b = *(struct selection_item *const *)right;
    int order = span_compare(a->repository, b->repository);
    return order != 0 ? order : span_compare(a->tag, b->tag);
}

static int time_order(const struct selection_item *a, const struct selection_item *b) {
    if (a->has_created != b->has_created)
        return a->has_created ? 1 : -1;
    return !a->has_created ? 0 : (a->created_utc_s > b->created_utc_s) - (a->created_utc_s < b->created_utc_s);
}

/* By repository, and in it the newest first. */
static int group_order(const void *left, const void *right) {
    const struct selection_item *a = ((const struct tag_group *)left)->newest,
                                *b = ((const struct tag_group *)right)->newest;
    int order = span_compare(a->repository, b->repository);
    if (order == 0)
        order = time_order(b, a);
    return order != 0 ? order : selection_natural_compare(b->tag, a->tag);
}

/* The groups of the sorted items that have a tag; returns how many. */
static size_t groups_make(struct selection_item *const *sorted, size_t count, struct tag_group *groups) {
    size_t group_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct tag_group *last = group_count == 0 ? NULL : &groups[group_count - 1];
        if (sorted[i]->tag.size == 0)
            continue;
        if (last != NULL && item_order(last->first, &sorted[i]) == 0) {
            last->count++;
            if (time_order(sorted[i], last->newest) > 0)
                last->newest = sorted[i];
        } else {
            groups[group_count++] = (struct tag_group){&sorted[i], 1, sorted[i]};
        }
    }
    return group_count;
}

bool selection_newest(const struct selection *selection, struct selection_item *items, size_t count) {
    bool all = selection == NULL || selection->newest == 0;
    for (size_t i = 0; i < count; i++)
        items[i].stays = all || items[i].tag.size == 0;
    if (all || count == 0)
        return true;
    AUTO_FREE struct selection_item **sorted = mem_array(count, sizeof(struct selection_item *));
    AUTO_FREE struct tag_group *groups = mem_array(count, sizeof *groups);
    if (sorted == NULL || groups == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &items[i];
    qsort(sorted, count, sizeof(struct selection_item *), item_order);
    size_t group_count = groups_make(sorted, count, groups);
    if (group_count > 0)
        qsort(groups, group_count, sizeof *groups, group_order);
    uint64_t rank = 0;
    for (size_t i = 0; i < group_count; i++) {
        bool same = i > 0 && span_equal(groups[i].newest->repository, groups[i - 1].newest->repository);
        rank = same ? rank + 1 : 0;
        for (size_t j = 0; rank < selection->newest && j < groups[i].count; j++)
            groups[i].first[j]->stays = true;
    }
    return true;
}
