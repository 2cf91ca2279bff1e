/* Trivy's ignore files as ours: `.trivyignore` (an id a line, "exp:YYYY-MM-DD" behind it, '#' begins a comment) and
 * `.trivyignore.yaml` (lists of entries under vulnerabilities, misconfigurations, secrets and licenses, with id, paths,
 * purls, expired_at and statement). Licences are passed over: there are no such rows. */
#ifndef TRAWL_TRIVY_IGNORE_H
#define TRAWL_TRIVY_IGNORE_H

#include "base/buf.h"
#include "base/err.h"

/* Whether a file of that name is one: its last component begins with ".trivyignore". */
bool trivy_ignore_is(const char *path);

/* Appends the text of a file as ignore_parse() reads it. FORMAT (a line that is none, bad YAML), NOMEM. */
int trivy_ignore_convert(struct span text, const char *path, struct buf *yaml, struct err *err);

#endif
