#include "engine/cli/summary.h"

#include "base/text.h"
#include "engine/cli/units.h"

/* Most severe first; unknown last. */
static const enum severity shown[] = {SEVERITY_MALICIOUS, SEVERITY_CRITICAL,   SEVERITY_HIGH,   SEVERITY_MEDIUM,
                                      SEVERITY_LOW,       SEVERITY_NEGLIGIBLE, SEVERITY_UNKNOWN};

static void severities_print(FILE *out, const char *title, const uint64_t counts[SEVERITY_COUNT]) {
    char number[UNITS_SIZE];
    uint64_t sum = 0;
    for (size_t i = 0; i < SEVERITY_COUNT; i++)
        sum += counts[i];
    (void)fprintf(out, "  %-16s %8s  ", title, units_count(sum, number));
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_COUNT(shown); i++) {
        if (counts[shown[i]] == 0)
            continue;
        (void)fprintf(out, "%s%s %s", separator, units_count(counts[shown[i]], number), severity_name(shown[i]));
        separator = ", ";
    }
    (void)fputc('\n', out);
}

static void worst_print(FILE *out, const struct totals *totals) {
    if (totals->worst_image_count == 0)
        return;
    (void)fprintf(out, "\nworst images\n  critical    high  medium     low unknown secrets  image\n");
    for (size_t i = 0; i < totals->worst_image_count; i++) {
        const struct worst_image *image = &totals->worst_images[i];
        char name[120];
        (void)fprintf(out, "  %8" PRIu64 "%8" PRIu64 "%8" PRIu64 "%8" PRIu64 "%8" PRIu64 "%8" PRIu64 "  %s%s%.*s\n",
                      image->vulnerabilities[SEVERITY_MALICIOUS] + image->vulnerabilities[SEVERITY_CRITICAL],
                      image->vulnerabilities[SEVERITY_HIGH], image->vulnerabilities[SEVERITY_MEDIUM],
                      image->vulnerabilities[SEVERITY_LOW] + image->vulnerabilities[SEVERITY_NEGLIGIBLE],
                      image->vulnerabilities[SEVERITY_UNKNOWN], image->secrets,
                      text_quote(image->reference, name, sizeof name), image->architecture.size > 0 ? " " : "",
                      SPAN_FORMAT(image->architecture));
    }
}

static void secrets_print(FILE *out, const struct totals *totals) {
    if (totals->top_secret_count == 0)
        return;
    (void)fprintf(out, "\nsecrets (each once; deleted ones can still be pulled)\n");
    for (size_t i = 0; i < totals->top_secret_count; i++) {
        const struct total_secret *secret = &totals->top_secrets[i];
        char redacted[64], location[120], reference[120];
        (void)fprintf(out, "  %-8s %3.0f%%  %.*s  %s\n                 %.*s at %s in %s\n",
                      severity_name(secret->severity), 100 * secret->confidence, SPAN_FORMAT(secret->rule),
                      text_quote(secret->redacted, redacted, sizeof redacted), SPAN_FORMAT(secret->state),
                      text_quote(secret->location, location, sizeof location),
                      text_quote(secret->reference, reference, sizeof reference));
    }
}

static int cause_order(const void *left, const void *right) {
    static const int ranks[SCAN_STATUS_COUNT] = {
        [SCAN_FAILED] = 0, [SCAN_PARTIAL] = 1, [SCAN_SKIPPED] = 2, [SCAN_DONE] = 3};
    const struct total_cause *a = left, *b = right;
    if (a->status != b->status)
        return ranks[a->status] < ranks[b->status] ? -1 : 1;
    if (a->images != b->images)
        return a->images > b->images ? -1 : 1;
    int order = span_compare(a->what, b->what);
    return order != 0 ? order : span_compare(a->code, b->code);
}

/* Why images are not done, the many first: what an operator has to mend. */
static void causes_print(FILE *out, const struct totals *totals) {
    struct total_cause sorted[TOTALS_CAUSES_MAX];
    if (totals->cause_count == 0)
        return;
    memcpy(sorted, totals->causes, totals->cause_count * sizeof *sorted);
    qsort(sorted, totals->cause_count, sizeof *sorted, cause_order);
    (void)fprintf(out, "\nimages that are not done, by cause\n");
    for (size_t i = 0; i < totals->cause_count; i++) {
        const struct total_cause *cause = &sorted[i];
        char number[UNITS_SIZE], label[128], what[64], example[120], message[200];
        text_quote(cause->what, what, sizeof what);
        (void)snprintf(label, sizeof label, "%s%s%.*s", cause->what.size > 0 ? what : "other causes",
                       cause->code.size > 0 ? ": " : "", SPAN_FORMAT(cause->code));
        (void)fprintf(out, "  %8s %-8s %s\n", units_count(cause->images, number), scan_status_name(cause->status),
                      label);
        if (cause->status != SCAN_SKIPPED)
            (void)fprintf(out, "                    such as %s: %s\n",
                          text_quote(cause->example, example, sizeof example),
                          text_quote(cause->message, message, sizeof message));
    }
}

static void errors_print(FILE *out, const struct totals *totals) {
    if (totals->errors == 0)
        return;
    char number[UNITS_SIZE];
    (void)fprintf(out, "\nerrors (%s; all of them are in the error table)\n", units_count(totals->errors, number));
    for (size_t i = 0; i < totals->first_error_count; i++) {
        const struct total_error *error = &totals->first_errors[i];
        char target[120], message[280];
        (void)fprintf(out, "  %s: %.*s: %s\n", text_quote(error->target, target, sizeof target),
                      SPAN_FORMAT(error->stage), text_quote(error->message, message, sizeof message));
    }
}

void summary_print(FILE *out, const struct totals *totals, const char *folder, const char *unmatched,
                   uint64_t elapsed_ms) {
    char a[UNITS_SIZE], b[UNITS_SIZE], c[UNITS_SIZE], d[UNITS_SIZE];
    (void)fprintf(out, "\n  %-16s %8s  %s done, %s partial, %s failed", "images", units_count(totals->images, a),
                  units_count(totals->images_done, b), units_count(totals->images_partial, c),
                  units_count(totals->images_failed, d));
    if (totals->images_skipped > 0)
        (void)fprintf(out, ", %s skipped", units_count(totals->images_skipped, a));
    uint64_t shared = totals->layer_references > totals->layers ? totals->layer_references - totals->layers : 0;
    uint64_t read = totals->layers - totals->layers_known;
    (void)fprintf(out, "\n  %-16s %8s  %s read, %s known, %s shared\n", "layers",
                  units_count(totals->layer_references, a), units_count(read, b), units_count(totals->layers_known, d),
                  units_count(shared, c));
    (void)fprintf(out, "  %-16s %8s  read, %s unpacked, %s not read again\n", "bytes",
                  units_bytes(totals->bytes_read, a), units_bytes(totals->bytes_unpacked, b),
                  units_bytes(totals->bytes_saved, c));
    (void)fprintf(out, "  %-16s %8s  in %s distinct sets\n", "packages", units_count(totals->packages, a),
                  units_count(totals->package_sets, b));
    if (unmatched == NULL)
        severities_print(out, "vulnerabilities", totals->vulnerabilities);
    if (unmatched == NULL && totals->vulnerabilities_suppressed > 0)
        (void)fprintf(out, "  %-16s %8s  suppressed by the ignore file or by VEX\n", "",
                      units_count(totals->vulnerabilities_suppressed, a));
    if (unmatched != NULL)
        (void)fprintf(out, "  %-16s %8s  not looked for: %s\n", "vulnerabilities", "-", unmatched);
    severities_print(out, "secrets", totals->secrets);
    if (totals->secrets_unlikely > 0)
        (void)fprintf(out, "  %-16s %8s  more in the rows, of less than %.0f%% confidence\n", "",
                      units_count(totals->secrets_unlikely, a), 100 * TOTALS_CONFIDENCE);
    if (totals->secrets_suppressed + totals->secrets_baseline + totals->secrets_below > 0)
        (void)fprintf(out,
                      "  %-16s %8s  suppressed by the ignore file, %s in the baseline, %s below --min-confidence\n", "",
                      units_count(totals->secrets_suppressed, a), units_count(totals->secrets_baseline, b),
                      units_count(totals->secrets_below, c));
    worst_print(out, totals);
    secrets_print(out, totals);
    causes_print(out, totals);
    errors_print(out, totals);
    if (folder != NULL)
        (void)fprintf(out, "\nrows are in %s\n", folder);
    char e[UNITS_SIZE], f[UNITS_SIZE];
    double seconds = elapsed_ms == 0 ? 0.001 : (double)elapsed_ms / 1000;
    (void)fprintf(out, "swept %s images, %s layers (%s new), %s in %s (%.2f GiB/s), %s failed\n",
                  units_count(totals->images, a), units_count(totals->layer_references, b), units_count(read, c),
                  units_bytes(totals->bytes_unpacked, d), units_duration(elapsed_ms, e),
                  (double)totals->bytes_unpacked / seconds / (1024.0 * 1024 * 1024),
                  units_count(totals->images_failed, f));
}
