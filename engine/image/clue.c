#include "engine/image/clue.h"

#include "base/map.h"
#include "base/text.h"

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "compose: out of memory over clues"); }

static struct span folder_of(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? span_text("") : span_slice(path, 0, slash);
}

static struct span file_of(struct span path) {
    size_t slash = span_index_last(path, '/');
    return slash == SIZE_MAX ? path : span_from(path, slash + 1);
}

static bool is_file(const struct package *package, const char *name) { return span_is(file_of(package->path), name); }

/* ---- Ruby ---- */

/* The constants of version.rb files, by name and path. */
struct constants {
    VEC(const struct package *) list;
};

static int constant_order(const void *left, const void *right) {
    const struct package *a = *(const struct package *const *)left, *b = *(const struct package *const *)right;
    int order = span_compare(a->name, b->name);
    return order != 0 ? order : span_compare(a->path, b->path);
}

/* The first constant of that name whose file lies below the folder, or NULL. */
static const struct package *constant_find(const struct constants *constants, struct span name, struct span folder) {
    size_t low = 0, high = constants->list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct package *at = constants->list.data[middle];
        int order = span_compare(at->name, name);
        if (order < 0 || (order == 0 && span_compare(at->path, folder) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    const struct package *found = low < constants->list.count ? constants->list.data[low] : NULL;
    bool is_below = found != NULL && span_equal(found->name, name) &&
                    (folder.size == 0 || (found->path.size > folder.size && found->path.data[folder.size] == '/' &&
                                          span_equal(span_slice(found->path, 0, folder.size), folder)));
    return is_below ? found : NULL;
}

static int gems_settle(struct composition *composition, struct err *err) {
    struct constants constants = {0};
    int result = 0;
    for (size_t i = 0; i < composition->clues.count && result == 0; i++) {
        const struct package *clue = composition->clues.data[i].package;
        if (clue->type == PACKAGE_GEM && is_file(clue, "version.rb") && !vec_push(&constants.list, clue))
            result = memory_short(err);
    }
    if (constants.list.count > 0)
        qsort(constants.list.data, constants.list.count, sizeof *constants.list.data, constant_order);
    for (size_t i = 0; i < composition->clues.count && result == 0; i++) {
        struct composed_package composed = composition->clues.data[i];
        const struct package *clue = composed.package;
        if (clue->type != PACKAGE_GEM || is_file(clue, "version.rb"))
            continue;
        const struct package *constant = constant_find(&constants, clue->version, folder_of(clue->path));
        if (constant == NULL)
            continue;
        struct package *made = arena_alloc(&composition->arena, sizeof *made);
        if (made == NULL) {
            result = memory_short(err);
            break;
        }
        *made = *clue;
        made->evidence = EVIDENCE_INSTALLED;
        made->version = constant->version;
        composed.package = made;
        if (!vec_push(&composition->packages, composed))
            result = memory_short(err);
    }
    vec_release(&constants.list);
    return result;
}

/* ---- what is only declared ---- */

struct places {
    struct map modules;  /* folder of a go.mod or a Julia manifest → its clue, of the language's version */
    struct map required; /* "folder\nmodule" of what a go.mod names itself */
    struct map yarn;     /* folder of a yarn.lock */
};

/* "1.16", "1.17.3": whether go.mod has listed all that is built since then. */
static bool lists_all(struct span version) {
    struct span minor = version;
    struct span major = text_cut(&minor, '.');
    minor = text_cut(&minor, '.');
    uint64_t value = 0;
    return !span_is(major, "1") || (text_u64(minor, 10, 1000, &value) && value >= 17);
}

static bool place_put(struct map *map, struct span key, const void *value) {
    void **place = map_put(map, key, NULL);
    if (place == NULL)
        return false;
    *place = (void *)(uintptr_t)value;
    return true;
}

static struct span requirement_key(struct composition *composition, struct span folder, struct span name) {
    const char *key = arena_format(&composition->arena, "%.*s\n%.*s", SPAN_FORMAT(folder), SPAN_FORMAT(name));
    return key == NULL ? (struct span){NULL, 0} : span_text(key);
}

static bool places_fill(struct places *places, struct composition *composition) {
    for (size_t i = 0; i < composition->clues.count; i++) {
        const struct package *clue = composition->clues.data[i].package;
        bool is_manifest = clue->type == PACKAGE_JULIA && !is_file(clue, "Project.toml");
        if ((is_manifest || is_file(clue, "go.mod")) && !place_put(&places->modules, folder_of(clue->path), clue))
            return false;
    }
    for (size_t i = 0; i < composition->packages.count; i++) {
        const struct package *package = composition->packages.data[i].package;
        struct span folder = folder_of(package->path);
        if (is_file(package, "yarn.lock") && !place_put(&places->yarn, folder, package))
            return false;
        if (package->type != PACKAGE_GOLANG || !is_file(package, "go.mod"))
            continue;
        struct span key = requirement_key(composition, folder, package->name);
        if (key.data == NULL || !place_put(&places->required, key, package))
            return false;
    }
    return true;
}

/* Whether a yarn.lock stands in the folder or in one above. */
static bool has_yarn(const struct places *places, struct span folder) {
    while (map_get(&places->yarn, folder) == NULL) {
        if (folder.size == 0)
            return false;
        folder = folder_of(folder);
    }
    return true;
}

/* 1 when the clue is a package, 0 when not, negative when memory is short. */
static int is_declared(const struct places *places, struct composition *composition, const struct package *clue) {
    struct span folder = folder_of(clue->path);
    if (is_file(clue, "package.json"))
        return places->yarn.count > 0 && has_yarn(places, folder);
    if (is_file(clue, "Project.toml"))
        return map_get(&places->modules, folder) == NULL;
    if (!is_file(clue, "go.sum"))
        return 0;
    const struct package *module = map_get(&places->modules, folder);
    if (module != NULL && lists_all(module->version))
        return 0;
    struct span key = requirement_key(composition, folder, clue->name);
    return key.data == NULL ? -1 : map_get(&places->required, key) == NULL;
}

static int declared_settle(struct places *places, struct composition *composition, struct err *err) {
    if (!places_fill(places, composition))
        return memory_short(err);
    for (size_t i = 0; i < composition->clues.count; i++) {
        struct composed_package composed = composition->clues.data[i];
        int wanted = is_declared(places, composition, composed.package);
        struct package *made = wanted > 0 ? arena_alloc(&composition->arena, sizeof *made) : NULL;
        if (wanted < 0 || (wanted > 0 && made == NULL))
            return memory_short(err);
        if (wanted == 0)
            continue;
        *made = *composed.package;
        made->evidence = EVIDENCE_DECLARED;
        composed.package = made;
        if (!vec_push(&composition->packages, composed))
            return memory_short(err);
    }
    return 0;
}

int clues_settle(struct composition *composition, bool with_declared, struct err *err) {
    struct places places;
    if (composition->clues.count == 0)
        return 0;
    if (gems_settle(composition, err) < 0)
        return -1;
    if (!with_declared)
        return 0;
    /* Keys come from images; nothing depends on the maps' order. */
    uint64_t seed = (uint64_t)(uintptr_t)composition * 0x9e3779b97f4a7c15u;
    map_init(&places.modules, seed);
    map_init(&places.required, seed);
    map_init(&places.yarn, seed);
    int result = declared_settle(&places, composition, err);
    map_release(&places.yarn);
    map_release(&places.required);
    map_release(&places.modules);
    return result;
}
