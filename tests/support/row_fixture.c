#include "tests/support/row_fixture.h"

/* The next of a fixed sequence that looks random. */
static uint64_t support_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct span text_make(char *out, size_t size, const char *name, uint64_t value) {
    int used = snprintf(out, size, "%s-%" PRIu64, name, value);
    return span_make(out, (size_t)used);
}

void support_row(struct row *row, enum table table, uint64_t number, uint64_t spread) {
    const struct table_info *info = table_info(table);
    uint64_t state = number;
    char texts[4][64];
    row_begin(row, table, span_text("2024-05-01"));
    for (size_t i = 1; i < info->column_count; i++) {
        const struct column *column = &info->columns[i];
        uint64_t value = support_random(&state);
        if (column->nullable && value % 3 == 0) {
            row_nil(row);
            continue;
        }
        if (column->key != 0)
            value %= spread;
        switch (column->type) {
        case COLUMN_TEXT:
            row_text(row, text_make(texts[0], sizeof texts[0], column->name, value));
            break;
        case COLUMN_U64:
            row_u64(row, value >> value % 64);
            break;
        case COLUMN_TIME:
            row_time(row, (int64_t)(value % 2000000000));
            break;
        case COLUMN_F64:
            row_f64(row, (double)(value % 1000) / 1000);
            break;
        case COLUMN_BOOL:
            row_bool(row, value % 2 == 0);
            break;
        case COLUMN_TEXT_LIST:
        case COLUMN_TEXT_MAP: {
            struct span items[4];
            for (size_t t = 0; t < 4; t++)
                items[t] = text_make(texts[t], sizeof texts[t], "item", value + t);
            if (column->type == COLUMN_TEXT_LIST)
                row_list(row, items, value % 5);
            else
                row_map(row, items, value % 3);
            break;
        }
        case COLUMN_TYPE_COUNT:
            break;
        }
    }
    struct err err;
    int result = row_end(row, &err);
    assert(result == 0);
    (void)result;
}

void support_vulnerability(struct row *row, uint64_t number) {
    static const char *const names[] = {"openssl", "libc6", "zlib1g", "curl", "linux-libc-dev", "perl-base", "systemd"};
    static const char *const severities[] = {"critical", "high", "medium", "low", "negligible", "unknown"};
    uint64_t state = number, set = number / 400, package = number / 4 % 100;
    uint64_t random = support_random(&state);
    uint64_t set_state = set;
    const char *name = names[package % ARRAY_COUNT(names)];
    char digest[80], layer[80], purl[128], id[32], alias[32], version[32], fixed[32], path[64];
    (void)snprintf(digest, sizeof digest, "sha256:%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                   support_random(&set_state), support_random(&set_state), support_random(&set_state),
                   support_random(&set_state));
    uint64_t layer_state = set / 8;
    (void)snprintf(layer, sizeof layer, "sha256:%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
                   support_random(&layer_state), support_random(&layer_state), support_random(&layer_state),
                   support_random(&layer_state));
    (void)snprintf(version, sizeof version, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "-2+deb12u1", package % 9, package,
                   package % 4);
    (void)snprintf(fixed, sizeof fixed, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 "-2+deb12u9", package % 9, package,
                   package % 4);
    (void)snprintf(purl, sizeof purl, "pkg:deb/debian/%s%" PRIu64 "@%s?arch=amd64&distro=debian-12", name, package,
                   version);
    (void)snprintf(id, sizeof id, "CVE-20%02" PRIu64 "-%" PRIu64, 10 + random % 15, 1000 + random % 40000);
    (void)snprintf(alias, sizeof alias, "DSA-%" PRIu64 "-1", random % 9000);
    (void)snprintf(path, sizeof path, "var/lib/dpkg/status");
    struct span aliases[] = {span_text(alias)};
    row_begin(row, TABLE_VULNERABILITY, span_text("2024-05-01T00:00:00Z"));
    row_text(row, span_text(digest));
    row_text(row, span_text(id));
    row_list(row, aliases, random % 2);
    row_text(row, span_text(purl));
    row_text(row, span_text("deb"));
    row_text(row, span_text(name));
    row_text(row, span_text(version));
    row_text(row, span_text(path));
    row_text(row, span_text(layer));
    row_text(row, span_text(severities[random % ARRAY_COUNT(severities)]));
    row_text(row, span_text("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"));
    row_f64(row, (double)(random % 100) / 10);
    row_f64(row, (double)(random % 10000) / 10000);
    row_f64(row, (double)(random % 1000) / 1000);
    row_bool(row, random % 50 == 0);
    row_text(row, span_text(random % 2 == 0 ? "fixed" : "no_fix"));
    row_text(row, span_text("0"));
    row_text(row, random % 2 == 0 ? span_text(fixed) : span_text(""));
    row_text(row, span_text("debian"));
    row_time(row, (int64_t)(1500000000 + random % 200000000));
    row_f64(row, 1.0);
    row_text(row, span_text("installed"));
    row_text(row, span_text(""));
    row_text(row, span_text(""));
    row_nil(row);
    row_f64(row, (double)(random % 1000) / 10);
    struct err err;
    int result = row_end(row, &err);
    assert(result == 0);
    (void)result;
}
