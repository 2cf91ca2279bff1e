#include "bench/fleet/fleet_images.h"

#include "base/clock.h"
#include "base/text.h"
#include "bench/fleet/fleet_random.h"

#define APPLICATION_WINDOW 16 /* older layers that an image may have below its own */
#define CREATED_FIRST INT64_C(1640995200)
#define SLOT_FREE 0U
#define OBJECT_KIND_SHIFT 30

/* Independent streams of numbers from the one seed. */
enum salt { SALT_LAYER = 1, SALT_REPOSITORY, SALT_RUNTIME, SALT_BASE, SALT_DEPTH, SALT_CONFIG, SALT_CHANGED };

struct fleet {
    struct fleet_options options;
    struct fleet_layers *contents;
    VEC(struct fleet_layer) layers;
    uint32_t bases, runtimes, applications; /* layers 0…, in this order */
    uint32_t *repository_first;             /* the image; one more than there are repositories */
    struct fleet_image *images;
    uint32_t *top;            /* by application layer: the layer that stands in its place on top */
    uint32_t *top_generation; /* and since when */
    uint32_t generation;
    uint32_t *slots; /* open addressing by digest: kind and id; made anew for each generation */
    size_t slot_count;
    struct buf scratch;
};

const struct fleet_options *fleet_options(const struct fleet *fleet) { return &fleet->options; }
uint32_t fleet_generation(const struct fleet *fleet) { return fleet->generation; }
size_t fleet_layer_count(const struct fleet *fleet) { return fleet->layers.count; }
size_t fleet_shared_bytes(const struct fleet *fleet) { return fleet_layers_bytes(fleet->contents); }
const struct fleet_image *fleet_image(const struct fleet *fleet, uint32_t id) { return &fleet->images[id]; }

struct fleet_layer *fleet_layer(struct fleet *fleet, uint32_t id) {
    assert(id < fleet->layers.count);
    return &fleet->layers.data[id];
}

struct span fleet_layer_shared(const struct fleet *fleet, uint32_t id) {
    return fleet_layers_shared(fleet->contents, fleet->layers.data[id].shape);
}

int fleet_layer_own(struct fleet *fleet, uint32_t id, struct buf *out, struct err *err) {
    return fleet_layers_own(fleet->contents, fleet->layers.data[id].shape, out, NULL, NULL, err);
}

/* ---- what a digest names ---- */

static const uint8_t *digest_bytes(const struct fleet *fleet, struct fleet_object object) {
    if (object.kind == FLEET_LAYER)
        return fleet->layers.data[object.id].digest;
    const struct fleet_image *image = &fleet->images[object.id];
    return object.kind == FLEET_CONFIG ? image->config : image->manifest;
}

static size_t slot_first(const struct fleet *fleet, const uint8_t *digest) {
    uint64_t key;
    memcpy(&key, digest, sizeof key);
    return (size_t)key & (fleet->slot_count - 1);
}

static struct fleet_object slot_object(uint32_t slot) {
    return (struct fleet_object){slot >> OBJECT_KIND_SHIFT, slot & (((uint32_t)1 << OBJECT_KIND_SHIFT) - 1)};
}

struct fleet_object fleet_find(const struct fleet *fleet, const struct digest *digest) {
    if (digest->algorithm != DIGEST_SHA256)
        return (struct fleet_object){FLEET_NOTHING, 0};
    for (size_t i = slot_first(fleet, digest->bytes);; i = (i + 1) & (fleet->slot_count - 1)) {
        struct fleet_object object = slot_object(fleet->slots[i]);
        if (object.kind == FLEET_NOTHING || memcmp(digest_bytes(fleet, object), digest->bytes, 32) == 0)
            return object;
    }
}

static void slot_put(struct fleet *fleet, struct fleet_object object) {
    size_t i = slot_first(fleet, digest_bytes(fleet, object));
    while (fleet->slots[i] != SLOT_FREE)
        i = (i + 1) & (fleet->slot_count - 1);
    fleet->slots[i] = (uint32_t)object.kind << OBJECT_KIND_SHIFT | object.id;
}

/* At most a quarter is in use: chains of full slots stay short. */
static int slots_make(struct fleet *fleet, struct err *err) {
    size_t needed = fleet->layers.count + 2 * (size_t)fleet->options.images, count = 1024;
    while (count < 4 * needed)
        count *= 2;
    mem_free(fleet->slots);
    fleet->slots = mem_array(count, sizeof *fleet->slots);
    if (fleet->slots == NULL)
        return err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
    fleet->slot_count = count;
    for (uint32_t i = 0; i < fleet->layers.count; i++)
        slot_put(fleet, (struct fleet_object){FLEET_LAYER, i});
    for (uint32_t i = 0; i < fleet->options.images; i++) {
        slot_put(fleet, (struct fleet_object){FLEET_CONFIG, i});
        slot_put(fleet, (struct fleet_object){FLEET_MANIFEST, i});
    }
    return 0;
}

/* ---- layers ---- */

static enum fleet_kind layer_kind(const struct fleet *fleet, uint32_t id, uint64_t key) {
    if (id < fleet->bases)
        return FLEET_BASE;
    if (id < fleet->bases + fleet->runtimes)
        return FLEET_RUNTIME;
    return key % 8 == 0 ? FLEET_DEPENDENCIES : FLEET_APPLICATION;
}

/* The shape of a layer, and of what replaces it at a later generation. */
static struct fleet_shape layer_shape(const struct fleet *fleet, uint32_t id, uint32_t generation) {
    uint64_t key = fleet_hash(fleet->options.seed, (uint64_t)SALT_LAYER << 32 | generation, id);
    return fleet_shape_of(layer_kind(fleet, id, key), key);
}

static int layer_add(struct fleet *fleet, struct fleet_shape shape, struct err *err) {
    struct fleet_layer layer = {.shape = shape};
    struct digest digest, diff_id;
    buf_reset(&fleet->scratch);
    if (fleet_layers_own(fleet->contents, shape, &fleet->scratch, &digest, &diff_id, err) < 0)
        return -1;
    memcpy(layer.digest, digest.bytes, sizeof layer.digest);
    memcpy(layer.diff_id, diff_id.bytes, sizeof layer.diff_id);
    layer.size = (uint32_t)(fleet_layers_shared(fleet->contents, shape).size + fleet->scratch.size);
    return vec_push(&fleet->layers, layer) ? 0 : err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
}

/* The chains' unit is such that the layers' mean is what was asked for. */
static int layers_make(struct fleet *fleet, struct err *err) {
    double weight = 0;
    for (uint32_t i = 0; i < fleet->options.layers; i++)
        weight += fleet_shape_weight(layer_shape(fleet, i, 0));
    double unit = (double)fleet->options.layer_bytes * fleet->options.layers / weight;
    if (fleet_layers_new(fleet->options.seed, unit < 512 ? 512 : (uint64_t)unit, &fleet->contents, err) < 0)
        return -1;
    for (uint32_t i = 0; i < fleet->options.layers; i++) {
        if (layer_add(fleet, layer_shape(fleet, i, 0), err) < 0)
            return -1;
    }
    return 0;
}

/* ---- images ---- */

static uint32_t application_of(const struct fleet *fleet, uint32_t image) {
    return (uint32_t)((uint64_t)fleet->applications * image / fleet->options.images);
}

/* The first image whose own application layer is this one. */
static uint32_t image_first_of(const struct fleet *fleet, uint32_t application) {
    return (uint32_t)(((uint64_t)application * fleet->options.images + fleet->applications - 1) / fleet->applications);
}

static uint32_t repository_of(const struct fleet *fleet, uint32_t image) {
    uint32_t low = 0, high = fleet->options.repositories;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (fleet->repository_first[middle] <= image)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint64_t number_of(const struct fleet *fleet, enum salt salt, uint32_t of) {
    return fleet_hash(fleet->options.seed, salt, of);
}

static size_t depth_of(const struct fleet *fleet, uint32_t image) {
    static const uint8_t percent[] = {10, 20, 22, 18, 12, 8, 6, 4};
    uint64_t draw = number_of(fleet, SALT_DEPTH, image) % 100, sum = percent[0];
    size_t depth = 1;
    while (draw >= sum)
        sum += percent[depth++];
    return depth;
}

/* The image's layers, the lowest first. */
static size_t stack_of(const struct fleet *fleet, uint32_t image, uint32_t stack[FLEET_STACK_MAX]) {
    uint32_t repository = repository_of(fleet, image), older[FLEET_STACK_MAX];
    /* The first repositories take each runtime, and the first runtimes each base, so that none is left out. */
    uint32_t runtime = repository < fleet->runtimes
                           ? repository
                           : (uint32_t)fleet_favourite(number_of(fleet, SALT_RUNTIME, repository), fleet->runtimes);
    uint32_t base = runtime < fleet->bases
                        ? runtime
                        : (uint32_t)fleet_favourite(number_of(fleet, SALT_BASE, runtime), fleet->bases);
    uint32_t application = application_of(fleet, image), first = fleet->bases + fleet->runtimes;
    uint64_t bits = number_of(fleet, SALT_DEPTH, image) >> 32;
    size_t count = 0, wanted = depth_of(fleet, image) - 1, older_count = 0;
    stack[count++] = base;
    stack[count++] = fleet->bases + runtime;
    for (uint32_t back = 1; back <= APPLICATION_WINDOW && back <= application && older_count < wanted; back++) {
        bool must = wanted - older_count > APPLICATION_WINDOW - back;
        if (must || (bits >> back & 1) == 1)
            older[older_count++] = first + application - back;
    }
    while (older_count > 0)
        stack[count++] = older[--older_count];
    stack[count++] = fleet->top[application];
    return count;
}

static void add_hex(struct buf *out, const uint8_t digest[32]) {
    static const char digits[] = "0123456789abcdef";
    char text[64];
    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    buf_text(out, "sha256:");
    buf_add(out, span_make(text, sizeof text));
}

void fleet_manifest(struct fleet *fleet, uint32_t image, struct buf *out) {
    uint32_t stack[FLEET_STACK_MAX];
    size_t count = stack_of(fleet, image, stack);
    buf_text(out, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{"
                  "\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"");
    add_hex(out, fleet->images[image].config);
    buf_format(out, "\",\"size\":%u},\"layers\":[", fleet->images[image].config_size);
    for (size_t i = 0; i < count; i++) {
        const struct fleet_layer *layer = &fleet->layers.data[stack[i]];
        buf_text(out, i == 0 ? "" : ",");
        buf_text(out, "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"");
        add_hex(out, layer->digest);
        buf_format(out, "\",\"size\":%u}", layer->size);
    }
    buf_text(out, "]}");
}

/* When the image was made; rebuilt ones later, a day for each generation. */
static int64_t created_of(const struct fleet *fleet, uint32_t image) {
    uint32_t generation = fleet->top_generation[application_of(fleet, image)];
    return CREATED_FIRST + (int64_t)(number_of(fleet, SALT_CONFIG, image) % 60000000) + (int64_t)generation * 86400;
}

/* A history step for each layer, and one without a layer after every second one, as ENV and CMD leave them. */
static void add_history(struct buf *out, size_t count, int64_t created, uint64_t number) {
    static const char *const commands[] = {
        "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates # buildkit",
        "COPY . /srv/app # buildkit",
        "RUN /bin/sh -c npm ci --omit=dev && npm cache clean --force # buildkit",
        "COPY --from=build /out/ /srv/app/dist/ # buildkit",
    };
    char time[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        clock_text(created - (int64_t)(count - i) * 60, time);
        buf_format(out, "%s{\"created\":\"%s\",\"created_by\":\"%s\",\"comment\":\"buildkit.dockerfile.v0\"}",
                   i == 0 ? "" : ",", time,
                   i == 0 ? "/bin/sh -c #(nop) ADD file:rootfs.tar in / "
                          : commands[(number >> 2 * i) % ARRAY_COUNT(commands)]);
        if (i % 2 == 1)
            buf_format(out, ",{\"created\":\"%s\",\"created_by\":\"ENV STEP=%zu\",\"empty_layer\":true}", time, i);
    }
}

void fleet_config(struct fleet *fleet, uint32_t image, struct buf *out) {
    uint32_t stack[FLEET_STACK_MAX];
    size_t count = stack_of(fleet, image, stack);
    uint64_t number = number_of(fleet, SALT_CONFIG, image);
    int64_t created = created_of(fleet, image);
    char time[CLOCK_TEXT_SIZE], name[FLEET_NAME_SIZE];
    uint32_t repository = repository_of(fleet, image);
    clock_text(created, time);
    fleet_repository_name(repository, name);
    buf_format(
        out,
        "{\"created\":\"%s\",\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"app\","
        "\"ExposedPorts\":{\"%u/tcp\":{}},\"Env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
        "\"LANG=C.UTF-8\",\"SERVICE=%s\",\"WORKERS=%u\"],\"Entrypoint\":[\"/srv/app/bin/start\"],"
        "\"Cmd\":[\"--serve\"],\"WorkingDir\":\"/srv/app\",\"Labels\":{\"org.opencontainers.image.created\":\"%s\","
        "\"org.opencontainers.image.title\":\"%s\",\"org.opencontainers.image.revision\":\"%016" PRIx64 "\","
        "\"org.opencontainers.image.source\":\"https://git.example/%s\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
        time, 1024 + (unsigned)(number % 60000), name, (unsigned)(number >> 20) % 64, time, name, number, name);
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i == 0 ? "\"" : ",\"");
        add_hex(out, fleet->layers.data[stack[i]].diff_id);
        buf_byte(out, '"');
    }
    buf_text(out, "]},\"history\":[");
    add_history(out, count, created, number);
    buf_text(out, "]}");
}

/* Digests and sizes of the image's two documents. */
static int image_make(struct fleet *fleet, uint32_t id, struct err *err) {
    struct fleet_image *image = &fleet->images[id];
    struct digest digest;
    buf_reset(&fleet->scratch);
    fleet_config(fleet, id, &fleet->scratch);
    assert(fleet->scratch.size <= UINT16_MAX);
    if (fleet->scratch.failed)
        return err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
    if (digest_of(DIGEST_SHA256, buf_span(&fleet->scratch), &digest, err) < 0)
        return -1;
    memcpy(image->config, digest.bytes, sizeof image->config);
    image->config_size = (uint16_t)fleet->scratch.size;
    buf_reset(&fleet->scratch);
    fleet_manifest(fleet, id, &fleet->scratch);
    assert(fleet->scratch.size <= UINT16_MAX);
    if (fleet->scratch.failed)
        return err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
    if (digest_of(DIGEST_SHA256, buf_span(&fleet->scratch), &digest, err) < 0)
        return -1;
    memcpy(image->manifest, digest.bytes, sizeof image->manifest);
    image->manifest_size = (uint16_t)fleet->scratch.size;
    return 0;
}

/* Most repositories have few tags, a few have most of them: weights of 1 to 89 by Fibonacci, then scaled. */
static void repositories_make(struct fleet *fleet) {
    static const uint8_t weights[] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
    uint32_t count = fleet->options.repositories, spare = fleet->options.images - count;
    uint64_t total = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++)
        total += weights[number_of(fleet, SALT_REPOSITORY, i) % ARRAY_COUNT(weights)];
    for (uint32_t i = 0; i < count; i++) {
        fleet->repository_first[i] = i + (uint32_t)(spare * sum / total);
        sum += weights[number_of(fleet, SALT_REPOSITORY, i) % ARRAY_COUNT(weights)];
    }
    fleet->repository_first[count] = fleet->options.images;
}

static int options_check(const struct fleet_options *options, struct err *err) {
    const uint32_t most = ((uint32_t)1 << OBJECT_KIND_SHIFT) / 4;
    if (options->layers < 8 || options->layers > options->images || options->images > most)
        return err_set(err, ERR_USAGE, 0, "expected 8 layers or more, and no more than images: found %u of %u",
                       options->layers, options->images);
    if (options->repositories == 0 || options->repositories > options->images)
        return err_set(err, ERR_USAGE, 0, "expected a repository or more, and no more than images: found %u of %u",
                       options->repositories, options->images);
    if (options->changed_percent > 100)
        return err_set(err, ERR_USAGE, 0, "expected at most 100 per cent changed, found %u", options->changed_percent);
    return 0;
}

static int fleet_make(struct fleet *fleet, struct err *err) {
    const struct fleet_options *options = &fleet->options;
    uint32_t runtimes = options->layers / 40, bases = options->layers / 400;
    fleet->runtimes = runtimes == 0 ? 1 : runtimes > options->repositories ? options->repositories : runtimes;
    fleet->bases = bases == 0 ? 1 : bases > fleet->runtimes ? fleet->runtimes : bases;
    fleet->applications = options->layers - fleet->bases - fleet->runtimes;
    fleet->repository_first = mem_array((size_t)options->repositories + 1, sizeof *fleet->repository_first);
    fleet->images = mem_array(options->images, sizeof *fleet->images);
    fleet->top = mem_array(fleet->applications, sizeof *fleet->top);
    fleet->top_generation = mem_array(fleet->applications, sizeof *fleet->top_generation);
    if (fleet->repository_first == NULL || fleet->images == NULL || fleet->top == NULL || fleet->top_generation == NULL)
        return err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
    for (uint32_t i = 0; i < fleet->applications; i++)
        fleet->top[i] = fleet->bases + fleet->runtimes + i;
    repositories_make(fleet);
    if (layers_make(fleet, err) < 0)
        return -1;
    for (uint32_t i = 0; i < options->images; i++) {
        if (image_make(fleet, i, err) < 0)
            return -1;
    }
    return slots_make(fleet, err);
}

int fleet_new(const struct fleet_options *options, struct fleet **ret_fleet, struct err *err) {
    if (options_check(options, err) < 0)
        return -1;
    struct fleet *fleet = mem_zalloc(sizeof *fleet);
    if (fleet == NULL)
        return err_set(err, ERR_NOMEM, 0, "fleet: out of memory");
    fleet->options = *options;
    if (fleet_make(fleet, err) < 0) {
        fleet_free(fleet);
        return -1;
    }
    *ret_fleet = fleet;
    return 0;
}

void fleet_free(struct fleet *fleet) {
    if (fleet == NULL)
        return;
    fleet_layers_free(fleet->contents);
    vec_release(&fleet->layers);
    mem_free(fleet->repository_first);
    mem_free(fleet->images);
    mem_free(fleet->top);
    mem_free(fleet->top_generation);
    mem_free(fleet->slots);
    buf_release(&fleet->scratch);
    mem_free(fleet);
}

/* ---- generations ---- */

/* Whether the generation rebuilds this application layer: a rotation of all of them, so that the count is exact. */
static bool is_rebuilt(const struct fleet *fleet, uint32_t application, uint32_t generation) {
    uint64_t count = fleet->applications, wanted = (count * fleet->options.changed_percent + 50) / 100;
    /* 101 spreads the first hundredth of the places over all layers, wherever it does not divide their number. */
    uint64_t stride = count % 101 == 0 ? 103 : 101;
    uint64_t start = number_of(fleet, SALT_CHANGED, generation) % count;
    uint64_t place = (application * stride + start) % count;
    return place < wanted;
}

static uint32_t rebuilt_at(const struct fleet *fleet, uint32_t application, uint32_t generation) {
    while (generation > 0 && !is_rebuilt(fleet, application, generation))
        generation--;
    return generation;
}

static int top_make(struct fleet *fleet, uint32_t application, uint32_t generation, struct err *err) {
    uint32_t id = fleet->bases + fleet->runtimes + application;
    if (generation > 0) {
        struct fleet_shape shape = layer_shape(fleet, id, generation);
        for (id = fleet->options.layers; id < fleet->layers.count; id++) {
            if (fleet->layers.data[id].shape.key == shape.key)
                break;
        }
        if (id == fleet->layers.count && layer_add(fleet, shape, err) < 0)
            return -1;
    }
    fleet->top[application] = id;
    fleet->top_generation[application] = generation;
    for (uint32_t i = image_first_of(fleet, application); i < image_first_of(fleet, application + 1); i++) {
        if (image_make(fleet, i, err) < 0)
            return -1;
    }
    return 0;
}

int fleet_generation_set(struct fleet *fleet, uint32_t generation, struct err *err) {
    for (uint32_t i = 0; i < fleet->applications; i++) {
        uint32_t since = rebuilt_at(fleet, i, generation);
        if (since != fleet->top_generation[i] && top_make(fleet, i, since, err) < 0)
            return -1;
    }
    fleet->generation = generation;
    return slots_make(fleet, err);
}

size_t fleet_image_count_changed(const struct fleet *fleet) {
    size_t count = 0;
    for (uint32_t i = 0; i < fleet->applications && fleet->generation > 0; i++) {
        if (fleet->top_generation[i] == fleet->generation)
            count += image_first_of(fleet, i + 1) - image_first_of(fleet, i);
    }
    return count;
}

size_t fleet_layer_count_used(const struct fleet *fleet) {
    AUTO_FREE bool *used = mem_array(fleet->layers.count, sizeof *used);
    uint32_t stack[FLEET_STACK_MAX];
    size_t used_count = 0;
    if (used == NULL)
        return 0;
    for (uint32_t i = 0; i < fleet->options.images; i++) {
        size_t count = stack_of(fleet, i, stack);
        for (size_t j = 0; j < count; j++) {
            used_count += !used[stack[j]];
            used[stack[j]] = true;
        }
    }
    return used_count;
}

/* ---- names ---- */

#define TEAM_REPOSITORIES 20

const char *fleet_repository_name(uint32_t repository, char *out) {
    static const char *const services[] = {"api", "worker", "web", "billing", "search", "auth", "report", "gateway"};
    (void)snprintf(out, FLEET_NAME_SIZE, "team-%04u/s%06u-%s", repository / TEAM_REPOSITORIES, repository,
                   services[repository % ARRAY_COUNT(services)]);
    return out;
}

const char *fleet_tag_name(uint32_t tag, char *out) {
    (void)snprintf(out, FLEET_NAME_SIZE, "v1.%06u", tag);
    return out;
}

uint32_t fleet_tag_count(const struct fleet *fleet, uint32_t repository) {
    return fleet->repository_first[repository + 1] - fleet->repository_first[repository];
}

uint32_t fleet_image_of(const struct fleet *fleet, uint32_t repository, uint32_t tag) {
    return fleet->repository_first[repository] + tag;
}

static uint32_t name_after(const char *(*name_of)(uint32_t, char *), uint32_t count, struct span name,
                           bool *ret_found) {
    uint32_t low = 0, high = count;
    char out[FLEET_NAME_SIZE];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (span_compare(span_text(name_of(middle, out)), name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = low > 0 && span_is(name, name_of(low - 1, out));
    return low;
}

uint32_t fleet_repository_after(const struct fleet *fleet, struct span name, bool *ret_found) {
    return name_after(fleet_repository_name, fleet->options.repositories, name, ret_found);
}

uint32_t fleet_tag_after(const struct fleet *fleet, uint32_t repository, struct span name, bool *ret_found) {
    return name_after(fleet_tag_name, fleet_tag_count(fleet, repository), name, ret_found);
}
