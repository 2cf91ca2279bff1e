#include "engine/cli/finding_flags.h"

#include "base/text.h"

/* "0.1", "1", ".05": digits and one point; parts per billion are finer than EPSS is. */
static bool fraction_parse(struct span text, double *ret_value) {
    uint64_t whole = 0, part = 0;
    struct span rest = text;
    struct span head = text_cut(&rest, '.');
    if (head.size == 0 && rest.size == 0)
        return false;
    if (head.size > 0 && !text_u64(head, 10, 1, &whole))
        return false;
    double scale = 1;
    for (size_t i = 0; i < rest.size; i++)
        scale *= 10;
    if (rest.size > 9 || (rest.size > 0 && !text_u64(rest, 10, UINT64_MAX, &part)))
        return false;
    *ret_value = (double)whole + (double)part / scale;
    return *ret_value <= 1;
}

int finding_flags_read(const struct finding_flags *flags, struct finding_filter *ret_filter, struct err *err) {
    struct finding_filter filter = {.ignore_unfixed = flags->ignore_unfixed, .only_kev = flags->only_kev};
    char quoted[64];
    for (size_t i = 0; i < flags->severities.count; i++) {
        enum severity severity;
        if (!severity_parse(span_text(flags->severities.data[i]), &severity))
            return err_set(err, ERR_USAGE, 0,
                           "option --severity: expected malicious, critical, high, medium, low, negligible or unknown, "
                           "found '%s'",
                           text_quote(span_text(flags->severities.data[i]), quoted, sizeof quoted));
        filter.severities |= 1u << severity;
        if (severity == SEVERITY_CRITICAL) /* who asks for the worst does not mean to miss what is worse */
            filter.severities |= 1u << SEVERITY_MALICIOUS;
    }
    if (flags->min_epss != NULL && !fraction_parse(span_text(flags->min_epss), &filter.min_epss))
        return err_set(err, ERR_USAGE, 0, "option --min-epss: expected a fraction such as 0.1, found '%s'",
                       text_quote(span_text(flags->min_epss), quoted, sizeof quoted));
    *ret_filter = filter;
    return 0;
}

void finding_filter_text(const struct finding_filter *filter, struct buf *text) {
    buf_format(text, "findings %d %d %x %.9f\n", filter->ignore_unfixed, filter->only_kev, filter->severities,
               filter->min_epss);
}
