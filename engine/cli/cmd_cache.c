#include "base/clock.h"
#include "base/text.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"
#include "engine/cli/scan_cache.h"
#include "engine/cli/units.h"

struct cache_command {
    const char *folder;
    const char *older;
    uint64_t bytes_max;
};

static int info(struct cache *cache, const char *folder, struct err *err) {
    struct cache_info info;
    char bytes[UNITS_SIZE];
    if (cache_info(cache, &info, err) < 0)
        return -1;
    (void)printf("cache %s, %s on disk\n\n%-14s %12s %12s\n", folder, units_bytes(info.file_bytes, bytes), "what",
                 "entries", "size");
    for (size_t i = 0; i < CACHE_TABLE_COUNT; i++)
        (void)printf("%-14s %12" PRIu64 " %12s\n", cache_table_name((enum cache_table)i), info.entries[i],
                     units_bytes(info.bytes[i], bytes));
    return 0;
}

static int verify(struct cache *cache, struct err *err) {
    uint64_t whole = 0, damaged = 0;
    if (cache_verify(cache, &whole, &damaged, err) < 0)
        return -1;
    (void)printf("%" PRIu64 " values are whole, %" PRIu64 " were damaged and are removed\n", whole, damaged);
    return damaged == 0 ? EXIT_DONE : EXIT_PARTIAL;
}

static int prune(struct cache *cache, const struct cache_command *command, struct err *err) {
    uint64_t seconds = 0, removed = 0;
    bool shrunk = false;
    char quoted[64];
    if (command->older == NULL && command->bytes_max == 0)
        return err_set(err, ERR_USAGE, 0, "expected --older AGE or --max-size SIZE");
    if (command->older != NULL && !duration_parse(span_text(command->older), &seconds))
        return err_set(err, ERR_USAGE, 0, "option --older: expected an age such as 30d or 12h, found '%s'",
                       text_quote(span_text(command->older), quoted, sizeof quoted));
    int64_t limit = command->older == NULL ? INT64_MIN : clock_utc_s() - (int64_t)seconds;
    if (cache_prune(cache, limit, command->bytes_max, &removed, &shrunk, err) < 0)
        return -1;
    (void)printf("%" PRIu64 " values removed; %s\n", removed,
                 shrunk ? "the file was made smaller"
                        : "another trawl has the cache open: the file keeps its size and the room is used again");
    return EXIT_DONE;
}

static int cache_run(const struct cache_command *command, const struct text_list *operands, struct err *err) {
    char quoted[64];
    const char *verb = operands->count == 1 ? operands->data[0] : "";
    AUTO_FREE char *fallback = scan_cache_default();
    const char *folder = command->folder != NULL ? command->folder : fallback;
    AUTO_CACHE struct cache *cache = NULL;
    bool aside = false;
    if (strcmp(verb, "info") != 0 && strcmp(verb, "prune") != 0 && strcmp(verb, "verify") != 0)
        return err_set(err, ERR_USAGE, 0, "expected info, prune or verify, found '%s'",
                       text_quote(span_text(verb), quoted, sizeof quoted));
    if (folder == NULL)
        return err_set(err, ERR_USAGE, 0, "there is no home for a cache: give --cache DIR");
    if (cache_open(folder, &(struct cache_options){.existing = true}, &cache, &aside, err) < 0)
        return -1;
    if (aside)
        (void)printf("cache %s: it was damaged, was set aside and is begun anew\n", folder);
    int result = verb[0] == 'i'   ? info(cache, folder, err)
                 : verb[0] == 'v' ? verify(cache, err)
                                  : prune(cache, command, err);
    return result == EXIT_DONE && aside ? EXIT_PARTIAL : result;
}

int cmd_cache(int argc, char **argv) {
    struct arena arena;
    struct cache_command command = {0};
    struct text_list operands = {0};
    struct err err = {0};
    bool help = false;
    const struct option options[] = {{"cache", 0, OPTION_TEXT, &command.folder},
                                     {"older", 0, OPTION_TEXT, &command.older},
                                     {"max-size", 0, OPTION_SIZE, &command.bytes_max},
                                     OPTION_END};
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "cache", options, argc, argv, &operands, &help, &err);
    if (result == 0 && !help)
        result = cache_run(&command, &operands, &err);
    arena_release(&arena);
    return result < 0 ? command_fail("cache", &err) : result;
}
