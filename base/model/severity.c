#include "base/model/severity.h"

#include "base/text.h"

static const char *const names[SEVERITY_COUNT] = {"unknown", "negligible", "low",      "medium",
                                                  "high",    "critical",   "malicious"};

const char *severity_name(enum severity severity) {
    return severity < SEVERITY_COUNT ? names[severity] : names[SEVERITY_UNKNOWN];
}

bool severity_parse(struct span text, enum severity *ret_severity) {
    static const struct {
        const char *word;
        enum severity severity;
    } synonyms[] = {{"moderate", SEVERITY_MEDIUM},
                    {"important", SEVERITY_HIGH},
                    {"none", SEVERITY_NEGLIGIBLE},
                    {"untriaged", SEVERITY_UNKNOWN}};
    for (enum severity s = SEVERITY_UNKNOWN; s < SEVERITY_COUNT; s++) {
        if (text_equal_nocase(text, span_text(names[s]))) {
            *ret_severity = s;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(synonyms); i++) {
        if (text_equal_nocase(text, span_text(synonyms[i].word))) {
            *ret_severity = synonyms[i].severity;
            return true;
        }
    }
    return false;
}

enum severity severity_from_score(double score) {
    if (score >= 9.0)
        return SEVERITY_CRITICAL;
    if (score >= 7.0)
        return SEVERITY_HIGH;
    if (score >= 4.0)
        return SEVERITY_MEDIUM;
    return score > 0.0 ? SEVERITY_LOW : SEVERITY_NEGLIGIBLE;
}
