#include "io/source/storage_conf.h"

#include "base/reader.h"
#include "base/text.h"

enum key { KEY_NONE, KEY_GRAPH_ROOT, KEY_ROOTLESS_PATH, KEY_DRIVER, KEY_ADDITIONAL };

static enum key key_of(struct span section, struct span name) {
    static const struct {
        const char *section, *name;
        enum key key;
    } keys[] = {{"storage", "graphroot", KEY_GRAPH_ROOT},
                {"storage", "rootless_storage_path", KEY_ROOTLESS_PATH},
                {"storage", "driver", KEY_DRIVER},
                {"storage.options", "additionalimagestores", KEY_ADDITIONAL}};
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        if (span_is(section, keys[i].section) && span_is(name, keys[i].name))
            return keys[i].key;
    }
    return KEY_NONE;
}

static int value_take(struct arena *arena, enum key key, struct span value, struct storage_conf *conf,
                      struct err *err) {
    struct span copy = arena_copy(arena, value);
    if (copy.data == NULL)
        return err_set(err, ERR_NOMEM, 0, "storage.conf: out of memory");
    switch (key) {
    case KEY_GRAPH_ROOT:
        conf->graph_root = copy;
        break;
    case KEY_ROOTLESS_PATH:
        conf->rootless_path = copy;
        break;
    case KEY_DRIVER:
        conf->driver = copy;
        break;
    case KEY_ADDITIONAL:
        if (conf->additional_count == LIMIT_STORE_ROOTS)
            return err_set(err, ERR_LIMIT, 0, "storage.conf: expected at most %zu additionalimagestores",
                           LIMIT_STORE_ROOTS);
        conf->additional[conf->additional_count++] = copy;
        break;
    case KEY_NONE:
        break;
    }
    return 0;
}

int storage_conf_parse(struct arena *arena, struct span toml, struct storage_conf *ret_conf, struct err *err) {
    struct storage_conf conf = {.additional_count = 0};
    struct reader lines = reader_init(toml);
    struct span line, section = {NULL, 0};
    enum key key = KEY_NONE;
    bool in_array = false;
    while (read_line(&lines, &line)) {
        struct span rest = text_trim(line), value;
        if (!in_array && rest.size > 0 && rest.data[0] == '[') {
            rest = span_from(rest, 1);
            section = text_trim(text_cut(&rest, ']'));
            continue;
        }
        if (!in_array) {
            if (rest.size == 0 || rest.data[0] == '#' || span_index(rest, '=', 0) == SIZE_MAX)
                continue;
            key = key_of(section, text_trim(text_cut(&rest, '=')));
            rest = text_trim(rest);
            in_array = rest.size > 0 && rest.data[0] == '[';
        }
        while (text_next_quoted(&rest, &value)) {
            if (value_take(arena, key, value, &conf, err) < 0)
                return -1;
        }
        /* What stands behind the last quotes: the array's end, perhaps. A comment cannot hold it. */
        if (in_array && span_index(text_cut(&rest, '#'), ']', 0) != SIZE_MAX)
            in_array = false;
    }
    *ret_conf = conf;
    return 0;
}
