#include "engine/image/compose.h"

#include "base/limits.h"
#include "base/text.h"
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
                (i > 0 && layer_package_compare(&package[-1], package) == 0))
                continue;
            struct composed_package composed = {package, layer_of_origin(layers, index, package)};
            if (!vec_push(&composition->packages, composed))
                return err_set(err, ERR_NOMEM, 0, "compose: out of memory after %zu packages",
                               composition->packages.count);
        }
    }
    return 0;
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
    if (packages_compose(layers, layer_count, with_declared, &composition, err) < 0 ||
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
    vec_release(&composition->secrets);
}
