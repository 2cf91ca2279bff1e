#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/rules_folder.h"
#include "matchers/package/product_signature.h"

struct rules_options {
    const char *format;
    struct text_list folders;
};

static void row_print(const struct secret_rule *rule, bool ndjson) {
    AUTO_BUF struct buf out;
    buf_init(&out, LIMIT_MIB);
    if (!ndjson) {
        (void)printf("%-44.*s  %-8s  %.*s\n", SPAN_FORMAT(rule->id), severity_name(rule->severity),
                     SPAN_FORMAT(rule->description));
        return;
    }
    buf_text(&out, "{\"id\":");
    buf_json_text(&out, rule->id);
    buf_text(&out, ",\"kind\":\"secret\",\"aliases\":[],\"platform\":");
    buf_json_text(&out, rule->provider);
    buf_format(&out, ",\"severity\":\"%s\",\"title\":", severity_name(rule->severity));
    buf_json_text(&out, rule->description);
    buf_text(&out, "}\n");
    (void)fwrite(out.data, 1, out.size, stdout);
}

static int rules_list(const struct rules_options *options, struct err *err) {
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    bool ndjson = options->format != NULL && strcmp(options->format, "ndjson") == 0;
    if (options->format != NULL && !ndjson && strcmp(options->format, "table") != 0)
        return err_set(err, ERR_USAGE, 0, "--format must be table or ndjson");
    if (rules_folder_load(&options->folders, &rules, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < secret_rules_count(rules); i++)
        row_print(secret_rules_at(rules, i), ndjson);
    return 0;
}

static void list_print(const char *name, const struct span *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char quoted[512];
        (void)printf("%-13s %s\n", i == 0 ? name : "", text_quote(items[i], quoted, sizeof quoted));
    }
}

static int rules_show(const struct rules_options *options, const char *id, struct err *err) {
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    if (rules_folder_load(&options->folders, &rules, NULL, err) < 0)
        return -1;
    const struct secret_rule *rule = secret_rules_find(rules, span_text(id));
    char quoted[64];
    if (rule == NULL)
        return err_set(err, ERR_USAGE, 0, "no rule '%s': `trawl rules list` names them",
                       text_quote(span_text(id), quoted, sizeof quoted));
    (void)printf("%-13s %.*s\n%-13s %.*s\n%-13s %.*s\n%-13s %s\n%-13s %g", "id:", SPAN_FORMAT(rule->id),
                 "provider:", SPAN_FORMAT(rule->provider), "description:", SPAN_FORMAT(rule->description),
                 "severity:", severity_name(rule->severity), "confidence:", rule->confidence);
    if (rule->validator != NULL)
        (void)printf(" (valid: %g, invalid: %g)", rule->confidence_valid, rule->confidence_invalid);
    if (rule->pair != NULL)
        (void)printf(" (beside %.*s: %g)", SPAN_FORMAT(rule->pair->id), rule->confidence_pair);
    (void)printf("\n%-13s %s:%" PRIu32 "\n", "file:", rule->file, rule->line);
    list_print("literals:", rule->literals, rule->literal_count);
    list_print("keywords:", rule->keywords, rule->keyword_count);
    list_print("expression:", &rule->expression, 1);
    list_print("allow:", rule->allow, rule->allow_count);
    list_print("references:", rule->references, rule->reference_count);
    return 0;
}

static void failure_print(void *context, const struct secret_rule *rule, struct span example, const char *reason) {
    char quoted[240];
    (void)context;
    (void)printf("%s:%" PRIu32 ": %.*s: %s: '%s'\n", rule->file, rule->line, SPAN_FORMAT(rule->id), reason,
                 text_quote(example, quoted, sizeof quoted));
}

static void signature_print(void *context, const char *file, uint32_t line, struct span product, const char *reason) {
    (void)context;
    (void)printf("%s:%" PRIu32 ": %.*s: %s\n", file, line, SPAN_FORMAT(product), reason);
}

/* The signatures in the binary are tested with its rules; they are no rules of secrets and are not listed as such. */
static int signatures_check(size_t *examples, size_t *failures, struct err *err) {
    AUTO_SIGNATURES struct signatures *signatures = NULL;
    size_t count = 0, failed = 0;
    if (signatures_load(NULL, 0, &signatures, err) < 0 ||
        signatures_test(signatures, signature_print, NULL, &count, &failed, err) < 0)
        return -1;
    *examples += count;
    *failures += failed;
    return 0;
}

/* Returns an exit status, or -1. */
static int rules_test(struct rules_options *options, const struct text_list *files, struct err *err) {
    struct text_list paths = {0};
    AUTO_SECRET_RULES struct secret_rules *rules = NULL;
    struct arena arena AUTO(arena_release);
    arena_init(&arena, 0, LIMIT_MIB);
    for (size_t i = 0; i < options->folders.count + files->count; i++) {
        const char *path =
            i < options->folders.count ? options->folders.data[i] : files->data[i - options->folders.count];
        if (!text_list_add(&arena, &paths, path))
            return err_set(err, ERR_NOMEM, 0, "no memory");
    }
    if (rules_folder_load(&paths, &rules, NULL, err) < 0)
        return -1;
    size_t examples = 0, failures = 0;
    for (size_t i = 0; i < (files->count == 0 ? 1 : files->count); i++) {
        size_t count = 0, failed = 0;
        const char *file = files->count == 0 ? NULL : files->data[i];
        if (secret_rules_test(rules, file, failure_print, NULL, &count, &failed, err) < 0)
            return -1;
        if (count == 0)
            return err_set(err, ERR_USAGE, 0, "%s holds no rules: name rule files", file == NULL ? "the binary" : file);
        examples += count;
        failures += failed;
    }
    if (files->count == 0 && signatures_check(&examples, &failures, err) < 0)
        return -1;
    (void)printf("%zu examples, %zu failed\n", examples, failures);
    return failures == 0 ? EXIT_DONE : EXIT_FINDINGS;
}

int cmd_rules(int argc, char **argv) {
    struct rules_options values = {0};
    const struct option options[] = {
        {"format", 'f', OPTION_TEXT, (void *)&values.format},
        {"rules", 0, OPTION_LIST, &values.folders},
        OPTION_END,
    };
    struct arena arena AUTO(arena_release);
    struct err err = {0};
    struct text_list operands = {0};
    bool help = false;
    arena_init(&arena, 0, 0);
    if (options_parse(&arena, "rules", options, argc, argv, &operands, &help, &err) < 0)
        return command_fail("rules", &err);
    if (help)
        return EXIT_DONE;
    const char *verb = operands.count > 0 ? operands.data[0] : "";
    int status = -1;
    if (strcmp(verb, "list") == 0 && operands.count == 1) {
        status = rules_list(&values, &err);
    } else if (strcmp(verb, "show") == 0 && operands.count == 2) {
        status = rules_show(&values, operands.data[1], &err);
    } else if (strcmp(verb, "test") == 0) {
        struct text_list files = {operands.data + 1, operands.count - 1, operands.count - 1};
        status = rules_test(&values, &files, &err);
    } else {
        err_set(&err, ERR_USAGE, 0, "say list, show ID or test [FILE…]");
    }
    return status < 0 ? command_fail("rules", &err) : status;
}
