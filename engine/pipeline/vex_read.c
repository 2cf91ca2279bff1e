#include "engine/pipeline/vex_read.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/text.h"
#include "base/vec.h"

void vex_draft_id(struct vex_draft *draft, struct span id) {
    if (id.size > 0 && id.size <= LIMIT_FIELD_BYTES && draft->id_count < ARRAY_COUNT(draft->ids))
        draft->ids[draft->id_count++] = id;
}

static int64_t time_of(const struct doc *value, int64_t otherwise) {
    int64_t at;
    return clock_parse(doc_text(value), &at) ? at : otherwise;
}

static struct span either(struct span a, struct span b) { return a.size > 0 ? a : b; }

/* ---- OpenVEX ---- */

static bool status_parse(struct span text, enum vex_status *ret_status) {
    for (enum vex_status status = VEX_NOT_AFFECTED; status <= VEX_UNDER_INVESTIGATION; status++) {
        if (span_is(text, vex_status_name(status))) {
            *ret_status = status;
            return true;
        }
    }
    return false;
}

/* A product or subcomponent is a text in the first drafts of the format, an object since. */
static struct span component_name(const struct doc *component) {
    struct span purl = doc_text(doc_get(doc_get(component, "identifiers"), "purl"));
    return either(purl, either(doc_text(doc_get(component, "@id")), doc_text(component)));
}

static void openvex_ids(const struct doc *vulnerability, struct vex_draft *draft) {
    vex_draft_id(draft, doc_text(vulnerability));
    vex_draft_id(draft, doc_text(doc_get(vulnerability, "name")));
    if (draft->id_count == 0) { /* "https://nvd.nist.gov/vuln/detail/CVE-2023-1" */
        struct span id = doc_text(doc_get(vulnerability, "@id"));
        size_t slash = span_index_last(id, '/');
        vex_draft_id(draft, slash == SIZE_MAX ? id : span_from(id, slash + 1));
    }
    for (const struct doc *alias = doc_first(doc_get(vulnerability, "aliases")); alias != NULL; alias = alias->next)
        vex_draft_id(draft, doc_text(alias));
}

static int openvex_product(const struct doc *statement, const struct doc *product, struct vex_draft *draft,
                           vex_draft_fn each, void *context, struct err *err) {
    const struct doc *inner = doc_get(product, "subcomponents");
    if (inner == NULL)
        inner = doc_get(statement, "subcomponents");
    draft->product = component_name(product);
    draft->subcomponent = (struct span){NULL, 0};
    if (draft->product.size == 0)
        return err_set(err, ERR_FORMAT, 0, "line %u: a product has neither @id nor a purl", product->line);
    if (doc_first(inner) == NULL)
        return each(context, draft, err);
    for (const struct doc *item = doc_first(inner); item != NULL; item = item->next) {
        draft->subcomponent = component_name(item);
        if (each(context, draft, err) < 0)
            return -1;
    }
    return 0;
}

int vex_read_openvex(const struct doc *root, vex_draft_fn each, void *context, struct err *err) {
    int64_t document_at = time_of(doc_get(root, "last_updated"), time_of(doc_get(root, "timestamp"), 0));
    const struct doc *list = doc_get(root, "statements");
    if (!doc_is(list, DOC_ARRAY))
        return err_set(err, ERR_FORMAT, 0, "OpenVEX: a list of statements is expected");
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        struct vex_draft draft = {.at_utc_s = time_of(doc_get(item, "timestamp"), document_at)};
        openvex_ids(doc_get(item, "vulnerability"), &draft);
        if (draft.id_count == 0)
            return err_set(err, ERR_FORMAT, 0, "OpenVEX: line %u: a statement without a vulnerability's name",
                           item->line);
        if (!status_parse(doc_text(doc_get(item, "status")), &draft.status))
            return err_set(err, ERR_FORMAT, 0,
                           "OpenVEX: line %u: status: expected not_affected, affected, fixed or under_investigation",
                           item->line);
        draft.reason = either(doc_text(doc_get(item, "justification")), doc_text(doc_get(item, "impact_statement")));
        const struct doc *products = doc_get(item, "products");
        if (doc_first(products) == NULL)
            return err_set(err, ERR_FORMAT, 0, "OpenVEX: line %u: a statement without a product", item->line);
        for (const struct doc *product = doc_first(products); product != NULL; product = product->next) {
            if (openvex_product(item, product, &draft, each, context, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- CSAF ---- */

/* What a product id stands for. */
struct csaf_product {
    struct span purl;
    struct span inside; /* the purl of the product that it is a part of, or empty */
};

struct csaf {
    struct arena *arena;
    struct map products; /* id → struct csaf_product */
};

static int csaf_nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "CSAF: out of memory"); }

static struct csaf_product *csaf_put(struct csaf *csaf, struct span id) {
    struct csaf_product *product = arena_zalloc(csaf->arena, sizeof *product);
    void **place = product == NULL || id.size == 0 ? NULL : map_put(&csaf->products, id, NULL);
    if (place == NULL)
        return NULL;
    *place = product;
    return product;
}

static struct span csaf_purl(const struct doc *product) {
    const struct doc *helper = doc_get(product, "product_identification_helper");
    return either(doc_text(doc_get(helper, "purl")), doc_text(doc_first(doc_get(helper, "purls"))));
}

static int csaf_product_add(struct csaf *csaf, const struct doc *product, struct err *err) {
    struct span id = doc_text(doc_get(product, "product_id"));
    if (id.size == 0)
        return 0;
    struct csaf_product *made = csaf_put(csaf, id);
    if (made == NULL)
        return csaf_nomem(err);
    made->purl = csaf_purl(product);
    return 0;
}

/* Branches nest vendor, product, version and more: a list of those that wait, no recursion. */
static int csaf_branches(struct csaf *csaf, const struct doc *tree, struct err *err) {
    VEC(const struct doc *) waiting = {0};
    int result = vec_push(&waiting, tree) ? 0 : csaf_nomem(err);
    while (result == 0 && waiting.count > 0) {
        const struct doc *node = waiting.data[--waiting.count];
        result = csaf_product_add(csaf, doc_get(node, "product"), err);
        for (const struct doc *b = doc_first(doc_get(node, "branches")); b != NULL && result == 0; b = b->next)
            result = vec_push(&waiting, b) ? 0 : csaf_nomem(err);
    }
    vec_release(&waiting);
    return result;
}

static int csaf_relationships(struct csaf *csaf, const struct doc *tree, struct err *err) {
    for (const struct doc *item = doc_first(doc_get(tree, "relationships")); item != NULL; item = item->next) {
        const struct csaf_product *part = map_get(&csaf->products, doc_text(doc_get(item, "product_reference")));
        const struct csaf_product *whole =
            map_get(&csaf->products, doc_text(doc_get(item, "relates_to_product_reference")));
        const struct doc *full = doc_get(item, "full_product_name");
        struct span id = doc_text(doc_get(full, "product_id"));
        struct csaf_product *made = id.size == 0 ? NULL : csaf_put(csaf, id);
        if (id.size > 0 && made == NULL)
            return csaf_nomem(err);
        if (made == NULL)
            continue;
        made->purl = either(csaf_purl(full), part == NULL ? (struct span){NULL, 0} : part->purl);
        made->inside = whole == NULL ? (struct span){NULL, 0} : whole->purl;
    }
    return 0;
}

static int csaf_products(struct csaf *csaf, const struct doc *root, struct err *err) {
    const struct doc *tree = doc_get(root, "product_tree");
    for (const struct doc *item = doc_first(doc_get(tree, "full_product_names")); item != NULL; item = item->next) {
        if (csaf_product_add(csaf, item, err) < 0)
            return -1;
    }
    return csaf_branches(csaf, tree, err) < 0 ? -1 : csaf_relationships(csaf, tree, err);
}

/* The flag's label that names the product, such as vulnerable_code_not_present. */
static struct span csaf_reason(const struct doc *vulnerability, struct span product) {
    for (const struct doc *flag = doc_first(doc_get(vulnerability, "flags")); flag != NULL; flag = flag->next) {
        for (const struct doc *id = doc_first(doc_get(flag, "product_ids")); id != NULL; id = id->next) {
            if (span_equal(doc_text(id), product))
                return doc_text(doc_get(flag, "label"));
        }
    }
    return (struct span){NULL, 0};
}

static int csaf_vulnerability(const struct csaf *csaf, const struct doc *item, int64_t at_utc_s, vex_draft_fn each,
                              void *context, struct err *err) {
    static const struct {
        const char *name;
        enum vex_status status;
    } lists[] = {{"known_not_affected", VEX_NOT_AFFECTED},
                 {"fixed", VEX_FIXED},
                 {"first_fixed", VEX_FIXED},
                 {"known_affected", VEX_AFFECTED},
                 {"first_affected", VEX_AFFECTED},
                 {"last_affected", VEX_AFFECTED},
                 {"under_investigation", VEX_UNDER_INVESTIGATION}};
    struct vex_draft draft = {.at_utc_s = at_utc_s};
    vex_draft_id(&draft, doc_text(doc_get(item, "cve")));
    for (const struct doc *id = doc_first(doc_get(item, "ids")); id != NULL; id = id->next)
        vex_draft_id(&draft, doc_text(doc_get(id, "text")));
    for (size_t i = 0; i < ARRAY_COUNT(lists) && draft.id_count > 0; i++) {
        const struct doc *list = doc_get(doc_get(item, "product_status"), lists[i].name);
        for (const struct doc *id = doc_first(list); id != NULL; id = id->next) {
            const struct csaf_product *product = map_get(&csaf->products, doc_text(id));
            if (product == NULL || product->purl.size == 0)
                continue; /* a product that has no package URL: a CPE, or a name in prose */
            draft.status = lists[i].status;
            draft.reason = csaf_reason(item, doc_text(id));
            draft.product = product->inside.size > 0 ? product->inside : product->purl;
            draft.subcomponent = product->inside.size > 0 ? product->purl : (struct span){NULL, 0};
            if (each(context, &draft, err) < 0)
                return -1;
        }
    }
    return 0;
}

int vex_read_csaf(struct arena *arena, const struct doc *root, vex_draft_fn each, void *context, struct err *err) {
    struct csaf csaf = {.arena = arena};
    const struct doc *list = doc_get(root, "vulnerabilities");
    const struct doc *tracking = doc_get(doc_get(root, "document"), "tracking");
    int64_t at = time_of(doc_get(tracking, "current_release_date"), 0);
    map_init(&csaf.products, 0);
    int result = csaf_products(&csaf, root, err);
    for (const struct doc *item = doc_first(list); item != NULL && result == 0; item = item->next)
        result = csaf_vulnerability(&csaf, item, at, each, context, err);
    map_release(&csaf.products);
    return result;
}

/* ---- CycloneDX ---- */

static bool state_parse(struct span text, enum vex_status *ret_status) {
    static const struct {
        const char *state;
        enum vex_status status;
    } states[] = {{"resolved", VEX_FIXED},
                  {"resolved_with_pedigree", VEX_FIXED},
                  {"exploitable", VEX_AFFECTED},
                  {"in_triage", VEX_UNDER_INVESTIGATION},
                  {"false_positive", VEX_NOT_AFFECTED},
                  {"not_affected", VEX_NOT_AFFECTED}};
    for (size_t i = 0; i < ARRAY_COUNT(states); i++) {
        if (span_is(text, states[i].state)) {
            *ret_status = states[i].status;
            return true;
        }
    }
    return false;
}

static int components_collect(struct map *purls, const struct doc *root, struct err *err) {
    VEC(const struct doc *) waiting = {0};
    const struct doc *top = doc_get(doc_get(root, "metadata"), "component");
    bool good = vec_push(&waiting, root) && (top == NULL || vec_push(&waiting, top));
    while (good && waiting.count > 0) {
        const struct doc *node = waiting.data[--waiting.count];
        struct span reference = doc_text(doc_get(node, "bom-ref"));
        struct span purl = doc_text(doc_get(node, "purl"));
        if (reference.size > 0 && purl.size > 0) {
            void **place = map_put(purls, reference, NULL);
            good = place != NULL;
            if (good)
                *place = (void *)(uintptr_t)doc_get(node, "purl");
        }
        for (const struct doc *c = doc_first(doc_get(node, "components")); c != NULL && good; c = c->next)
            good = vec_push(&waiting, c);
    }
    vec_release(&waiting);
    return good ? 0 : err_set(err, ERR_NOMEM, 0, "CycloneDX: out of memory");
}

/* A reference is a component's of this document, or leads into another by "urn:cdx:SERIAL/VERSION#REFERENCE", where the
 * reference is a package URL for the most part. Empty where it says nothing to us. */
static struct span reference_purl(struct arena *arena, const struct map *purls, struct span reference) {
    const struct doc *known = map_get(purls, reference);
    if (known != NULL)
        return doc_text(known);
    size_t hash = span_starts(reference, "urn:cdx:") ? span_index(reference, '#', 0) : SIZE_MAX;
    if (hash != SIZE_MAX)
        reference = span_from(reference, hash + 1);
    known = map_get(purls, reference);
    if (known != NULL)
        return doc_text(known);
    if (span_starts(reference, "pkg:"))
        return reference;
    /* Escaped as a fragment: "pkg%3Anpm%2F…" */
    uint8_t *text = arena_alloc(arena, reference.size + 1);
    size_t size = 0;
    for (size_t i = 0; text != NULL && i < reference.size; i++) {
        int high = i + 2 < reference.size ? text_hex_value(reference.data[i + 1]) : -1;
        int low = i + 2 < reference.size ? text_hex_value(reference.data[i + 2]) : -1;
        bool escaped = reference.data[i] == '%' && high >= 0 && low >= 0;
        text[size++] = escaped ? (uint8_t)(high * 16 + low) : reference.data[i];
        i += escaped ? 2 : 0;
    }
    struct span plain = text == NULL ? (struct span){NULL, 0} : span_make(text, size);
    return span_starts(plain, "pkg:") ? plain : (struct span){NULL, 0};
}

static int cyclonedx_vulnerability(struct arena *arena, const struct map *purls, const struct doc *item,
                                   int64_t document_at, vex_draft_fn each, void *context, struct err *err) {
    const struct doc *analysis = doc_get(item, "analysis");
    struct vex_draft draft = {
        .at_utc_s = time_of(doc_get(analysis, "lastUpdated"), time_of(doc_get(item, "updated"), document_at))};
    if (analysis == NULL || !state_parse(doc_text(doc_get(analysis, "state")), &draft.status))
        return 0; /* a finding of whoever made the document, without a judgement */
    vex_draft_id(&draft, doc_text(doc_get(item, "id")));
    for (const struct doc *r = doc_first(doc_get(item, "references")); r != NULL; r = r->next)
        vex_draft_id(&draft, doc_text(doc_get(r, "id")));
    draft.reason = either(doc_text(doc_get(analysis, "justification")), doc_text(doc_get(analysis, "detail")));
    for (const struct doc *a = doc_first(doc_get(item, "affects")); a != NULL && draft.id_count > 0; a = a->next) {
        draft.product = reference_purl(arena, purls, doc_text(doc_get(a, "ref")));
        if (draft.product.size > 0 && each(context, &draft, err) < 0)
            return -1;
    }
    return 0;
}

int vex_read_cyclonedx(struct arena *arena, const struct doc *root, vex_draft_fn each, void *context, struct err *err) {
    struct map purls;
    int64_t at = time_of(doc_get(doc_get(root, "metadata"), "timestamp"), 0);
    map_init(&purls, 0);
    int result = components_collect(&purls, root, err);
    for (const struct doc *item = doc_first(doc_get(root, "vulnerabilities")); item != NULL && result == 0;
         item = item->next)
        result = cyclonedx_vulnerability(arena, &purls, item, at, each, context, err);
    map_release(&purls);
    return result;
}
