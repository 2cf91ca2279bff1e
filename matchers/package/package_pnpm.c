/* pnpm-lock.yaml, versions 5 to 9. The key of a package is "/name/1.0.0_peers" in 5, "/name@1.0.0(peers)" in 6 and
 * "name@1.0.0" in 9; what comes from elsewhere than a registry has its name and version inside. Since pnpm 10 a file
 * may hold several documents: what pnpm itself consists of, and last the project. Spec: pnpm's "lockfile"
 * documentation. */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/pnpm-lock.yaml", "!**/node_modules/**", NULL};

static struct span cut_at(struct span text, uint8_t byte) { return text_cut(&text, byte); }

/* "name@1.0.0(peers)" or "name/1.0.0_peers", without a leading '/'. */
static void split_key(struct span key, struct span *ret_name, struct span *ret_version) {
    key = cut_at(key, '(');
    size_t from = key.size > 0 && key.data[0] == '@' ? 1 : 0;
    size_t at = span_index(key, '@', from), slash = span_index(key, '/', 0);
    if (from == 1)
        slash = slash == SIZE_MAX ? SIZE_MAX : span_index(key, '/', slash + 1);
    /* In version 5 an '@' may stand in the peers, behind the slash. */
    bool is_old = slash != SIZE_MAX && (at == SIZE_MAX || slash < at);
    size_t end = is_old ? slash : at;
    *ret_name = end == SIZE_MAX ? (struct span){NULL, 0} : span_slice(key, 0, end);
    *ret_version = end == SIZE_MAX ? (struct span){NULL, 0} : span_from(key, end + 1);
    if (is_old)
        *ret_version = cut_at(*ret_version, '_');
}

static int add_packages(struct catalogue *run, const struct doc *packages, struct err *err) {
    for (const struct doc *item = doc_is(packages, DOC_OBJECT) ? doc_first(packages) : NULL; item != NULL;
         item = item->next) {
        struct span name = {NULL, 0}, version = {NULL, 0}, own = doc_text(doc_get(item, "name"));
        struct span own_version = doc_scalar(doc_get(item, "version")), key = item->key;
        const struct doc *dev = doc_get(item, "dev");
        /* Only for development: `pnpm install --prod` does not fetch it. From version 9 on the file does not say. */
        if (dev != NULL && dev->boolean)
            continue;
        if (span_starts(key, "/"))
            key = span_from(key, 1);
        split_key(key, &name, &version);
        bool is_registry = text_is_digit(version.size > 0 ? version.data[0] : 0) &&
                           span_index(version, ':', 0) == SIZE_MAX && span_index(version, '/', 0) == SIZE_MAX;
        if (own.size > 0)
            name = own;
        if (own_version.size > 0)
            version = own_version;
        else if (span_is(doc_text(doc_get(doc_get(item, "resolution"), "type")), "directory"))
            version = (struct span){NULL, 0}; /* a folder of the project's, found under this name */
        else if (!is_registry)
            continue; /* an archive that says nothing of itself */
        if (span_index(name, ':', 0) != SIZE_MAX)
            continue; /* …or not what it is called */
        if (catalogue_declare(run, PACKAGE_NPM, name, version, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    struct doc *all = NULL;
    if (catalogue_document(run, yaml_parse_all, run->body, &all, err) < 0)
        return -1;
    return add_packages(run, doc_get(all->last, "packages"), err);
}

const struct cataloguer cataloguer_pnpm = {.name = "pnpm", .type = PACKAGE_NPM, .paths = paths, .parse = parse};
