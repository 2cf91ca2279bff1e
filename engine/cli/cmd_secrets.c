#include <fcntl.h>

#include "base/limits.h"
#include "base/text.h"
#include "engine/cli/secret_run.h"

#define CHUNK_BYTES (256 * LIMIT_KIB)

static int input_open(const char *name, struct err *err) {
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        (void)err_set(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, errno, "%s: %s", name, strerror(errno));
    return fd;
}

/* How much there is of an input is known at its end: what ends early is looked at in one piece, as a file would be. */
struct input {
    int fd;
    const char *name;
    struct buf head;
};

static int chunk_read(const struct input *input, uint8_t *out, size_t size, size_t *ret_size, struct err *err) {
    ssize_t got;
    do
        got = read(input->fd, out, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(err, ERR_IO, errno, "%s: %s", input->name, strerror(errno));
    *ret_size = (size_t)got;
    return 0;
}

/* Up to a body's size; `*ret_is_all` says that the input ended within it. */
static int head_read(struct input *input, size_t bytes_max, bool *ret_is_all, struct err *err) {
    *ret_is_all = false;
    while (input->head.size <= bytes_max) {
        size_t got = 0;
        if (!buf_reserve(&input->head, CHUNK_BYTES))
            return err_set(err, ERR_NOMEM, 0, "%s: out of memory", input->name);
        if (chunk_read(input, input->head.data + input->head.size, CHUNK_BYTES, &got, err) < 0)
            return -1;
        input->head.size += got;
        if (got == 0) {
            *ret_is_all = true;
            break;
        }
    }
    return 0;
}

static int input_search(struct secret_run *run, struct input *input, struct err *err) {
    bool is_all = false;
    struct span path = span_text(strcmp(input->name, "-") == 0 ? "" : input->name);
    if (head_read(input, run->options.body_bytes_max, &is_all, err) < 0)
        return -1;
    inspect_begin(run->inspect, path, is_all ? input->head.size : UINT64_MAX, 0);
    inspect_data(run->inspect, buf_span(&input->head));
    for (size_t got = 1; !is_all && got > 0;) {
        if (chunk_read(input, input->head.data, CHUNK_BYTES, &got, err) < 0)
            return -1;
        inspect_data(run->inspect, span_make(input->head.data, got));
    }
    inspect_end(run->inspect);
    return 0;
}

static int operand_search(struct secret_run *run, const char *name, struct err *err) {
    struct err problem = {0};
    struct input input = {.name = name, .fd = input_open(name, &problem)};
    if (secret_run_begin(run, err) < 0)
        return -1;
    if (input.fd < 0)
        return secret_run_error(run, span_text(name), span_text(""), &problem, err);
    buf_init(&input.head, 0);
    int result = input_search(run, &input, &problem);
    (void)close(input.fd); /* only read from */
    buf_release(&input.head);
    if (result < 0 && secret_run_error(run, span_text(name), span_text(""), &problem, err) < 0)
        return -1;
    return secret_run_end(run, span_text(name), err);
}

int cmd_secrets(int argc, char **argv) {
    struct secret_run run;
    struct err err = {0};
    int status;
    if (secret_run_open(&run, "secrets", argc, argv, &status)) {
        int result = 0;
        for (size_t i = 0; i < run.operands.count && result == 0; i++)
            result = operand_search(&run, run.operands.data[i], &err);
        status = secret_run_finish(&run, result, &err);
    }
    secret_run_close(&run);
    return status;
}
