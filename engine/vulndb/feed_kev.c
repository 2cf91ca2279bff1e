/* CISA's catalogue of known exploited vulnerabilities: {"catalogVersion", "vulnerabilities": [{"cveID", …}]}. */
#include "engine/vulndb/vulndb_draft.h"

static bool kev_recognise(struct span bytes) {
    struct span head = span_slice(bytes, 0, 2048);
    return head.size > 0 && span_find(head, span_text("\"catalogVersion\""), 0) != SIZE_MAX;
}

static int kev_read(struct vulndb *build, struct arena *scratch, const char *name, struct span bytes, struct err *err) {
    struct doc *root = NULL;
    int parsed = vulndb_parse(build, scratch, name, bytes, &root, err);
    if (parsed <= 0)
        return parsed;
    const struct doc *list = doc_get(root, "vulnerabilities");
    if (!doc_is(list, DOC_ARRAY)) {
        vulndb_problem(build, name, "a catalogue without a list of vulnerabilities");
        return 0;
    }
    for (const struct doc *item = doc_first(list); item != NULL; item = item->next) {
        bool ransomware = span_is(doc_text(doc_get(item, "knownRansomwareCampaignUse")), "Known");
        if (vulndb_add_kev(build, doc_text(doc_get(item, "cveID")), ransomware, err) < 0)
            return -1;
    }
    return 0;
}

const struct feed feed_kev = {"kev", kev_recognise, kev_read};
