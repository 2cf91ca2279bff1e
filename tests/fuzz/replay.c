/* The main of a fuzz target without a fuzzer: runs the target over every file of the folders and files given, and over
 * some prefixes of each, so that a kept input guards its neighbourhood too. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "io/file/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count;

/* A copy of exactly this size, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = mem_alloc(size);
    if (copy == NULL)
        return;
    if (size > 0)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
    count++;
}

static bool file_run(const char *path) {
    AUTO_BUF struct buf bytes;
    struct err err = {0};
    buf_init(&bytes, 0);
    if (file_read(path, &bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    run(bytes.data, bytes.size);
    for (size_t part = 1; part < 8; part++)
        run(bytes.data, bytes.size * part / 8);
    return true;
}

static bool folder_run(const char *path) {
    AUTO_DIR DIR *folder = opendir(path);
    bool ok = folder != NULL;
    struct dirent *entry;
    while (ok && (entry = readdir(folder)) != NULL) {
        char name[PATH_MAX];
        struct stat status;
        (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode))
            ok = file_run(name);
    }
    return ok;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct stat status;
        bool ok = stat(argv[i], &status) == 0 && (S_ISDIR(status.st_mode) ? folder_run(argv[i]) : file_run(argv[i]));
        if (!ok) {
            (void)fprintf(stderr, "%s cannot be replayed\n", argv[i]);
            return 1;
        }
    }
    (void)printf("%zu inputs replayed\n", count);
    return count > 0 ? 0 : 1;
}
