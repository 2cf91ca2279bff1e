/* Fills the {{…}} of rule examples, so that no complete secret stands in a repository. */
#ifndef TRAWL_SECRET_EXAMPLE_H
#define TRAWL_SECRET_EXAMPLE_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the example with its {{…}} filled to `out`. The fill depends on `seed` and on the place only. Braces that
 * hold no name
 * ("{{ value }}") stay as they are. FORMAT: unknown name or bad count; LIMIT: longer than an example may be; NOMEM. */
int secret_example_fill(struct span example, uint64_t seed, struct buf *out, struct err *err);

#endif
