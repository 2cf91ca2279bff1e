/* Java archives: jars, and what holds them (war, ear, Spring Boot's fat jars), archives in archives without unpacking
 * anything but what is looked at. An archive names its artifacts in pom.properties files, one for each that was merged
 * into it; where none is the archive's own, Maven's folder, the manifest and the file name tell, in this order of
 * trust. Jenkins plugins say theirs in the manifest alone. Spec: "JAR File Specification"; Apache Maven Archiver;
 * Jenkins' "Plugin Manifest". */
#include "base/limits.h"
#include "base/overflow.h"
#include "base/parse/zip.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/*.jar", "**/*.war", "**/*.ear", "**/*.par",  "**/*.sar", "**/*.nar",
                                    "**/*.jpi", "**/*.hpi", "**/*.kar", "**/*.lpkg", NULL};

static const char *const extensions[] = {".jar", ".war", ".ear", ".par", ".sar",
                                         ".nar", ".jpi", ".hpi", ".kar", ".lpkg"};

/* What stands in the manifest's main section. */
enum manifest_key {
    KEY_TITLE,
    KEY_VERSION,
    KEY_VENDOR_ID,
    KEY_PLUGIN_VERSION,
    KEY_SHORT_NAME,
    KEY_EXTENSION_NAME,
    KEY_GROUP_ID,
    MANIFEST_KEY_COUNT
};
static const char *const manifest_keys[MANIFEST_KEY_COUNT] = {
    [KEY_TITLE] = "Implementation-Title",
    [KEY_VERSION] = "Implementation-Version",
    [KEY_VENDOR_ID] = "Implementation-Vendor-Id",
    [KEY_PLUGIN_VERSION] = "Plugin-Version",
    [KEY_SHORT_NAME] = "Short-Name",
    [KEY_EXTENSION_NAME] = "Extension-Name",
    [KEY_GROUP_ID] = "Group-Id",
};

struct coordinates {
    struct span group, artifact, version;
};

/* One archive that is open. */
struct level {
    struct zip zip;
    struct span path; /* "outer.jar!/inner.jar" */
    struct buf body;  /* of an archive that was packed in the one above */
};

/* What is gathered of one archive before it is named. */
struct facts {
    struct coordinates file; /* by its name; empty where that has no version */
    struct span manifest[MANIFEST_KEY_COUNT];
    struct span pom_group; /* of META-INF/maven/GROUP/ARTIFACT/pom.xml with the file's artifact */
    bool named;            /* one of the pom.properties is the archive's own */
};

struct walk {
    struct catalogue *run;
    struct level levels[LIMIT_ARCHIVE_DEPTH];
    size_t depth;       /* levels that are open */
    struct buf text;    /* a metadata file */
    size_t work_left;   /* bytes of members that may yet be read */
    size_t memory_left; /* bytes that unpacked archives may yet take at a time, beside the outermost */
};

static bool is_archive(struct span name) {
    for (size_t i = 0; i < ARRAY_COUNT(extensions); i++) {
        if (span_ends(name, extensions[i]))
            return true;
    }
    return false;
}

static bool is_token(struct span text) { return text.size > 0 && text_only(text, "._-+"); }

/* Words that stand inside of versions: "1.0-beta-2", "29.0-jre". */
static bool is_qualifier(struct span word) {
    static const char *const words[] = {"alpha", "beta", "rc",    "cr",  "m",     "ga",    "final", "snapshot",
                                        "sp",    "jre",  "build", "pre", "b",     "rev",   "r",     "patch",
                                        "jdk",   "java", "dev",   "ea",  "early", "hadoop"};
    while (word.size > 0 && !text_is_alpha(word.data[word.size - 1]))
        word.size--;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (text_equal_nocase(word, span_text(words[i])))
            return true;
    }
    return false;
}

/* Whether what follows the dash is the version to its end, or a part of the name: "1.2-api-2.17.1" is not. */
static bool is_version(struct span text) {
    bool strange = false;
    while (text.data != NULL) {
        struct span word = text_cut(&text, '-');
        bool digit = word.size > 0 && text_is_digit(word.data[0]);
        if (digit && strange)
            return false;
        strange = strange || (!digit && !is_qualifier(word));
    }
    return true;
}

/* "log4j-1.2-api-2.17.1.jar" → log4j-1.2-api, 2.17.1. Empty without a version. */
static struct coordinates name_split(struct span path) {
    size_t slash = span_index_last(path, '/');
    struct span name = slash == SIZE_MAX ? path : span_from(path, slash + 1);
    name = span_slice(name, 0, span_index_last(name, '.'));
    for (size_t at = span_index(name, '-', 1); at != SIZE_MAX; at = span_index(name, '-', at + 1)) {
        struct span version = span_from(name, at + 1);
        if (version.size > 0 && text_is_digit(version.data[0]) && is_version(version))
            return (struct coordinates){.artifact = span_slice(name, 0, at), .version = version};
    }
    return (struct coordinates){.group = {NULL, 0}};
}

static int coordinates_add(struct walk *walk, struct coordinates found, struct err *err) {
    struct catalogue *run = walk->run;
    struct package package = {.type = PACKAGE_MAVEN,
                              .evidence = EVIDENCE_INSTALLED,
                              .name = found.artifact,
                              .version = found.version,
                              .path = walk->levels[walk->depth - 1].path};
    if (found.group.size > 0 && found.group.size <= LIMIT_FIELD_BYTES && found.artifact.size <= LIMIT_FIELD_BYTES) {
        size_t size = found.group.size + 1 + found.artifact.size;
        uint8_t *name = arena_alloc(run->scratch, size);
        if (name == NULL)
            return err_set(err, ERR_NOMEM, 0, "out of memory");
        memcpy(name, found.group.data, found.group.size);
        name[found.group.size] = ':';
        memcpy(name + found.group.size + 1, found.artifact.data, found.artifact.size);
        package.name = (struct span){name, size};
    }
    return catalogue_add(run, package, err);
}

/* ---- metadata files ---- */

/* A placeholder that the build did not fill in is no value. */
static bool is_filled(struct span value) {
    return value.size > 0 && span_find(value, span_text("${"), 0) == SIZE_MAX && value.data[0] != '@';
}

static struct coordinates properties_read(struct span text) {
    struct coordinates found = {.group = {NULL, 0}};
    struct reader r = reader_init(text);
    struct span line;
    while (read_line(&r, &line)) {
        line = text_trim(line);
        if (line.size == 0 || line.data[0] == '#' || line.data[0] == '!')
            continue;
        struct span value = line;
        struct span key = text_cut(&value, span_index(line, '=', 0) == SIZE_MAX ? ':' : '=');
        key = text_trim(key);
        value = text_trim(value);
        if (span_is(key, "groupId"))
            found.group = value;
        else if (span_is(key, "artifactId"))
            found.artifact = value;
        else if (span_is(key, "version"))
            found.version = value;
    }
    return found;
}

/* Whether the artifact is the one that the archive is called by: alone, or with its group before it. An archive whose
 * name tells no version is taken for what its properties say. */
static bool is_own(const struct facts *facts, struct span artifact) {
    struct span file = facts->file.artifact;
    size_t before = file.size - size_min(artifact.size, file.size);
    return file.size == 0 ||
           (span_equal(span_from(file, before), artifact) && (before == 0 || file.data[before - 1] == '.'));
}

static int properties_add(struct walk *walk, struct facts *facts, struct span text, struct err *err) {
    struct coordinates found = properties_read(text);
    if (!is_filled(found.group) || !is_filled(found.artifact) || !is_filled(found.version))
        return 0;
    facts->named = facts->named || is_own(facts, found.artifact);
    return coordinates_add(walk, found, err);
}

/* The line's value with those of the lines that continue it; a copy, because the text goes before the archive does. */
static int manifest_value(struct catalogue *run, struct reader *r, struct span first, struct span *ret_value,
                          struct err *err) {
    uint8_t joined[LIMIT_FIELD_BYTES];
    size_t size = size_min(first.size, sizeof joined);
    struct span line;
    if (size > 0)
        memcpy(joined, first.data, size);
    while (reader_left(r) > 0 && r->bytes.data[r->offset] == ' ' && read_line(r, &line)) {
        size_t more = size_min(line.size - 1, sizeof joined - size);
        if (more > 0)
            memcpy(joined + size, line.data + 1, more);
        size += more;
    }
    *ret_value = arena_copy(run->scratch, text_trim(span_make(joined, size)));
    return ret_value->data == NULL ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

static int manifest_read(struct walk *walk, struct facts *facts, struct span text, struct err *err) {
    struct reader r = reader_init(text);
    struct span line;
    while (read_line(&r, &line) && line.size > 0) { /* an empty line ends the main section */
        struct span value = line;
        struct span key = text_cut(&value, ':');
        for (size_t i = 0; i < MANIFEST_KEY_COUNT; i++) {
            if (facts->manifest[i].size == 0 && text_equal_nocase(key, span_text(manifest_keys[i])) &&
                manifest_value(walk->run, &r, value, &facts->manifest[i], err) < 0)
                return -1;
        }
    }
    return 0;
}

/* "META-INF/maven/GROUP/ARTIFACT/pom.xml": the folder alone says what the file says in XML. */
static int pom_note(struct walk *walk, struct facts *facts, struct span name, struct err *err) {
    struct span rest = span_from(name, sizeof "META-INF/maven/" - 1);
    struct span group = text_cut(&rest, '/');
    struct span artifact = text_cut(&rest, '/');
    if (!span_is(rest, "pom.xml") || facts->file.artifact.size == 0 || !span_equal(artifact, facts->file.artifact) ||
        !is_token(group))
        return 0;
    facts->pom_group = arena_copy(walk->run->scratch, group);
    return facts->pom_group.data == NULL ? err_set(err, ERR_NOMEM, 0, "out of memory") : 0;
}

/* ---- the walk ---- */

/* Notes what became of one member; NOMEM alone ends the walk. */
static int member_fault(struct walk *walk, struct span name, const struct err *cause, struct err *err) {
    char text[64];
    if (cause->code == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, 0, "%s", cause->text);
    catalogue_fault(walk->run, cause->code, "member %s: %s", text_quote(name, text, sizeof text), cause->text);
    return 0;
}

/* Takes what reading the member costs from the file's account: stored ones too, which a directory can name a million
 * times. */
static bool work_take(struct walk *walk, const struct zip_member *member, struct err *err) {
    if (member->size > walk->work_left) {
        (void)err_set(err, ERR_LIMIT, 0, "more than %zu bytes in one file's archives", LIMIT_ARCHIVE_WORK_BYTES);
        return false;
    }
    walk->work_left -= (size_t)member->size;
    return true;
}

static int metadata_read(struct walk *walk, struct facts *facts, const struct zip_member *member, struct err *err) {
    const struct level *level = &walk->levels[walk->depth - 1];
    struct err cause = {0};
    struct span text;
    bool is_manifest = span_is(member->name, "META-INF/MANIFEST.MF");
    if (!is_manifest && !span_is(member->name, "pom.properties") && !span_ends(member->name, "/pom.properties"))
        return span_starts(member->name, "META-INF/maven/") ? pom_note(walk, facts, member->name, err) : 0;
    if (!work_take(walk, member, &cause) ||
        zip_read(&level->zip, member, &walk->text, LIMIT_ARCHIVE_METADATA_BYTES, &text, &cause) < 0)
        return member_fault(walk, member->name, &cause, err);
    return is_manifest ? manifest_read(walk, facts, text, err) : properties_add(walk, facts, text, err);
}

/* Names the archive itself, where no pom.properties did. */
static int archive_name(struct walk *walk, const struct facts *facts, struct err *err) {
    const struct span *manifest = facts->manifest;
    struct coordinates found = facts->file;
    if (facts->named)
        return 0;
    struct span plugin = manifest[KEY_SHORT_NAME].size > 0 ? manifest[KEY_SHORT_NAME] : manifest[KEY_EXTENSION_NAME];
    struct span plugin_version = manifest[KEY_PLUGIN_VERSION];
    plugin_version = text_cut(&plugin_version, ' '); /* "1.0-SNAPSHOT (private-…)" */
    if (is_token(plugin) && is_filled(plugin_version)) {
        found = (struct coordinates){.group = manifest[KEY_GROUP_ID], .artifact = plugin, .version = plugin_version};
    } else if (facts->pom_group.size > 0) {
        found.group = facts->pom_group;
    } else {
        if (found.version.size == 0 && is_token(manifest[KEY_TITLE]) && is_token(manifest[KEY_VERSION]))
            found = (struct coordinates){.artifact = manifest[KEY_TITLE], .version = manifest[KEY_VERSION]};
        if (is_token(manifest[KEY_VENDOR_ID]) && span_index(manifest[KEY_VENDOR_ID], '.', 0) != SIZE_MAX)
            found.group = manifest[KEY_VENDOR_ID];
    }
    if (found.artifact.size == 0 || !is_filled(found.version))
        return 0;
    return coordinates_add(walk, found, err);
}

/* Reads what the archive that was opened last says of itself. */
static int archive_describe(struct walk *walk, struct err *err) {
    const struct level *level = &walk->levels[walk->depth - 1];
    struct facts facts = {.file = name_split(level->path)};
    struct zip zip = level->zip;
    struct zip_member member;
    struct err cause = {0};
    int more;
    while ((more = zip_next(&zip, &member, &cause)) > 0) {
        if (metadata_read(walk, &facts, &member, err) < 0)
            return -1;
    }
    if (more < 0 && member_fault(walk, level->path, &cause, err) < 0)
        return -1;
    return archive_name(walk, &facts, err);
}

static int path_join(struct walk *walk, struct span outer, struct span name, struct span *ret_path, struct err *err) {
    size_t size = outer.size + 2 + name.size;
    uint8_t *path = arena_alloc(walk->run->scratch, size);
    if (path == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    if (outer.size > 0)
        memcpy(path, outer.data, outer.size);
    memcpy(path + outer.size, "!/", 2);
    if (name.size > 0)
        memcpy(path + outer.size + 2, name.data, name.size);
    *ret_path = (struct span){path, size};
    return 0;
}

/* Opens an archive inside of the one on top: 1, or 0 where it cannot be, which has been said. */
static int level_push(struct walk *walk, const struct zip_member *member, struct err *err) {
    const struct level *outer = &walk->levels[walk->depth - 1];
    struct err cause = {0};
    struct span body;
    if (walk->depth == LIMIT_ARCHIVE_DEPTH) {
        (void)err_set(&cause, ERR_LIMIT, 0, "more than %zu archives in each other", LIMIT_ARCHIVE_DEPTH);
        return member_fault(walk, member->name, &cause, err);
    }
    struct level *level = &walk->levels[walk->depth];
    *level = (struct level){.path = {NULL, 0}};
    buf_init(&level->body, 0);
    if (!work_take(walk, member, &cause) ||
        zip_read(&outer->zip, member, &level->body, walk->memory_left, &body, &cause) < 0 ||
        zip_open(body, &level->zip, &cause) < 0) {
        buf_release(&level->body);
        return member_fault(walk, member->name, &cause, err);
    }
    if (path_join(walk, outer->path, member->name, &level->path, err) < 0) {
        buf_release(&level->body);
        return -1;
    }
    walk->memory_left -= size_min(level->body.capacity, walk->memory_left);
    walk->depth++;
    return 1;
}

static void level_pop(struct walk *walk) {
    struct level *level = &walk->levels[--walk->depth];
    walk->memory_left += level->body.capacity;
    buf_release(&level->body);
}

static int walk_archives(struct walk *walk, struct err *err) {
    if (archive_describe(walk, err) < 0)
        return -1;
    while (walk->depth > 0) {
        struct zip_member member;
        struct err said = {0}; /* archive_describe() met the same damage */
        if (zip_next(&walk->levels[walk->depth - 1].zip, &member, &said) <= 0) {
            level_pop(walk);
            continue;
        }
        if (!is_archive(member.name) || member.size == 0)
            continue;
        int opened = level_push(walk, &member, err);
        if (opened < 0 || (opened > 0 && archive_describe(walk, err) < 0))
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    /* The arena's ceiling is four times that of a body: one of the four is for archives inside of this one. */
    size_t memory = run->scratch->bytes_max == 0 ? LIMIT_CATALOGUE_BYTES : run->scratch->bytes_max / 4;
    struct walk walk = {.run = run, .work_left = LIMIT_ARCHIVE_WORK_BYTES, .memory_left = memory, .depth = 1};
    if (run->body.size == 0)
        return 0; /* a placeholder of a build */
    walk.levels[0].path = run->path;
    buf_init(&walk.text, LIMIT_ARCHIVE_METADATA_BYTES);
    int result = zip_open(run->body, &walk.levels[0].zip, err);
    if (result == 0)
        result = walk_archives(&walk, err);
    while (walk.depth > 0)
        level_pop(&walk);
    buf_release(&walk.text);
    return result;
}

const struct cataloguer cataloguer_jar = {.name = "jar", .type = PACKAGE_MAVEN, .paths = paths, .parse = parse};
