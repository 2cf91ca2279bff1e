#include "matchers/package/os_release.h"

#include "base/limits.h"
#include "base/reader.h"
#include "base/text.h"

/* Best first: see os_release_rank(). Files of one derivative stand before those that it inherits from its parent. */
const char *const os_release_paths[] = {
    "etc/os-release",     "usr/lib/os-release", "etc/almalinux-release", "etc/rocky-release",  "etc/oracle-release",
    "etc/fedora-release", "etc/centos-release", "etc/alpine-release",    "etc/arch-release",   "etc/SuSE-release",
    "etc/lsb-release",    "etc/system-release", "etc/redhat-release",    "etc/debian_version", NULL,
};

enum { PATH_COUNT = ARRAY_COUNT(os_release_paths) - 1 };

unsigned os_release_rank(struct span path) {
    for (unsigned i = 0; i < PATH_COUNT; i++) {
        if (span_is(path, os_release_paths[i]))
            return PATH_COUNT - i;
    }
    return 0;
}

static int out_of_memory(struct err *err) { return err_set(err, ERR_NOMEM, 0, "release file: out of memory"); }

/* ---- os-release(5) and lsb-release: shell-like assignments ---- */

/* Takes quotes and backslashes off, as a shell would, without expanding anything. What follows the closing quote, apart
 * from more quoted text, ends the value. */
static bool unquote(struct arena *arena, struct span raw, struct span *ret_value) {
    uint8_t *out = arena_alloc(arena, raw.size + 1);
    uint8_t quote = 0;
    size_t size = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < raw.size; i++) {
        uint8_t c = raw.data[i];
        if (quote == 0 && text_is_space(c))
            break;
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote && quote != 0) {
            quote = 0;
        } else {
            /* Inside double quotes a backslash only means something before these; inside single ones never. */
            bool escape = c == '\\' && quote != '\'' && i + 1 < raw.size &&
                          (quote == 0 || strchr("\"\\$`", raw.data[i + 1]) != NULL);
            out[size++] = escape ? raw.data[++i] : c;
        }
    }
    *ret_value = text_trim((struct span){out, size});
    return true;
}

static struct span lower(struct arena *arena, struct span text) {
    uint8_t *out = arena_alloc(arena, text.size + 1);
    for (size_t i = 0; out != NULL && i < text.size; i++)
        out[i] = text_lower_byte(text.data[i]);
    return (struct span){out, out == NULL ? 0 : text.size};
}

static int parse_assignments(struct span body, struct arena *arena, struct distro *distro, struct err *err) {
    const struct {
        const char *key, *lsb_key; /* lsb-release's name for the same */
        struct span *value;
    } wanted[] = {
        {"ID", "DISTRIB_ID", &distro->id},
        {"ID_LIKE", NULL, &distro->id_like},
        {"VERSION_ID", "DISTRIB_RELEASE", &distro->version_id},
        {"VERSION_CODENAME", "DISTRIB_CODENAME", &distro->version_codename},
        {"PRETTY_NAME", "DISTRIB_DESCRIPTION", &distro->pretty_name},
    };
    struct reader r = reader_init(body);
    struct span line;
    while (read_line(&r, &line)) {
        struct span value = text_trim(line);
        if (value.size == 0 || value.data[0] == '#')
            continue;
        struct span key = text_trim(text_cut(&value, '='));
        for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
            if (!span_is(key, wanted[i].key) && !(wanted[i].lsb_key != NULL && span_is(key, wanted[i].lsb_key)))
                continue;
            value = text_trim(value);
            if (value.size > LIMIT_FIELD_BYTES)
                return err_set(err, ERR_LIMIT, 0, "release file: a value of %zu bytes, more than %zu", value.size,
                               LIMIT_FIELD_BYTES);
            if (!unquote(arena, value, wanted[i].value))
                return out_of_memory(err);
        }
    }
    distro->id = lower(arena, distro->id);
    return distro->id.data == NULL ? out_of_memory(err) : 0;
}

/* ---- the older files of one line: "CentOS Linux release 7.9.2009 (Core)" ---- */

static const struct {
    const char *begin; /* of the line, without case */
    const char *id;
} products[] = {
    {"AlmaLinux", "almalinux"},
    {"Rocky Linux", "rocky"},
    {"Oracle Linux", "ol"},
    {"Fedora", "fedora"},
    {"CentOS", "centos"},
    {"Red Hat Enterprise Linux", "rhel"},
    {"Amazon Linux", "amzn"},
    {"Scientific Linux", "scientific"},
    {"SUSE Linux Enterprise Server", "sles"},
    {"openSUSE", "opensuse"},
};

/* The first word of the line that begins with a digit, as far as it is digits and dots: "release 8.4 (…)", "Linux
 * 2023.1". */
static struct span find_version(struct span line) {
    for (size_t i = 0; i < line.size; i++) {
        if (!text_is_digit(line.data[i]) || (i > 0 && line.data[i - 1] != ' '))
            continue;
        size_t end = i;
        while (end < line.size && (text_is_digit(line.data[end]) || line.data[end] == '.'))
            end++;
        return span_slice(line, i, end - i);
    }
    return (struct span){NULL, 0};
}

static void parse_line(struct span line, struct distro *distro) {
    for (size_t i = 0; i < ARRAY_COUNT(products); i++) {
        struct span begin = span_text(products[i].begin);
        if (!text_equal_nocase(span_slice(line, 0, begin.size), begin))
            continue;
        distro->id = span_text(products[i].id);
        distro->version_id = find_version(line);
        distro->pretty_name = line;
        return;
    }
}

/* The last component of the path is one of these where a file holds nothing but a version. */
static const char *version_only_id(struct span path) {
    if (span_ends(path, "alpine-release"))
        return "alpine";
    return span_ends(path, "debian_version") ? "debian" : NULL;
}

int os_release_parse(struct span path, struct span body, struct arena *arena, struct distro *ret_distro,
                     struct err *err) {
    struct distro distro = {.id = {NULL, 0}};
    struct reader r = reader_init(body);
    struct span line = {NULL, 0};
    char quoted[80];
    if (body.size > LIMIT_MIB)
        return err_set(err, ERR_LIMIT, 0, "release file: %zu bytes", body.size);
    if (span_index(body, 0, 0) != SIZE_MAX)
        return err_set(err, ERR_FORMAT, 0, "release file: not text: a NUL byte at offset %zu", span_index(body, 0, 0));
    while (line.size == 0 && read_line(&r, &line))
        line = text_trim(line);
    const char *id = version_only_id(path);
    if (id != NULL && line.size > 0 && text_only(line, "._-+~/")) {
        distro.id = span_text(id);
        distro.version_id = line;
    } else if (span_ends(path, "arch-release")) {
        distro.id = span_text("arch"); /* an empty file */
    } else if (span_index(body, '=', 0) != SIZE_MAX) {
        if (parse_assignments(body, arena, &distro, err) < 0)
            return -1;
    }
    if (distro.id.size == 0)
        parse_line(line, &distro);
    if (distro.id.size == 0)
        return err_set(err, ERR_NOTFOUND, 0, "release file %s names no distribution",
                       text_quote(path, quoted, sizeof quoted));
    return distro_copy(arena, &distro, ret_distro) ? 0 : out_of_memory(err);
}

void os_release_complete(struct distro *distro, const struct distro *other) {
    if (!span_equal(distro->id, other->id))
        return;
    if (distro->version_id.size == 0)
        distro->version_id = other->version_id;
    if (distro->version_codename.size == 0)
        distro->version_codename = other->version_codename;
    if (distro->id_like.size == 0)
        distro->id_like = other->id_like;
    if (distro->pretty_name.size == 0)
        distro->pretty_name = other->pretty_name;
}
