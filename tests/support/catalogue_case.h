/* Tables for the tests of cataloguers: a body goes in, text comes out that a test compares. */
#ifndef TRAWL_CATALOGUE_CASE_H
#define TRAWL_CATALOGUE_CASE_H

#include "base/buf.h"
#include "matchers/package/cataloguer.h"

struct catalogue_case {
    const char *title;
    const char *path;
    const char *body;
    /* One line per package: "type name version", then what is not empty of " arch=… from=source (version) license=a|b",
     * and " declared" or " embedded" where it is not installed. A last line "! CODE" and, after a space, what the
     * error's text has to contain. */
    const char *expect;
};

/* False where a case does not come out as expected; which and how is on stderr. A NULL `cataloguer` means that of `id`.
 */
bool catalogue_case_run(const struct cataloguer *cataloguer, enum cataloguer_id id, const struct catalogue_case *cases,
                        size_t count);

/* The same of a body that is no text; `expect` as in struct catalogue_case. */
bool catalogue_bytes_run(enum cataloguer_id id, const char *path, struct span body, const char *expect);

/* What renders them, as a catalogue_emit_fn: appends lines to a struct buf. */
int catalogue_case_render(void *context, const struct package *package, struct err *err);

#endif
