#include "base/cpu.h"
#include "engine/cli/command.h"
#include "engine/cli/options.h"

int cmd_version(int argc, char **argv) {
    struct arena arena;
    struct err err = {0};
    struct text_list operands = {0};
    bool help = false;
    static const struct option options[] = {OPTION_END};
    arena_init(&arena, 0, 0);
    int result = options_parse(&arena, "version", options, argc, argv, &operands, &help, &err);
    arena_release(&arena);
    if (result < 0)
        return command_fail("version", &err);
    if (!help)
        (void)printf("trawl %s\nsimd: %s\n", TRAWL_VERSION, cpu_level_name(cpu_level_best()));
    return EXIT_DONE;
}
