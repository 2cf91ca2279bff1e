#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "engine/cli/secret_run.h"
#include "io/git/git_store.h"

/* The name of each blob: of trees the first entry that has it, for one blob may have many. Past the arena's ceiling
 * blobs go without, which costs what a name says of its contents. */
struct names {
    struct arena arena;
    struct map map; /* hash → struct span */
    size_t hash_bytes;
};

static int names_add(struct names *names, struct span tree, struct err *err) {
    while (tree.size > 0) {
        struct span mode = text_cut(&tree, ' ');
        size_t zero = span_index(tree, 0, 0);
        if (zero == SIZE_MAX || tree.size - zero - 1 < names->hash_bytes)
            return 0; /* damaged: its blobs have no names */
        struct span name = span_slice(tree, 0, zero), hash = span_slice(tree, zero + 1, names->hash_bytes);
        tree = span_from(tree, zero + 1 + names->hash_bytes);
        if (!span_starts(mode, "100") || name.size > LIMIT_FIELD_BYTES || map_get(&names->map, hash) != NULL)
            continue;
        struct span *value = arena_alloc(&names->arena, sizeof *value);
        struct span key = value == NULL ? (struct span){NULL, 0} : arena_copy(&names->arena, hash);
        struct span copy = key.data == NULL ? (struct span){NULL, 0} : arena_copy(&names->arena, name);
        if (copy.data == NULL)
            return 0;
        bool is_new;
        void **slot = map_put(&names->map, key, &is_new);
        if (slot == NULL)
            return err_set(err, ERR_NOMEM, 0, "git: out of memory");
        *value = copy;
        *slot = value;
    }
    return 0;
}

static int names_read(struct names *names, struct git_store *store, struct err *err) {
    struct git_object object;
    int found;
    while ((found = git_store_next(store, GIT_TREE, &object, err)) > 0) {
        names->hash_bytes = object.hash.size;
        if (object.problem.code == ERR_NONE && names_add(names, object.body, err) < 0)
            return -1;
    }
    git_store_rewind(store);
    return found;
}

/* "blob/HASH/NAME": what `git show HASH` shows; the name is the last part, as in a path. */
static int object_search(struct secret_run *run, const struct names *names, struct span folder,
                         const struct git_object *object, struct err *err) {
    const struct span *name = map_get(&names->map, object->hash);
    AUTO_BUF struct buf path;
    buf_init(&path, 0);
    buf_format(&path, "%s/%s", git_kind_name(object->kind), object->text);
    if (name != NULL) {
        buf_byte(&path, '/');
        buf_add(&path, *name);
    }
    if (path.failed)
        return err_set(err, ERR_NOMEM, 0, "git: out of memory");
    if (object->problem.code != ERR_NONE && secret_run_error(run, folder, buf_span(&path), &object->problem, err) < 0)
        return -1;
    if (object->body.size == 0)
        return 0;
    if (secret_run_begin(run, err) < 0)
        return -1;
    inspect_begin(run->inspect, buf_span(&path), object->body.size, 0);
    inspect_data(run->inspect, object->body);
    inspect_end(run->inspect);
    return secret_run_end(run, folder, err);
}

/* Blobs, then messages of commits and tags, which hold tokens as well. */
static int repository_search(struct secret_run *run, const char *folder, struct err *err) {
    static const enum git_kind kinds[] = {GIT_BLOB, GIT_COMMIT, GIT_TAG};
    AUTO_GIT_STORE struct git_store *store = NULL;
    struct err problem = {0};
    struct names names = {.hash_bytes = 20};
    if (git_store_open(folder, &store, &problem) < 0)
        return secret_run_error(run, span_text(folder), span_text(""), &problem, err);
    arena_init(&names.arena, 0, LIMIT_GIT_NAMES_BYTES);
    map_init(&names.map, 0);
    int result = names_read(&names, store, err);
    for (size_t i = 0; i < ARRAY_COUNT(kinds) && result == 0; i++) {
        struct git_object object;
        int found;
        while (result == 0 && (found = git_store_next(store, kinds[i], &object, err)) != 0)
            result = found < 0 ? -1 : object_search(run, &names, span_text(folder), &object, err);
        git_store_rewind(store);
    }
    map_release(&names.map);
    arena_release(&names.arena);
    return result;
}

int cmd_git(int argc, char **argv) {
    struct secret_run run;
    struct err err = {0};
    int status;
    if (secret_run_open(&run, "git", argc, argv, &status)) {
        int result = 0;
        for (size_t i = 0; i < run.operands.count && result == 0; i++)
            result = repository_search(&run, run.operands.data[i], &err);
        status = secret_run_finish(&run, result, &err);
    }
    secret_run_close(&run);
    return status;
}
