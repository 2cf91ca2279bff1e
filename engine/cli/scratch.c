#include "engine/cli/scratch.h"

#include <fcntl.h>

int scratch_open(struct arena *arena, struct scratch *ret_scratch, struct err *err) {
    const char *chosen = getenv("TMPDIR");
    char *folder = arena_format(arena, "%s/trawl-XXXXXX", chosen != NULL && chosen[0] != '\0' ? chosen : "/var/tmp");
    if (folder == NULL)
        return err_set(err, ERR_NOMEM, 0, "temporary folder: out of memory");
    if (mkdtemp(folder) == NULL)
        return err_set(err, ERR_IO, errno, "temporary folder %s: %s; TMPDIR names another place", folder,
                       strerror(errno));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int sys = errno;
        (void)rmdir(folder); /* the error that is being reported matters more */
        return err_set(err, ERR_IO, sys, "temporary folder %s: %s", folder, strerror(sys));
    }
    *ret_scratch = (struct scratch){folder, fd};
    return 0;
}

void scratch_close(struct scratch *scratch) {
    if (scratch->path == NULL)
        return;
    (void)close(scratch->fd);   /* it was only walked through */
    (void)rmdir(scratch->path); /* empty: the files in it have no names */
    scratch->path = NULL;
}
