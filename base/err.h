/* One error: a code that callers branch on, and a text made where the facts are.
 *
 * A function that can fail takes `struct err *err` last, returns 0 or -1, leaves `*err` untouched on success and
 * sets it exactly once on failure. The struct is a value: no allocation, so it works after out-of-memory. Callers
 * pass a failure on, or add the name of their own object with err_wrap(). The one who decides what happens next logs.
 */
#ifndef TRAWL_ERR_H
#define TRAWL_ERR_H

#include "base/prelude.h"

enum err_code {
    ERR_NONE = 0,
    ERR_NOMEM,       /* an allocation failed or an arena met its ceiling */
    ERR_IO,          /* the operating system refused; `sys` has errno; may be retried */
    ERR_NET,         /* a peer did not answer as it should have; may be retried */
    ERR_AUTH,        /* credentials missing or refused */
    ERR_NOTFOUND,    /* the named thing does not exist */
    ERR_FORMAT,      /* bytes do not follow their format; never retried */
    ERR_LIMIT,       /* a ceiling of base/limits.h was met; never retried */
    ERR_DIGEST,      /* bytes are not those that were named; never retried */
    ERR_UNSUPPORTED, /* well-formed, but not something trawl can handle */
    ERR_CANCELED,    /* somebody asked to stop */
    ERR_USAGE,       /* the command line or a configuration is wrong */
    ERR_CODE_COUNT
};

struct err {
    enum err_code code;
    int sys; /* errno, or 0 */
    char text[240];
};

/* Sets the error; the value is -1, so that `return err_set(err, code, sys, "…", …)` is the idiom. `err` may be NULL.
 * The text is cut to fit. */
#define err_set(...) (err_fill(__VA_ARGS__), err_result())

/* Prefixes the text with the caller's object and ": "; keeps code and sys; the value is -1. */
#define err_wrap(...) (err_prefix(__VA_ARGS__), err_result())

/* What stands behind the two macros, which exist so that compilers see the constant. */
void err_fill(struct err *err, enum err_code code, int sys, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline int err_result(void) { return -1; }

/* The code's name as it stands in error rows and logs: "FORMAT", "LIMIT", …. */
const char *err_code_name(enum err_code code);

/* What an errno of opening a path means: NOTFOUND where a part of the path is not there, else IO. */
enum err_code err_code_of_open(int sys);

/* Whether trying the same again can help: NET and IO. */
bool err_is_retryable(enum err_code code);

#endif
