#include "base/model/purl.h"

#include "base/limits.h"
#include "base/text.h"

/* What a type says about its parts. */
enum {
    SPACE_LOWER = 1 << 0,   /* the namespace has no case */
    NAME_LOWER = 1 << 1,    /* the name has no case */
    NAME_DASH = 1 << 2,     /* '_' in the name is '-' */
    VERSION_LOWER = 1 << 3, /* the version has no case */
    SPACE_REQUIRED = 1 << 4,
    SPACE_PROHIBITED = 1 << 5,
};

/* The type definitions of purl-spec. `SPACE_REQUIRED` stands only where nothing in use leaves it out:
 * "pkg:golang/stdlib" and system packages of unknown distributions are common, so their types let it go. Types that are
 * not here have no rules. */
static const struct {
    const char *type;
    unsigned rules;
} type_rules[] = {
    {"alpm", SPACE_LOWER | NAME_LOWER},
    {"apk", SPACE_LOWER | NAME_LOWER},
    {"bazel", SPACE_PROHIBITED},
    {"bitbucket", SPACE_LOWER | NAME_LOWER},
    {"bitnami", NAME_LOWER | SPACE_PROHIBITED},
    {"brew", SPACE_LOWER | NAME_LOWER},
    {"cargo", SPACE_PROHIBITED},
    {"chrome-extension", NAME_LOWER | SPACE_PROHIBITED},
    {"cocoapods", SPACE_PROHIBITED},
    {"composer", SPACE_LOWER | NAME_LOWER},
    {"conda", SPACE_PROHIBITED},
    {"cran", SPACE_PROHIBITED},
    {"deb", SPACE_LOWER | NAME_LOWER},
    {"gem", SPACE_PROHIBITED},
    {"github", SPACE_LOWER | NAME_LOWER},
    {"hackage", SPACE_PROHIBITED},
    {"hex", SPACE_LOWER | NAME_LOWER},
    {"huggingface", VERSION_LOWER},
    {"julia", SPACE_PROHIBITED},
    {"luarocks", SPACE_LOWER | NAME_LOWER},
    {"nuget", SPACE_PROHIBITED},
    {"oci", NAME_LOWER | VERSION_LOWER | SPACE_PROHIBITED},
    {"opam", SPACE_PROHIBITED},
    {"opkg", SPACE_LOWER | NAME_LOWER},
    {"otp", NAME_LOWER | SPACE_PROHIBITED},
    {"pub", NAME_LOWER | SPACE_PROHIBITED},
    {"pypi", NAME_LOWER | NAME_DASH | VERSION_LOWER | SPACE_PROHIBITED},
    {"qpkg", SPACE_LOWER},
    {"rpm", SPACE_LOWER},
    {"swift", SPACE_REQUIRED},
    {"vcpkg", SPACE_PROHIBITED},
    {"vscode-extension", SPACE_LOWER | NAME_LOWER | VERSION_LOWER | SPACE_REQUIRED},
    {"yocto", SPACE_LOWER},
};

static unsigned rules_of(struct span type) {
    for (size_t i = 0; i < ARRAY_COUNT(type_rules); i++) {
        if (span_is(type, type_rules[i].type))
            return type_rules[i].rules;
    }
    return 0;
}

/* ---- writing ---- */

/* Unreserved characters of RFC 3986 and the colon stand as they are; everything else is percent-encoded byte by byte.
 */
static bool is_plain(uint8_t c) { return text_is_unreserved(c) || c == ':'; }

enum { FOLD_NONE = 0, FOLD_LOWER = 1, FOLD_DASH = 2, KEEP_SLASH = 4 };

static void write_part(struct buf *buf, struct span part, unsigned fold) {
    for (size_t i = 0; i < part.size; i++) {
        uint8_t c = part.data[i];
        if ((fold & FOLD_LOWER) != 0)
            c = text_lower_byte(c);
        if ((fold & FOLD_DASH) != 0 && c == '_')
            c = '-';
        if (is_plain(c) || (c == '/' && (fold & KEEP_SLASH) != 0))
            buf_byte(buf, c);
        else
            buf_percent_byte(buf, c);
    }
}

/* "pkg:type/namespace/name@version", folded by the type's rules, which leaves normalised parts as they are. */
static void write_head(struct buf *buf, struct span type, struct span space, struct span name, struct span version) {
    unsigned rules = rules_of(type);
    buf_text(buf, "pkg:");
    buf_add(buf, type);
    buf_byte(buf, '/');
    if (space.size > 0) {
        write_part(buf, space, KEEP_SLASH | ((rules & SPACE_LOWER) != 0 ? FOLD_LOWER : 0));
        buf_byte(buf, '/');
    }
    write_part(buf, name, ((rules & NAME_LOWER) != 0 ? FOLD_LOWER : 0) | ((rules & NAME_DASH) != 0 ? FOLD_DASH : 0));
    if (version.size > 0) {
        buf_byte(buf, '@');
        write_part(buf, version, (rules & VERSION_LOWER) != 0 ? FOLD_LOWER : 0);
    }
}

static void write_qualifier(struct buf *buf, size_t *count, const char *key, struct span value) {
    if (value.size == 0)
        return;
    buf_byte(buf, (*count)++ == 0 ? '?' : '&');
    buf_text(buf, key);
    buf_byte(buf, '=');
    write_part(buf, value, FOLD_NONE);
}

void purl_write(const struct purl *purl, struct buf *buf) {
    write_head(buf, purl->type, purl->namespace, purl->name, purl->version);
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        buf_byte(buf, i == 0 ? '?' : '&');
        buf_add(buf, purl->qualifiers[i].key);
        buf_byte(buf, '=');
        write_part(buf, purl->qualifiers[i].value, FOLD_NONE);
    }
    if (purl->subpath.size > 0) {
        buf_byte(buf, '#');
        write_part(buf, purl->subpath, KEEP_SLASH);
    }
}

/* ---- packages ---- */

static bool is_system(enum package_type type) {
    return type == PACKAGE_DEB || type == PACKAGE_APK || type == PACKAGE_RPM || type == PACKAGE_OPKG;
}

/* The vendor's name where it is not the distribution's id. */
static struct span distro_space(const struct distro *distro) {
    if (span_is(distro->id, "rhel"))
        return span_text("redhat");
    if (span_starts(distro->id, "opensuse-"))
        return span_text("opensuse");
    return distro->id;
}

static void split_name(const struct package *package, struct span *ret_space, struct span *ret_name) {
    size_t at = SIZE_MAX;
    *ret_space = (struct span){NULL, 0};
    *ret_name = package->name;
    if (package->type == PACKAGE_MAVEN)
        at = span_index(package->name, ':', 0);
    if (package->type == PACKAGE_VSCODE_EXTENSION) /* "publisher.name" */
        at = span_index(package->name, '.', 0);
    if (at == SIZE_MAX &&
        (package->type == PACKAGE_NPM || package->type == PACKAGE_GOLANG || package->type == PACKAGE_COMPOSER ||
         package->type == PACKAGE_MAVEN || package->type == PACKAGE_SWIFT || package->type == PACKAGE_GITHUB ||
         package->type == PACKAGE_EBUILD || package->type == PACKAGE_TERRAFORM || package->type == PACKAGE_DOCKER ||
         package->type == PACKAGE_HUGGINGFACE))
        at = span_index_last(package->name, '/');
    if (at == SIZE_MAX || at + 1 >= package->name.size)
        return;
    *ret_space = span_slice(package->name, 0, at);
    *ret_name = span_from(package->name, at + 1);
}

void purl_make(const struct package *package, const struct distro *distro, struct buf *buf) {
    bool system = is_system(package->type);
    struct span space, name, version = package->version, epoch = {NULL, 0};
    size_t count = 0;
    split_name(package, &space, &name);
    if (system && distro != NULL)
        space = distro_space(distro);
    if (package->type == PACKAGE_RPM) { /* the epoch is a qualifier there, part of the version elsewhere */
        size_t colon = span_index(version, ':', 0);
        if (colon != SIZE_MAX) {
            epoch = span_slice(version, 0, colon);
            version = span_from(version, colon + 1);
        }
    }
    write_head(buf, span_text(package_type_name(package->type)), space, name, version);
    write_qualifier(buf, &count, "arch", system ? package->architecture : (struct span){NULL, 0});
    if (system && distro != NULL && distro->id.size > 0) {
        struct span release = distro->version_id.size > 0 ? distro->version_id : distro->version_codename;
        write_qualifier(buf, &count, "distro", distro->id);
        if (release.size > 0) {
            buf_byte(buf, '-');
            write_part(buf, release, FOLD_NONE);
        }
    }
    write_qualifier(buf, &count, "epoch", epoch);
}

/* ---- parsing ---- */

static int fail(struct span text, const char *why, struct err *err) {
    char quoted[120];
    return err_set(err, ERR_FORMAT, 0, "purl %s: %s", text_quote(text, quoted, sizeof quoted), why);
}

static int out_of_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "purl: out of memory"); }

/* Percent-decodes into the arena; `*ret_bad` says that an escape is none. */
static bool decode(struct arena *arena, struct span part, struct span *ret_part, bool *ret_bad) {
    uint8_t *out = arena_alloc(arena, part.size + 1);
    size_t size = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < part.size; i++) {
        uint8_t c = part.data[i];
        if (c == '%') {
            int high = part.size - i > 2 ? text_hex_value(part.data[i + 1]) : -1;
            int low = part.size - i > 2 ? text_hex_value(part.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                *ret_bad = true;
                return true;
            }
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        out[size++] = c;
    }
    *ret_part = (struct span){out, size};
    return true;
}

static struct span strip_slashes(struct span s) {
    while (s.size > 0 && s.data[0] == '/')
        s = span_from(s, 1);
    while (s.size > 0 && s.data[s.size - 1] == '/')
        s.size--;
    return s;
}

/* Decodes the segments and joins them again; empty ones go, and in a subpath "." and ".." too. A '/' that was encoded
 * would make two segments of one: that is refused. */
static int parse_segments(struct span whole, struct span text, bool subpath, struct arena *arena, struct span *ret_text,
                          struct err *err) {
    uint8_t *out = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    if (out == NULL)
        return out_of_memory(err);
    while (text.size > 0) {
        bool bad = false;
        struct span segment = text_cut(&text, '/'), plain = {NULL, 0};
        if (!decode(arena, segment, &plain, &bad))
            return out_of_memory(err);
        if (bad)
            return fail(whole, "'%' is not followed by two hex digits", err);
        if (span_index(plain, '/', 0) != SIZE_MAX)
            return fail(whole, "a segment holds an encoded '/'", err);
        if (plain.size == 0 || (subpath && (span_is(plain, ".") || span_is(plain, ".."))))
            continue;
        if (size > 0)
            out[size++] = '/';
        memcpy(out + size, plain.data, plain.size);
        size += plain.size;
    }
    *ret_text = (struct span){out, size};
    return 0;
}

static bool is_key(struct span key, const char *more) {
    return key.size > 0 && !text_is_digit(key.data[0]) && text_only(key, more);
}

static bool fold(struct arena *arena, struct span *part, bool lower, bool dash) {
    uint8_t *out = arena_alloc(arena, part->size + 1);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < part->size; i++) {
        uint8_t c = lower ? text_lower_byte(part->data[i]) : part->data[i];
        out[i] = dash && c == '_' ? '-' : c;
    }
    part->data = out;
    return true;
}

static int compare_qualifiers(const void *a, const void *b) {
    return span_compare(((const struct purl_qualifier *)a)->key, ((const struct purl_qualifier *)b)->key);
}

static int parse_qualifiers(struct span whole, struct span text, struct arena *arena, struct purl *purl,
                            struct err *err) {
    size_t count_max = 1;
    for (size_t i = 0; i < text.size; i++)
        count_max += text.data[i] == '&';
    if (count_max > LIMIT_PURL_QUALIFIERS)
        return err_set(err, ERR_LIMIT, 0, "purl: more than %zu qualifiers", LIMIT_PURL_QUALIFIERS);
    purl->qualifiers = arena_array(arena, count_max, sizeof *purl->qualifiers);
    if (purl->qualifiers == NULL)
        return out_of_memory(err);
    while (text.size > 0) {
        bool bad = false;
        struct span value = text_cut(&text, '&');
        struct span key = text_cut(&value, '=');
        struct purl_qualifier *qualifier = &purl->qualifiers[purl->qualifier_count];
        if (key.size == 0 && value.size == 0)
            continue;
        if (!decode(arena, value, &qualifier->value, &bad))
            return out_of_memory(err);
        if (bad)
            return fail(whole, "'%' is not followed by two hex digits", err);
        qualifier->key = key;
        if (qualifier->value.size > 0)
            purl->qualifier_count++;
        else if (!is_key(key, ".-_"))
            return fail(whole, "a qualifier's key has characters other than letters, digits, '.', '-' and '_'", err);
    }
    return 0;
}

static int normalise_qualifiers(struct purl *purl, struct arena *arena, struct err *err) {
    size_t count = 0;
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        struct purl_qualifier qualifier = purl->qualifiers[i];
        if (!is_key(qualifier.key, ".-_"))
            return fail(purl->name, "a qualifier's key has characters other than letters, digits, '.', '-' and '_'",
                        err);
        if (qualifier.value.size == 0)
            continue;
        if (!fold(arena, &qualifier.key, true, false))
            return out_of_memory(err);
        purl->qualifiers[count++] = qualifier;
    }
    purl->qualifier_count = count;
    if (count > 1)
        qsort(purl->qualifiers, count, sizeof *purl->qualifiers, compare_qualifiers);
    for (size_t i = 1; i < count; i++) {
        if (span_equal(purl->qualifiers[i - 1].key, purl->qualifiers[i].key))
            return fail(purl->name, "a qualifier's key stands twice", err);
    }
    return 0;
}

/* Whether a qualifier that the type cannot do without is missing. */
static bool lacks_qualifier(const struct purl *purl, const char *type, const char *key) {
    if (!span_is(purl->type, type))
        return false;
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        if (span_is(purl->qualifiers[i].key, key))
            return false;
    }
    return true;
}

int purl_normalise(struct purl *purl, struct arena *arena, struct err *err) {
    if (!is_key(purl->type, ".-"))
        return fail(purl->type, "the type is missing or has characters other than letters, digits, '.' and '-'", err);
    if (!fold(arena, &purl->type, true, false))
        return out_of_memory(err);
    unsigned rules = rules_of(purl->type);
    if (purl->name.size == 0)
        return fail(purl->type, "no name", err);
    if ((rules & SPACE_REQUIRED) != 0 && purl->namespace.size == 0)
        return fail(purl->name, "this type needs a namespace", err);
    if ((rules & SPACE_PROHIBITED) != 0 && purl->namespace.size > 0)
        return fail(purl->name, "this type has no namespaces", err);
    if (span_is(purl->type, "cpan") && span_find(purl->name, span_text("::"), 0) != SIZE_MAX)
        return fail(purl->name, "a cpan name is a distribution's, not a module's", err);
    if (!fold(arena, &purl->namespace, (rules & SPACE_LOWER) != 0, false) ||
        !fold(arena, &purl->name, (rules & NAME_LOWER) != 0, (rules & NAME_DASH) != 0) ||
        !fold(arena, &purl->version, (rules & VERSION_LOWER) != 0, false))
        return out_of_memory(err);
    if (normalise_qualifiers(purl, arena, err) < 0)
        return -1;
    if (lacks_qualifier(purl, "julia", "uuid") || lacks_qualifier(purl, "swid", "tag_id"))
        return fail(purl->name, "a qualifier that its type requires is missing", err);
    return 0;
}

/* The '@' before the version: the last one, but not one that begins a segment that others follow, as in "@scope/name".
 */
static size_t find_version(struct span text) {
    size_t at = span_index_last(text, '@');
    if (at != SIZE_MAX && span_index(text, '/', at) != SIZE_MAX && (at == 0 || text.data[at - 1] == '/'))
        return SIZE_MAX;
    return at;
}

int purl_parse(struct span text, struct arena *arena, struct purl *ret_purl, struct err *err) {
    struct purl purl = {.type = {NULL, 0}};
    bool bad = false;
    if (text.size > LIMIT_PURL_BYTES)
        return err_set(err, ERR_LIMIT, 0, "purl: %zu bytes, more than %zu", text.size, LIMIT_PURL_BYTES);
    if (!text_equal_nocase(span_slice(text, 0, 4), span_text("pkg:")))
        return fail(text, "does not begin with \"pkg:\"", err);
    struct span rest = span_from(text, 4);
    struct span subpath = rest, qualifiers;
    rest = text_cut(&subpath, '#');
    qualifiers = rest;
    rest = strip_slashes(text_cut(&qualifiers, '?'));
    purl.type = text_cut(&rest, '/');
    rest = strip_slashes(rest);
    size_t at = find_version(rest);
    struct span version = {NULL, 0};
    if (at != SIZE_MAX) {
        version = span_from(rest, at + 1);
        rest.size = at;
    }
    size_t slash = span_index_last(rest, '/');
    struct span name = slash == SIZE_MAX ? rest : span_from(rest, slash + 1);
    struct span space = span_slice(rest, 0, slash == SIZE_MAX ? 0 : slash);
    if (!decode(arena, name, &purl.name, &bad) || !decode(arena, version, &purl.version, &bad))
        return out_of_memory(err);
    if (bad)
        return fail(text, "'%' is not followed by two hex digits", err);
    if (parse_segments(text, space, false, arena, &purl.namespace, err) < 0 ||
        parse_segments(text, subpath, true, arena, &purl.subpath, err) < 0 ||
        parse_qualifiers(text, qualifiers, arena, &purl, err) < 0 || purl_normalise(&purl, arena, err) < 0)
        return -1;
    *ret_purl = purl;
    return 0;
}
