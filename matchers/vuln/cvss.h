/* CVSS base scores out of vectors: 2.0 (no prefix), 3.0, 3.1 and 4.0. Threat and environmental metrics are read over:
 * the base score is the one that feeds publish. Spec: FIRST, "CVSS v2 complete guide" §3.2.1; "CVSS v3.0/v3.1
 * specification" §7.1 and appendix A; "CVSS v4.0 specification" §8. */
#ifndef TRAWL_CVSS_H
#define TRAWL_CVSS_H

#include "base/span.h"

/* The major version that the vector's text claims: 2, 3, 4. */
int cvss_version(struct span vector);

/* Ten times the base score, 0 to 100; -1 when a base metric is missing, given twice or has no such value. */
int cvss_score10(struct span vector);

#endif
