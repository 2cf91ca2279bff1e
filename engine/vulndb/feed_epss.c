/* FIRST's exploit prediction scores: a "#model_version…" comment, the line "cve,epss,percentile", then a line for each
 * CVE. */
#include "base/reader.h"
#include "base/text.h"
#include "engine/vulndb/vulndb_draft.h"

static bool epss_recognise(struct span bytes) {
    return span_starts(bytes, "#model_version") || span_starts(bytes, "cve,epss");
}

/* A fraction of 0 to 1 times 10⁹: "0.033510000", "1.0", "9.5e-4" and such. Digits after the ninth are cut. */
static bool nano_parse(struct span text, uint32_t *ret_value) {
    uint64_t exponent = 0;
    size_t mark = span_index(text, 'e', 0);
    if (mark != SIZE_MAX) {
        if (!span_starts(span_from(text, mark), "e-") || !text_u64(span_from(text, mark + 2), 10, 9, &exponent))
            return false;
        text = span_slice(text, 0, mark);
    }
    struct span digits = text;
    struct span whole = text_cut(&digits, '.');
    uint64_t value = 0;
    if (!text_u64(whole, 10, exponent > 0 ? 9 : 1, &value))
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (!text_is_digit(digits.data[i]))
            return false;
    }
    for (size_t i = 0; i < 9; i++)
        value = value * 10 + (i < digits.size ? (uint64_t)(digits.data[i] - '0') : 0);
    for (; exponent > 0; exponent--)
        value /= 10;
    if (value > 1000000000)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static int epss_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes,
                     struct err *err) {
    (void)scratch;
    struct reader r = reader_init(bytes);
    struct span line;
    uint64_t wrong = 0;
    while (read_line(&r, &line)) {
        uint32_t epss = 0;
        uint32_t percentile = 0;
        if (line.size == 0 || line.data[0] == '#' || span_starts(line, "cve,"))
            continue;
        struct span cve = text_cut(&line, ',');
        struct span score = text_cut(&line, ',');
        if (!nano_parse(score, &epss) || !nano_parse(line, &percentile)) {
            wrong++;
            continue;
        }
        if (vulndb_add_epss(build, cve, epss, percentile, err) < 0)
            return -1;
    }
    vulndb_problem_lines(build, name, wrong, "are no scores");
    return 0;
}

const struct feed feed_epss = {"epss", epss_recognise, epss_read};
