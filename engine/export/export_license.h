/* Licences as packages declare them, made into SPDX expressions where every word of them is one.
 * Spec: SPDX 2.3 annex D; ids are matched without regard to case and written as the list has them. */
#ifndef TRAWL_EXPORT_LICENSE_H
#define TRAWL_EXPORT_LICENSE_H

#include "base/buf.h"

enum license_kind {
    LICENSE_UNKNOWN,   /* free text: nothing was appended */
    LICENSE_ID,        /* one id */
    LICENSE_EXPRESSION /* operators, brackets or a '+' */
};

/* Appends the canonical expression. A reference to a licence of one's own ("LicenseRef-…") is UNKNOWN: nobody else
 * knows what it refers to. */
enum license_kind license_expression(struct buf *buf, struct span text);

#endif
