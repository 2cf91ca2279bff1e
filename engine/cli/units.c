#include "engine/cli/units.h"

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
