/* What a 401 asks for. Spec: RFC 9110 §11.6.1 (several challenges in one text, commas between) and §11.2 (parameters),
 * RFC 6750 §3 (Bearer). Schemes that we do not speak are read over. */
#ifndef TRAWL_CHALLENGE_H
#define TRAWL_CHALLENGE_H

#include "base/arena.h"
#include "base/err.h"

struct challenge {
    bool basic, bearer;
    struct span realm, service, scope, error; /* of the first Bearer challenge; empty when not given */
    struct span other;                        /* the first scheme that is neither, for messages */
};

/* The spans borrow `text`, or the arena where a quoted string had escapes. FORMAT (where it stops making sense), NOMEM.
 * A text without any challenge is one. */
int challenge_parse(struct arena *arena, struct span text, struct challenge *ret_challenge, struct err *err);

#endif
