#include "base/limits.h"
#include "engine/vulndb/vulndb_build.h"

/* A key's length is stored in 16 bits. */
#define KEY_BYTES_MAX ((size_t)UINT16_MAX)

int arena_version_key(struct arena *arena, enum version_scheme scheme, struct span version, struct span *ret_key,
                      struct err *err) {
    AUTO_BUF
    struct buf key;
    struct err why = {0};
    buf_init(&key, 0);
    if (version.size == 0 || version.size > LIMIT_FIELD_BYTES)
        return 0;
    if (version_key(scheme, version, &key, &why) < 0)
        return why.code == ERR_NOMEM ? err_set(err, ERR_NOMEM, 0, "%s", why.text) : 0;
    if (key.size > KEY_BYTES_MAX)
        return 0;
    *ret_key = arena_copy(arena, buf_span(&key));
    return ret_key->data == NULL ? err_set(err, ERR_NOMEM, 0, "version key: out of memory") : 1;
}

struct keyed_event {
    enum draft_event_kind kind;
    bool first; /* introduced "0" */
    struct version_point point;
};

/* Before everything: "0" alone; a zero that is written out longer is a version like others. */
static bool is_first(const struct draft_event *event) {
    return event->kind == DRAFT_INTRODUCED && span_is(event->version, "0");
}

/* Texts that have keys compare but for memory; that leaves them where they are. */
static int event_compare(enum version_scheme scheme, const struct keyed_event *a, const struct keyed_event *b) {
    int order = 0;
    if (a->first || b->first)
        return (int)b->first - (int)a->first;
    (void)version_point_compare(scheme, &a->point, &b->point, &order, NULL);
    return order;
}

/* Insertion sort: stable, at peace with orders that have circles, and events are few and mostly in order; a hostile
 * record's many meet the bound below. */
static void events_sort(enum version_scheme scheme, struct keyed_event *events, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct keyed_event event = events[i];
        size_t at = i;
        for (; at > 0 && event_compare(scheme, &events[at - 1], &event) > 0; at--)
            events[at] = events[at - 1];
        events[at] = event;
    }
}

static void interval_close(struct intervals *intervals, const struct keyed_event *event) {
    struct interval *open = &intervals->data[intervals->count++];
    open->upper = event->point;
    open->flags |= event->point.keyed ? 0 : VULN_RANGE_BY_TEXT;
    if (event->kind == DRAFT_LAST_AFFECTED)
        open->flags |= VULN_RANGE_UPPER_INCLUSIVE;
}

/* Cuts every interval at the highest limit. */
static void limits_apply(enum version_scheme scheme, struct intervals *intervals, const struct keyed_event *limit) {
    size_t kept = 0;
    for (size_t i = 0; i < intervals->count; i++) {
        struct interval interval = intervals->data[i];
        int order = -1;
        if (!(interval.flags & VULN_RANGE_NO_LOWER))
            (void)version_point_compare(scheme, &interval.lower, &limit->point, &order, NULL);
        if (order >= 0)
            continue;
        order = 1;
        if (!(interval.flags & VULN_RANGE_NO_UPPER))
            (void)version_point_compare(scheme, &interval.upper, &limit->point, &order, NULL);
        if (order >= 0) {
            interval.flags &= (uint8_t) ~(VULN_RANGE_NO_UPPER | VULN_RANGE_UPPER_INCLUSIVE);
            interval.flags |= limit->point.keyed ? 0 : VULN_RANGE_BY_TEXT;
            interval.upper = limit->point;
        }
        intervals->data[kept++] = interval;
    }
    intervals->count = kept;
}

int intervals_make(struct arena *arena, enum version_scheme scheme, const struct draft_range *range,
                   struct intervals *ret_intervals, struct err *err) {
    if (range->count > LIMIT_RANGE_EVENTS)
        return 0;
    struct keyed_event *events = arena_array(arena, range->count + 1, sizeof *events);
    struct intervals intervals = {arena_array(arena, range->count + 1, sizeof(struct interval)), 0};
    const struct keyed_event *limit = NULL;
    bool unlimited = false;
    if (events == NULL || intervals.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "version range: out of memory");
    for (size_t i = 0; i < range->count; i++) {
        const struct draft_event *event = &range->events[i];
        events[i] = (struct keyed_event){
            event->kind, is_first(event), {event->version, {NULL, 0}, version_is_keyed(scheme, event->version)}};
        unlimited = unlimited || (event->kind == DRAFT_LIMIT && span_is(event->version, "*"));
        if (events[i].first || (event->kind == DRAFT_LIMIT && span_is(event->version, "*")))
            continue;
        int made = arena_version_key(arena, scheme, event->version, &events[i].point.key, err);
        if (made <= 0)
            return made;
    }
    events_sort(scheme, events, range->count);
    bool open = false;
    for (size_t i = 0; i < range->count; i++) {
        const struct keyed_event *event = &events[i];
        if (event->kind == DRAFT_LIMIT) {
            if (!span_is(event->point.text, "*"))
                limit = event; /* sorted: the last one is the highest */
        } else if (event->kind == DRAFT_INTRODUCED && !open) {
            intervals.data[intervals.count] = (struct interval){
                .lower = event->first ? (struct version_point){.keyed = true} : event->point,
                .flags = event->first         ? VULN_RANGE_NO_LOWER
                         : event->point.keyed ? 0
                                              : VULN_RANGE_BY_TEXT,
            };
            open = true;
        } else if (event->kind != DRAFT_INTRODUCED && open) {
            interval_close(&intervals, event);
            open = false;
        }
    }
    if (open)
        intervals.data[intervals.count++].flags |= VULN_RANGE_NO_UPPER;
    if (limit != NULL && !unlimited)
        limits_apply(scheme, &intervals, limit);
    *ret_intervals = intervals;
    return 1;
}

bool interval_holds(enum version_scheme scheme, const struct interval *interval, const struct version_point *version) {
    int order = -1;
    if (!(interval->flags & VULN_RANGE_NO_LOWER) &&
        (version_point_compare(scheme, &interval->lower, version, &order, NULL) < 0 || order > 0))
        return false;
    if (interval->flags & VULN_RANGE_NO_UPPER)
        return true;
    return version_point_compare(scheme, version, &interval->upper, &order, NULL) == 0 &&
           (order < 0 || (order == 0 && (interval->flags & VULN_RANGE_UPPER_INCLUSIVE) != 0));
}
