/* Kinds that a line, or a path, tells all of: Cabal's cabal.project.freeze, vendor/modules.txt, asdf's
 * .tool-versions, .nvmrc and .node-version, Dockerfiles, LuaRocks' rockspecs, opam files, pacman's and Portage's
 * databases, nimble packages, Homebrew's formulas, WordPress plugins. Each is a row at the end.
 * Spec: the documentation of each tool. */
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/cabal.project.freeze",
    "**/vendor/modules.txt",
    "**/.tool-versions",
    "**/.nvmrc",
    "**/.node-version",
    "**/Dockerfile",
    "**/Containerfile",
    "**/*.Dockerfile",
    "**/*.rockspec",
    "**/*.opam",
    "**/.opam-switch/packages/*/opam",
    "var/lib/pacman/local/*/desc",
    "**/var/lib/pacman/local/*/desc",
    "**/var/db/pkg/*/*/PF",
    "**/.nimble/pkgs/**/*.nimble",
    "**/.nimble/pkgs2/**/*.nimble",
    "**/.brew/*.rb",
    "**/wp-content/plugins/*.php",
    "**/wp-content/plugins/*/*.php",
    "**/php/.registry/**/*.reg",
    NULL,
};

static bool starts_digit(struct span text) { return text.size > 0 && text_is_digit(text.data[0]); }

/* "any.name ==1.0," in a list of constraints. */
static int parse_cabal(struct catalogue *run, struct err *err) {
    struct span rest = run->body;
    while (rest.size > 0) {
        struct span item = text_cut(&rest, ',');
        size_t at = span_find(item, span_text("any."), 0), pin = span_find(item, span_text("=="), 0);
        if (at == SIZE_MAX || pin == SIZE_MAX || pin < at)
            continue;
        struct span name = text_trim(span_slice(item, at + 4, pin - at - 4));
        struct span version = text_trim(span_from(item, pin + 2));
        version = text_cut(&version, '\n');
        if (catalogue_declare(run, PACKAGE_HACKAGE, name, text_trim(version), err) < 0)
            return -1;
    }
    return 0;
}

/* "# path version" or "# path version => replacement", then the packages that were copied: a module without any is not
 * in the folder. One that a local folder replaces keeps its own name. */
static int parse_modules(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, name = {NULL, 0}, version = {NULL, 0};
    while (read_line(&r, &line)) {
        if (span_starts(line, "##"))
            continue;
        if (!span_starts(line, "# ")) {
            if (version.size > 0 && text_trim(line).size > 0 &&
                catalogue_declare(run, PACKAGE_GOLANG, name, version, err) < 0)
                return -1;
            version = (struct span){NULL, 0};
            continue;
        }
        struct span rest = text_trim(span_from(line, 2));
        name = text_cut(&rest, ' ');
        version = text_cut(&rest, ' ');
        struct span other = span_starts(rest, "=> ") ? span_from(rest, 3) : (struct span){NULL, 0};
        struct span other_name = text_cut(&other, ' ');
        if (span_starts(other, "v")) {
            name = other_name;
            version = text_trim(other);
        }
        if (!span_starts(version, "v"))
            version = (struct span){NULL, 0};
    }
    return 0;
}

/* "tool version version …": "system", paths and references are no versions. */
static int parse_tools(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span rest = text_trim(text_cut(&line, '#'));
        struct span name = text_cut(&rest, ' ');
        while (rest.size > 0) {
            struct span version = text_trim(text_cut(&rest, ' '));
            if (starts_digit(version) && catalogue_declare(run, PACKAGE_GENERIC, name, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* One version, or a name for one ("lts/…", "node"), which moves. */
static int parse_node_version(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(text_cut(&line, '#'));
        if (span_starts(line, "v"))
            line = span_from(line, 1);
        if (starts_digit(line))
            return catalogue_declare(run, PACKAGE_GENERIC, span_text("nodejs"), line, err);
    }
    return 0;
}

/* FROM [--platform=…] name[:tag|@digest] [AS stage]: stages and variables are no images. */
static int parse_dockerfile(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span rest = text_trim(line);
        if (!text_equal_nocase(text_cut(&rest, ' '), span_text("FROM")))
            continue;
        struct span image = text_cut(&rest, ' ');
        while (span_starts(image, "--") || (image.size == 0 && rest.size > 0))
            image = text_cut(&rest, ' ');
        size_t slash = span_index_last(image, '/'), at = span_index(image, '@', 0);
        size_t colon = span_index(image, ':', slash == SIZE_MAX ? 0 : slash);
        size_t end = at != SIZE_MAX ? at : colon;
        /* A name alone may be a stage of the same file. */
        if (end == SIZE_MAX || span_index(image, '$', 0) != SIZE_MAX)
            continue;
        struct span name = span_slice(image, 0, colon != SIZE_MAX && colon < end ? colon : end);
        if (catalogue_declare(run, PACKAGE_DOCKER, name, span_from(image, end + 1), err) < 0)
            return -1;
    }
    return 0;
}

/* The value of `key = "value"` or `key: "value"` at the margin. */
static struct span assigned(struct span body, const char *key, uint8_t sign) {
    struct reader r = reader_init(body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span value = line;
        if (!span_is(text_trim(text_cut(&value, sign)), key))
            continue;
        value = text_trim(value);
        uint8_t quote = value.size > 0 ? value.data[0] : 0;
        if (quote != '"' && quote != '\'')
            continue;
        value = span_from(value, 1);
        return text_cut(&value, quote);
    }
    return (struct span){NULL, 0};
}

static struct span basename_of(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? path : span_from(path, slash + 1);
}

/* The n-th folder above the file, 1 for the one that it is in. */
static struct span folder_of(struct span path, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t slash = span_index_last(path, '/');
        if (slash == SIZE_MAX)
            return (struct span){NULL, 0};
        path.size = slash;
    }
    return basename_of(path);
}

static int add_installed(struct catalogue *run, enum package_type type, struct span name, struct span version,
                         struct err *err) {
    if (name.size == 0 || version.size == 0)
        return 0;
    return catalogue_add(
        run, (struct package){.type = type, .evidence = EVIDENCE_INSTALLED, .name = name, .version = version}, err);
}

static int parse_rockspec(struct catalogue *run, struct err *err) {
    struct span name = assigned(run->body, "package", '='), version = assigned(run->body, "version", '=');
    return add_installed(run, PACKAGE_LUAROCKS, name, version, err);
}

/* The name and the version stand inside, in the file's name, or in that of its folder: "name.version". */
static int parse_opam(struct catalogue *run, struct err *err) {
    struct span name = assigned(run->body, "name", ':'), version = assigned(run->body, "version", ':');
    struct span file = basename_of(run->path);
    struct span tail = folder_of(run->path, 1);
    struct span head = text_cut(&tail, '.');
    if (name.size == 0)
        name = span_ends(file, ".opam") ? span_slice(file, 0, file.size - 5) : head;
    if (version.size == 0 && !span_ends(file, ".opam"))
        version = tail;
    return add_installed(run, PACKAGE_OPAM, name, version, err);
}

/* pacman's desc: "%KEY%", then lines of values up to an empty one. */
static int parse_pacman(struct catalogue *run, struct err *err) {
    struct package package = {.type = PACKAGE_ALPM, .evidence = EVIDENCE_INSTALLED};
    struct span base = {NULL, 0}, key = {NULL, 0}, line;
    struct reader r = reader_init(run->body);
    while (read_line(&r, &line)) {
        line = text_trim(line);
        if (line.size == 0) {
            key = line;
            continue;
        }
        if (key.size == 0) {
            key = line;
            continue;
        }
        if (span_is(key, "%NAME%"))
            package.name = line;
        else if (span_is(key, "%VERSION%"))
            package.version = line;
        else if (span_is(key, "%ARCH%"))
            package.architecture = line;
        else if (span_is(key, "%BASE%"))
            base = line;
        else if (span_is(key, "%LICENSE%") && catalogue_join(run, &package.licenses, line, err) < 0)
            return -1;
    }
    if (!span_equal(base, package.name))
        package.source_name = base;
    return catalogue_add(run, package, err);
}

/* Where "name-1.0" is cut: at the last '-' that a digit follows, a revision "-r1" counting as part of the version. */
static bool split_version(struct span text, struct span *ret_name, struct span *ret_version) {
    for (size_t i = text.size; i-- > 1;) {
        if (text.data[i] != '-' || i + 1 >= text.size || !text_is_digit(text.data[i + 1]))
            continue;
        *ret_name = span_slice(text, 0, i);
        *ret_version = span_from(text, i + 1);
        return true;
    }
    return false;
}

static int parse_portage(struct catalogue *run, struct err *err) {
    struct span name, version, full;
    if (!split_version(text_trim(run->body), &name, &version)) {
        catalogue_fault(run, ERR_FORMAT, "PF is not \"name-version\"");
        return 0;
    }
    if (catalogue_pair(run, folder_of(run->path, 2), "/", name, &full, err) < 0)
        return -1;
    return add_installed(run, PACKAGE_EBUILD, full, version, err);
}

/* pkgs/name-1.0/ and pkgs2/name-1.0-<hash>/ */
static int parse_nimble(struct catalogue *run, struct err *err) {
    struct span folder = folder_of(run->path, 1), name, version;
    size_t dash = span_index_last(folder, '-');
    if (dash != SIZE_MAX && folder.size - dash - 1 == 40)
        folder.size = dash;
    return split_version(folder, &name, &version) ? add_installed(run, PACKAGE_GENERIC, name, version, err) : 0;
}

/* Cellar/name/1.0/.brew/name.rb */
static int parse_brew(struct catalogue *run, struct err *err) {
    return add_installed(run, PACKAGE_BREW, folder_of(run->path, 3), folder_of(run->path, 2), err);
}

/* The header comment of a plugin's main file, which WordPress looks for in its first 8 KiB. */
static int parse_plugin(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(span_slice(run->body, 0, 8192));
    struct span line, name = {NULL, 0}, version = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span value = text_trim(line);
        while (value.size > 0 && (value.data[0] == '*' || value.data[0] == '/' || text_is_space(value.data[0])))
            value = span_from(value, 1);
        struct span key = text_trim(text_cut(&value, ':'));
        if (text_equal_nocase(key, span_text("Plugin Name")) && name.size == 0)
            name = text_trim(value);
        else if (text_equal_nocase(key, span_text("Version")) && version.size == 0)
            version = text_trim(value);
    }
    return add_installed(run, PACKAGE_WORDPRESS_PLUGIN, name, version, err);
}

/* `s:4:"name";s:9:"memcached";` of PHP's serialize(): the string that follows a key. */
static struct span serialized(struct span body, const char *key) {
    size_t at = span_find(body, span_text(key), 0);
    struct span rest = at == SIZE_MAX ? (struct span){NULL, 0} : span_from(body, at + strlen(key));
    if (!span_starts(rest, "s:"))
        return (struct span){NULL, 0};
    (void)text_cut(&rest, '"');
    return text_cut(&rest, '"');
}

static int parse_pear(struct catalogue *run, struct err *err) {
    struct span name = serialized(run->body, "s:4:\"name\";"), version = serialized(run->body, "s:7:\"release\";");
    if (version.size == 0)
        version = serialized(run->body, "s:7:\"version\";");
    if (name.size == 0)
        name = serialized(run->body, "s:7:\"package\";");
    return add_installed(run, PACKAGE_GENERIC, name, version, err);
}

static const struct {
    const char *path; /* a glob of the whole path; the first that fits */
    int (*parse)(struct catalogue *run, struct err *err);
} kinds[] = {
    {"**/cabal.project.freeze", parse_cabal},
    {"**/vendor/modules.txt", parse_modules},
    {"**/.tool-versions", parse_tools},
    {"**/.nvmrc", parse_node_version},
    {"**/.node-version", parse_node_version},
    {"**/*.rockspec", parse_rockspec},
    {"**opam", parse_opam},
    {"**/desc", parse_pacman},
    {"**/PF", parse_portage},
    {"**/*.nimble", parse_nimble},
    {"**/.brew/*.rb", parse_brew},
    {"**.php", parse_plugin},
    {"**.reg", parse_pear},
    {"**", parse_dockerfile},
};

static int parse(struct catalogue *run, struct err *err) {
    size_t kind = 0;
    while (!text_glob(span_text(kinds[kind].path), run->path))
        kind++;
    return kinds[kind].parse(run, err);
}

const struct cataloguer cataloguer_lines = {.name = "lines", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
