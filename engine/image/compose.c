#include "engine/image/compose.h"

#include "base/limits.h"
#include "base/text.h"
#include "engine/image/clue.h"
#include "matchers/package/os_release.h"

const char *secret_state_name(enum secret_state state) {
    static const char *const names[] = {"effective", "overwritten", "deleted"};
    return names[state];
}

/* What the layers above `index` make of a path in that layer. */
static enum cover cover_above(const struct layer_result *const *layers, size_t layer_count, size_t index,
                              struct span path) {
    for (size_t above = index + 1; above < layer_count; above++) {
        enum cover cover = layers[above] == NULL ? COVER_NONE : layer_result_cover(layers[above], path);
        if (cover != COVER_NONE)
            return cover;
    }
    return COVER_NONE;
}

/* The index of the first package that is not before this one in the layer's order, or the count. */
static size_t package_bound(const struct layer_result *layer, const struct package *package) {
    size_t low = 0, high = layer->packages.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (layer_package_compare(&layer->packages.data[middle], package) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A package database is rewritten whole whenever one package changes, so the layer that holds the file is rarely the
 * one that installed the package: walk down through the file's older versions for as long as they say the same. */
static size_t layer_of_origin(const struct layer_result *const *layers, size_t index, const struct package *package) {
    size_t origin = index;
    for (size_t below = index; below-- > 0;) {
        const struct layer_result *layer = layers[below];
        if (layer == NULL)
            continue;
        const struct package *packages = layer->packages.data;
        size_t at = package_bound(layer, package), count = layer->packages.count;
        bool found = at < count && layer_package_compare(&packages[at], package) == 0;
        bool touched = (at < count && span_equal(packages[at].path, package->path)) ||
                       (at > 0 && span_equal(packages[at - 1].path, package->path));
        if (found)
            origin = below;
        else if (touched || layer_result_cover(layer, package->path) != COVER_NONE)
            break;
    }
    return origin;
}

/* Whether a layer above says the same of the same folder: then that one counts, as it does for a file. */
static bool told_again(const struct layer_result *const *layers, size_t layer_count, size_t index,
                       const struct package *package) {
    if (!span_ends(package->path, "/"))
        return false; /* a file that is told again is covered */
    for (size_t above = index + 1; above < layer_count; above++) {
        const struct layer_result *layer = layers[above];
        size_t at = layer == NULL ? 0 : package_bound(layer, package);
        if (layer != NULL && at < layer->packages.count &&
            layer_package_compare(&layer->packages.data[at], package) == 0)
            return true;
    }
    return false;
}

static int packages_compose(const struct layer_result *const *layers, size_t layer_count, bool with_declared,
                            struct composition *composition, struct err *err) {
    for (size_t index = 0; index < layer_count; index++) {
        const struct layer_result *layer = layers[index];
        struct span path = {NULL, 0};
        bool visible = false;
        for (size_t i = 0; layer != NULL && i < layer->packages.count; i++) {
            const struct package *package = &layer->packages.data[i];
            if (i == 0 || !span_equal(path, package->path)) {
                path = package->path;
                visible = cover_above(layers, layer_count, index, path) == COVER_NONE;
            }
            if (!visible || (package->evidence == EVIDENCE_DECLARED && !with_declared) ||
                (i > 0 && layer_package_compare(&package[-1], package) == 0) ||
                told_again(layers, layer_count, index, package))
                continue;
            struct composed_package composed = {.package = package,
                                                .layer_index = layer_of_origin(layers, index, package)};
            bool is_kept = package->evidence == EVIDENCE_CLUE ? vec_push(&composition->clues, composed)
                                                              : vec_push(&composition->packages, composed);
            if (!is_kept)
                return err_set(err, ERR_NOMEM, 0, "compose: out of memory after %zu packages",
                               composition->packages.count);
        }
    }
    return 0;
}

/* ---- owners ---- */

static bool is_system(enum package_type type) {
    return type == PACKAGE_DEB || type == PACKAGE_RPM || type == PACKAGE_APK || type == PACKAGE_ALPM ||
           type == PACKAGE_OPKG;
}

/* A package of the system that the image shows, and whether it is another's than the distribution's. */
struct system_package {
    const struct composed_package *composed;
    bool is_foreign;
};

/* The fingerprint of a file that says of a package, and which package that is. */
struct evidence {
    uint64_t fingerprint;
    struct composed_package *composed;
};

struct ownership {
    VEC(struct system_package) systems; /* sorted by type, name */
    VEC(struct evidence) evidence;      /* sorted by fingerprint */
};

static int name_order(const struct system_package *item, enum package_type type, struct span name) {
    const struct package *package = item->composed->package;
    int order = (package->type > type) - (package->type < type);
    return order != 0 ? order : span_compare(package->name, name);
}

static int system_order(const void *left, const void *right) {
    const struct package *b = ((const struct system_package *)right)->composed->package;
    int order = name_order(left, b->type, b->name);
    return order != 0 ? order : layer_package_compare(((const struct system_package *)left)->composed->package, b);
}

static int evidence_order(const void *left, const void *right) {
    const struct evidence *a = left, *b = right;
    return (a->fingerprint > b->fingerprint) - (a->fingerprint < b->fingerprint);
}

/* The file on the disk: what lies in an archive, "a.jar!/b.jar", is its archive's. */
static struct span file_of(struct span path) {
    size_t mark = span_find(path, span_text("!/"), 0);
    return mark == SIZE_MAX ? path : span_slice(path, 0, mark);
}

static bool ownership_init(struct ownership *ownership, struct composition *composition) {
    for (size_t i = 0; i < composition->packages.count; i++) {
        struct composed_package *composed = &composition->packages.data[i];
        struct span file = file_of(composed->package->path);
        uint64_t both[] = {path_fingerprint(file), path_fingerprint_twin(file)};
        if (is_system(composed->package->type)) {
            if (!vec_push(&ownership->systems, ((struct system_package){composed, false})))
                return false;
        } else if (!vec_push(&ownership->evidence, ((struct evidence){both[0], composed})) ||
                   (both[1] != both[0] && !vec_push(&ownership->evidence, ((struct evidence){both[1], composed})))) {
            return false;
        }
    }
    if (ownership->systems.count > 0)
        qsort(ownership->systems.data, ownership->systems.count, sizeof *ownership->systems.data, system_order);
    if (ownership->evidence.count > 0)
        qsort(ownership->evidence.data, ownership->evidence.count, sizeof *ownership->evidence.data, evidence_order);
    return true;
}

/* The first of the packages of this type and name, of the owner's architecture where it says one. */
static struct system_package *system_find(struct ownership *ownership, const struct layer_owner *owner) {
    size_t low = 0, high = ownership->systems.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (name_order(&ownership->systems.data[middle], owner->type, owner->name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < ownership->systems.count; low++) {
        struct system_package *item = &ownership->systems.data[low];
        if (name_order(item, owner->type, owner->name) != 0)
            return NULL;
        if (owner->architecture.size == 0 || span_equal(item->composed->package->architecture, owner->architecture))
            return item;
    }
    return NULL;
}

/* No distribution puts its files into these: who does is another, whatever its records say. Spec: Filesystem Hierarchy
 * Standard 3.0, 3.13 and 4.9. */
static bool is_local_path(struct span path) {
    return span_starts(path, "opt/") || span_starts(path, "usr/local/") || span_starts(path, "srv/") ||
           span_starts(path, "home/") || span_starts(path, "root/");
}

static void owner_give(struct ownership *ownership, const struct layer_result *layer, const struct layer_owner *owner,
                       const struct system_package *item) {
    size_t count = ownership->evidence.count;
    for (size_t i = 0; i < owner->count && count > 0; i++) {
        struct evidence key = {layer->owned.data[owner->first + i], NULL};
        struct evidence *found = bsearch(&key, ownership->evidence.data, count, sizeof key, evidence_order);
        if (found == NULL)
            continue;
        while (found > ownership->evidence.data && found[-1].fingerprint == key.fingerprint)
            found--;
        for (; found < ownership->evidence.data + count && found->fingerprint == key.fingerprint; found++) {
            /* A file that came after its owner's record was put in its place by somebody else. */
            if (found->composed->layer_index > item->composed->layer_index)
                continue;
            found->composed->owner = item->composed->package;
            found->composed->is_foreign =
                owner->foreign || item->is_foreign || is_local_path(found->composed->package->path);
        }
    }
}

/* First who is foreign, then whose files are whose: the two may stand in different files. */
static void owners_walk(struct ownership *ownership, const struct layer_result *const *layers, size_t layer_count,
                        bool gives) {
    for (size_t index = 0; index < layer_count; index++) {
        const struct layer_result *layer = layers[index];
        struct span path = {NULL, 0};
        bool visible = false;
        for (size_t i = 0; layer != NULL && i < layer->owners.count; i++) {
            const struct layer_owner *owner = &layer->owners.data[i];
            if (gives ? owner->count == 0 : !owner->foreign)
                continue;
            if (path.data == NULL || !span_equal(path, owner->path)) {
                path = owner->path;
                visible = cover_above(layers, layer_count, index, path) == COVER_NONE;
            }
            struct system_package *item = visible ? system_find(ownership, owner) : NULL;
            if (item == NULL)
                continue;
            if (gives)
                owner_give(ownership, layer, owner, item);
            else
                item->is_foreign = true;
        }
    }
}

/* Whether the image shows a file at this path. */
static bool file_is_there(const struct layer_result *const *layers, size_t layer_count, struct span path) {
    uint64_t fingerprint = path_fingerprint(path);
    for (size_t index = layer_count; index-- > 0;) {
        if (layers[index] != NULL && layer_result_has(layers[index], fingerprint))
            return cover_above(layers, layer_count, index, path) == COVER_NONE;
    }
    return false;
}

/* Whether some layer has one of the owner's files. */
static bool has_any_file(const struct layer_result *const *layers, size_t layer_count, const uint64_t *owned,
                         size_t count) {
    for (size_t index = 0; index < layer_count; index++) {
        for (size_t i = 0; layers[index] != NULL && i < count; i++) {
            if (layer_result_has(layers[index], owned[i]))
                return true;
        }
    }
    return false;
}

/* The layer's list of files at a path, or NULL. */
static const struct layer_owner *owner_at(const struct layer_result *layer, struct span path) {
    size_t low = 0, high = layer->owners.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_compare(layer->owners.data[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < layer->owners.count && span_equal(layer->owners.data[low].path, path) ? &layer->owners.data[low]
                                                                                       : NULL;
}

/* Whether the list beside a package of status.d names files, and none of them is in any layer. */
static bool is_proven_absent(const struct layer_result *const *layers, size_t layer_count, struct span stanza) {
    char text[PATH_MAX];
    int size = snprintf(text, sizeof text, "%.*s.md5sums", SPAN_FORMAT(stanza));
    bool listed = false;
    for (size_t index = 0; index < layer_count && size > 0 && (size_t)size < sizeof text; index++) {
        const struct layer_owner *owner =
            layers[index] == NULL ? NULL : owner_at(layers[index], span_make(text, (size_t)size));
        if (owner == NULL || owner->count == 0)
            continue;
        if (has_any_file(layers, layer_count, &layers[index]->owned.data[owner->first], owner->count))
            return false;
        listed = true;
    }
    return listed;
}

/* Beside dpkg's own database, which does not know it, a package of status.d is there only when a file of it is. */
static void strays_drop(const struct layer_result *const *layers, size_t layer_count, struct composition *composition) {
    size_t kept = 0;
    for (size_t i = 0; i < composition->packages.count; i++) {
        const struct composed_package *composed = &composition->packages.data[i];
        struct span path = composed->package->path;
        size_t at = composed->package->type == PACKAGE_DEB ? span_find(path, span_text("/status.d/"), 0) : SIZE_MAX;
        if (at != SIZE_MAX && file_is_there(layers, layer_count, span_slice(path, 0, at + 7)) &&
            is_proven_absent(layers, layer_count, path))
            continue;
        composition->packages.data[kept++] = *composed;
    }
    composition->packages.count = kept;
}

static int owners_compose(const struct layer_result *const *layers, size_t layer_count, struct composition *composition,
                          struct err *err) {
    struct ownership ownership = {0};
    strays_drop(layers, layer_count, composition);
    bool made = ownership_init(&ownership, composition);
    if (made && ownership.systems.count > 0 && ownership.evidence.count > 0) {
        owners_walk(&ownership, layers, layer_count, false);
        owners_walk(&ownership, layers, layer_count, true);
    }
    vec_release(&ownership.systems);
    vec_release(&ownership.evidence);
    return made ? 0
                : err_set(err, ERR_NOMEM, 0, "compose: out of memory over the owners of %zu packages",
                          composition->packages.count);
}

static int secrets_compose(const struct layer_result *const *layers, size_t layer_count,
                           struct composition *composition, struct err *err) {
    static const enum secret_state states[] = {
        [COVER_NONE] = SECRET_EFFECTIVE, [COVER_OVERWRITTEN] = SECRET_OVERWRITTEN, [COVER_DELETED] = SECRET_DELETED};
    for (size_t index = 0; index < layer_count; index++) {
        struct span path = {NULL, 0};
        enum cover cover = COVER_NONE;
        for (size_t i = 0; layers[index] != NULL && i < layers[index]->secrets.count; i++) {
            const struct layer_secret *secret = &layers[index]->secrets.data[i];
            if (i == 0 || !span_equal(path, secret->path)) {
                path = secret->path;
                cover = cover_above(layers, layer_count, index, path);
            }
            if (!vec_push(&composition->secrets, ((struct composed_secret){secret, index, states[cover]})))
                return err_set(err, ERR_NOMEM, 0, "compose: out of memory after %zu secrets",
                               composition->secrets.count);
        }
    }
    return 0;
}

/* Replaces `path` by where a link at it points, within the image's root. False when the target is too long. */
static bool link_follow(char path[PATH_MAX], const struct layer_link *link) {
    struct span target = link->target;
    size_t used = 0;
    if (!link->is_hard && (target.size == 0 || target.data[0] != '/')) {
        const char *slash = strrchr(path, '/');
        used = slash == NULL ? 0 : (size_t)(slash - path);
    }
    while (target.data != NULL) {
        struct span part = text_cut(&target, '/');
        if (part.size == 0 || span_is(part, "."))
            continue;
        if (span_is(part, "..")) {
            while (used > 0 && path[used - 1] != '/')
                used--;
            used -= used > 0;
            continue;
        }
        if (part.size >= PATH_MAX - used - 2)
            return false;
        if (used > 0)
            path[used++] = '/';
        memcpy(path + used, part.data, part.size);
        used += part.size;
    }
    path[used] = '\0';
    return true;
}

_Static_assert(offsetof(struct layer_link, path) == 0 && offsetof(struct layer_release, path) == 0,
               "path_order() reads the path at the begin");

static int path_order(const void *path, const void *item) {
    return span_compare(*(const struct span *)path, *(const struct span *)item);
}

/* The link that the merged view shows at a path. */
static const struct layer_link *link_at(const struct layer_result *const *layers, size_t layer_count,
                                        struct span path) {
    for (size_t index = layer_count; index-- > 0;) {
        const struct layer_result *layer = layers[index];
        const struct layer_link *link =
            layer == NULL || layer->links.count == 0
                ? NULL
                : bsearch(&path, layer->links.data, layer->links.count, sizeof *link, path_order);
        if (link != NULL && cover_above(layers, layer_count, index, path) == COVER_NONE)
            return link;
    }
    return NULL;
}

/* The release file that the merged view shows at a path. */
static const struct distro *release_at(const struct layer_result *const *layers, size_t layer_count, struct span path) {
    for (size_t index = layer_count; index-- > 0;) {
        const struct layer_result *layer = layers[index];
        const struct layer_release *release =
            layer == NULL || layer->releases.count == 0
                ? NULL
                : bsearch(&path, layer->releases.data, layer->releases.count, sizeof *release, path_order);
        if (release != NULL && cover_above(layers, layer_count, index, path) == COVER_NONE)
            return &release->distro;
    }
    return NULL;
}

/* The release file behind a path, through links of the path itself and of the folders above it. */
static const struct distro *release_resolve(const struct layer_result *const *layers, size_t layer_count,
                                            const char *start) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", start);
    for (size_t depth = 0; depth < LIMIT_LINK_DEPTH; depth++) {
        const struct distro *distro = release_at(layers, layer_count, span_text(path));
        if (distro != NULL)
            return distro;
        const struct layer_link *link = NULL;
        size_t end = 0;
        size_t size = strlen(path);
        for (end = 1; end <= size && link == NULL; end++) {
            if (end == size || path[end] == '/')
                link = link_at(layers, layer_count, span_make(path, end));
        }
        if (link == NULL)
            return NULL;
        /* `end` is one past the component that is a link: follow that, then put the rest back behind it. */
        char rest[PATH_MAX];
        (void)snprintf(rest, sizeof rest, "%s", path + end - 1);
        path[end - 1] = '\0';
        if (!link_follow(path, link))
            return NULL;
        size_t head = strlen(path);
        if (snprintf(path + head, sizeof path - head, "%s", rest) >= (int)(sizeof path - head))
            return NULL;
    }
    return NULL;
}

struct candidate {
    unsigned rank;
    const struct distro *distro;
};

static int candidate_order(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    return (a->rank < b->rank) - (a->rank > b->rank);
}

/* Several layers may hold the same path: each candidate path counts once, at the first layer that names it. */
static bool path_is_new(const struct candidate *candidates, size_t count, unsigned rank) {
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].rank == rank)
            return false;
    }
    return true;
}

#define CANDIDATES_MAX ((size_t)64) /* more kinds of release files than there are */

static void candidate_add(const struct layer_result *const *layers, size_t layer_count, struct span path,
                          struct candidate *candidates, size_t *count) {
    char text[PATH_MAX];
    unsigned rank = os_release_rank(path);
    if (rank == 0 || *count == CANDIDATES_MAX || path.size >= sizeof text || !path_is_new(candidates, *count, rank))
        return;
    memcpy(text, path.data, path.size);
    text[path.size] = '\0';
    const struct distro *distro = release_resolve(layers, layer_count, text);
    if (distro != NULL && distro->id.size > 0)
        candidates[(*count)++] = (struct candidate){rank, distro};
}

/* Which layer brought the release file that speaks. */
static void release_find(const struct layer_result *const *layers, size_t layer_count, const struct distro *distro,
                         struct composition *composition) {
    for (size_t index = 0; index < layer_count; index++) {
        const struct layer_result *layer = layers[index];
        for (size_t i = 0; layer != NULL && i < layer->releases.count; i++) {
            if (&layer->releases.data[i].distro != distro)
                continue;
            composition->distro_layer_index = index;
            composition->distro_path = layer->releases.data[i].path;
        }
    }
}

/* The release file of the highest rank says what the image is; the others fill in what it does not say. */
static void distro_compose(const struct layer_result *const *layers, size_t layer_count,
                           struct composition *composition) {
    struct candidate candidates[CANDIDATES_MAX];
    size_t count = 0;
    for (size_t index = layer_count; index-- > 0;) {
        const struct layer_result *layer = layers[index];
        for (size_t i = 0; layer != NULL && i < layer->releases.count; i++)
            candidate_add(layers, layer_count, layer->releases.data[i].path, candidates, &count);
        for (size_t i = 0; layer != NULL && i < layer->links.count; i++)
            candidate_add(layers, layer_count, layer->links.data[i].path, candidates, &count);
    }
    if (count == 0)
        return;
    qsort(candidates, count, sizeof candidates[0], candidate_order);
    composition->distro = *candidates[0].distro;
    release_find(layers, layer_count, candidates[0].distro, composition);
    for (size_t i = 1; i < count; i++)
        os_release_complete(&composition->distro, candidates[i].distro);
}

int compose(const struct layer_result *const *layers, size_t layer_count, bool with_declared,
            struct composition *ret_composition, struct err *err) {
    struct composition composition = {0};
    arena_init(&composition.arena, 0, 0);
    if (packages_compose(layers, layer_count, with_declared, &composition, err) < 0 ||
        clues_settle(&composition, with_declared, err) < 0 ||
        owners_compose(layers, layer_count, &composition, err) < 0 ||
        secrets_compose(layers, layer_count, &composition, err) < 0) {
        composition_release(&composition);
        return -1;
    }
    distro_compose(layers, layer_count, &composition);
    *ret_composition = composition;
    return 0;
}

void composition_release(struct composition *composition) {
    vec_release(&composition->packages);
    vec_release(&composition->clues);
    vec_release(&composition->secrets);
    arena_release(&composition->arena);
}
