#include "engine/cli/units.h"

#include "base/text.h"

const char *units_bytes(uint64_t bytes, char *out) {
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_COUNT(names)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, UNITS_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", value, names[unit]);
    return out;
}

const char *units_count(uint64_t count, char *out) {
    char digits[UNITS_SIZE];
    size_t size = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

const char *units_duration(uint64_t milliseconds, char *out) {
    uint64_t seconds = milliseconds / 1000;
    if (milliseconds < 10000)
        (void)snprintf(out, UNITS_SIZE, "%.1f s", (double)milliseconds / 1000);
    else if (seconds < 120)
        (void)snprintf(out, UNITS_SIZE, "%" PRIu64 " s", seconds);
    else if (seconds < 7200)
        (void)snprintf(out, UNITS_SIZE, "%" PRIu64 " min", seconds / 60);
    else
        (void)snprintf(out, UNITS_SIZE, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds % 3600 / 60);
    return out;
}

bool duration_parse(struct span text, uint64_t *ret_seconds) {
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t count;
    if (text.size < 2 || !text_u64(span_slice(text, 0, text.size - 1), 10, 1000000000, &count))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (text.data[text.size - 1] == (uint8_t)units[i].letter) {
            *ret_seconds = count * units[i].seconds;
            return true;
        }
    }
    return false;
}
