#include "matchers/vuln/cvss.h"

#include <math.h>

#include "base/text.h"

/* A metric's place in a list of names; values are single letters in every version. */
struct metrics {
    const char *const *names;
    size_t count;
    uint8_t value[12]; /* 0: not given */
};

static bool metrics_read(struct span vector, struct metrics *metrics) {
    while (vector.size > 0) {
        struct span value = text_cut(&vector, '/');
        struct span name = text_cut(&value, ':');
        for (size_t i = 0; i < metrics->count; i++) {
            if (!span_is(name, metrics->names[i]))
                continue;
            if (value.size != 1 || metrics->value[i] != 0)
                return false;
            metrics->value[i] = value.data[0];
        }
    }
    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->value[i] == 0)
            return false;
    }
    return true;
}

/* The weight of a letter; NaN, which every result inherits, where it is none of them. */
static double weight(uint8_t value, const char *letters, const double *weights) {
    const char *place = strchr(letters, value);
    return value == 0 || place == NULL ? (double)NAN : weights[place - letters];
}

static int score2(struct span vector) {
    static const char *const names[] = {"AV", "AC", "Au", "C", "I", "A"};
    struct metrics m = {names, ARRAY_COUNT(names), {0}};
    if (!metrics_read(vector, &m))
        return -1;
    double av = weight(m.value[0], "LAN", (const double[]){0.395, 0.646, 1.0});
    double ac = weight(m.value[1], "HML", (const double[]){0.35, 0.61, 0.71});
    double au = weight(m.value[2], "MSN", (const double[]){0.45, 0.56, 0.704});
    const double *impacts = (const double[]){0.0, 0.275, 0.660};
    double c = weight(m.value[3], "NPC", impacts);
    double i = weight(m.value[4], "NPC", impacts);
    double a = weight(m.value[5], "NPC", impacts);
    double impact = 10.41 * (1 - (1 - c) * (1 - i) * (1 - a));
    double exploitability = 20 * av * ac * au;
    double score = (0.6 * impact + 0.4 * exploitability - 1.5) * (impact > 0 ? 1.176 : 0);
    return isnan(impact + exploitability) ? -1 : (int)lround(fmax(score, 0) * 10);
}

/* Version 3.1's rounding up, on whole numbers, so that 8.6000000001 is 8.6 and not 8.7; 3.0's differs only where
 * floating point went wrong. */
static int roundup10(double score) {
    long whole = lround(score * 100000);
    return (int)(whole % 10000 == 0 ? whole / 10000 : whole / 10000 + 1);
}

static int score3(struct span vector) {
    static const char *const names[] = {"AV", "AC", "PR", "UI", "S", "C", "I", "A"};
    struct metrics m = {names, ARRAY_COUNT(names), {0}};
    if (!metrics_read(vector, &m) || (m.value[4] != 'U' && m.value[4] != 'C'))
        return -1;
    bool changed = m.value[4] == 'C';
    double av = weight(m.value[0], "NALP", (const double[]){0.85, 0.62, 0.55, 0.2});
    double ac = weight(m.value[1], "LH", (const double[]){0.77, 0.44});
    double pr =
        weight(m.value[2], "NLH", changed ? (const double[]){0.85, 0.68, 0.5} : (const double[]){0.85, 0.62, 0.27});
    double ui = weight(m.value[3], "NR", (const double[]){0.85, 0.62});
    const double *impacts = (const double[]){0.56, 0.22, 0.0};
    double c = weight(m.value[5], "HLN", impacts);
    double i = weight(m.value[6], "HLN", impacts);
    double a = weight(m.value[7], "HLN", impacts);
    double base = 1 - (1 - c) * (1 - i) * (1 - a);
    double impact = changed ? 7.52 * (base - 0.029) - 3.25 * pow(base - 0.02, 15) : 6.42 * base;
    double exploitability = 8.22 * av * ac * pr * ui;
    if (isnan(base + exploitability))
        return -1;
    if (impact <= 0)
        return 0;
    return roundup10(fmin(changed ? 1.08 * (impact + exploitability) : impact + exploitability, 10));
}

enum { V4_AV, V4_AC, V4_AT, V4_PR, V4_UI, V4_VC, V4_VI, V4_VA, V4_SC, V4_SI, V4_SA, V4_COUNT };

/* Steps down from the worst value, in the order of the letters. */
static const char *const v4_letters[V4_COUNT] = {"NALP", "LH",  "NP",  "NLH", "NPA", "HLN",
                                                 "HLN",  "HLN", "HLN", "HLN", "HLN"};

/* Scores × 10 of the macro vectors that base metrics reach or are compared with: EQ5 is 0 (exploitation counts as
 * attacked), EQ4 is 1 or 2 (0 needs the safety value of an environmental metric). Index: EQ1, EQ2, then EQ3 with EQ6
 * (00 01 10 11 21), then EQ4 - 1. */
static const uint8_t v4_scores[3][2][5][2] = {
    {{{100, 93}, {96, 90}, {93, 88}, {92, 80}, {79, 69}}, {{95, 92}, {91, 81}, {92, 84}, {82, 70}, {71, 63}}},
    {{{94, 87}, {89, 75}, {86, 72}, {76, 57}, {65, 53}}, {{90, 77}, {77, 66}, {74, 61}, {59, 52}, {58, 23}}},
    {{{86, 70}, {74, 54}, {72, 53}, {57, 36}, {47, 24}}, {{73, 54}, {55, 43}, {61, 46}, {51, 18}, {24, 10}}},
};

/* The worst vectors of each class, as steps of its metrics; which one a vector is measured from is the first that is
 * nowhere better. */
static const struct v4_class {
    uint8_t metrics[3];
    uint8_t count;
    struct {
        uint8_t count;
        uint8_t steps[3][3];
        uint8_t depth; /* the specification's maximal severity distance within the level */
    } level[3];
} v4_classes[4] = {
    {{V4_AV, V4_PR, V4_UI},
     3,
     {{1, {{0, 0, 0}}, 1}, {3, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, 4}, {2, {{3, 0, 0}, {1, 1, 1}}, 5}}},
    {{V4_AC, V4_AT, 0}, 2, {{1, {{0, 0}}, 1}, {2, {{1, 0}, {0, 1}}, 2}, {0}}},
    {{V4_VC, V4_VI, V4_VA}, 3, {{1, {{0, 0, 0}}, 7}, {2, {{1, 0, 0}, {0, 1, 0}}, 8}, {1, {{1, 1, 1}}, 10}}},
    {{V4_SC, V4_SI, V4_SA}, 3, {{0}, {1, {{0, 0, 0}}, 5}, {1, {{1, 1, 1}}, 4}}},
};

/* Steps between the vector and the worst of its level; -1 when no worst vector covers it, which cannot be. */
static int v4_distance(const struct v4_class *class, size_t level, const uint8_t *steps) {
    for (size_t i = 0; i < class->level[level].count; i++) {
        int distance = 0;
        bool covers = true;
        for (size_t k = 0; k < class->count; k++) {
            int difference = steps[class->metrics[k]] - class->level[level].steps[i][k];
            covers = covers && difference >= 0;
            distance += difference;
        }
        if (covers)
            return distance;
    }
    return -1;
}

static void v4_levels(const uint8_t *s, size_t level[4]) {
    bool any = s[V4_AV] == 0 || s[V4_PR] == 0 || s[V4_UI] == 0;
    bool all = s[V4_AV] == 0 && s[V4_PR] == 0 && s[V4_UI] == 0;
    level[0] = all ? 0 : any && s[V4_AV] != 3 ? 1 : 2;
    level[1] = s[V4_AC] == 0 && s[V4_AT] == 0 ? 0 : 1;
    level[2] = s[V4_VC] == 0 && s[V4_VI] == 0 ? 0 : s[V4_VC] == 0 || s[V4_VI] == 0 || s[V4_VA] == 0 ? 1 : 2;
    level[3] = s[V4_SC] == 0 || s[V4_SI] == 0 || s[V4_SA] == 0 ? 1 : 2;
}

static int score4(struct span vector) {
    static const char *const names[V4_COUNT] = {"AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"};
    static const uint8_t vulnerable_index[3] = {0, 2, 4}; /* EQ3 0, 1 with EQ6 0; EQ3 2 with EQ6 1 */
    struct metrics m = {names, V4_COUNT, {0}};
    uint8_t steps[V4_COUNT];
    if (!metrics_read(vector, &m))
        return -1;
    for (size_t i = 0; i < V4_COUNT; i++) {
        const char *place = strchr(v4_letters[i], m.value[i]);
        if (place == NULL)
            return -1;
        steps[i] = (uint8_t)(place - v4_letters[i]);
    }
    if (steps[V4_VC] == 2 && steps[V4_VI] == 2 && steps[V4_VA] == 2 && steps[V4_SC] == 2 && steps[V4_SI] == 2 &&
        steps[V4_SA] == 2)
        return 0;
    size_t level[4];
    v4_levels(steps, level);
    size_t v = vulnerable_index[level[2]];
    size_t eq4 = level[3] - 1;
    double score = v4_scores[level[0]][level[1]][v][eq4];
    /* The next lower macro vector in each class, negative where there is none. EQ3 0 goes down by either of its two. */
    double lower[4] = {-1, -1, -1, -1};
    if (level[0] < 2)
        lower[0] = v4_scores[level[0] + 1][level[1]][v][eq4];
    if (level[1] < 1)
        lower[1] = v4_scores[level[0]][1][v][eq4];
    if (level[2] == 0)
        lower[2] = fmax(v4_scores[level[0]][level[1]][1][eq4], v4_scores[level[0]][level[1]][2][eq4]);
    else if (level[2] == 1)
        lower[2] = v4_scores[level[0]][level[1]][3][eq4];
    if (eq4 == 0)
        lower[3] = v4_scores[level[0]][level[1]][v][1];
    /* The mean of the proportional distances. EQ5 always has a lower neighbour here and a distance of nothing. */
    double sum = 0;
    double present = 1;
    for (size_t i = 0; i < ARRAY_COUNT(v4_classes); i++) {
        int distance = v4_distance(&v4_classes[i], level[i], steps);
        if (distance < 0)
            return -1;
        if (lower[i] < 0)
            continue;
        sum += (score - lower[i]) * distance / v4_classes[i].level[level[i]].depth;
        present++;
    }
    /* Half a tenth is rounded up after the specification's own guard against representation errors. */
    return (int)floor(fmin(fmax(score - sum / present, 0), 100) + 0.5 + 1e-5);
}

int cvss_version(struct span vector) {
    return span_starts(vector, "CVSS:4") ? 4 : span_starts(vector, "CVSS:3") ? 3 : 2;
}

int cvss_score10(struct span vector) {
    if (span_starts(vector, "CVSS:4.0/"))
        return score4(span_from(vector, 9));
    if (span_starts(vector, "CVSS:3.0/") || span_starts(vector, "CVSS:3.1/"))
        return score3(span_from(vector, 9));
    if (span_starts(vector, "CVSS:2.0/"))
        return score2(span_from(vector, 9));
    return span_starts(vector, "CVSS:") ? -1 : score2(vector);
}
