/* Cataloguers: one file per kind of package, `package_<kind>.c`, and one row in cataloguer.def.
 *
 * A cataloguer says as data which paths it wants, and reads one whole file into packages: a pure function of path and
 * body. To add one, copy package_skeleton.c. */
#ifndef TRAWL_CATALOGUER_H
#define TRAWL_CATALOGUER_H

#include "base/model/package.h"
#include "base/parse/doc.h"

enum cataloguer_id {
#define CATALOGUER(id, object) CATALOGUER_##id,
#include "matchers/package/cataloguer.def"
#undef CATALOGUER
    CATALOGUER_COUNT
};

/* A package of the system, as the one who says which files are its own names it. */
struct package_owner {
    enum package_type type;   /* PACKAGE_DEB, _OPKG, _RPM, _APK or _ALPM */
    struct span name;         /* as that of the package */
    struct span architecture; /* likewise, or empty: any */
    bool foreign;             /* not of the distribution: its advisories do not speak of the package */
    bool proves;              /* whether its files are there decides whether the package is */
};

/* Called for each file that a package owns; the path as in the layer, or empty: only to say what the owner is. A
 * negative result ends the parse with that error. */
typedef int (*catalogue_own_fn)(void *context, const struct package_owner *owner, struct span path, struct err *err);

struct catalogue_input {
    struct span path;     /* in the layer, no leading slash; members of archives as "outer.egg!/EGG-INFO/PKG-INFO" */
    struct span body;     /* the whole file, at most LIMIT_CATALOGUE_BYTES */
    catalogue_own_fn own; /* NULL: nobody wants to know whose files are whose */
    void *own_context;
};

/* Called for each package; its spans borrow the body, the path or the scratch arena and die with them. A negative
 * result ends the parse with that error. */
typedef int (*catalogue_emit_fn)(void *context, const struct package *package, struct err *err);

/* Reads one file. What could be read is emitted even when the result is an error, so the caller keeps the packages and
 * makes an error row of `err`: FORMAT (text says what and after which package), LIMIT (more than
 * LIMIT_PACKAGES_PER_FILE, a field longer than LIMIT_FIELD_BYTES, LIMIT_CATALOGUE_BYTES), NOMEM, or what `emit`
 * returned. A file that is well-formed but describes no package is no error. Deterministic; any thread, own scratch. */
int catalogue_file(enum cataloguer_id id, const struct catalogue_input *input, struct arena *scratch,
                   catalogue_emit_fn emit, void *context, struct err *err);

/* ---- what follows is for cataloguers ---- */

/* One run of one cataloguer over one file. */
struct catalogue {
    struct span path;
    struct span body;
    struct arena *scratch;
    catalogue_emit_fn emit;
    void *context;
    catalogue_own_fn own; /* or NULL: the lists of files need not be read */
    void *own_context;
    size_t owned_count;   /* told so far */
    size_t package_count; /* emitted so far */
    size_t fault_count;   /* things left out so far */
    struct err fault;     /* the first of them */
};

struct cataloguer {
    const char *name;       /* as in documentation and errors: "dpkg" */
    enum package_type type; /* of most of its packages */
    /* Globs of text_glob(), ended by NULL; one that begins with '!' takes back what the others gave. The last
     * component, its extension, or the folder before a "*" must be literal: classify dispatches on it. */
    const char *const *paths;
    /* Also wants every program: ELF, PE, Mach-O by the first bytes (base/parse/program.h), whatever its path. */
    bool of_programs;
    /* The path says it all: called once for each entry there, with an empty body, whatever the file's size. */
    bool by_path;
    /* The begin of a file is enough: of one that is too large to be looked at in one piece it gets as much as is. */
    bool by_head;
    /* Most files of these paths are not its own, which their first bytes tell: one that is too large to be looked at in
     * one piece is no loss, and no error row. */
    bool by_content;
    /* Emits through catalogue_add(); a negative result is the whole file's error. */
    int (*parse)(struct catalogue *run, struct err *err);
};

/* A seed for maps whose keys come from the file: where this run's state lies, which whoever prepared the file cannot
 * know. Nothing that is emitted may depend on it; struct map has no order to depend on. */
static inline uint64_t catalogue_seed(const struct catalogue *run) {
    return (uint64_t)(uintptr_t)run * 0x9e3779b97f4a7c15u;
}

const struct cataloguer *cataloguer_get(enum cataloguer_id id);

/* Emits a package; an empty `path` becomes the file's. Packages without a name or version, or with a field beyond the
 * limit, are counted as faults and left out. Negative when the parse has to end (too many packages, the emitter's
 * error). */
int catalogue_add(struct catalogue *run, struct package package, struct err *err);

/* Emits a package that somebody wants (EVIDENCE_DECLARED). Unlike those of catalogue_add() it may lack a version: a
 * manifest need not pin what it asks for, and a checkout has none. */
int catalogue_declare(struct catalogue *run, enum package_type type, struct span name, struct span version,
                      struct err *err);

/* Emits a package that is there (EVIDENCE_INSTALLED); nothing where one of both is empty. */
int catalogue_add_installed(struct catalogue *run, enum package_type type, struct span name, struct span version,
                            struct err *err);

/* "host/name:tag@digest" as its name and what pins it: the digest, else the tag. False when nothing does, or a variable
 * stands in it. The name may be empty. */
bool catalogue_image_split(struct span image, struct span *ret_name, struct span *ret_version);

/* The last component of a path, and the n-th folder above it: 1 for the one that it is in, empty beyond the first. */
struct span catalogue_basename(struct span path);
struct span catalogue_folder(struct span path, size_t n);

/* Where "name-1.0" is cut: at the last '-' that a digit follows, a revision "-r1" counting as part of the version. */
bool catalogue_split_version(struct span text, struct span *ret_name, struct span *ret_version);

/* Says that the file `name` in `folder` (which may be empty) is the owner's; a leading "/" or "./" goes. Nothing where
 * nobody wants to know, and for paths beyond PATH_MAX. More than LIMIT_OWNED_FILES are a fault. Negative when the parse
 * has to end. */
int catalogue_own(struct catalogue *run, const struct package_owner *owner, struct span folder, struct span name,
                  struct err *err);

/* "group:artifact" in scratch memory; empty when a part is. NOMEM. */
int catalogue_pair(struct catalogue *run, struct span first, const char *between, struct span second,
                   struct span *ret_pair, struct err *err);

/* One of the parsers of base/parse/doc.h. */
typedef int (*catalogue_parse_fn)(struct arena *arena, struct span text, struct doc_limits limits,
                                  struct doc **ret_root, struct err *err);

/* Reads a document. One that breaks off counts as far as it goes, which is a fault of the run. Negative where there is
 * nothing to go by: FORMAT, LIMIT, NOMEM. */
int catalogue_document(struct catalogue *run, catalogue_parse_fn parse, struct span text, struct doc **ret_root,
                       struct err *err);

/* The text without white space and one pair of quotes, '"' or '\'', around it. */
struct span catalogue_unquote(struct span text);

/* Whether the byte is one of these; a NUL never is. */
static inline bool catalogue_one_of(uint8_t c, const char *bytes) { return c != 0 && strchr(bytes, c) != NULL; }

/* Whether the file's path is this or ends in "/" and this. */
bool catalogue_path_is(const struct catalogue *run, const char *suffix);

/* Adds `more` to a list of licences joined with "\n"; nothing when it is empty or the list would outgrow
 * LIMIT_FIELD_BYTES. NOMEM. */
int catalogue_join(struct catalogue *run, struct span *list, struct span more, struct err *err);

/* Adds what a document says of licences, in any of the shapes that registries have known: "MIT", {"type": "MIT"},
 * {"name": …}, or a list of those. NOMEM. */
int catalogue_licenses(struct catalogue *run, struct span *list, const struct doc *value, struct err *err);

/* Notes that something was left out; the parse goes on, and catalogue_file() returns the first of them at the end. */
void catalogue_fault(struct catalogue *run, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
