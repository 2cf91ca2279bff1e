#include "engine/pipeline/vex.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"
#include "engine/pipeline/vex_read.h"

#define STATEMENTS_MAX ((size_t)2000000) /* a vendor's whole archive in one run has some 100,000 */

struct statement {
    struct statement *next;   /* another one about the same id */
    struct purl product;      /* type empty: `image_name` instead */
    struct span image_name;   /* a reference in place of a package URL */
    struct purl subcomponent; /* type empty: none */
    bool is_of_image;
    enum vex_status status;
    struct span text;
    int64_t at_utc_s;
    size_t number;
};

struct vex {
    struct arena arena;
    struct arena scratch;           /* the document at hand */
    struct map by_id;               /* upper case → the first struct statement */
    VEC(struct statement *) images; /* those that name images */
    size_t count;
    const char *name; /* of the document at hand */
};

const char *vex_status_name(enum vex_status status) {
    static const char *const names[] = {"", "not_affected", "affected", "fixed", "under_investigation"};
    return names[status];
}

static int memory_short(struct err *err) { return err_set(err, ERR_NOMEM, 0, "VEX: out of memory"); }

int vex_new(struct vex **ret_vex, struct err *err) {
    struct vex *vex = mem_zalloc(sizeof *vex);
    if (vex == NULL)
        return memory_short(err);
    arena_init(&vex->arena, 0, 0);
    arena_init(&vex->scratch, 0, 0);
    map_init(&vex->by_id, 0);
    *ret_vex = vex;
    return 0;
}

void vex_free(struct vex *vex) {
    if (vex == NULL)
        return;
    arena_release(&vex->arena);
    arena_release(&vex->scratch);
    map_release(&vex->by_id);
    vec_release(&vex->images);
    mem_free(vex);
}

size_t vex_count(const struct vex *vex) { return vex == NULL ? 0 : vex->count; }

/* ---- documents ---- */

/* Ids in upper case, so that a look-up is one. Empty when memory is short. */
static struct span id_fold(struct arena *arena, struct span id) {
    uint8_t *text = arena_alloc(arena, id.size + 1);
    for (size_t i = 0; text != NULL && i < id.size; i++)
        text[i] = text_is_lower(id.data[i]) ? (uint8_t)(id.data[i] - 32) : id.data[i];
    return text == NULL ? (struct span){NULL, 0} : span_make(text, id.size);
}

/* Parts live in the statements' arena. A product that is no package URL is an image's reference. */
static int component_parse(struct vex *vex, struct span text, struct purl *ret_purl, struct span *ret_other,
                           struct err *err) {
    struct err why = {0};
    if (!span_starts(text, "pkg:")) {
        *ret_other = arena_copy(&vex->arena, text);
        return ret_other->data == NULL && text.size > 0 ? memory_short(err) : 0;
    }
    struct span kept = arena_copy(&vex->arena, text);
    if (kept.data == NULL)
        return memory_short(err);
    if (purl_parse(kept, &vex->arena, ret_purl, &why) < 0) {
        char quoted[96];
        return err_set(err, why.code, 0, "%s: %s", text_quote(text, quoted, sizeof quoted), why.text);
    }
    return 0;
}

static bool is_image_purl(const struct purl *purl) {
    return span_is(purl->type, "oci") || span_is(purl->type, "docker");
}

static int draft_take(void *context, const struct vex_draft *draft, struct err *err) {
    struct vex *vex = context;
    struct statement made = {.status = draft->status, .at_utc_s = draft->at_utc_s, .number = vex->count};
    struct span other = {NULL, 0};
    if (vex->count >= STATEMENTS_MAX)
        return err_set(err, ERR_LIMIT, 0, "more than %zu statements", STATEMENTS_MAX);
    if (component_parse(vex, draft->product, &made.product, &made.image_name, err) < 0 ||
        component_parse(vex, draft->subcomponent, &made.subcomponent, &other, err) < 0)
        return -1;
    made.is_of_image = made.product.type.size == 0 || is_image_purl(&made.product);
    char *text = draft->reason.size == 0
                     ? arena_format(&vex->arena, "%s, by %s", vex_status_name(draft->status), vex->name)
                     : arena_format(&vex->arena, "%s (%.*s), by %s", vex_status_name(draft->status),
                                    SPAN_FORMAT(span_slice(draft->reason, 0, LIMIT_SUMMARY_BYTES)), vex->name);
    if (text == NULL)
        return memory_short(err);
    made.text = span_text(text);
    vex->count++;
    for (size_t i = 0; i < draft->id_count; i++) {
        struct statement *statement = arena_alloc(&vex->arena, sizeof *statement);
        struct span id = id_fold(&vex->arena, draft->ids[i]);
        void **place = statement == NULL || id.data == NULL ? NULL : map_put(&vex->by_id, id, NULL);
        if (place == NULL)
            return memory_short(err);
        *statement = made;
        statement->next = *place;
        *place = statement;
        if (i == 0 && made.is_of_image && !vec_push(&vex->images, statement))
            return memory_short(err);
    }
    return 0;
}

int vex_add(struct vex *vex, struct span text, const char *name, struct err *err) {
    struct doc *root = NULL;
    int result;
    arena_reset(&vex->scratch);
    vex->name = name;
    if (json_parse(&vex->scratch, text, doc_limits_default(), &root, err) < 0)
        return err_wrap(err, "%s", name);
    if (span_is(doc_text(doc_get(root, "bomFormat")), "CycloneDX"))
        result = vex_read_cyclonedx(&vex->scratch, root, draft_take, vex, err);
    else if (doc_get(doc_get(root, "document"), "csaf_version") != NULL)
        result = vex_read_csaf(&vex->scratch, root, draft_take, vex, err);
    else if (doc_get(root, "statements") != NULL)
        result = vex_read_openvex(root, draft_take, vex, err);
    else
        result = err_set(err, ERR_FORMAT, 0, "expected an OpenVEX, CSAF or CycloneDX document");
    return result < 0 ? err_wrap(err, "%s", name) : 0;
}

/* ---- matching ---- */

/* "alpine-3.17.3" and "3.17.3" are one: who writes purls adds the distribution's name, or leaves it out. */
static struct span distro_bare(struct span distro) {
    size_t dash = span_index(distro, '-', 0);
    return dash == SIZE_MAX ? distro : span_from(distro, dash + 1);
}

/* Qualifiers that only one of the two has say nothing: tools add their own. */
static bool qualifiers_hold(const struct purl *product, const struct purl *package) {
    for (size_t i = 0; i < product->qualifier_count; i++) {
        const struct purl_qualifier *wanted = &product->qualifiers[i];
        if (span_is(wanted->key, "arch") && (span_is(wanted->value, "src") || span_is(wanted->value, "source")))
            continue;
        for (size_t j = 0; j < package->qualifier_count; j++) {
            const struct purl_qualifier *found = &package->qualifiers[j];
            bool is_distro = span_is(wanted->key, "distro");
            if (span_equal(found->key, wanted->key) && !span_equal(found->value, wanted->value) &&
                !(is_distro && span_equal(distro_bare(found->value), distro_bare(wanted->value))))
                return false;
        }
    }
    return true;
}

bool vex_purl_matches(const struct purl *product, const struct purl *package) {
    return span_equal(product->type, package->type) && span_equal(product->namespace, package->namespace) &&
           span_equal(product->name, package->name) &&
           (product->version.size == 0 || span_equal(product->version, package->version)) &&
           qualifiers_hold(product, package);
}

static struct span qualifier(const struct purl *purl, const char *key) {
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        if (span_is(purl->qualifiers[i].key, key))
            return purl->qualifiers[i].value;
    }
    return (struct span){NULL, 0};
}

/* "docker.io" has several names. */
static struct span registry_bare(struct span registry) {
    return span_is(registry, "index.docker.io") || span_is(registry, "registry-1.docker.io") ? span_text("docker.io")
                                                                                             : registry;
}

/* With or without the repository's last component: a package URL has that as its name already. */
static bool is_repository(struct span text, const struct vex_image *image) {
    struct span rest = text, repository = image->repository;
    struct span registry = registry_bare(text_cut(&rest, '/'));
    size_t slash = span_index_last(repository, '/');
    struct span above = span_slice(repository, 0, slash == SIZE_MAX ? 0 : slash);
    return span_equal(registry, registry_bare(image->registry)) &&
           (span_equal(rest, repository) || span_equal(rest, above));
}

/* The manifest's digest, or the one in the reference: that of an index, for the most part. */
static bool is_digest(struct span digest, const struct vex_image *image) {
    size_t at = span_index(image->reference, '@', 0);
    return span_equal(digest, image->digest) ||
           (at != SIZE_MAX && span_equal(digest, span_from(image->reference, at + 1)));
}

/* "host/repository", "host/repository:tag" or "…@sha256:…". */
static bool reference_names(struct span name, const struct vex_image *image) {
    size_t at = span_index(name, '@', 0);
    if (at != SIZE_MAX)
        return is_digest(span_from(name, at + 1), image);
    size_t colon = span_index_last(name, ':'), slash = span_index_last(name, '/');
    if (colon != SIZE_MAX && (slash == SIZE_MAX || colon > slash)) {
        if (!span_equal(span_from(name, colon + 1), image->tag))
            return false;
        name = span_slice(name, 0, colon);
    }
    return is_repository(name, image);
}

static bool image_matches(const struct statement *statement, const struct vex_image *image) {
    const struct purl *product = &statement->product;
    if (product->type.size == 0)
        return reference_names(statement->image_name, image);
    struct span tag = qualifier(product, "tag"), url = qualifier(product, "repository_url");
    size_t slash = span_index_last(image->repository, '/');
    struct span name = slash == SIZE_MAX ? image->repository : span_from(image->repository, slash + 1);
    if (product->version.size > 0 && span_starts(product->version, "sha256:") && !is_digest(product->version, image))
        return false;
    if (product->version.size > 0 && !span_starts(product->version, "sha256:") &&
        !span_equal(product->version, image->tag))
        return false;
    if (tag.size > 0 && product->version.size == 0 && !span_equal(tag, image->tag))
        return false;
    if (url.size > 0 && image->registry.size > 0 && !is_repository(url, image))
        return false;
    /* A layout or an archive has no repository: its digest has to say all. */
    return image->repository.size == 0 ? product->version.size > 0
                                       : span_equal(product->name, name) || product->namespace.size > 0;
}

bool vex_names_image(const struct vex *vex, const struct vex_image *image) {
    for (size_t i = 0; vex != NULL && i < vex->images.count; i++) {
        if (image_matches(vex->images.data[i], image))
            return true;
    }
    return false;
}

/* The finding's package, also under its source's name: vendors of distributions mean that. */
static bool package_matches(const struct purl *product, const struct purl *package, const struct vex_query *query) {
    struct purl source = *package;
    if (vex_purl_matches(product, package))
        return true;
    if (query->source_name.size == 0 || span_equal(query->source_name, package->name))
        return false;
    source.name = query->source_name;
    if (query->source_version.size > 0)
        source.version = query->source_version;
    return vex_purl_matches(product, &source);
}

static bool statement_holds(const struct statement *statement, const struct purl *package,
                            const struct vex_query *query) {
    bool has_part = statement->subcomponent.type.size > 0;
    if (has_part && !package_matches(&statement->subcomponent, package, query))
        return false;
    if (statement->is_of_image)
        return query->image != NULL && image_matches(statement, query->image);
    if (!has_part)
        return package_matches(&statement->product, package, query);
    return query->has == NULL || query->has(query->context, &statement->product);
}

static bool is_later(const struct statement *a, const struct statement *b) {
    return a->at_utc_s != b->at_utc_s ? a->at_utc_s > b->at_utc_s : a->number > b->number;
}

struct vex_verdict vex_find(const struct vex *vex, const struct vex_query *query, struct arena *scratch) {
    const struct statement *best = NULL;
    struct purl package = {.type = {NULL, 0}};
    struct err why = {0};
    for (size_t i = 0; i < query->id_count && vex_count(vex) > 0; i++) {
        struct span id = id_fold(scratch, query->ids[i]);
        for (const struct statement *s = id.data == NULL ? NULL : map_get(&vex->by_id, id); s != NULL; s = s->next) {
            if (package.type.size == 0 && purl_parse(query->purl, scratch, &package, &why) < 0)
                return (struct vex_verdict){VEX_NONE, {NULL, 0}};
            if ((best == NULL || is_later(s, best)) && statement_holds(s, &package, query))
                best = s;
        }
    }
    return best == NULL ? (struct vex_verdict){VEX_NONE, {NULL, 0}} : (struct vex_verdict){best->status, best->text};
}
