#include "engine/export/export_license.h"

#include "base/text.h"

static const char *const ids[] = {
#define SPDX_ID(id) id,
#include "engine/export/spdx_ids.def"
#undef SPDX_ID
};

static int compare_nocase(struct span a, struct span b) {
    for (size_t i = 0; i < a.size && i < b.size; i++) {
        int order = text_lower_byte(a.data[i]) - text_lower_byte(b.data[i]);
        if (order != 0)
            return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

static const char *id_find(struct span text) {
    size_t low = 0, high = ARRAY_COUNT(ids);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_nocase(text, span_text(ids[middle]));
        if (order == 0)
            return ids[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static bool id_is_exception(const char *id) {
    return span_find(span_text(id), span_text("exception"), 0) != SIZE_MAX || strcmp(id, "Linux-syscall-note") == 0;
}

/* The next word or bracket; empty at the end. */
static struct span token_next(struct span *rest) {
    *rest = text_trim(*rest);
    size_t size = 0;
    if (rest->size > 0 && (rest->data[0] == '(' || rest->data[0] == ')'))
        size = 1;
    else
        while (size < rest->size && !text_is_space(rest->data[size]) && rest->data[size] != '(' &&
               rest->data[size] != ')')
            size++;
    struct span token = span_slice(*rest, 0, size);
    *rest = span_from(*rest, size);
    return token;
}

enum wanted { WANT_OPERAND, WANT_EXCEPTION, WANT_OPERATOR, WANT_OPERATOR_OR_WITH };

struct expression {
    struct buf *buf;
    enum wanted wanted;
    size_t depth;
    bool is_compound;
};

static bool operand_take(struct expression *expression, struct span token) {
    if (span_is(token, "(")) {
        expression->depth++;
        expression->is_compound = true;
        buf_byte(expression->buf, '(');
        return true;
    }
    const char *id = id_find(token); /* some ids end in a '+' themselves */
    bool later = id == NULL && span_ends(token, "+");
    if (later)
        id = id_find(span_slice(token, 0, token.size - 1));
    if (id == NULL || id_is_exception(id))
        return false;
    buf_text(expression->buf, id);
    if (later) {
        buf_byte(expression->buf, '+');
        expression->is_compound = true;
    }
    expression->wanted = WANT_OPERATOR_OR_WITH;
    return true;
}

static bool operator_take(struct expression *expression, struct span token) {
    static const char *const words[] = {"AND", "OR", "WITH"};
    if (span_is(token, ")")) {
        if (expression->depth == 0)
            return false;
        expression->depth--;
        buf_byte(expression->buf, ')');
        expression->wanted = WANT_OPERATOR;
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (!text_equal_nocase(token, span_text(words[i])) || (i == 2 && expression->wanted == WANT_OPERATOR))
            continue;
        buf_format(expression->buf, " %s ", words[i]);
        expression->is_compound = true;
        expression->wanted = i == 2 ? WANT_EXCEPTION : WANT_OPERAND;
        return true;
    }
    return false;
}

static bool exception_take(struct expression *expression, struct span token) {
    const char *id = id_find(token);
    if (id == NULL || !id_is_exception(id))
        return false;
    buf_text(expression->buf, id);
    expression->wanted = WANT_OPERATOR;
    return true;
}

enum license_kind license_expression(struct buf *buf, struct span text) {
    struct expression expression = {.buf = buf, .wanted = WANT_OPERAND};
    size_t begin = buf->size;
    for (;;) {
        struct span token = token_next(&text);
        if (token.size == 0)
            break;
        bool taken = expression.wanted == WANT_OPERAND     ? operand_take(&expression, token)
                     : expression.wanted == WANT_EXCEPTION ? exception_take(&expression, token)
                                                           : operator_take(&expression, token);
        if (!taken) {
            buf->size = begin;
            return LICENSE_UNKNOWN;
        }
    }
    if (expression.depth > 0 || expression.wanted < WANT_OPERATOR) {
        buf->size = begin;
        return LICENSE_UNKNOWN;
    }
    return expression.is_compound ? LICENSE_EXPRESSION : LICENSE_ID;
}
