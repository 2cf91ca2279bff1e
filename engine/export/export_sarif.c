/* SARIF 2.1.0 (OASIS): one run; a result for each finding, its rule's severity as GitHub reads it, suppressions as
 * such, what failed as notifications. Results stream; the rules stand behind them, for they are known at the end. */
#include "base/clock.h"
#include "engine/export/export_escape.h"
#include "engine/export/export_finding.h"

struct sarif_rule {
    struct span id, text;
    enum table table;
    enum severity severity; /* the worst that was seen */
    double score;
};

struct sarif {
    struct finding_document *document;
    struct arena arena;
    struct map places; /* kind and id → index + 1 */
    VEC(struct sarif_rule) rules;
    uint64_t errors;
};

static const char *sarif_level(enum severity severity) {
    return severity >= SEVERITY_HIGH ? "error" : severity == SEVERITY_MEDIUM ? "warning" : "note";
}

static void sarif_release(void *state) {
    struct sarif *sarif = state;
    if (sarif == NULL)
        return;
    finding_document_free(sarif->document);
    arena_release(&sarif->arena);
    map_release(&sarif->places);
    vec_release(&sarif->rules);
    mem_free(sarif);
}

static int sarif_begin(const struct exporter_options *options, void **ret_state, struct err *err) {
    (void)options;
    struct sarif *sarif = mem_zalloc(sizeof *sarif);
    if (sarif == NULL)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    arena_init(&sarif->arena, 0, 0);
    map_init(&sarif->places, clock_ns());
    sarif->document = finding_document_new(err);
    if (sarif->document == NULL) {
        sarif_release(sarif);
        return -1;
    }
    struct json_out *json = &sarif->document->json;
    json_out_open(json, NULL, '{');
    json_out_text(json, "$schema", span_text("https://json.schemastore.org/sarif-2.1.0.json"));
    json_out_text(json, "version", span_text("2.1.0"));
    json_out_open(json, "runs", '[');
    json_out_open(json, NULL, '{');
    json_out_open(json, "results", '[');
    *ret_state = sarif;
    return 0;
}

/* The index of the finding's rule, which is made where it is new. */
static int rule_note(struct sarif *sarif, const struct finding *finding, size_t *ret_index, struct err *err) {
    struct buf *key = &sarif->document->text;
    buf_reset(key);
    buf_byte(key, (uint8_t)finding->table);
    buf_add(key, finding->id);
    size_t index = (size_t)(uintptr_t)map_get(&sarif->places, buf_span(key));
    if (index == 0) {
        struct span text = finding->table == TABLE_MISCONFIGURATION ? finding->title : finding->id;
        struct sarif_rule rule = {.id = arena_copy(&sarif->arena, finding->id),
                                  .text = arena_copy(&sarif->arena, text),
                                  .table = finding->table};
        struct span kept = arena_copy(&sarif->arena, buf_span(key));
        void **place = kept.data == NULL ? NULL : map_put(&sarif->places, kept, NULL);
        if (place == NULL || rule.id.data == NULL || rule.text.data == NULL || !vec_push(&sarif->rules, rule))
            return err_set(err, ERR_NOMEM, 0, "export: out of memory");
        index = sarif->rules.count;
        *place = (void *)(uintptr_t)index;
    }
    struct sarif_rule *rule = &sarif->rules.data[index - 1];
    if (finding->severity > rule->severity)
        rule->severity = finding->severity;
    if (finding->score > rule->score)
        rule->score = finding->score;
    *ret_index = index - 1;
    return 0;
}

static void message_add(struct json_out *json, const char *key, struct span text) {
    json_out_open(json, key, '{');
    json_out_text(json, "text", text);
    json_out_close(json);
}

static void location_add(struct sarif *sarif, const struct finding *finding) {
    struct json_out *json = &sarif->document->json;
    struct buf *uri = &sarif->document->text;
    buf_reset(uri);
    escape_uri_path(uri, finding->path.size > 0 ? finding->path : finding->target);
    json_out_open(json, "locations", '[');
    json_out_open(json, NULL, '{');
    json_out_open(json, "physicalLocation", '{');
    json_out_open(json, "artifactLocation", '{');
    json_out_text(json, "uri", buf_span(uri));
    json_out_close(json);
    if (finding->line > 0) {
        json_out_open(json, "region", '{');
        json_out_u64(json, "startLine", finding->line);
        if (finding->end_line > finding->line)
            json_out_u64(json, "endLine", finding->end_line);
        json_out_close(json);
    }
    json_out_close(json);
    if (finding->target.size > 0) {
        json_out_open(json, "logicalLocations", '[');
        json_out_open(json, NULL, '{');
        json_out_text(json, "fullyQualifiedName", finding->target);
        json_out_text(json, "kind", span_text("module"));
        json_out_close(json);
        json_out_close(json);
    }
    json_out_close(json);
    json_out_close(json);
}

static void result_add(struct sarif *sarif, const struct finding *finding, size_t rule) {
    struct json_out *json = &sarif->document->json;
    struct buf *text = &sarif->document->text;
    json_out_open(json, NULL, '{');
    json_out_text(json, "ruleId", finding->id);
    json_out_u64(json, "ruleIndex", rule);
    json_out_text(json, "level", span_text(sarif_level(finding->severity)));
    buf_reset(text);
    buf_add(text, finding->title);
    if (finding->description.size > 0) {
        buf_text(text, ": ");
        buf_add(text, finding->description);
    }
    buf_text(text, ". ");
    buf_add(text, finding->remedy);
    message_add(json, "message", buf_span(text));
    location_add(sarif, finding);
    json_out_open(json, "partialFingerprints", '{');
    json_out_text(json, "trawlFinding/v1", span_text(finding->key));
    json_out_close(json);
    if (finding_is_suppressed(finding)) {
        json_out_open(json, "suppressions", '[');
        json_out_open(json, NULL, '{');
        json_out_text(json, "kind", span_text("external"));
        json_out_text(json, "justification",
                      finding->suppressed_by.size > 0 ? finding->suppressed_by : finding->vex_status);
        json_out_close(json);
        json_out_close(json);
    }
    json_out_open(json, "properties", '{');
    json_out_text(json, "severity", span_text(severity_name(finding->severity)));
    json_out_text_if(json, "purl", finding->purl);
    json_out_text_if(json, "fixedVersion", finding->fixed_version);
    json_out_text_if(json, "layer", finding->layer_digest);
    json_out_u64(json, "imageCount", finding->image_count);
    json_out_close(json);
    json_out_close(json);
}

/* Behind the results, once: the notifications' place. */
static void results_close(struct sarif *sarif) {
    if (sarif->document->is_begun)
        return;
    sarif->document->is_begun = true;
    json_out_close(&sarif->document->json);
    json_out_open(&sarif->document->json, "invocations", '[');
    json_out_open(&sarif->document->json, NULL, '{');
    json_out_open(&sarif->document->json, "toolExecutionNotifications", '[');
}

static void notification_add(struct sarif *sarif, const struct row_view *view) {
    struct json_out *json = &sarif->document->json;
    struct buf *text = &sarif->document->text;
    buf_reset(text);
    buf_add(text, export_text(view, "target"));
    if (export_text(view, "path").size > 0) {
        buf_text(text, ": ");
        buf_add(text, export_text(view, "path"));
    }
    buf_text(text, ": ");
    buf_add(text, export_text(view, "message"));
    json_out_open(json, NULL, '{');
    json_out_text(json, "level", span_text("error"));
    message_add(json, "message", buf_span(text));
    json_out_close(json);
    sarif->errors++;
}

static int sarif_row(void *state, const struct exporter_options *options, const struct row_view *view,
                     struct err *err) {
    struct sarif *sarif = state;
    struct finding finding;
    size_t rule;
    if (export_images_row(&sarif->document->maker.images, view, err) < 0)
        return -1;
    if (finding_make(&sarif->document->maker, view, &finding)) {
        if (rule_note(sarif, &finding, &rule, err) < 0)
            return -1;
        result_add(sarif, &finding, rule);
    } else if (view->table == TABLE_ERROR) {
        results_close(sarif);
        notification_add(sarif, view);
    }
    return finding_document_flush(sarif->document, options->out, false, err);
}

static void rule_add(struct sarif *sarif, const struct sarif_rule *rule) {
    /* What GitHub sorts by: a score between 0 and 10 as text, where there is none the middle of the word's range. */
    static const double middles[SEVERITY_COUNT] = {0.0, 0.5, 2.0, 5.5, 8.0, 9.5, 10.0};
    struct json_out *json = &sarif->document->json;
    struct buf *text = &sarif->document->text;
    json_out_open(json, NULL, '{');
    json_out_text(json, "id", rule->id);
    message_add(json, "shortDescription", rule->text);
    if (rule->table == TABLE_VULNERABILITY) {
        buf_reset(text);
        finding_link_add(text, rule->id);
        json_out_text(json, "helpUri", buf_span(text));
    }
    json_out_open(json, "defaultConfiguration", '{');
    json_out_text(json, "level", span_text(sarif_level(rule->severity)));
    json_out_close(json);
    json_out_open(json, "properties", '{');
    json_out_format(json, "security-severity", "%.1f", rule->score > 0 ? rule->score : middles[rule->severity]);
    json_out_open(json, "tags", '[');
    json_out_text(json, NULL, span_text("security"));
    json_out_text(json, NULL, span_text(table_info(rule->table)->name));
    json_out_close(json);
    json_out_close(json);
    json_out_close(json);
}

static int sarif_end(void *state, const struct exporter_options *options, struct err *err) {
    struct sarif *sarif = state;
    struct json_out *json = &sarif->document->json;
    results_close(sarif);
    json_out_close(json);
    json_out_bool(json, "executionSuccessful", sarif->errors == 0);
    json_out_time(json, "startTimeUtc", finding_run_start(&sarif->document->maker, &options->run));
    json_out_time(json, "endTimeUtc", finding_run_end(&sarif->document->maker, &options->run));
    json_out_close(json);
    json_out_close(json);
    json_out_open(json, "tool", '{');
    json_out_open(json, "driver", '{');
    json_out_text(json, "name", span_text("trawl"));
    json_out_text(json, "version", span_text(TRAWL_VERSION));
    json_out_open(json, "rules", '[');
    for (size_t i = 0; i < sarif->rules.count; i++) {
        rule_add(sarif, &sarif->rules.data[i]);
        if (finding_document_flush(sarif->document, options->out, false, err) < 0)
            return -1;
    }
    for (size_t open = json->depth; open > 0; open--)
        json_out_close(json);
    return finding_document_flush(sarif->document, options->out, true, err);
}

const struct exporter_kind exporter_sarif = {
    .name = "sarif",
    .is_ordered = true,
    .begin = sarif_begin,
    .row = sarif_row,
    .end = sarif_end,
    .release = sarif_release,
};
