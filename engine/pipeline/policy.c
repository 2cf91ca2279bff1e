#include "engine/pipeline/policy.h"

#include "base/text.h"

static bool fingerprint_read(struct span text, struct policy_known *ret_known) {
    return text.size == 32 && text_u64(span_slice(text, 0, 16), 16, UINT64_MAX, &ret_known->high) &&
           text_u64(span_from(text, 16), 16, UINT64_MAX, &ret_known->low);
}

static int compare_known(const void *a, const void *b) {
    const struct policy_known *x = a, *y = b;
    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return (x->low > y->low) - (x->low < y->low);
}

void policy_release(struct policy *policy) { vec_release(&policy->known); }

bool policy_know(struct policy *policy, struct span fingerprint) {
    struct policy_known known;
    return !fingerprint_read(fingerprint, &known) || vec_push(&policy->known, known);
}

void policy_sort(struct policy *policy) {
    if (policy->known.count > 1)
        qsort(policy->known.data, policy->known.count, sizeof *policy->known.data, compare_known);
}

static bool is_known(const struct policy *policy, struct span fingerprint) {
    struct policy_known known;
    return policy->known.count > 0 && fingerprint_read(fingerprint, &known) &&
           bsearch(&known, policy->known.data, policy->known.count, sizeof known, compare_known) != NULL;
}

enum policy_verdict policy_secret(const struct policy *policy, const struct layer_secret *secret, struct span path,
                                  struct span *ret_suppressed_by) {
    *ret_suppressed_by = (struct span){NULL, 0};
    if (secret->confidence < policy->confidence_min)
        return POLICY_UNLIKELY;
    if (is_known(policy, secret->fingerprint))
        return POLICY_KNOWN;
    struct ignore_finding finding = {.rule = secret->rule, .fingerprint = secret->fingerprint, .path = path};
    *ret_suppressed_by = ignore_find(policy->ignore, &finding);
    return ret_suppressed_by->size > 0 ? POLICY_SUPPRESSED : POLICY_REPORT;
}
