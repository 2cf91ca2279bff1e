/* Kinds that a line, or a path, tells all of: Cabal's cabal.project.freeze, vendor/modules.txt, asdf's
 * .tool-versions, .nvmrc and .node-version, Dockerfiles, LuaRocks' rockspecs, opam files, pacman's and Portage's
 * databases, R's DESCRIPTION, vcpkg's status, Terraform's
 * providers, nimble packages, Homebrew's taps, WordPress plugins, Perl's logs and locks, GHC's database. Each is a
 * row at the end. Spec: the documentation of each tool. */
#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/stanza.h"

static const char *const paths[] = {
    "**/cabal.project.freeze",
    "**/vendor/modules.txt",
    "**/.tool-versions",
    "**/.nvmrc",
    "**/.node-version",
    "**/Dockerfile",
    "**/Containerfile",
    "**/*.Dockerfile",
    "**/*.dockerfile",
    "**/*.rockspec",
    "**/*.opam",
    "**/.opam-switch/packages/*/opam",
    "var/lib/pacman/local/*/desc",
    "**/var/lib/pacman/local/*/desc",
    "**/var/db/pkg/*/*/PF",
    "**/.nimble/pkgs/**/*.nimble",
    "**/.nimble/pkgs2/**/*.nimble",
    "**/Library/Taps/**/*.rb",
    "**/perllocal.pod",
    "**/cpanfile.snapshot",
    "**/package.conf.d/*.conf",
    "**/package.db/*.conf",
    "**/wp-includes/version.php",
    "**/wp-content/themes/*/style.css",
    "**/pack.pl",
    "**/wp-content/plugins/*.php",
    "**/wp-content/plugins/*/*.php",
    "**/php/.registry/**/*.reg",
    "**/.terraform.lock.hcl",
    "**/vcpkg/status",
    "**/DESCRIPTION",
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

/* Whether a module of that path can have that version: from the second on the path names the major one. */
static bool is_module_version(struct span name, struct span version) {
    struct span tail = catalogue_basename(name), major = span_from(version, 1);
    uint64_t in_path, in_version;
    if (!span_starts(version, "v") || !text_u64(text_cut(&major, '.'), 10, UINT32_MAX, &in_version))
        return false;
    return !span_starts(tail, "v") || !text_u64(span_from(tail, 1), 10, UINT32_MAX, &in_path) || in_path < 2 ||
           in_path == in_version;
}

/* What the line of a module says: "path version", "path version => ./folder", "path [version] => path version". False
 * where it says something else. One that a local folder replaces keeps its own name. */
static bool read_module(struct span line, struct span *ret_name, struct span *ret_version) {
    struct span words[5] = {{NULL, 0}};
    size_t count = 0;
    for (struct span rest = text_trim(line); rest.size > 0;) {
        struct span word = text_cut(&rest, ' ');
        if (word.size == 0)
            continue;
        if (count == ARRAY_COUNT(words))
            return false;
        words[count++] = word;
    }
    size_t arrow = count > 1 && span_is(words[1], "=>") ? 1 : count > 2 && span_is(words[2], "=>") ? 2 : count;
    bool is_replaced = arrow + 3 == count;
    if (!is_replaced && (arrow != 2 || (count != 2 && count != 4)))
        return false;
    *ret_name = words[is_replaced ? arrow + 1 : 0];
    *ret_version = words[is_replaced ? arrow + 2 : 1];
    return is_module_version(*ret_name, *ret_version);
}

/* A module's line, "# path version", then the packages of it that were copied: a module without any is not in the
 * folder. */
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
        } else if (!read_module(span_from(line, 2), &name, &version)) {
            version = (struct span){NULL, 0};
        }
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
        struct span name, version;
        /* A name alone may be a stage of the same file. */
        if (catalogue_image_split(image, &name, &version) &&
            catalogue_declare(run, PACKAGE_DOCKER, name, version, err) < 0)
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

/* A Lua expression of strings and names joined with "..", names being those of the file's own assignments of a literal.
 * Empty where it is anything else. */
static int lua_value(struct catalogue *run, const char *name, struct span *ret_value, struct err *err) {
    static const char blanks[] = " \t";
    struct reader r = reader_init(run->body);
    struct span line, rest = {NULL, 0};
    *ret_value = (struct span){NULL, 0};
    while (rest.data == NULL && read_line(&r, &line)) {
        struct span value = line;
        if (span_is(text_trim(text_cut(&value, '=')), name) && value.data != NULL)
            rest = value;
    }
    while (text_trim(rest).size > 0) {
        rest = text_trim(rest);
        struct span part = {NULL, 0};
        uint8_t quote = rest.data[0];
        if (quote == '"' || quote == '\'') {
            rest = span_from(rest, 1);
            part = text_cut(&rest, quote);
        } else {
            size_t size = 0;
            while (size < rest.size && (text_is_alnum(rest.data[size]) || rest.data[size] == '_'))
                size++;
            char local[96];
            (void)snprintf(local, sizeof local, "local %.*s", SPAN_FORMAT(span_slice(rest, 0, size)));
            rest = span_from(rest, size);
            part = assigned(run->body, local, '=');
            if (part.size == 0)
                part = assigned(run->body, local + strlen("local "), '=');
        }
        if (part.size == 0)
            return 0;
        struct span joined = part;
        if (ret_value->size > 0 && catalogue_pair(run, *ret_value, "", part, &joined, err) < 0)
            return -1;
        if (joined.size == 0)
            return 0; /* longer than any field */
        *ret_value = joined;
        while (rest.size > 0 && catalogue_one_of(rest.data[0], blanks))
            rest = span_from(rest, 1);
        if (!span_starts(rest, ".."))
            return 0;
        rest = span_from(rest, 2);
    }
    return 0;
}

/* What the file says, else its name, "name-version-revision.rockspec". */
static int parse_rockspec(struct catalogue *run, struct err *err) {
    struct span name, version, file = catalogue_basename(run->path);
    if (lua_value(run, "package", &name, err) < 0 || lua_value(run, "version", &version, err) < 0)
        return -1;
    file.size -= file.size < 9 ? file.size : 9; /* ".rockspec" */
    size_t revision = span_index_last(file, '-');
    size_t dash = revision == SIZE_MAX ? SIZE_MAX : span_index_last(span_slice(file, 0, revision), '-');
    if ((name.size == 0 || version.size == 0) && dash != SIZE_MAX) {
        name = span_slice(file, 0, dash);
        version = span_from(file, dash + 1);
    }
    return catalogue_add_installed(run, PACKAGE_LUAROCKS, name, version, err);
}

/* The name and the version stand inside, in the file's name, or in that of its folder: "name.version". */
static int parse_opam(struct catalogue *run, struct err *err) {
    struct span name = assigned(run->body, "name", ':'), version = assigned(run->body, "version", ':');
    struct span file = catalogue_basename(run->path);
    struct span tail = catalogue_folder(run->path, 1);
    struct span head = text_cut(&tail, '.');
    if (name.size == 0)
        name = span_ends(file, ".opam") ? span_slice(file, 0, file.size - 5) : head;
    if (version.size == 0 && !span_ends(file, ".opam"))
        version = tail;
    return catalogue_add_installed(run, PACKAGE_OPAM, name, version, err);
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

static int parse_portage(struct catalogue *run, struct err *err) {
    struct span name, version, full;
    if (!catalogue_split_version(text_trim(run->body), &name, &version)) {
        catalogue_fault(run, ERR_FORMAT, "PF is not \"name-version\"");
        return 0;
    }
    if (catalogue_pair(run, catalogue_folder(run->path, 2), "/", name, &full, err) < 0)
        return -1;
    return catalogue_add_installed(run, PACKAGE_EBUILD, full, version, err);
}

/* pkgs/name-1.0/ and pkgs2/name-1.0-<hash>/ */
static int parse_nimble(struct catalogue *run, struct err *err) {
    struct span folder = catalogue_folder(run->path, 1), name, version;
    size_t dash = span_index_last(folder, '-');
    if (dash != SIZE_MAX && folder.size - dash - 1 == 40)
        folder.size = dash;
    return catalogue_split_version(folder, &name, &version)
               ? catalogue_add_installed(run, PACKAGE_GENERIC, name, version, err)
               : 0;
}

/* The text in quotes after a word at the begin of a line, as Ruby's formulas have it: version "1.0". */
static struct span quoted_after(struct span body, const char *word) {
    struct reader r = reader_init(body);
    struct span line, value = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span rest = text_trim(line);
        if (span_is(text_cut(&rest, ' '), word) && text_next_quoted(&rest, &value))
            return value;
    }
    return (struct span){NULL, 0};
}

/* Taps/owner/homebrew-tap/Formula/name.rb: what could be installed from there. */
static int parse_tap(struct catalogue *run, struct err *err) {
    struct span name = quoted_after(run->body, "name"), version = quoted_after(run->body, "version");
    struct span file = catalogue_basename(run->path);
    if (name.size == 0)
        name = span_slice(file, 0, file.size - 3);
    return version.size == 0 ? 0 : catalogue_declare(run, PACKAGE_BREW, name, version, err);
}

/* Perl's own log of what was installed: "=head2 DATE: C<Module> L<Name|Name>", then "C<VERSION: 1.0>". */
static int parse_perllocal(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, name = {NULL, 0};
    while (read_line(&r, &line)) {
        size_t link = span_find(line, span_text("C<Module> L<"), 0), at = span_find(line, span_text("C<VERSION: "), 0);
        struct span rest = span_from(line, link == SIZE_MAX ? line.size : link + strlen("C<Module> L<"));
        if (rest.size > 0)
            name = text_cut(&rest, '|');
        if (at == SIZE_MAX)
            continue;
        rest = span_from(line, at + strlen("C<VERSION: "));
        struct span version = text_trim(text_cut(&rest, '>')), dist = {NULL, 0};
        while (name.size > 0 && dist.size <= LIMIT_FIELD_BYTES) {
            /* A distribution is called by its main module, with '-' for "::". */
            struct span part = text_cut(&name, ':');
            if (span_starts(name, ":"))
                name = span_from(name, 1);
            if (dist.size == 0)
                dist = part;
            else if (catalogue_pair(run, dist, "-", part, &dist, err) < 0)
                return -1;
        }
        if (catalogue_add_installed(run, PACKAGE_CPAN, dist, version, err) < 0)
            return -1;
    }
    return 0;
}

/* Carton's cpanfile.snapshot: "  Name-Of-1.0" under DISTRIBUTIONS, deeper what it holds. */
static int parse_snapshot(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line;
    while (read_line(&r, &line)) {
        if (!span_starts(line, "  ") || line.size < 3 || line.data[2] == ' ')
            continue;
        struct span text = text_trim(line);
        size_t dash = span_index_last(text, '-');
        /* "-TRIAL" follows a version. */
        if (span_ends(text, "-TRIAL"))
            dash = span_index_last(span_slice(text, 0, dash), '-');
        if (dash != SIZE_MAX && dash > 0 &&
            catalogue_declare(run, PACKAGE_CPAN, span_slice(text, 0, dash), span_from(text, dash + 1), err) < 0)
            return -1;
    }
    return 0;
}

/* A library that GHC knows: "name: x", "version: 1.0", and of the parts of one the "package-name: x". */
static int parse_ghc(struct catalogue *run, struct err *err) {
    struct package package = {.type = PACKAGE_HACKAGE, .evidence = EVIDENCE_INSTALLED};
    struct span whole = {NULL, 0};
    struct reader r = reader_init(run->body);
    struct stanza_field field;
    enum stanza_token token;
    while ((token = stanza_next(&r, &field)) != STANZA_END) {
        if (token != STANZA_FIELD)
            continue;
        if (text_equal_nocase(field.key, span_text("name")))
            package.name = field.value;
        else if (text_equal_nocase(field.key, span_text("package-name")))
            whole = field.value;
        else if (text_equal_nocase(field.key, span_text("version")))
            package.version = field.value;
        else if (text_equal_nocase(field.key, span_text("license")))
            package.licenses = field.value;
    }
    if (whole.size > 0)
        package.name = whole;
    return package.name.size == 0 || package.version.size == 0 ? 0 : catalogue_add(run, package, err);
}

/* wp-includes/version.php: $wp_version = '6.4.2'; */
static int parse_wordpress(struct catalogue *run, struct err *err) {
    struct span version = assigned(run->body, "$wp_version", '=');
    return catalogue_add_installed(run, PACKAGE_GENERIC, span_text("wordpress"), version, err);
}

/* pack.pl of SWI-Prolog: name(x). version('1.0'). */
static int parse_prolog(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, name = {NULL, 0}, version = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span value = text_trim(line);
        struct span key = text_trim(text_cut(&value, '('));
        value = catalogue_unquote(text_cut(&value, ')'));
        if (span_is(key, "name"))
            name = value;
        else if (span_is(key, "version"))
            version = value;
    }
    return catalogue_add_installed(run, PACKAGE_GENERIC, name, version, err);
}

/* The header comment of a plugin's main file, or of a theme's style sheet, which WordPress looks for in its first 8
 * KiB.
 */
static int parse_plugin(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(span_slice(run->body, 0, 8192));
    struct span line, name = {NULL, 0}, version = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span value = text_trim(line);
        while (value.size > 0 && (value.data[0] == '*' || value.data[0] == '/' || text_is_space(value.data[0])))
            value = span_from(value, 1);
        struct span key = text_trim(text_cut(&value, ':'));
        if ((text_equal_nocase(key, span_text("Plugin Name")) || text_equal_nocase(key, span_text("Theme Name"))) &&
            name.size == 0)
            name = text_trim(value);
        else if (text_equal_nocase(key, span_text("Version")) && version.size == 0)
            version = text_trim(value);
    }
    enum package_type type = span_ends(run->path, ".css") ? PACKAGE_GENERIC : PACKAGE_WORDPRESS_PLUGIN;
    return catalogue_add_installed(run, type, name, version, err);
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
    return catalogue_add_installed(run, PACKAGE_GENERIC, name, version, err);
}

/* provider "host/owner/name" { version = "1.0" … } */
static int parse_terraform(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    struct span line, provider = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span value = text_trim(line);
        if (span_starts(value, "provider \"")) {
            value = span_from(value, 10);
            provider = text_cut(&value, '"');
            continue;
        }
        struct span key = text_trim(text_cut(&value, '='));
        if (!span_is(key, "version") || provider.size == 0)
            continue;
        if (catalogue_declare(run, PACKAGE_TERRAFORM, provider, catalogue_unquote(value), err) < 0)
            return -1;
        provider = (struct span){NULL, 0};
    }
    return 0;
}

/* Stanzas as dpkg's. R's DESCRIPTION is one, and only an installed package's says how it was built; vcpkg's status has
 * a stanza for each package and one, without a version, for each of its features. */
static int parse_stanzas(struct catalogue *run, struct err *err) {
    bool is_vcpkg = span_ends(run->path, "status");
    const struct package fresh = {.type = is_vcpkg ? PACKAGE_VCPKG : PACKAGE_CRAN, .evidence = EVIDENCE_INSTALLED};
    struct reader r = reader_init(run->body);
    struct package package = fresh;
    struct stanza_field field;
    bool present = false;
    for (;;) {
        enum stanza_token token = stanza_next(&r, &field);
        if (token == STANZA_BREAK || token == STANZA_END) {
            if (present && package.name.size > 0 && package.version.size > 0 && catalogue_add(run, package, err) < 0)
                return -1;
            package = fresh;
            present = false;
        }
        if (token == STANZA_END)
            return 0;
        if (token != STANZA_FIELD)
            continue;
        if (text_equal_nocase(field.key, span_text("Package")))
            package.name = field.value;
        else if (text_equal_nocase(field.key, span_text("Version")))
            package.version = field.value;
        else if (is_vcpkg && text_equal_nocase(field.key, span_text("Architecture")))
            package.architecture = field.value;
        else if (!is_vcpkg && text_equal_nocase(field.key, span_text("License")))
            package.licenses = field.value;
        else if (is_vcpkg ? text_equal_nocase(field.key, span_text("Status")) && span_ends(field.value, " installed")
                          : text_equal_nocase(field.key, span_text("Built")))
            present = true;
    }
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
    {"**.rb", parse_tap},
    {"**/perllocal.pod", parse_perllocal},
    {"**/cpanfile.snapshot", parse_snapshot},
    {"**.conf", parse_ghc},
    {"**/version.php", parse_wordpress},
    {"**.php", parse_plugin},
    {"**.css", parse_plugin},
    {"**/pack.pl", parse_prolog},
    {"**.reg", parse_pear},
    {"**.hcl", parse_terraform},
    {"**/vcpkg/status", parse_stanzas},
    {"**DESCRIPTION", parse_stanzas},
    {"**", parse_dockerfile},
};

static int parse(struct catalogue *run, struct err *err) {
    size_t kind = 0;
    while (!text_glob(span_text(kinds[kind].path), run->path))
        kind++;
    return kinds[kind].parse(run, err);
}

const struct cataloguer cataloguer_lines = {.name = "lines", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
