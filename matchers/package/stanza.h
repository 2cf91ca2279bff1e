/* Lines of "Key: value", as dpkg, opkg and Python's metadata have them: RFC 822 headers without its comments and
 * encodings. A line that begins with white space continues the field before it; an empty line ends the stanza. */
#ifndef TRAWL_STANZA_H
#define TRAWL_STANZA_H

#include "base/reader.h"

enum stanza_token {
    STANZA_FIELD,
    STANZA_BREAK, /* an empty line */
    STANZA_JUNK,  /* a line that is neither a field nor the continuation of one */
    STANZA_END,   /* of the bytes */
};

struct stanza_field {
    struct span key;   /* to be compared without case: text_equal_nocase() */
    struct span value; /* of the first line, without white space at its ends */
    bool cut;          /* the bytes end inside this field, without a line end */
};

/* Moves to the next token. Spans borrow the reader's bytes; `*ret_field` is written for STANZA_FIELD, and for
 * STANZA_JUNK its `value` is the line. */
enum stanza_token stanza_next(struct reader *r, struct stanza_field *ret_field);

#endif
