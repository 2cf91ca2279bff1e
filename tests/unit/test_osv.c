/* What the OSV reader makes of each field, and what the other feeds add. */
#include "base/prelude.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/limits.h"
#include "engine/vulndb/feed_archive.h"
#include "tests/support/vulndb_fixture.h"

/* One npm package "x" of advisory "A" with these members of `affected`. */
#define AFFECTED(members)                                                                                              \
    "{\"id\":\"A\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," members "}]}"
#define RANGE(events) "\"ranges\":[{\"type\":\"SEMVER\",\"events\":[" events "]}]"
#define ALL RANGE("{\"introduced\":\"0\"}")

/* For each document: the versions out of 0.0.1, 1.0.0, 1.5.0, 2.0.0, 2.5.0, 3.0.0 and "odd" that it hits, a letter
 * each. */
static const struct {
    const char *what, *document, *hits;
} range_cases[] = {
    {"no upper bound", AFFECTED(ALL), "abcdefo"},
    {"fixed", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"fixed\":\"2.0.0\"}")), "bc"},
    {"last affected", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"last_affected\":\"2.0.0\"}")), "bcd"},
    {"only one version", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"last_affected\":\"1.0.0\"}")), "b"},
    {"introduced and fixed at once", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"fixed\":\"1.0.0\"}")), ""},
    {"two intervals", AFFECTED(RANGE("{\"introduced\":\"0\"},{\"fixed\":\"1.0.0\"},{\"introduced\":\"2.5.0\"}")),
     "aef"},
    {"events out of order",
     AFFECTED(RANGE("{\"fixed\":\"3.0.0\"},{\"introduced\":\"2.5.0\"},{\"fixed\":\"1.0.0\"},{\"introduced\":\"0\"}")),
     "ae"},
    {"adjoining intervals",
     AFFECTED(RANGE("{\"introduced\":\"0\"},{\"fixed\":\"2.0.0\"},{\"introduced\":\"2.0.0\"},{\"fixed\":\"3.0.0\"}")),
     "abcde"},
    {"introduced twice", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"introduced\":\"2.0.0\"},{\"fixed\":\"2.5.0\"}")),
     "bcd"},
    {"never introduced", AFFECTED(RANGE("{\"fixed\":\"2.0.0\"}")), ""},
    {"a limit", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"limit\":\"2.0.0\"}")), "bc"},
    {"the highest of two limits",
     AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"limit\":\"2.5.0\"},{\"limit\":\"1.5.0\"}")), "bcd"},
    {"no limit", AFFECTED(RANGE("{\"introduced\":\"1.0.0\"},{\"limit\":\"*\"}")), "bcdef"},
    {"a limit below everything", AFFECTED(RANGE("{\"introduced\":\"2.0.0\"},{\"limit\":\"1.0.0\"}")), ""},
    {"enumerated", AFFECTED("\"versions\":[\"1.0.0\",\"2.5.0\"]"), "be"},
    {"enumerated without an order", AFFECTED("\"versions\":[\"odd\"]"), "o"},
    {"enumerated beside a range",
     AFFECTED("\"versions\":[\"1.5.0\",\"3.0.0\"]," RANGE("{\"introduced\":\"1.0.0\"},{\"fixed\":\"2.0.0\"}")), "bcf"},
    {"nothing said", AFFECTED("\"ranges\":[]"), ""},
    {"commits", AFFECTED("\"ranges\":[{\"type\":\"GIT\",\"events\":[{\"introduced\":\"0\"}]}]"), ""},
    {"two ranges",
     AFFECTED("\"ranges\":[{\"type\":\"SEMVER\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"1.0.0\"}]},{\"type\":"
              "\"ECOSYSTEM\","
              "\"events\":[{\"introduced\":\"3.0.0\"}]}]"),
     "af"},
    {"one affected for each interval",
     "{\"id\":\"A\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," RANGE(
         "{\"introduced\":\"0\"},{\"fixed\":\"1.0.0\"}") "},"
                                                         "{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," RANGE(
                                                             "{\"introduced\":\"3.0.0\"}") "}]}",
     "af"},
    {"a bound that is no version",
     AFFECTED("\"versions\":[\"2.0.0\"]," RANGE("{\"introduced\":\"0\"},{\"fixed\":\"what\"}")), "d"},
    {"withdrawn",
     "{\"id\":\"A\",\"withdrawn\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":"
     "\"x\"}," ALL "}]}",
     ""},
    {"no affected", "{\"id\":\"A\"}", ""},
    {"no package", "{\"id\":\"A\",\"affected\":[{" ALL "}]}", ""},
    {"an array of advisories", "[" AFFECTED("\"versions\":[\"2.0.0\"]") "]", "d"},
    {"a byte order mark", "\xef\xbb\xbf" AFFECTED("\"versions\":[\"2.0.0\"]"), "d"},
};

static void test_ranges(void **state) {
    (void)state;
    static const char *const versions[] = {"0.0.1", "1.0.0", "1.5.0", "2.0.0", "2.5.0", "3.0.0", "odd"};
    for (size_t i = 0; i < ARRAY_COUNT(range_cases); i++) {
        struct vulndb_fixture fixture;
        char hits[8] = "";
        size_t count = 0;
        vulndb_fixture_make(&fixture, &range_cases[i].document, 1);
        for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
            char ids[64];
            if (vulndb_fixture_ids(&fixture.db, "npm", "x", versions[v], true, ids, sizeof ids)[0] != '\0')
                hits[count++] = "abcdefo"[v];
        }
        hits[count] = '\0';
        if (strcmp(hits, range_cases[i].hits) != 0)
            fail_msg("%s: '%s' expected, found '%s'", range_cases[i].what, range_cases[i].hits, hits);
        assert_int_equal(fixture.summary.malformed, 0);
        vulndb_fixture_release(&fixture);
    }
}

#define V2 "{\"type\":\"CVSS_V2\",\"score\":\"AV:N/AC:L/Au:N/C:N/I:N/A:C\"}"
#define V3 "{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H\"}"
#define V4 "{\"type\":\"CVSS_V4\",\"score\":\"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N\"}"
#define RECORD(members)                                                                                                \
    "{\"id\":\"A\"," members ",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL "}]}"

static const struct {
    const char *what, *document;
    enum severity severity;
    int score10;
} severity_cases[] = {
    {"none", AFFECTED(ALL), SEVERITY_UNKNOWN, -10},
    {"version 2, without a prefix", RECORD("\"severity\":[" V2 "]"), SEVERITY_HIGH, 78},
    {"4 before 3 before 2", RECORD("\"severity\":[" V2 "," V4 "," V3 "]"), SEVERITY_MEDIUM, 69},
    {"3 before 2", RECORD("\"severity\":[" V2 "," V3 "]"), SEVERITY_CRITICAL, 98},
    {"a vector that is none", RECORD("\"severity\":[{\"type\":\"CVSS_V3\",\"score\":\"CVSS:3.1/AV:Q\"}," V2 "]"),
     SEVERITY_HIGH, 78},
    {"of the affected package", AFFECTED("\"severity\":[" V3 "]," ALL), SEVERITY_CRITICAL, 98},
    {"a word of the record", RECORD("\"database_specific\":{\"severity\":\"MODERATE\"}"), SEVERITY_MEDIUM, -10},
    {"a score before the record's word", RECORD("\"severity\":[" V3 "],\"database_specific\":{\"severity\":\"LOW\"}"),
     SEVERITY_CRITICAL, 98},
    {"a word among the scores", RECORD("\"severity\":[{\"type\":\"Ubuntu\",\"score\":\"negligible\"}]"),
     SEVERITY_NEGLIGIBLE, -10},
    {"a distribution's priority before scores",
     "{\"id\":\"A\",\"severity\":[" V3
     "],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ecosystem_specific\":{"
     "\"ubuntu_priority\":\"low\"}," ALL "}]}",
     SEVERITY_LOW, 98},
    {"Debian's urgency", AFFECTED("\"ecosystem_specific\":{\"urgency\":\"medium**\"}," ALL), SEVERITY_MEDIUM, -10},
    {"unimportant", AFFECTED("\"ecosystem_specific\":{\"urgency\":\"unimportant\"}," ALL), SEVERITY_NEGLIGIBLE, -10},
    {"not yet assigned", AFFECTED("\"ecosystem_specific\":{\"urgency\":\"not yet assigned\"}," ALL), SEVERITY_UNKNOWN,
     -10},
    {"in the summary",
     "{\"id\":\"ALSA-1\",\"summary\":\"Important: x "
     "update\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL "}]}",
     SEVERITY_HIGH, -10},
    {"not in everybody's summary", RECORD("\"summary\":\"Important: x update\""), SEVERITY_UNKNOWN, -10},
};

static void test_severities(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(severity_cases); i++) {
        struct vulndb_fixture fixture;
        vulndb_fixture_make(&fixture, &severity_cases[i].document, 1);
        struct vuln_match match = vulndb_fixture_one(&fixture.db, "npm", "x", "1.0.0");
        int score10 = (int)(match.cvss_score * 10 + (match.cvss_score < 0 ? -0.5 : 0.5));
        if (match.severity != severity_cases[i].severity || score10 != severity_cases[i].score10)
            fail_msg("%s: %s %d expected, found %s %d", severity_cases[i].what,
                     severity_name(severity_cases[i].severity), severity_cases[i].score10,
                     severity_name(match.severity), score10);
        vulndb_fixture_release(&fixture);
    }
}

static const struct {
    const char *specific;
    enum vuln_status status;
} status_cases[] = {
    {"\"status\":\"ignored (end of support)\"", VULN_WONT_FIX},
    {"\"status\":\"needs-triage\"", VULN_NO_FIX},
    {"\"status\":\"deferred\"", VULN_NO_FIX},
    {"\"urgency\":\"end-of-life\"", VULN_END_OF_LIFE},
};

static void test_statuses(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(status_cases); i++) {
        char document[512];
        const char *documents[] = {document};
        struct vulndb_fixture fixture;
        (void)snprintf(document, sizeof document, AFFECTED("\"ecosystem_specific\":{%s}," ALL),
                       status_cases[i].specific);
        vulndb_fixture_make(&fixture, documents, 1);
        assert_int_equal(vulndb_fixture_one(&fixture.db, "npm", "x", "1.0.0").status, status_cases[i].status);
        vulndb_fixture_release(&fixture);
    }
}

static void test_fields(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"GHSA-1\",\"published\":\"2024-01-01T00:00:00Z\",\"modified\":\"2024-02-01T00:00:00.5Z\",\"aliases\":"
        "[\"CVE-2024-1\",\"PYSEC-1\"],"
        "\"upstream\":[\"CVE-2023-9\"],\"related\":[\"CVE-2000-1\"],\"summary\":\" one line\\nand "
        "another\",\"affected\":[{\"package\":{\"ecosystem\":"
        "\"npm\",\"name\":\"x\"},\"ecosystem_specific\":{\"custom_ranges\":[]}," ALL "}]}",
        "{\"id\":\"PYSEC-1\",\"affected\":[{\"package\":{\"ecosystem\":\"PyPI\",\"name\":\"y\"}," ALL "}]}",
        "{\"id\":\"ZZZ-1\",\"details\":\"details stand in\",\"database_specific\":{\"converted_from\":\"a "
        "list\"},\"affected\":[{\"package\":{"
        "\"ecosystem\":\"npm\",\"name\":\"z\"}," ALL "}]}",
    };
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    struct vuln_match x = vulndb_fixture_one(&fixture.db, "npm", "x", "1.0.0");
    struct vuln_match y = vulndb_fixture_one(&fixture.db, "PyPI", "y", "1.0.0");
    struct vuln_match z = vulndb_fixture_one(&fixture.db, "npm", "z", "1.0.0");
    assert_true(span_is(x.id, "GHSA-1") && span_is(x.source, "GitHub") && span_is(x.summary, "one line"));
    assert_int_equal(x.published_utc_s, 1704067200);
    assert_int_equal(x.modified_utc_s, 1706745600);
    assert_int_equal(x.aliases.count, 2);
    assert_true(span_is(vuln_list_get(&x.aliases, 1), "PYSEC-1"));
    assert_int_equal(x.upstream.count, 1);
    assert_true(span_is(vuln_list_get(&x.upstream, 0), "CVE-2023-9"));
    assert_true(x.coarse && !y.coarse);
    assert_int_equal(x.group, y.group);
    assert_int_not_equal(x.group, z.group);
    assert_true(span_is(z.summary, "details stand in") && span_is(z.source, "a list"));
    vulndb_fixture_release(&fixture);
}

static void test_kev_and_epss(void **state) {
    (void)state;
    static const char *const documents[] = {
        "#model_version:v1,score_date:2024-01-01\ncve,epss,percentile\nCVE-2024-1,0.25,0.9\nCVE-2024-2,0.5,0.95\nCVE-"
        "2024-3,1.0,1\nCVE-2024-4,2,x\n",
        "{\"catalogVersion\":\"1\",\"vulnerabilities\":[{\"cveID\":\"CVE-2024-2\",\"knownRansomwareCampaignUse\":"
        "\"Known\"},{\"cveID\":\"CVE-2024-7\","
        "\"knownRansomwareCampaignUse\":\"Unknown\"}]}",
        "{\"id\":\"D-1\",\"upstream\":[\"CVE-2024-1\",\"CVE-2024-2\"],\"affected\":[{\"package\":{\"ecosystem\":"
        "\"npm\",\"name\":\"many\"}," ALL "}]}",
        "{\"id\":\"ALSA-1\",\"related\":[\"CVE-2024-7\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":"
        "\"alma\"}," ALL "}]}",
        "{\"id\":\"CVE-2024-3\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"self\"}," ALL "}]}",
        "{\"id\":\"N-1\",\"related\":[\"CVE-2024-2\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":"
        "\"none\"}," ALL "}]}",
    };
    struct vulndb_fixture fixture;
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    struct vuln_match many = vulndb_fixture_one(&fixture.db, "npm", "many", "1.0.0");
    struct vuln_match alma = vulndb_fixture_one(&fixture.db, "npm", "alma", "1.0.0");
    struct vuln_match self = vulndb_fixture_one(&fixture.db, "npm", "self", "1.0.0");
    struct vuln_match none = vulndb_fixture_one(&fixture.db, "npm", "none", "1.0.0");
    assert_true(many.kev && many.kev_ransomware && many.epss > 0.4999 && many.epss < 0.5001 &&
                many.epss_percentile > 0.949);
    assert_true(alma.kev && !alma.kev_ransomware && alma.epss < 0);
    assert_true(!self.kev && self.epss > 0.9999);
    assert_true(!none.kev && none.epss < 0); /* related is not the same flaw */
    assert_int_equal(fixture.summary.kev, 2);
    assert_int_equal(fixture.summary.epss, 3);
    assert_int_equal(fixture.summary.malformed, 1); /* the score of 2 */
    vulndb_fixture_release(&fixture);
}

/* The copy that was modified last counts, whatever the order; a later withdrawal ends it; the same id elsewhere is
 * another record. */
static void test_copies(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"A\",\"modified\":\"2024-02-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\","
        "\"name\":\"new\"}," ALL "}]}",
        "{\"id\":\"A\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\","
        "\"name\":\"old\"}," ALL "}]}",
        "{\"id\":\"A\",\"modified\":\"2023-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"PyPI\","
        "\"name\":\"other\"}," ALL "}]}",
        "{\"id\":\"B\",\"modified\":\"2024-02-01T00:00:00Z\",\"withdrawn\":\"2024-02-01T00:00:00Z\"}",
        "{\"id\":\"B\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\","
        "\"name\":\"gone\"}," ALL "}]}",
        "{\"id\":\"C\",\"modified\":\"2024-01-01T00:00:00Z\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\","
        "\"name\":\"back\"}," ALL "}]}",
        "{\"id\":\"C\",\"modified\":\"2023-01-01T00:00:00Z\",\"withdrawn\":\"2023-01-01T00:00:00Z\"}",
    };
    static const struct {
        const char *ecosystem, *name, *ids;
    } expected[] = {
        {"npm", "new", "A"}, {"npm", "old", ""}, {"PyPI", "other", "A"}, {"npm", "gone", ""}, {"npm", "back", "C"}};
    for (int turn = 0; turn < 2; turn++) {
        const char *order[ARRAY_COUNT(documents)];
        struct vulndb_fixture fixture;
        for (size_t i = 0; i < ARRAY_COUNT(documents); i++)
            order[i] = documents[turn == 0 ? i : ARRAY_COUNT(documents) - 1 - i];
        vulndb_fixture_make(&fixture, order, ARRAY_COUNT(documents));
        for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
            char ids[32];
            assert_string_equal(vulndb_fixture_ids(&fixture.db, expected[i].ecosystem, expected[i].name, "1.0.0", true,
                                                   ids, sizeof ids),
                                expected[i].ids);
        }
        vulndb_fixture_release(&fixture);
    }
}

/* Checks what `count` documents lead to, in this order and the other way round, byte for byte. */
struct answer {
    const char *ecosystem, *name, *version, *ids;
};
static void answers_check(const char *const *documents, size_t count, const struct answer *answers, size_t answer_count,
                          struct vulndb_fixture *ret_fixture) {
    const char *reversed[16];
    struct vulndb_fixture other;
    assert_true(count <= ARRAY_COUNT(reversed));
    for (size_t i = 0; i < count; i++)
        reversed[i] = documents[count - 1 - i];
    vulndb_fixture_make(ret_fixture, documents, count);
    vulndb_fixture_make(&other, reversed, count);
    assert_true(span_equal(buf_span(&ret_fixture->bytes), buf_span(&other.bytes)));
    vulndb_fixture_release(&other);
    for (size_t i = 0; i < answer_count; i++) {
        char ids[256];
        (void)vulndb_fixture_ids(&ret_fixture->db, answers[i].ecosystem, answers[i].name, answers[i].version, true, ids,
                                 sizeof ids);
        if (strcmp(ids, answers[i].ids) != 0)
            fail_msg("%s %s %s: expected '%s', found '%s'", answers[i].ecosystem, answers[i].name, answers[i].version,
                     answers[i].ids, ids);
    }
}

/* Documents of releases and repositories add up to one record of each CVE; a whole record takes their place. */
static void test_secdb(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"distroversion\":\"v3.18\",\"reponame\":\"main\",\"urlprefix\":\"https://x\",\"packages\":[{\"pkg\":{\"name\":"
        "\"a\",\"secfixes\":{\"1.2-r3\":[\"CVE-2024-1 (+ a remark)\",\"CVE-2024-2 XSA-7\"],\"0\":[\"CVE-2024-3\"],"
        "\"1.4-r0\":[\"XSA-9\",\"no id at all\"]}}}]}",
        "{\"distroversion\":\"v3.18\",\"reponame\":\"community\",\"urlprefix\":\"https://x\",\"packages\":[{\"pkg\":{"
        "\"name\":\"b\",\"secfixes\":{\"3.0-r0\":[\"CVE-2024-1\"]}}}]}",
        "{\"distroversion\":\"v3.19\",\"urlprefix\":\"https://x\",\"packages\":[{\"pkg\":{\"name\":\"a\",\"secfixes\":{"
        "\"1.3-r0\":[\"CVE-2024-1\",\"CVE-2024-5\"]}}}]}",
        "{\"urlprefix\":\"https://packages.wolfi.dev/os\",\"packages\":[{\"pkg\":{\"name\":\"a\",\"secfixes\":{\"1.3-r0\":["
        "\"CVE-2024-1\"]}}},{\"pkg\":7},7]}",
        "{\"id\":\"ALPINE-CVE-2024-5\",\"affected\":[{\"package\":{\"ecosystem\":\"Alpine:v3.19\",\"name\":\"other\"}," ALL
        "}]}",
    };
    static const struct answer answers[] = {
        {"Alpine:v3.18", "a", "1.2-r2", "ALPINE-CVE-2024-1 ALPINE-CVE-2024-2 XSA-9"},
        {"Alpine:v3.18", "a", "1.2-r3", "XSA-9"},
        {"Alpine:v3.18", "a", "1.4-r0", ""},
        {"Alpine:v3.18", "b", "2.9-r9", "ALPINE-CVE-2024-1"},
        {"Alpine:v3.19", "a", "1.2-r3", "ALPINE-CVE-2024-1"},
        {"Alpine:v3.19", "other", "1", "ALPINE-CVE-2024-5"},
        {"Wolfi", "a", "1.2-r9", "CVE-2024-1"},
    };
    struct vulndb_fixture fixture;
    answers_check(documents, ARRAY_COUNT(documents), answers, ARRAY_COUNT(answers), &fixture);
    assert_int_equal(fixture.summary.advisories, 5);
    assert_int_equal(fixture.summary.malformed, 0);
    vulndb_fixture_release(&fixture);
}

struct status_seen {
    enum vuln_status status;
    enum severity severity;
    bool any;
};
static int status_see(void *context, const struct vuln_match *match, struct err *err) {
    (void)err;
    *(struct status_seen *)context = (struct status_seen){match->status, match->severity, true};
    return 0;
}

static struct status_seen status_of(const struct vuln_db *db, const char *ecosystem, const char *name) {
    struct status_seen seen = {.any = false};
    struct vuln_query query = {span_text(ecosystem), span_text(name), span_text("1.0-1"), true};
    assert_int_equal(vuln_match(db, &query, status_see, &seen, NULL), 0);
    return seen;
}

/* Debian's own words for what it will not do, and for what it has not got. */
static void test_debian_tracker(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"a\":{\"CVE-2024-1\":{\"description\":\"a } { \\\" text\",\"releases\":{"
        "\"bookworm\":{\"status\":\"open\",\"repositories\":{},\"urgency\":\"low**\",\"nodsa\":\"Minor\",\"nodsa_reason\":"
        "\"ignored\"},"
        "\"bullseye\":{\"status\":\"open\",\"repositories\":{},\"urgency\":\"end-of-life\"},"
        "\"trixie\":{\"status\":\"open\",\"repositories\":{},\"urgency\":\"unimportant\"},"
        "\"buster\":{\"status\":\"resolved\",\"fixed_version\":\"2.0-1\",\"urgency\":\"high\"},"
        "\"stretch\":{\"status\":\"resolved\",\"fixed_version\":\"0\",\"urgency\":\"high\"},"
        "\"forky\":{\"status\":\"undetermined\",\"urgency\":\"high\"},"
        "\"sid\":{\"status\":\"open\",\"urgency\":\"high\"}}}},"
        "\"b\":{\"CVE-2024-1\":{\"releases\":{\"bookworm\":{\"status\":\"open\",\"urgency\":\"not yet assigned\"}}},\"TEMP-1-AB\":"
        "{\"releases\":{\"bookworm\":{\"status\":\"resolved\",\"fixed_version\":\"0.5-1\"}}}},\"c\":[]}",
    };
    static const struct answer answers[] = {
        {"Debian:12", "a", "1.0-1", "DEBIAN-CVE-2024-1"},
        {"Debian:10", "a", "1.0-1", "DEBIAN-CVE-2024-1"},
        {"Debian:10", "a", "2.0-1", ""},
        {"Debian:9", "a", "1.0-1", ""},
        {"Debian:14", "a", "1.0-1", ""},
        {"Debian:12", "b", "0.4-1", "DEBIAN-CVE-2024-1 TEMP-1-AB"},
        {"Debian:12", "b", "0.5-1", "DEBIAN-CVE-2024-1"},
    };
    struct vulndb_fixture fixture;
    answers_check(documents, ARRAY_COUNT(documents), answers, ARRAY_COUNT(answers), &fixture);
    struct status_seen seen = status_of(&fixture.db, "Debian:12", "a");
    assert_true(seen.any && seen.status == VULN_WONT_FIX && seen.severity == SEVERITY_LOW);
    seen = status_of(&fixture.db, "Debian:11", "a");
    assert_true(seen.any && seen.status == VULN_END_OF_LIFE);
    seen = status_of(&fixture.db, "Debian:13", "a");
    assert_true(seen.any && seen.status == VULN_NO_FIX && seen.severity == SEVERITY_NEGLIGIBLE);
    seen = status_of(&fixture.db, "Debian:10", "a");
    assert_true(seen.any && seen.status == VULN_FIXED && seen.severity == SEVERITY_HIGH);
    vulndb_fixture_release(&fixture);
    /* Cut off anywhere: counted, and what stood before it is kept. */
    for (size_t size = 80; size < strlen(documents[0]); size += 7) {
        AUTO_VULNDB struct vulndb *build = NULL;
        AUTO_BUF struct buf bytes = {0};
        struct err err = {0};
        assert_int_equal(vulndb_new(&build, &err), 0);
        assert_int_equal(vulndb_add_document(build, "cut", span_make(documents[0], size), &err), 0);
        assert_int_equal(vulndb_finish(build, &bytes, &err), 0);
        assert_true(vulndb_summary(build)->malformed > 0);
    }
}

/* What the vendor denies is left out, but only where it denies all of it. */
static void test_not_affected(void **state) {
    (void)state;
    static const char *const documents[] = {
        "CVE-2024-1\tUbuntu:22.04:LTS\ta\tcode not present\nCVE-2024-2\tUbuntu:22.04:LTS\tb\t\nwhat\tis\tthis\n",
        "{\"id\":\"UBUNTU-CVE-2024-1\",\"upstream\":[\"CVE-2024-1\"],\"affected\":[{\"package\":{\"ecosystem\":\"Ubuntu:22.04:LTS\","
        "\"name\":\"a\"}," ALL "},{\"package\":{\"ecosystem\":\"Ubuntu:20.04:LTS\",\"name\":\"a\"}," ALL "}]}",
        "{\"id\":\"USN-1\",\"upstream\":[\"CVE-2024-2\",\"CVE-2024-3\"],\"affected\":[{\"package\":{\"ecosystem\":"
        "\"Ubuntu:22.04:LTS\",\"name\":\"b\"}," ALL "}]}",
    };
    static const struct answer answers[] = {
        {"Ubuntu:22.04:LTS", "a", "1", ""},
        {"Ubuntu:20.04:LTS", "a", "1", "UBUNTU-CVE-2024-1"},
        {"Ubuntu:22.04:LTS", "b", "1", "USN-1"},
    };
    struct vulndb_fixture fixture;
    answers_check(documents, ARRAY_COUNT(documents), answers, ARRAY_COUNT(answers), &fixture);
    assert_int_equal(fixture.summary.not_affected, 1);
    assert_int_equal(fixture.summary.malformed, 1);
    vulndb_fixture_release(&fixture);
}

/* Every field of the schema: not there, of each other kind, huge, nested a thousand deep. The good record beside it is
 * kept whatever happens. */
static void test_every_field(void **state) {
    (void)state;
    static const char *const fields[] = {"schema_version", "id",       "modified",   "published", "withdrawn",
                                         "aliases",        "related",  "upstream",   "summary",   "details",
                                         "severity",       "affected", "references", "credits",   "database_specific"};
    static const char *const inner[] = {"package",          "ranges", "versions", "severity", "ecosystem_specific",
                                        "database_specific"};
    enum { DEEP = 1000, HUGE_SIZE = 1000000 };
    AUTO_BUF struct buf deep = {0};
    AUTO_BUF struct buf huge = {0};
    for (int i = 0; i < DEEP; i++)
        buf_text(&deep, "[");
    for (int i = 0; i < DEEP; i++)
        buf_text(&deep, "]");
    buf_byte(&deep, 0);
    buf_byte(&huge, '"');
    buf_fill(&huge, 'x', HUGE_SIZE);
    buf_text(&huge, "\"");
    buf_byte(&huge, 0);
    assert_false(deep.failed || huge.failed);
    const char *const values[] = {"null",
                                  "true",
                                  "7",
                                  "-1e400",
                                  "\"\"",
                                  "\"text\"",
                                  "[]",
                                  "{}",
                                  "[[[]]]",
                                  "[{}]",
                                  "[null,7,\"x\"]",
                                  "{\"introduced\":{}}",
                                  "[{\"events\":{}}]",
                                  "[{\"type\":7,\"events\":[[]]}]",
                                  (const char *)deep.data,
                                  (const char *)huge.data};
    for (size_t f = 0; f < ARRAY_COUNT(fields) + ARRAY_COUNT(inner); f++) {
        for (size_t v = 0; v < ARRAY_COUNT(values); v++) {
            AUTO_BUF struct buf text = {0};
            bool outer = f < ARRAY_COUNT(fields);
            if (outer)
                buf_format(&text, "{\"%s\":", fields[f]);
            else
                buf_format(&text, "{\"id\":\"H\",\"affected\":[{\"%s\":", inner[f - ARRAY_COUNT(fields)]);
            buf_text(&text, values[v]);
            if (outer && strcmp(fields[f], "id") != 0)
                buf_text(&text, ",\"id\":\"H\"");
            buf_text(&text, outer ? "}" : "}]}");
            buf_byte(&text, 0);
            const char *documents[] = {
                (const char *)text.data,
                "{\"id\":\"OK\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL "}]}"};
            struct vulndb_fixture fixture;
            char ids[64];
            vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
            assert_string_equal(vulndb_fixture_ids(&fixture.db, "npm", "x", "1.0.0", true, ids, sizeof ids), "OK");
            vulndb_fixture_release(&fixture);
        }
    }
}

/* Aliases that go round, and to themselves: one group. */
static void test_cyclic_aliases(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"A\",\"aliases\":[\"B\",\"A\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL
        "}]}",
        "{\"id\":\"B\",\"aliases\":[\"C\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL
        "}]}",
        "{\"id\":\"C\",\"aliases\":[\"A\",\"C\",\"C\"],\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL
        "}]}",
    };
    static const struct answer answers[] = {{"npm", "x", "1", "A B C"}};
    struct vulndb_fixture fixture;
    answers_check(documents, ARRAY_COUNT(documents), answers, ARRAY_COUNT(answers), &fixture);
    for (size_t i = 0; i < 3; i++) {
        struct vuln_advisory advisory;
        assert_true(vuln_db_advisory(&fixture.db, i, &advisory));
        assert_int_equal(advisory.group, 0);
    }
    vulndb_fixture_release(&fixture);
}

/* One bad document costs itself, and the summary names it. */
static void test_malformed(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":",
        "{}",
        "[1]",
        "{\"id\":7}",
        "{\"id\":\"OK\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}," ALL "}]}",
        "no JSON at all",
        "{\"id\":\"S\",\"affected\":\"text\",\"severity\":{},\"aliases\":7}",
        "{\"id\":\"T\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ranges\":[{\"events\":[{"
        "\"introduced\":{}},7]}],\"versions\":[[]]}]}",
        "{\"id\":\"L1\"}\n{\"id\":\n{\"id\":\"L2\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"}"
        "," ALL "}]}\n",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, ARRAY_COUNT(documents));
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "npm", "x", "1.0.0", true, ids, sizeof ids), "L2 OK");
    assert_int_equal(fixture.summary.malformed, 5);
    assert_int_equal(fixture.summary.unrecognised, 1);
    assert_non_null(strstr(fixture.summary.problems[0], "document 0: "));
    assert_non_null(strstr(fixture.summary.problems[3], "document 3: no advisory"));
    vulndb_fixture_release(&fixture);
}

/* A world without a version order keeps what it enumerates and counts the rest. */
static void test_no_order(void **state) {
    (void)state;
    static const char *const documents[] = {
        "{\"id\":\"A\",\"affected\":[{\"package\":{\"ecosystem\":\"Nowhere\",\"name\":\"x\"},\"versions\":[\"1.0\"]"
        "," ALL "}]}",
    };
    struct vulndb_fixture fixture;
    char ids[64];
    vulndb_fixture_make(&fixture, documents, 1);
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Nowhere", "x", "1.0", true, ids, sizeof ids), "A");
    assert_string_equal(vulndb_fixture_ids(&fixture.db, "Nowhere", "x", "2.0", true, ids, sizeof ids), "");
    assert_int_equal(fixture.summary.unordered_ranges, 1);
    vulndb_fixture_release(&fixture);
}

/* Events at the ceiling are walked; one more and the range is left out. */
static void test_event_limit(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO_BUF
        struct buf text;
        struct vulndb_fixture fixture;
        char ids[64];
        buf_init(&text, 0);
        buf_text(&text, "{\"id\":\"A\",\"affected\":[{\"package\":{\"ecosystem\":\"npm\",\"name\":\"x\"},\"ranges\":[{"
                        "\"type\":\"SEMVER\",\"events\":[");
        for (size_t i = 0; i < LIMIT_RANGE_EVENTS + extra; i++)
            buf_format(&text, "%s{\"%s\":\"%zu.0.0\"}", i == 0 ? "" : ",", i % 2 == 0 ? "introduced" : "fixed", i + 1);
        buf_text(&text, "]}]}]}");
        buf_byte(&text, 0);
        const char *documents[] = {(const char *)text.data};
        vulndb_fixture_make(&fixture, documents, 1);
        assert_string_equal(vulndb_fixture_ids(&fixture.db, "npm", "x", "1.5.0", true, ids, sizeof ids),
                            extra == 0 ? "A" : "");
        assert_int_equal(fixture.summary.invalid_ranges, extra);
        vulndb_fixture_release(&fixture);
    }
}

/* A document of the greatest size is read; one byte more and it is a problem. */
static void test_document_limit(void **state) {
    (void)state;
    static const char text[] = "{\"id\":\"A\"}";
    uint8_t *padded = mem_alloc(LIMIT_FEED_DOCUMENT_BYTES + 1);
    assert_non_null(padded);
    memset(padded, ' ', LIMIT_FEED_DOCUMENT_BYTES + 1);
    memcpy(padded, text, sizeof text - 1);
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO_VULNDB struct vulndb *build = NULL;
        struct err err = {0};
        assert_int_equal(vulndb_new(&build, &err), 0);
        assert_int_equal(
            vulndb_add_document(build, "large", span_make(padded, LIMIT_FEED_DOCUMENT_BYTES + extra), &err), 0);
        assert_int_equal(vulndb_summary(build)->malformed, extra);
    }
    mem_free(padded);
}

static int member_count(void *context, const char *name, struct span bytes, struct err *err) {
    (void)name;
    (void)bytes;
    (void)err;
    ++*(size_t *)context;
    return 0;
}

/* A zip with one stored member, cut at every place: an error or fewer members, never a crash. */
static void test_damaged_archive(void **state) {
    (void)state;
    static const uint8_t zip[] = "PK\x03\x04\x0a\0\0\0\0\0\0\0\0\0\x43\xbf\xa6\xa3\x02\0\0\0\x02\0\0\0\x01\0\0\0a{}"
                                 "PK\x01\x02\x1e\x03\x0a\0\0\0\0\0\0\0\0\0\x43\xbf\xa6\xa3\x02\0\0\0\x02\0\0\0\x01\0\0"
                                 "\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0a"
                                 "PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x21\0\0\0\0";
    for (size_t size = 0; size < sizeof zip; size++) {
        size_t members = 0;
        struct err err = {0};
        uint8_t *copy = mem_alloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, zip, size);
        int result = feed_archive_walk("feed.zip", span_make(copy, size), member_count, &members, &err);
        assert_true(result == 0 || err.code == ERR_FORMAT);
        assert_true(members <= 1);
        if (size == sizeof zip - 1)
            assert_true(result == 0 && members == 1 && feed_archive_is(span_make(copy, size)));
        mem_free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),         cmocka_unit_test(test_severities),
        cmocka_unit_test(test_statuses),       cmocka_unit_test(test_fields),
        cmocka_unit_test(test_kev_and_epss),   cmocka_unit_test(test_copies),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_no_order),
        cmocka_unit_test(test_event_limit),    cmocka_unit_test(test_damaged_archive),
        cmocka_unit_test(test_document_limit), cmocka_unit_test(test_secdb),
        cmocka_unit_test(test_debian_tracker), cmocka_unit_test(test_not_affected),
        cmocka_unit_test(test_every_field),    cmocka_unit_test(test_cyclic_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
