/* Kinds whose name and version their path alone tells: the stores of Nix and Guix, MacPorts' registry, Homebrew's
 * cellar and casks, Slackware's list of packages. Each is a row at the end.
 * Spec: Nix manual, "Store Path" and builtins.parseDrvName; GNU Guix manual, "The Store"; MacPorts guide, "Registry";
 * Slackware's pkgtools. */
#include "base/overflow.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/store_path.h"

static const char *const paths[] = {
    "nix/store/**",
    "gnu/store/**",
    "**/macports/registry/portfiles/**/Portfile",
    "**/Cellar/*/*/INSTALL_RECEIPT.json",
    "**/.brew/*.rb",
    "**/Caskroom/*/.metadata/*/*/Casks/*",
    "**/Caskroom/*/*/*.wrapper.sh",
    "var/log/packages/*",
    "var/lib/pkgtools/packages/*",
    NULL,
};

/* Any file under nix/store/<hash>-name-1.0/. What lies there as one file is a source, a patch or a recipe. */
static int parse_store(struct catalogue *run, struct err *err) {
    struct span rest = run->path, top = text_cut(&rest, '/');
    (void)text_cut(&rest, '/');
    struct span folder = text_cut(&rest, '/');
    enum package_type type = span_is(top, "nix") ? PACKAGE_NIX : PACKAGE_GUIX;
    if (rest.size == 0)
        return 0;
    return store_path_add(run, type, folder, span_slice(run->path, 0, run->path.size - rest.size), err);
}

/* portfiles/name-1.0_0/<hash>/Portfile: the revision of the port counts its own changes. */
static int parse_macports(struct catalogue *run, struct err *err) {
    struct span folder = catalogue_folder(run->path, 2), name, version;
    size_t revision = span_index_last(folder, '_');
    if (!catalogue_split_version(span_slice(folder, 0, revision), &name, &version))
        return 0;
    return catalogue_add_installed(run, PACKAGE_MACPORTS, name, version, err);
}

/* Adds what Homebrew keeps in the n-th folder above, "…/name/1.0", where it is found: its formula and its receipt lie
 * in the same one. */
static int add_keg(struct catalogue *run, size_t n, struct span version, struct err *err) {
    struct package package = {
        .type = PACKAGE_BREW, .evidence = EVIDENCE_INSTALLED, .version = version, .path = run->path};
    for (size_t i = 0; i < n; i++)
        package.path.size = size_min(package.path.size, span_index_last(package.path, '/'));
    package.name = catalogue_folder(package.path, 1);
    package.path.size += package.path.size < run->path.size; /* with its slash */
    return package.name.size == 0 || version.size == 0 ? 0 : catalogue_add(run, package, err);
}

/* Cellar/name/1.0/INSTALL_RECEIPT.json */
static int parse_receipt(struct catalogue *run, struct err *err) {
    return add_keg(run, 1, catalogue_folder(run->path, 1), err);
}

/* Cellar/name/1.0/.brew/name.rb */
static int parse_formula(struct catalogue *run, struct err *err) {
    return add_keg(run, 2, catalogue_folder(run->path, 2), err);
}

/* Caskroom/name/.metadata/1.0/<time>/Casks/name.json */
static int parse_cask(struct catalogue *run, struct err *err) {
    return add_keg(run, 4, catalogue_folder(run->path, 3), err);
}

/* name-version-architecture-build */
static int parse_slackware(struct catalogue *run, struct err *err) {
    struct span rest = catalogue_basename(run->path);
    struct span parts[3]; /* from the right */
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        size_t dash = span_index_last(rest, '-');
        if (dash == SIZE_MAX || dash == 0 || dash + 1 == rest.size)
            return 0;
        parts[i] = span_from(rest, dash + 1);
        rest = span_slice(rest, 0, dash);
    }
    struct package package = {
        .type = PACKAGE_GENERIC, .evidence = EVIDENCE_INSTALLED, .name = rest, .architecture = parts[1]};
    if (catalogue_pair(run, parts[2], "-", parts[0], &package.version, err) < 0)
        return -1;
    return catalogue_add(run, package, err);
}

static const struct {
    const char *path; /* a glob of the whole path; the first that fits */
    int (*parse)(struct catalogue *run, struct err *err);
} kinds[] = {
    {"nix/store/**", parse_store},      {"gnu/store/**", parse_store},
    {"**/Portfile", parse_macports},    {"**/INSTALL_RECEIPT.json", parse_receipt},
    {"**/.brew/*.rb", parse_formula},   {"**/Casks/*", parse_cask},
    {"**/*.wrapper.sh", parse_receipt}, {"**", parse_slackware},
};

static int parse(struct catalogue *run, struct err *err) {
    size_t kind = 0;
    while (!text_glob(span_text(kinds[kind].path), run->path))
        kind++;
    return kinds[kind].parse(run, err);
}

const struct cataloguer cataloguer_paths = {
    .name = "paths", .type = PACKAGE_GENERIC, .paths = paths, .by_path = true, .parse = parse};
