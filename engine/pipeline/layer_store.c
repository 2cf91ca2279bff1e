#include "engine/pipeline/layer_store.h"

#include "base/alloc.h"
#include "base/limits.h"

#define SCRATCH_BYTES_MAX LIMIT_MIB /* what a scan thread keeps of it: most layers' results are smaller */

struct layer_store {
    struct plan *plan;
    struct cache *cache;
    struct cache_reader *reader;
    struct hash128 profile;
    bool verify_diff_id;
    size_t bytes, bytes_max;
    size_t turn;           /* layers asked for in this turn stay */
    size_t newest, oldest; /* a list through the layers by last use: indexes + 1, 0 for none */
};

int layer_store_new(struct plan *plan, struct cache *cache, struct hash128 profile, bool verify_diff_id,
                    size_t bytes_max, struct layer_store **ret_store, struct err *err) {
    struct layer_store *store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return err_set(err, ERR_NOMEM, 0, "layers: out of memory");
    *store = (struct layer_store){.plan = plan,
                                  .cache = cache,
                                  .profile = profile,
                                  .verify_diff_id = verify_diff_id,
                                  .bytes_max = bytes_max,
                                  .turn = 1};
    if (cache_reader_new(cache, &store->reader, err) < 0) {
        mem_free(store);
        return -1;
    }
    *ret_store = store;
    return 0;
}

void layer_store_free(struct layer_store *store) {
    if (store == NULL)
        return;
    cache_reader_free(store->reader);
    mem_free(store);
}

/* ---- in and out of the cache ---- */

/* A digest of what is unpacked and one of a blob may be of the same bytes, and still be read differently: an archive
 * must not answer for a registry's layer. */
static struct profile_key layer_key(const struct planned_layer *layer, const struct hash128 *profile) {
    struct profile_key key = profile_key(&layer->descriptor.digest, profile);
    key.bytes[0] |= layer->descriptor.is_unpacked_digest ? 0x80 : 0;
    return key;
}

/* What a local store has as a folder cannot be checked against its name, and what it has not it is to say itself. */
static bool is_kept(const struct planned_layer *layer) { return layer->source->ops->tree == NULL; }

/* Whether a scan would not find fault with what the images say of the layer. */
static bool is_as_told(const struct layer_store *store, const struct planned_layer *layer,
                       const struct layer_summary *summary, const struct digest *diff_id) {
    const struct descriptor *descriptor = &layer->descriptor;
    if (descriptor->is_unpacked_digest)
        return true;
    return (descriptor->size_unknown || descriptor->size == summary->compressed_bytes) &&
           (!store->verify_diff_id || layer->diff_id.algorithm == DIGEST_NONE ||
            digest_equal(&layer->diff_id, diff_id));
}

/* With a text of its own; false when memory is short. */
static bool summary_take(struct planned_layer *layer, const struct layer_summary *summary) {
    layer->summary = *summary;
    if (summary->reason.size == 0)
        return true;
    layer->reason = mem_text(summary->reason.data, summary->reason.size);
    layer->summary.reason = span_text(layer->reason == NULL ? "out of memory" : layer->reason);
    return layer->reason != NULL;
}

bool layer_store_recall(struct layer_store *store, struct planned_layer *layer) {
    struct profile_key key = layer_key(layer, &store->profile);
    struct layer_summary summary;
    struct digest diff_id;
    struct span value;
    if (is_kept(layer) && cache_get(store->reader, CACHE_LAYER, profile_key_span(&key), &value) &&
        layer_unpack_summary(value, &summary, &diff_id) && is_as_told(store, layer, &summary, &diff_id)) {
        layer->is_stored = layer->is_known = summary_take(layer, &summary);
        if (layer->is_stored && cache_is_stale(value))
            cache_put(store->cache, CACHE_LAYER, profile_key_span(&key), value);
    }
    cache_reader_reset(store->reader); /* what is written from now on is seen by the next look */
    return layer->is_stored;
}

/* Whether another sweep would find the same: not where the machine or the network was the cause. */
static bool may_keep(const struct layer_result *result) {
    for (size_t i = 0; i < result->errors.count; i++) {
        const struct layer_error *error = &result->errors.data[i];
        if (error->stage == STAGE_FETCH || error->stage == STAGE_VERIFY || error->code == ERR_NOMEM ||
            error->code == ERR_IO || error->code == ERR_NET || error->code == ERR_CANCELED || error->code == ERR_AUTH)
            return false;
    }
    return true;
}

void layer_store_keep(struct cache *cache, struct hash128 profile, struct planned_layer *layer, struct buf *scratch) {
    struct layer_result *result = layer->result;
    if (result == NULL)
        return;
    struct layer_summary summary = {result->status, result->compressed_bytes, result->unpacked_bytes,
                                    result->errors.count > 0 ? result->errors.data[0].message : span_text("")};
    layer->summary = summary;
    if (!is_kept(layer) || !may_keep(result))
        return;
    buf_reset(scratch);
    layer_pack(result, scratch);
    if (scratch->failed || !summary_take(layer, &summary))
        return; /* stays in memory */
    struct profile_key key = layer_key(layer, &profile);
    cache_put(cache, CACHE_LAYER, profile_key_span(&key), buf_span(scratch));
    layer->is_stored = true;
    layer->result = NULL;
    layer_result_free(result);
    if (scratch->capacity > SCRATCH_BYTES_MAX)
        buf_release(scratch);
}

/* ---- in memory ---- */

static struct planned_layer *layer_at(struct layer_store *store, size_t place) {
    return store->plan->layers.data[place - 1];
}

static void list_remove(struct layer_store *store, size_t place) {
    struct planned_layer *layer = layer_at(store, place);
    if (layer->next != 0)
        layer_at(store, layer->next)->previous = layer->previous;
    else
        store->oldest = layer->previous;
    if (layer->previous != 0)
        layer_at(store, layer->previous)->next = layer->next;
    else
        store->newest = layer->next;
}

static void list_add(struct layer_store *store, size_t place) {
    struct planned_layer *layer = layer_at(store, place);
    layer->previous = 0;
    layer->next = store->newest;
    if (store->newest != 0)
        layer_at(store, store->newest)->previous = place;
    else
        store->oldest = place;
    store->newest = place;
}

static void room_make(struct layer_store *store) {
    while (store->bytes > store->bytes_max && store->oldest != 0 &&
           layer_at(store, store->oldest)->used != store->turn) {
        struct planned_layer *layer = layer_at(store, store->oldest);
        list_remove(store, store->oldest);
        store->bytes -= layer->result_bytes;
        layer_result_free(layer->result);
        layer->result = NULL;
    }
}

int layer_store_get(struct layer_store *store, size_t index, const struct layer_result **ret_result, struct err *err) {
    struct planned_layer *layer = store->plan->layers.data[index];
    *ret_result = layer->result;
    if (!layer->is_stored)
        return layer->result != NULL ? 0 : err_set(err, ERR_NOMEM, 0, "layer: out of memory");
    if (layer->result != NULL) {
        list_remove(store, index + 1);
    } else {
        struct profile_key key = layer_key(layer, &store->profile);
        char text[DIGEST_TEXT_SIZE];
        struct span value;
        if (cache_need(store->reader, CACHE_LAYER, profile_key_span(&key), &value, err) < 0)
            return err_wrap(err, "layer %s", digest_text(&layer->descriptor.digest, text));
        int result = layer_unpack(value, &layer->result, err);
        layer->result_bytes = 2 * value.size + sizeof *layer->result;
        cache_reader_reset(store->reader);
        if (result < 0)
            return err_wrap(err, "layer %s: cache", digest_text(&layer->descriptor.digest, text));
        store->bytes += layer->result_bytes;
    }
    layer->used = store->turn;
    list_add(store, index + 1);
    room_make(store);
    *ret_result = layer->result;
    return 0;
}

void layer_store_release(struct layer_store *store) { store->turn++; }
