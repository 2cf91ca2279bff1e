/* Any bytes as a rule file. What loads is compiled, and its examples are run. */
#include "matchers/secret/secret_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_failure(void *context, const struct secret_rule *rule, struct span example, const char *reason) {
    (void)context;
    (void)rule;
    (void)example;
    (void)reason;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct secret_rule_file file = {"fuzz.yaml", {data, size}};
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    size_t examples = 0, failures = 0;
    if (secret_rules_load(false, &file, 1, &rules, NULL) == 0)
        (void)secret_rules_test(rules, NULL, on_failure, NULL, &examples, &failures, NULL);
    return 0;
}
