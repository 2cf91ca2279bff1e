#include "engine/cli/options.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "io/file/file.h"

bool text_list_add(struct arena *arena, struct text_list *list, const char *text) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        const char **data = arena_array(arena, capacity, sizeof *data);
        if (data == NULL)
            return false;
        for (size_t i = 0; i < list->count; i++)
            data[i] = list->data[i];
        list->data = data;
        list->capacity = capacity;
    }
    list->data[list->count++] = text;
    return true;
}

static int value_bad(const struct option *option, struct span value, const char *expected, const char *origin,
                     struct err *err) {
    char quoted[96];
    return err_set(err, ERR_USAGE, 0, "%s %s: expected %s, found '%s'", origin, option->name, expected,
                   text_quote(value, quoted, sizeof quoted));
}

static int list_fill(struct arena *arena, struct text_list *list, struct span value, struct err *err) {
    while (value.data != NULL) {
        struct span item = text_trim(text_cut(&value, ','));
        char *text = item.size == 0 ? NULL : arena_text(arena, item);
        if (item.size > 0 && (text == NULL || !text_list_add(arena, list, text)))
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
    }
    return 0;
}

/* Stores one value; `origin` says where it came from: "option --", "environment TRAWL_", "trawl.yaml:". */
static int option_fill(struct arena *arena, const struct option *option, struct span value, const char *origin,
                       struct err *err) {
    switch (option->kind) {
    case OPTION_FLAG: {
        bool yes = span_is(value, "1") || text_equal_nocase(value, span_text("true")) ||
                   text_equal_nocase(value, span_text("yes"));
        bool no = span_is(value, "0") || span_is(value, "") || text_equal_nocase(value, span_text("false")) ||
                  text_equal_nocase(value, span_text("no"));
        if (!yes && !no)
            return value_bad(option, value, "true or false", origin, err);
        *(bool *)option->value = yes;
        return 0;
    }
    case OPTION_TEXT: {
        char *text = arena_text(arena, value);
        if (text == NULL)
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
        *(const char **)option->value = text;
        return 0;
    }
    case OPTION_COUNT:
        if (!text_u64(value, 10, UINT64_MAX, option->value))
            return value_bad(option, value, "a whole number", origin, err);
        return 0;
    case OPTION_SIZE:
        if (!text_size(value, option->value))
            return value_bad(option, value, "a size such as 512M or 2G", origin, err);
        return 0;
    case OPTION_LIST:
        return list_fill(arena, option->value, value, err);
    case OPTION_TEXTS:
    case OPTION_TYPED: {
        char *text = value.size == 0 ? NULL : arena_text(arena, value);
        if (value.size > 0 && (text == NULL || !text_list_add(arena, option->value, text)))
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
        return 0;
    }
    }
    return 0;
}

static const struct option *option_find(const struct option *options, struct span name, char letter) {
    for (const struct option *option = options; option->name != NULL; option++) {
        if (letter != 0 ? option->letter == letter : span_is(name, option->name))
            return option;
    }
    return NULL;
}

static int environment_fill(struct arena *arena, const struct option *options, struct err *err) {
    for (const struct option *option = options; option->name != NULL; option++) {
        char name[64] = "TRAWL_";
        size_t used = strlen(name);
        for (const char *c = option->name; *c != '\0' && used < sizeof name - 1; c++)
            name[used++] = text_is_lower((uint8_t)*c) ? (char)(*c - 32) : *c == '-' ? '_' : *c;
        name[used] = '\0';
        const char *value = getenv(name);
        if (option->kind == OPTION_TYPED)
            continue;
        if (value != NULL && (option->kind == OPTION_LIST || option->kind == OPTION_TEXTS))
            *(struct text_list *)option->value = (struct text_list){0}; /* over the file, not beside it */
        if (value != NULL && option_fill(arena, option, span_text(value), "environment variable of", err) < 0)
            return -1;
    }
    return 0;
}

static int file_option_fill(struct arena *arena, const struct option *option, const struct doc *value,
                            struct err *err) {
    static const char origin[] = "trawl.yaml:";
    if (doc_is(value, DOC_ARRAY) && (option->kind == OPTION_LIST || option->kind == OPTION_TEXTS)) {
        for (const struct doc *item = doc_first(value); item != NULL; item = item->next) {
            if (option_fill(arena, option, doc_scalar(item), origin, err) < 0)
                return -1;
        }
        return 0;
    }
    if (doc_is(value, DOC_ARRAY) || doc_is(value, DOC_OBJECT))
        return err_set(err, ERR_USAGE, 0, "trawl.yaml: %s on line %u: expected one value", option->name, value->line);
    return option_fill(arena, option, doc_scalar(value), origin, err);
}

static int configuration_fill(struct arena *arena, const struct option *options, struct err *err) {
    const char *path = "trawl.yaml";
    if (access(path, R_OK) != 0) {
        const char *base = getenv("XDG_CONFIG_HOME");
        const char *home = getenv("HOME");
        path = base != NULL && base[0] != '\0' ? arena_format(arena, "%s/trawl/trawl.yaml", base)
               : home != NULL                  ? arena_format(arena, "%s/.config/trawl/trawl.yaml", home)
                                               : NULL;
        if (path == NULL || access(path, R_OK) != 0)
            return 0;
    }
    AUTO_BUF struct buf text = {0};
    buf_init(&text, LIMIT_MIB);
    struct doc *root = NULL;
    if (file_read(path, &text, err) < 0 || yaml_parse(arena, buf_span(&text), doc_limits_default(), &root, err) < 0) {
        (void)err_wrap(err, "configuration %s", path);
        if (err != NULL)
            err->code = ERR_USAGE;
        return -1;
    }
    for (const struct doc *member = doc_first(root); member != NULL; member = member->next) {
        const struct option *option = option_find(options, member->key, 0);
        if (option != NULL && option->kind != OPTION_TYPED && file_option_fill(arena, option, member, err) < 0)
            return -1;
    }
    return 0;
}

struct cursor {
    int argc;
    char **argv;
    int index;
};

/* One argument that begins with a dash. */
static int flag_take(struct arena *arena, const struct option *options, struct cursor *at, struct text_list *cleared,
                     struct err *err) {
    struct span argument = span_text(at->argv[at->index]);
    bool is_long = span_starts(argument, "--");
    struct span value = {NULL, 0};
    const struct option *option;
    if (is_long) {
        value = span_from(argument, 2);
        struct span name = text_cut(&value, '=');
        if (value.data == NULL && span_index(argument, '=', 0) != SIZE_MAX)
            value = span_text("");
        option = option_find(options, name, 0);
    } else {
        option = option_find(options, argument, (char)argument.data[1]);
        if (argument.size > 2)
            value = span_from(argument, argument.data[2] == '=' ? 3 : 2);
    }
    char quoted[96];
    if (option == NULL)
        return err_set(err, ERR_USAGE, 0, "unknown option '%s'", text_quote(argument, quoted, sizeof quoted));
    if (option->kind == OPTION_FLAG && value.data == NULL)
        value = span_text("true");
    if (value.data == NULL) {
        if (at->index + 1 >= at->argc)
            return err_set(err, ERR_USAGE, 0, "option --%s: expected a value behind it", option->name);
        value = span_text(at->argv[++at->index]);
    }
    if (option->kind == OPTION_LIST || option->kind == OPTION_TEXTS || option->kind == OPTION_TYPED) {
        /* The first flag replaces what environment and file said; later ones add. */
        bool seen = false;
        for (size_t i = 0; i < cleared->count; i++)
            seen = seen || strcmp(cleared->data[i], option->name) == 0;
        if (!seen) {
            *(struct text_list *)option->value = (struct text_list){0};
            if (!text_list_add(arena, cleared, option->name))
                return err_set(err, ERR_NOMEM, 0, "options: out of memory");
        }
    }
    return option_fill(arena, option, value, "option", err);
}

int options_parse(struct arena *arena, const char *command, const struct option *options, int argc, char **argv,
                  struct text_list *ret_operands, bool *ret_help, struct err *err) {
    struct text_list cleared = {0};
    *ret_help = false;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            command_help(command);
            *ret_help = true;
            return 0;
        }
    }
    if (configuration_fill(arena, options, err) < 0 || environment_fill(arena, options, err) < 0)
        return -1;
    struct cursor at = {.argc = argc, .argv = argv};
    bool flags = true;
    for (at.index = 1; at.index < argc; at.index++) {
        const char *argument = argv[at.index];
        if (flags && strcmp(argument, "--") == 0) {
            flags = false;
        } else if (flags && argument[0] == '-' && argument[1] != '\0') {
            if (flag_take(arena, options, &at, &cleared, err) < 0)
                return -1;
        } else if (!text_list_add(arena, ret_operands, argument)) {
            return err_set(err, ERR_NOMEM, 0, "options: out of memory");
        }
    }
    return 0;
}
