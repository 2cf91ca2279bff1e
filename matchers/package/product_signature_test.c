/* Runs the examples of signatures: a signature's own test. */
#include "base/limits.h"
#include "base/text.h"
#include "matchers/package/product_signature_internal.h"

struct expectation {
    const struct signature_product *product;
    const struct signature_example *example;
    bool found, right;
};

static int on_package(void *context, const struct package *package, struct err *err) {
    struct expectation *expectation = context;
    (void)err;
    if (!span_equal(package->name, expectation->product->name) || package->type != expectation->product->type)
        return 0;
    expectation->found = true;
    expectation->right = span_equal(package->version, expectation->example->version);
    return 0;
}

/* What is wrong with the example, or NULL. */
static const char *example_run(struct signature_search *search, struct expectation *expectation, struct err *err) {
    const struct signature_example *example = expectation->example;
    bool positive = example->version.size > 0;
    if (!signature_search_begin(search, example->path))
        return positive ? "no signature asks for the path" : NULL;
    signature_search_window(search, example->text, 0, true);
    if (signature_search_end(search, on_package, expectation, err) < 0)
        return "the search gave up";
    if (!positive)
        return expectation->found ? "a negative example was found" : NULL;
    return !expectation->found ? "was not found" : !expectation->right ? "was found with another version" : NULL;
}

int signatures_test(const struct signatures *signatures, signatures_test_report_fn report, void *context,
                    size_t *ret_examples, size_t *ret_failures, struct err *err) {
    AUTO_SIGNATURE_SEARCH struct signature_search *search = NULL;
    size_t examples = 0, failures = 0;
    if (signature_search_new(signatures, &search, err) < 0)
        return -1;
    for (size_t i = 0; i < signatures->products.count; i++) {
        const struct signature_product *product = &signatures->products.data[i];
        for (size_t k = 0; k < product->example_count; k++, examples++) {
            struct expectation expectation = {.product = product, .example = &product->examples[k]};
            const char *reason = example_run(search, &expectation, err);
            if (reason == NULL)
                continue;
            failures++;
            report(context, product->file, product->examples[k].line, product->name, reason);
        }
    }
    *ret_examples = examples;
    *ret_failures = failures;
    return 0;
}
