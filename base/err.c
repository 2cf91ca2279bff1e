#include "base/err.h"

#include <stdarg.h>

void err_fill(struct err *err, enum err_code code, int sys, const char *format, ...) {
    if (err == NULL)
        return;
    err->code = code;
    err->sys = sys;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
}

void err_prefix(struct err *err, const char *format, ...) {
    if (err == NULL)
        return;
    char prefix[sizeof err->text];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    size_t prefix_size = strlen(prefix);
    /* When both do not fit, the end of the prefix goes first: the innermost fact is the one people need. */
    size_t text_size = strnlen(err->text, sizeof err->text - 1);
    size_t room = sizeof err->text - 1 - text_size;
    if (room < 3)
        return;
    if (prefix_size > room - 2)
        prefix_size = room - 2;
    memmove(err->text + prefix_size + 2, err->text, text_size);
    memcpy(err->text, prefix, prefix_size);
    memcpy(err->text + prefix_size, ": ", 2);
    err->text[prefix_size + 2 + text_size] = '\0';
}

const char *err_code_name(enum err_code code) {
    static const char *const names[ERR_CODE_COUNT] = {
        [ERR_NONE] = "NONE",
        [ERR_NOMEM] = "NOMEM",
        [ERR_IO] = "IO",
        [ERR_NET] = "NET",
        [ERR_AUTH] = "AUTH",
        [ERR_NOTFOUND] = "NOTFOUND",
        [ERR_FORMAT] = "FORMAT",
        [ERR_LIMIT] = "LIMIT",
        [ERR_DIGEST] = "DIGEST",
        [ERR_UNSUPPORTED] = "UNSUPPORTED",
        [ERR_CANCELED] = "CANCELED",
        [ERR_USAGE] = "USAGE",
    };
    return code < ERR_CODE_COUNT ? names[code] : "NONE";
}

enum err_code err_code_of_open(int sys) { return sys == ENOENT || sys == ENOTDIR ? ERR_NOTFOUND : ERR_IO; }

bool err_is_retryable(enum err_code code) { return code == ERR_NET || code == ERR_IO; }
