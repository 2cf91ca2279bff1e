/* JSON as it is written: commas, keys and brackets in their places, nothing held back but a buffer.
 *
 *     json_out_open(&json, NULL, '{');
 *     json_out_text(&json, "version", version);        members have a key, elements of a list NULL
 *     json_out_open(&json, "results", '[');
 *     …
 *     json_out_close(&json);
 *     json_out_flush(&json, out, all, err)                now and then, and at the end
 *
 * Lack of memory shows in json_out_flush(). Elements of the outer three levels begin a line, so that two documents can
 * be compared line by line. */
#ifndef TRAWL_JSON_OUT_H
#define TRAWL_JSON_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "shard/row_view.h"

#define JSON_OUT_DEPTH ((size_t)16) /* of our own documents; none has more than nine */

struct json_out {
    struct buf text;
    size_t depth;
    char brackets[JSON_OUT_DEPTH]; /* what closes each level */
    bool is_filled[JSON_OUT_DEPTH];
};

void json_out_open(struct json_out *json, const char *key, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *json);
void json_out_text(struct json_out *json, const char *key, struct span value);
/* The same, but nothing at all for an empty text. */
void json_out_text_if(struct json_out *json, const char *key, struct span value);
void json_out_u64(struct json_out *json, const char *key, uint64_t value);
void json_out_f64(struct json_out *json, const char *key, double value);
void json_out_bool(struct json_out *json, const char *key, bool value);
void json_out_time(struct json_out *json, const char *key, int64_t utc_s);
void json_out_format(struct json_out *json, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* a text; what is put in must be our own */
void json_out_column(struct json_out *json, const char *key, const struct row_view *view, size_t column);
/* JSON that is whole already. */
void json_out_raw(struct json_out *json, const char *key, struct span value);

/* Writes what has gathered, when it is 64 KiB or `all`. IO, NOMEM. */
int json_out_flush(struct json_out *json, FILE *out, bool all, struct err *err);

#endif
