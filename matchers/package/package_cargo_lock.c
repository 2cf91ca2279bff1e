/* Cargo.lock: TOML that Cargo writes by itself, always one key a line, so that lines are enough to read it.
 * Spec: the Cargo book; the four versions of the format differ in fields that are not read here. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/Cargo.lock", NULL};

/* key = "value", with any of TOML's four kinds of quotes; names and versions hold nothing that would need an escape. */
static bool take(struct span line, const char *key, struct span *ret_value) {
    struct span value = line;
    struct span name = text_trim(text_cut(&value, '='));
    value = text_trim(value);
    if (!span_is(name, key) || value.size == 0 || (value.data[0] != '"' && value.data[0] != '\''))
        return false;
    uint8_t quote = value.data[0];
    while (value.size > 0 && value.data[0] == quote)
        value = span_from(value, 1);
    *ret_value = text_cut(&value, quote);
    return true;
}

static int end_table(struct catalogue *run, bool is_package, struct package *package, struct err *err) {
    return is_package ? catalogue_add(run, *package, err) : 0;
}

static int parse(struct catalogue *run, struct err *err) {
    const struct package fresh = {.type = PACKAGE_CARGO, .evidence = EVIDENCE_DECLARED};
    struct reader r = reader_init(run->body);
    struct package package = fresh;
    struct span line;
    bool is_package = false, is_value = false;
    while (read_line(&r, &line)) {
        line = text_trim(line);
        if (is_value) { /* inside the list of dependencies */
            is_value = !span_starts(line, "]");
        } else if (line.size == 0 || line.data[0] == '#') {
            continue;
        } else if (line.data[0] == '[') {
            if (!span_ends(line, "]")) {
                catalogue_fault(run, ERR_FORMAT, "a table near byte %zu has no end", r.offset);
                break;
            }
            if (end_table(run, is_package, &package, err) < 0)
                return -1;
            is_package = span_is(line, "[[package]]");
            package = fresh;
        } else if (!take(line, "name", &package.name) && !take(line, "version", &package.version)) {
            is_value = span_ends(line, "[");
        }
    }
    return end_table(run, is_package, &package, err);
}

const struct cataloguer cataloguer_cargo_lock = {
    .name = "cargo-lock", .type = PACKAGE_CARGO, .paths = paths, .parse = parse};
