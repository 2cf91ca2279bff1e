/* What a scan of one layer found: a pure function of the layer's bytes, the analyser and the profile. It knows nothing
 * of images; engine/image/compose.h puts layers together. All text and arrays live in the result's own arena, so a
 * result is one thing to hand from a scan thread to the loop and to release. */
#ifndef TRAWL_LAYER_RESULT_H
#define TRAWL_LAYER_RESULT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash/digest.h"
#include "base/model/package.h"
#include "base/model/severity.h"
#include "base/vec.h"

enum scan_status { SCAN_DONE, SCAN_PARTIAL, SCAN_FAILED, SCAN_SKIPPED, SCAN_STATUS_COUNT };
const char *scan_status_name(enum scan_status status);

/* Where in the flow something went wrong: the `stage` column. */
enum stage {
    STAGE_RESOLVE,
    STAGE_MANIFEST,
    STAGE_CONFIG,
    STAGE_FETCH,
    STAGE_VERIFY,
    STAGE_INFLATE,
    STAGE_WALK,
    STAGE_PACKAGE,
    STAGE_SECRET,
    STAGE_COMPOSE,
    STAGE_MATCH,
    STAGE_COUNT
};
const char *stage_name(enum stage stage);

struct layer_secret {
    struct span path;
    uint64_t line, column; /* 1-based */
    uint64_t byte_offset, byte_length;
    struct span rule, provider;
    enum severity severity;
    double confidence;
    struct span validated, redacted, fingerprint, encoding, evidence;
};

struct layer_error {
    enum stage stage;
    struct span path; /* or empty: the layer itself */
    bool has_offset;
    uint64_t byte_offset; /* in the unpacked layer */
    enum err_code code;
    struct span message;
};

/* Links that the composed image may have to follow to find its os-release or a package database. */
struct layer_link {
    struct span path;
    struct span target; /* as in the archive */
    bool is_hard;
};

struct layer_release {
    struct span path;
    struct distro distro;
};

/* A package of the system and the files that are its own: `count` places in `owned` from `first` on. */
struct layer_owner {
    struct span path; /* of the file that says so */
    enum package_type type;
    struct span name, architecture; /* as the package's; architecture empty: any */
    bool foreign;                   /* not of the distribution */
    bool proves;                    /* all its files are here, in both spellings: without any, it is not there */
    size_t first, count;
};

struct layer_result {
    struct arena arena;
    struct digest digest;
    struct digest diff_id; /* DIGEST_NONE unless it was asked for */
    struct span media_type;
    uint64_t compressed_bytes, unpacked_bytes;
    uint64_t file_count;      /* entries that are not whiteouts */
    uint64_t body_count;      /* regular files with bytes */
    uint64_t body_seen_count; /* bodies that occurred before in this same layer */
    uint64_t scan_ms;
    enum scan_status status;
    VEC(struct package) packages;       /* sorted by path, type, name, version, architecture */
    VEC(struct layer_secret) secrets;   /* sorted by path, offset, rule */
    VEC(struct layer_error) errors;     /* in the order they happened */
    VEC(struct layer_link) links;       /* sorted by path */
    VEC(struct layer_release) releases; /* sorted by path */
    VEC(struct layer_owner) owners;     /* sorted by path, type, name, architecture */
    VEC(uint64_t) owned;                /* path_fingerprint() of owned files that may carry packages, by owner */
    VEC(uint64_t) paths;                /* path_fingerprint() of every entry, sorted; bit 0 says directory */
    VEC(uint64_t) whiteouts;            /* of the removed paths, sorted */
    VEC(uint64_t) opaques;              /* of the opaque directories, sorted */
};

struct layer_result *layer_result_new(const struct digest *digest); /* NULL: out of memory */
void layer_result_free(struct layer_result *result);

/* Forgets everything found and every error, keeps the identity: for a blob that turned out not to be what was named. */
void layer_result_discard(struct layer_result *result);

/* Appends an error and lowers the status to at least `status`. Out of memory only lowers the status. */
void layer_result_error(struct layer_result *result, enum stage stage, struct span path, const uint64_t *byte_offset,
                        const struct err *err, enum scan_status status);

/* The order of packages but for their evidence; 0 for the same package from the same file. */
int layer_package_compare(const struct package *a, const struct package *b);

/* Sorts everything, so that look-ups and comparisons hold. Call once, when the scan has ended. */
void layer_result_seal(struct layer_result *result);

/* A path's fingerprint with bit 0 clear. */
uint64_t path_fingerprint(struct span path);

/* That of the same file as a system with the other sort of /usr has it: "lib/x" for "usr/lib/x" and the reverse, for
 * package databases keep the paths that files were built with. The path's own where there is no other. */
uint64_t path_fingerprint_twin(struct span path);

/* Whether some entry of the layer has this path. */
bool layer_result_has(const struct layer_result *layer, uint64_t fingerprint);

enum cover { COVER_NONE, COVER_OVERWRITTEN, COVER_DELETED };

/* What this layer does to a path of a layer below: nothing, puts something else there, or removes it. A path that ends
 * in a slash is a folder, which goes with what removes it or is in its place, not with the folder being told again. */
enum cover layer_result_cover(const struct layer_result *upper, struct span path);

#endif
