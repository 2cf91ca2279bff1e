#include "base/clock.h"

#include "base/reader.h"
#include "base/text.h"

uint64_t clock_ns(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

int64_t clock_utc_s(void) { return (int64_t)time(NULL); }

static bool digits(struct reader *r, size_t count, uint64_t max, int64_t *ret_value) {
    uint64_t value;
    if (!text_u64(read_bytes(r, count), 10, max, &value))
        return false;
    *ret_value = (int64_t)value;
    return true;
}

/* Days from 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's days_from_civil, years 0 to 9999). */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool separator(struct reader *r, uint8_t byte) { return read_u8(r) == byte && !r->failed; }

bool clock_parse(struct span text, int64_t *ret_utc_s) {
    struct reader r = reader_init(text);
    int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0;
    if (!digits(&r, 4, 9999, &year) || !separator(&r, '-') || !digits(&r, 2, 12, &month) || !separator(&r, '-') ||
        !digits(&r, 2, 31, &day) || month == 0 || day == 0)
        return false;
    if (reader_left(&r) > 0) {
        uint8_t t = read_u8(&r);
        if ((t != 'T' && t != 't' && t != ' ') || !digits(&r, 2, 23, &hour) || !separator(&r, ':') ||
            !digits(&r, 2, 59, &minute) || !separator(&r, ':') || !digits(&r, 2, 60, &second))
            return false;
        struct span rest = span_from(text, r.offset);
        if (rest.size > 0 && rest.data[0] == '.') {
            rest = span_from(rest, 1);
            while (rest.size > 0 && text_is_digit(rest.data[0]))
                rest = span_from(rest, 1);
        }
        if (rest.size == 6 && (rest.data[0] == '+' || rest.data[0] == '-')) {
            uint64_t hours, minutes;
            if (rest.data[3] != ':' || !text_u64(span_slice(rest, 1, 2), 10, 23, &hours) ||
                !text_u64(span_slice(rest, 4, 2), 10, 59, &minutes))
                return false;
            offset = (int64_t)(hours * 3600 + minutes * 60) * (rest.data[0] == '+' ? 1 : -1);
        } else if (rest.size != 0 && !text_equal_nocase(rest, span_text("z"))) {
            return false;
        }
    }
    int64_t utc_s = days_from_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    if (utc_s < CLOCK_TEXT_MIN || utc_s > CLOCK_TEXT_MAX) /* an offset may lead out of the years that have a text */
        return false;
    *ret_utc_s = utc_s;
    return true;
}

bool clock_parse_http(struct span text, int64_t *ret_utc_s) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t day, year, hour, minute, second;
    struct reader r = reader_init(text);
    read_skip(&r, 5); /* "Sun, " */
    if (!digits(&r, 2, 31, &day) || !separator(&r, ' '))
        return false;
    struct span name = read_bytes(&r, 3);
    size_t month = name.size == 3 ? span_find(span_text(months), name, 0) : SIZE_MAX;
    if (month == SIZE_MAX || month % 3 != 0 || day == 0 || !separator(&r, ' ') || !digits(&r, 4, 9999, &year) ||
        !separator(&r, ' ') || !digits(&r, 2, 23, &hour) || !separator(&r, ':') || !digits(&r, 2, 59, &minute) ||
        !separator(&r, ':') || !digits(&r, 2, 60, &second) || !span_is(span_from(text, r.offset), " GMT"))
        return false;
    *ret_utc_s = days_from_date(year, (int64_t)month / 3 + 1, day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

const char *clock_text(int64_t utc_s, char *out) {
    time_t seconds = (time_t)(utc_s < CLOCK_TEXT_MIN   ? CLOCK_TEXT_MIN
                              : utc_s > CLOCK_TEXT_MAX ? CLOCK_TEXT_MAX
                                                       : utc_s);
    struct tm parts = {0};
    (void)gmtime_r(&seconds, &parts); /* fails only for years beyond an int */
    /* strftime's %Y has no four digits for the year 444. */
    (void)snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)(parts.tm_year + 1900) % 10000,
                   (unsigned)(parts.tm_mon + 1) % 100, (unsigned)parts.tm_mday % 100, (unsigned)parts.tm_hour % 100,
                   (unsigned)parts.tm_min % 100, (unsigned)parts.tm_sec % 100);
    return out;
}
