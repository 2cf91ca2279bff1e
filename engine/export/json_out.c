#include "engine/export/json_out.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/limits.h"
#include "engine/export/export.h"

#define LINE_DEPTH ((size_t)3)

/* What stands before a value: a comma, a line's end, the key. */
static void value_begin(struct json_out *json, const char *key) {
    if (json->depth > 0) {
        if (json->is_filled[json->depth - 1])
            buf_byte(&json->text, ',');
        if (json->depth <= LINE_DEPTH)
            buf_byte(&json->text, '\n');
        json->is_filled[json->depth - 1] = true;
    }
    if (key != NULL) {
        buf_json_text(&json->text, span_text(key));
        buf_byte(&json->text, ':');
    }
}

void json_out_open(struct json_out *json, const char *key, char bracket) {
    assert(json->depth < JSON_OUT_DEPTH);
    value_begin(json, key);
    buf_byte(&json->text, (uint8_t)bracket);
    json->brackets[json->depth] = bracket == '{' ? '}' : ']';
    json->is_filled[json->depth++] = false;
}

void json_out_close(struct json_out *json) {
    assert(json->depth > 0);
    json->depth--;
    if (json->is_filled[json->depth] && json->depth < LINE_DEPTH)
        buf_byte(&json->text, '\n');
    buf_byte(&json->text, (uint8_t)json->brackets[json->depth]);
    if (json->depth == 0)
        buf_byte(&json->text, '\n');
}

void json_out_text(struct json_out *json, const char *key, struct span value) {
    value_begin(json, key);
    buf_json_text(&json->text, value);
}

void json_out_text_if(struct json_out *json, const char *key, struct span value) {
    if (value.size > 0)
        json_out_text(json, key, value);
}

void json_out_u64(struct json_out *json, const char *key, uint64_t value) {
    value_begin(json, key);
    buf_format(&json->text, "%" PRIu64, value);
}

void json_out_f64(struct json_out *json, const char *key, double value) {
    value_begin(json, key);
    export_f64(&json->text, value);
}

void json_out_bool(struct json_out *json, const char *key, bool value) {
    value_begin(json, key);
    buf_text(&json->text, value ? "true" : "false");
}

void json_out_time(struct json_out *json, const char *key, int64_t utc_s) {
    char text[CLOCK_TEXT_SIZE];
    json_out_text(json, key, span_text(clock_text(utc_s, text)));
}

void json_out_format(struct json_out *json, const char *key, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < sizeof text);
    json_out_text(json, key, span_make(text, (size_t)size));
}

void json_out_column(struct json_out *json, const char *key, const struct row_view *view, size_t column) {
    value_begin(json, key);
    export_json_column(&json->text, view, column);
}

void json_out_raw(struct json_out *json, const char *key, struct span value) {
    value_begin(json, key);
    buf_add(&json->text, value);
}

int json_out_flush(struct json_out *json, FILE *out, bool all, struct err *err) {
    if (json->text.failed)
        return err_set(err, ERR_NOMEM, 0, "export: out of memory");
    if (!all && json->text.size < 64 * LIMIT_KIB)
        return 0;
    if (export_write(out, buf_span(&json->text), err) < 0)
        return -1;
    buf_reset(&json->text);
    return 0;
}
