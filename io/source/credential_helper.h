/* Docker's credential helpers: a program of the user's, named by the user's configuration, that is asked for one host.
 * Spec: github.com/docker/docker-credential-helpers, README, "Development" */
#ifndef TRAWL_CREDENTIAL_HELPER_H
#define TRAWL_CREDENTIAL_HELPER_H

#include "base/buf.h"
#include "base/err.h"

/* Runs `docker-credential-NAME get`, found through PATH, with `server` on its standard input, and appends what it
 * prints to `output`. Blocks until it ends, `timeout_ms` at most: it and its children are then killed. It gets no
 * standard error, since what it prints there is not ours to show.
 * 1, or 0 when it says that it has nothing for that server. USAGE (a name that is none, a program that is not there),
 * AUTH (it failed, or ended too late: `sys` is then ETIMEDOUT), LIMIT (output beyond the buffer's ceiling), IO, NOMEM.
 * Output is never shown. */
int credential_helper_get(struct span name, struct span server, unsigned timeout_ms, struct buf *output,
                          struct err *err);

#endif
