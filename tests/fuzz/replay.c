/* The main of a fuzz target that is run without a fuzzer: gives it every file of the folders and every file named, and
 * prints how many. Arguments that begin with '-' are a fuzzer's and ignored. */
#include <dirent.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "io/file/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, size_t *count) {
    AUTO_BUF struct buf bytes = {0};
    struct err err;
    if (file_read(path, &bytes, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    /* A copy of the exact size: reading past it is then found by the sanitizer. */
    AUTO_FREE uint8_t *copy = mem_alloc(bytes.size);
    if (copy == NULL)
        return -1;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    (void)LLVMFuzzerTestOneInput(copy, bytes.size); /* a target tells by ending the process */
    (*count)++;
    return 0;
}

static int replay_folder(const char *path, size_t *count) {
    AUTO_DIR DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    for (struct dirent *item; (item = readdir(folder)) != NULL;) {
        char name[4096];
        struct stat status;
        (void)snprintf(name, sizeof name, "%s/%s", path, item->d_name);
        if (item->d_name[0] == '.' || stat(name, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        if (replay_file(name, count) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (argv[i][0] == '-')
            continue;
        bool is_folder = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);
        if ((is_folder ? replay_folder(argv[i], &count) : replay_file(argv[i], &count)) < 0)
            return 1;
    }
    (void)printf("%zu inputs replayed\n", count);
    return 0;
}
