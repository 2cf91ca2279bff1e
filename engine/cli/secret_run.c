#include "engine/cli/secret_run.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/rules_cache.h"
#include "engine/cli/rules_folder.h"
#include "engine/pipeline/scan_rows.h"
#include "engine/pipeline/sweep.h"

#define CONFIDENCE_COUNTS 0.5 /* as in a sweep's summary */

static int options_read(struct secret_run *run, int argc, char **argv, bool *ret_help, struct err *err) {
    const struct option options[] = {
        {"output", 'o', OPTION_LIST, &run->files},
        {"format", 'f', OPTION_LIST, &run->formats},
        {"rules", 0, OPTION_LIST, &run->rules},
        {"min-confidence", 0, OPTION_TEXT, &run->policy_options.confidence_min},
        {"ignorefile", 0, OPTION_TEXT, &run->policy_options.ignore_file},
        {"baseline", 0, OPTION_TEXT, &run->policy_options.baseline},
        {"fail-on", 0, OPTION_TEXT, &run->fail_on},
        {"exit-code", 0, OPTION_COUNT, &run->exit_code},
        {"show-secrets", 0, OPTION_FLAG, &run->show_secrets},
        {"fingerprint-key", 0, OPTION_TEXT, &run->fingerprint_key},
        {"decode-depth", 0, OPTION_COUNT, &run->decode_depth},
        {"decode-bytes", 0, OPTION_SIZE, &run->decode_bytes},
        {"memory", 0, OPTION_SIZE, &run->memory_bytes},
        OPTION_END,
    };
    return options_parse(&run->arena, run->command, options, argc, argv, &run->operands, ret_help, err);
}

static int settings_read(struct secret_run *run, struct err *err) {
    struct sweep_budget budget;
    size_t expired = 0;
    char quoted[64];
    if (run->operands.count == 0)
        return err_set(err, ERR_USAGE, 0, "expected at least one operand");
    if (run->decode_depth > LIMIT_SECRET_DECODE_DEPTH)
        return err_set(err, ERR_USAGE, 0, "option --decode-depth: expected at most %u", LIMIT_SECRET_DECODE_DEPTH);
    if (run->exit_code > 255)
        return err_set(err, ERR_USAGE, 0, "option --exit-code: expected 0 to 255");
    run->has_fail_on = run->fail_on != NULL;
    if (run->has_fail_on && !severity_parse(span_text(run->fail_on), &run->fail_severity))
        return err_set(err, ERR_USAGE, 0,
                       "option --fail-on: expected critical, high, medium, low or negligible, found '%s'",
                       text_quote(span_text(run->fail_on), quoted, sizeof quoted));
    if (scan_policy_read(&run->policy_options, clock_utc_s(), &run->policy, &run->ignore, NULL, &expired, err) < 0 ||
        sweep_budget_of(run->memory_bytes, 1, 1, &budget, err) < 0)
        return -1;
    if (rules_folder_load(&run->rules, &run->secret_rules, NULL, err) < 0) {
        err->code = err->code == ERR_NOMEM ? ERR_NOMEM : ERR_USAGE;
        return -1;
    }
    struct span key = span_text(run->fingerprint_key == NULL ? SECRET_FINGERPRINT_KEY_DEFAULT : run->fingerprint_key);
    if (secret_engine_new(run->secret_rules, key, &run->engine, err) < 0)
        return -1;
    run->options = (struct inspect_options){.secrets = true,
                                            .show_secrets = run->show_secrets,
                                            .decode_depth = (unsigned)run->decode_depth,
                                            .decode_bytes_max = run->decode_bytes,
                                            .body_bytes_max = budget.body_bytes_max,
                                            .catalogue_bytes_max = budget.catalogue_bytes_max,
                                            .secret_engine = run->engine};
    return inspect_new(&run->options, &run->inspect, err);
}

static int outputs_begin(struct secret_run *run, struct err *err) {
    const struct outputs_options options = {.arena = &run->arena,
                                            .formats = &run->formats,
                                            .files = &run->files,
                                            .format_default = "table",
                                            .run = {.started_at = clock_utc_s()}};
    return outputs_open(&run->outputs, &options, err);
}

bool secret_run_open(struct secret_run *run, const char *command, int argc, char **argv, int *ret_status) {
    struct err err = {0};
    bool help = false;
    *run = (struct secret_run){.command = command,
                               .exit_code = EXIT_FINDINGS,
                               .decode_depth = LIMIT_SECRET_DECODE_DEPTH_DEFAULT,
                               .decode_bytes = LIMIT_SECRET_DECODE_BYTES,
                               .worst = SEVERITY_UNKNOWN};
    arena_init(&run->arena, 0, 0);
    row_init(&run->row);
    *ret_status = EXIT_DONE;
    if (options_read(run, argc, argv, &help, &err) == 0) {
        if (help)
            return false;
        if (settings_read(run, &err) == 0 && outputs_begin(run, &err) == 0)
            return true;
    }
    *ret_status = command_fail(command, &err);
    return false;
}

void secret_run_close(struct secret_run *run) {
    outputs_close(&run->outputs);
    inspect_free(run->inspect);
    layer_result_free(run->result);
    secret_engine_free(run->engine);
    secret_rules_free(run->secret_rules);
    policy_release(&run->policy);
    ignore_free(run->ignore);
    row_release(&run->row);
    arena_release(&run->arena);
}

int secret_run_begin(struct secret_run *run, struct err *err) {
    static const struct digest none = {.algorithm = DIGEST_NONE};
    /* A result is used again until something was found: most bodies have nothing. */
    if (run->result != NULL && run->result->secrets.count == 0 && run->result->errors.count == 0)
        return 0;
    layer_result_free(run->result);
    run->result = layer_result_new(&none);
    if (run->result == NULL)
        return err_set(err, ERR_NOMEM, 0, "out of memory");
    inspect_layer(run->inspect, run->result);
    return 0;
}

static int row_write(struct secret_run *run, struct err *err) {
    if (row_end(&run->row, err) < 0)
        return -1;
    struct row_view view = row_view_of(&run->row);
    return outputs_row(&run->outputs, &view, err);
}

static int secret_write(struct secret_run *run, const struct layer_secret *secret, struct err *err) {
    struct span suppressed_by = {NULL, 0};
    enum policy_verdict verdict = policy_secret(&run->policy, secret, secret->path, &suppressed_by);
    if (verdict == POLICY_KNOWN || verdict == POLICY_UNLIKELY)
        return 0;
    if (verdict == POLICY_REPORT && secret->confidence >= CONFIDENCE_COUNTS) {
        run->secrets++;
        run->worst = secret->severity > run->worst ? secret->severity : run->worst;
    }
    static const struct span none = {NULL, 0}; /* no sweep, no layer */
    secret_row(&run->row, none, none, secret, suppressed_by);
    return row_write(run, err);
}

static int error_write(struct secret_run *run, struct span target, const struct layer_error *error, struct err *err) {
    static const struct span none = {NULL, 0};
    const struct error_row row = {
        .target = target, .stage = error->stage, .path = error->path, .code = error->code, .message = error->message};
    run->errors++;
    error_row(&run->row, none, &row);
    return row_write(run, err);
}

int secret_run_error(struct secret_run *run, struct span target, struct span path, const struct err *problem,
                     struct err *err) {
    const struct layer_error error = {
        .stage = STAGE_FETCH, .path = path, .code = problem->code, .message = span_text(problem->text)};
    return error_write(run, target, &error, err);
}

int secret_run_end(struct secret_run *run, struct span target, struct err *err) {
    struct layer_result *result = run->result;
    if (result->secrets.count > 0)
        layer_result_seal(result);
    for (size_t i = 0; i < result->secrets.count; i++)
        if (secret_write(run, &result->secrets.data[i], err) < 0)
            return -1;
    for (size_t i = 0; i < result->errors.count; i++)
        if (error_write(run, target, &result->errors.data[i], err) < 0)
            return -1;
    return 0;
}

int secret_run_finish(struct secret_run *run, int result, struct err *err) {
    if (result == 0)
        result = outputs_finish(&run->outputs, err);
    if (result < 0)
        return command_fail(run->command, err);
    if (run->errors > 0)
        return EXIT_PARTIAL;
    return run->has_fail_on && run->secrets > 0 && run->worst >= run->fail_severity ? (int)run->exit_code : EXIT_DONE;
}
