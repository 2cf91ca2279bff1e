/* Base64 of RFC 4648 §4: the alphabet with + and /, and padding. */
#ifndef TRAWL_BASE64_H
#define TRAWL_BASE64_H

#include "base/buf.h"

/* The six bits that a digit of the alphabet stands for, or -1. */
int base64_value(uint8_t digit);

/* Appends the text of the bytes. */
void base64_encode(struct buf *buf, struct span bytes);

/* Appends the bytes of the text, whose padding may be left out. False, with nothing appended, when it is not base64;
 * `buf->failed` is for the caller to check. */
bool base64_decode(struct buf *buf, struct span text);

#endif
