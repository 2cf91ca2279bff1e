#include "engine/export/export_escape.h"

#include "base/text.h"

struct span escape_cut(struct span text, size_t size_max) {
    if (text.size <= size_max)
        return text;
    size_t size = size_max;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    return span_slice(text, 0, size);
}

/* Appends what stands for an unprintable character at the start, and returns its length; 0 when it is printable. */
static size_t hidden_add(struct buf *buf, struct span text) {
    uint32_t code;
    size_t length = text_hidden_length(text, &code);
    if (length > 0) {
        buf_format(buf, "\\u%04x", code);
        return length;
    }
    if (text.data[0] < 0x20 || text.data[0] == 0x7f || text_utf8_length(text) == 0) {
        buf_format(buf, "\\x%02x", text.data[0]);
        return 1;
    }
    return 0;
}

/* Runs over the characters: `special` appends what stands for one of ASCII and says true, or leaves it. */
typedef bool (*special_fn)(struct buf *buf, uint8_t byte);

static void characters_add(struct buf *buf, struct span text, special_fn special) {
    while (text.size > 0) {
        size_t length = text_utf8_length(text);
        if (length == 1 && special != NULL && special(buf, text.data[0])) {
            text = span_from(text, 1);
            continue;
        }
        size_t hidden = hidden_add(buf, text);
        if (hidden == 0)
            buf_add(buf, span_slice(text, 0, length));
        text = span_from(text, hidden == 0 ? length : hidden);
    }
}

void escape_plain(struct buf *buf, struct span text) { characters_add(buf, text, NULL); }

static bool markup_special(struct buf *buf, uint8_t byte) {
    switch (byte) {
    case '&':
        buf_text(buf, "&amp;");
        return true;
    case '<':
        buf_text(buf, "&lt;");
        return true;
    case '>':
        buf_text(buf, "&gt;");
        return true;
    case '"':
        buf_text(buf, "&#34;");
        return true;
    case '\'':
        buf_text(buf, "&#39;");
        return true;
    default:
        return false;
    }
}

static bool markup_lines_special(struct buf *buf, uint8_t byte) {
    if (byte == '\n' || byte == '\t') {
        buf_byte(buf, byte);
        return true;
    }
    return markup_special(buf, byte);
}

void escape_markup(struct buf *buf, struct span text, bool lines) {
    characters_add(buf, text, lines ? markup_lines_special : markup_special);
}

/* Every sign that can begin markup becomes a character reference, which Markdown takes as text. ':' as well: without it
 * nothing is linked by itself. '@' would name a person, '#' an issue. */
static bool markdown_special(struct buf *buf, uint8_t byte) {
    if (byte != '\\' && memchr("`*_{}[]()<>#+-!|~&:@$=\"'", byte, 24) == NULL)
        return false;
    if (byte == '-') {
        buf_byte(buf, byte); /* begins markup only at a line's start, and a cell is within one */
        return true;
    }
    buf_format(buf, "&#%u;", byte);
    return true;
}

void escape_markdown(struct buf *buf, struct span text) {
    /* "www." is linked too; other full stops stay, for versions are full of them. */
    for (size_t i = 3; i < text.size; i++) {
        if (text.data[i] == '.' && text_equal_nocase(span_slice(text, i - 3, 3), span_text("www"))) {
            characters_add(buf, span_slice(text, 0, i), markdown_special);
            buf_text(buf, "&#46;");
            text = span_from(text, i + 1);
            i = 2;
        }
    }
    characters_add(buf, text, markdown_special);
}

static bool csv_needs_quotes(struct span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == ',' || text.data[i] == '\n' || text.data[i] == '\r')
            return true;
    }
    return text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ';
}

/* What makes a spreadsheet calculate: OWASP's list. "@scope/name" is an npm package and does nothing: a formula that
 * begins with '@' needs a bracket or a bar to call something. */
static bool csv_is_formula(struct span text) {
    if (text.size == 0 || memchr("=+-@\t\r", text.data[0], 6) == NULL)
        return false;
    return text.data[0] != '@' || !text_only(text, "@/._-~");
}

void escape_csv(struct buf *buf, struct span text, bool defuse) {
    bool formula = defuse && csv_is_formula(text);
    if (!csv_needs_quotes(text)) {
        if (formula)
            buf_byte(buf, '\'');
        buf_add(buf, text);
        return;
    }
    buf_text(buf, formula ? "\"'" : "\"");
    for (;;) {
        size_t quote = span_index(text, '"', 0);
        buf_add(buf, span_slice(text, 0, quote));
        if (quote == SIZE_MAX)
            break;
        buf_text(buf, "\"\"");
        text = span_from(text, quote + 1);
    }
    buf_byte(buf, '"');
}

void escape_uri_path(struct buf *buf, struct span path) {
    while (path.size > 0 && path.data[0] == '/')
        path = span_from(path, 1);
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] == '/' || text_is_unreserved(path.data[i]))
            buf_byte(buf, path.data[i]);
        else
            buf_percent_byte(buf, path.data[i]);
    }
}

void escape_github(struct buf *buf, struct span text, bool property) {
    for (size_t i = 0; i < text.size;) {
        uint8_t byte = text.data[i];
        uint32_t code;
        size_t hidden = text_hidden_length(span_from(text, i), &code);
        if (byte == '%' || byte == '\r' || byte == '\n' || (property && (byte == ':' || byte == ','))) {
            buf_percent_byte(buf, byte);
        } else if (hidden > 0) {
            buf_format(buf, "\\u%04x", code);
            i += hidden;
            continue;
        } else if (byte < 0x20 || byte == 0x7f) {
            buf_format(buf, "\\x%02x", byte);
        } else {
            buf_byte(buf, byte);
        }
        i++;
    }
}

void escape_shell(struct buf *buf, struct span text) {
    buf_byte(buf, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            buf_text(buf, "'\\''");
        else if (text.data[i] != 0) /* no word can hold it */
            buf_byte(buf, text.data[i]);
    }
    buf_byte(buf, '\'');
}
