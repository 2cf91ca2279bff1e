#include "matchers/vuln/eol.h"

#include "base/clock.h"
#include "base/text.h"

static const struct eol_row {
    const char *product, *cycle, *end;
    bool is_runtime;
} rows[] = {
#define EOL_DISTRO(product, cycle, end) {product, cycle, end, false},
#define EOL_RUNTIME(product, cycle, end) {product, cycle, end, true},
#include "matchers/vuln/eol.def"
#undef EOL_DISTRO
#undef EOL_RUNTIME
};

/* "3.8" is the cycle of "3.8", "3.8.10" and "3.8-slim", and not of "3.80". */
static bool is_of_cycle(struct span version, const char *cycle) {
    size_t size = strlen(cycle);
    return span_starts(version, cycle) && (version.size == size || !text_is_digit(version.data[size]));
}

static bool row_find(const char *product, struct span version, bool is_runtime, struct eol *ret_eol) {
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct eol eol = {rows[i].product, rows[i].cycle, 0, is_runtime};
        if (rows[i].is_runtime != is_runtime || strcmp(rows[i].product, product) != 0 ||
            !is_of_cycle(version, rows[i].cycle) || !clock_parse(span_text(rows[i].end), &eol.end_utc_s))
            continue;
        *ret_eol = eol;
        return true;
    }
    return false;
}

bool eol_of_distro(const struct distro *distro, struct eol *ret_eol) {
    char product[64];
    bool is_stream =
        span_is(distro->id, "centos") && span_find(distro->pretty_name, span_text("Stream"), 0) != SIZE_MAX;
    if (distro->id.size == 0 || distro->id.size >= sizeof product - strlen("-stream") ||
        span_find(distro->version_id, span_text("_alpha"), 0) != SIZE_MAX) /* Alpine's edge, numbered ahead */
        return false;
    (void)snprintf(product, sizeof product, "%.*s%s", SPAN_FORMAT(distro->id), is_stream ? "-stream" : "");
    return row_find(product, distro->version_id, false, ret_eol);
}

bool eol_of_runtime(const struct package *package, struct eol *ret_eol) {
    static const struct {
        enum package_type type;
        const char *name, *product;
    } runtimes[] = {
        {PACKAGE_GENERIC, "python", "python"},
        {PACKAGE_GENERIC, "node", "node"},
        {PACKAGE_GENERIC, "nodejs", "node"},
        {PACKAGE_GENERIC, "php", "php"},
        {PACKAGE_GENERIC, "php-cli", "php"},
        {PACKAGE_GENERIC, "ruby", "ruby"},
        {PACKAGE_GENERIC, "go", "go"},
        {PACKAGE_GENERIC, "dotnet", "dotnet"},
        {PACKAGE_BITNAMI, "python", "python"},
        {PACKAGE_BITNAMI, "node", "node"},
        {PACKAGE_BITNAMI, "php", "php"},
        {PACKAGE_BITNAMI, "ruby", "ruby"},
        {PACKAGE_GOLANG, "stdlib", "go"},
        {PACKAGE_NUGET, "Microsoft.NETCore.App", "dotnet"},
        {PACKAGE_NUGET, "Microsoft.AspNetCore.App", "dotnet"},
    };
    struct span version = package->version;
    if (span_starts(version, "go") || span_starts(version, "v"))
        version = span_from(version, span_starts(version, "go") ? 2 : 1);
    for (size_t i = 0; i < ARRAY_COUNT(runtimes); i++) {
        if (package->type == runtimes[i].type && span_is(package->name, runtimes[i].name))
            return row_find(runtimes[i].product, version, true, ret_eol);
    }
    return false;
}
