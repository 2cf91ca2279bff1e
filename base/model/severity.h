/* How bad a finding is: one scale in every table. */
#ifndef TRAWL_SEVERITY_H
#define TRAWL_SEVERITY_H

#include "base/span.h"

/* Ascending, so that `severity >= threshold` reads as it should. */
enum severity {
    SEVERITY_UNKNOWN,
    SEVERITY_NEGLIGIBLE,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITY_MALICIOUS, /* no flaw but an attack: a package that was made to do harm; vulnerabilities only */
    SEVERITY_COUNT
};

const char *severity_name(enum severity severity);

/* Any case; MODERATE is medium, IMPORTANT is high (the words that vendors use). False when it is none of them. */
bool severity_parse(struct span text, enum severity *ret_severity);

/* CVSS base score to severity by the ranges of the CVSS v3.1 specification, section 5. */
enum severity severity_from_score(double score);

#endif
