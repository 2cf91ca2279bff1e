#include "matchers/package/stanza.h"

#include "base/text.h"

static bool at_continuation(const struct reader *r) {
    if (reader_left(r) == 0)
        return false;
    uint8_t c = r->bytes.data[r->offset];
    return c == ' ' || c == '\t';
}

enum stanza_token stanza_next(struct reader *r, struct stanza_field *ret_field) {
    struct span line;
    if (!read_line(r, &line))
        return STANZA_END;
    if (text_trim(line).size == 0)
        return STANZA_BREAK;
    struct span value = line;
    struct span key = text_cut(&value, ':');
    *ret_field = (struct stanza_field){.value = line};
    if (value.data == NULL || key.size == 0 || text_is_space(key.data[0]))
        return STANZA_JUNK;
    ret_field->key = text_trim(key);
    ret_field->value = text_trim(value);
    while (at_continuation(r)) {
        size_t before = r->offset;
        struct span more;
        if (!read_line(r, &more) || text_trim(more).size == 0) {
            /* White space alone: dpkg never writes it, others mean an empty line by it. */
            read_seek(r, before);
            break;
        }
    }
    ret_field->cut = reader_left(r) == 0 && r->bytes.data[r->bytes.size - 1] != '\n';
    return STANZA_FIELD;
}
