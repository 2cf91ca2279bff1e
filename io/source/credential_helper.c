#include "io/source/credential_helper.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/text.h"

extern char **environ;

#define NAME_BYTES_MAX ((size_t)64)

struct helper {
    char program[NAME_BYTES_MAX + 24];
    pid_t pid;
    int output; /* our end; -1 when closed */
    uint64_t end_ns;
};

/* No slash, so that PATH decides; Docker Desktop's is called "desktop.exe" in a Linux that Windows runs. */
static bool name_is_valid(struct span name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!text_is_lower(c) && !text_is_digit(c) && c != '-' && c != '_' && c != '.')
            return false;
    }
    return name.size > 0 && name.size <= NAME_BYTES_MAX;
}

static void end_close(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* Its own process group, so that it can be killed with its children; signals as a program expects them: we block and
 * ignore some. */
static int spawn(struct helper *helper, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    char *const arguments[] = {helper->program, (char[]){"get"}, NULL};
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    int failed = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void)posix_spawnattr_setpgroup(&attributes, 0); /* these four fail for flags and sets that do not exist */
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setsigdefault(&attributes, &usual);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnp(&helper->pid, helper->program, &actions, &attributes, arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* The question is in the pipe before the helper runs: a host's name is far below what a pipe holds, and nobody is told
 * by a signal that the helper does not read it. */
static int start(struct helper *helper, struct span server, struct err *err) {
    int in[2] = {-1, -1}, out[2] = {-1, -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
        int sys = errno;
        end_close(&in[0]);
        end_close(&in[1]);
        return err_set(err, ERR_IO, sys, "pipe: %s", strerror(sys));
    }
    bool asked = write(in[1], server.data, server.size) == (ssize_t)server.size;
    end_close(&in[1]);
    int failed = asked ? spawn(helper, in[0], out[1]) : EIO;
    end_close(&in[0]);
    end_close(&out[1]);
    helper->output = out[0];
    if (failed == 0)
        return 0;
    helper->pid = -1;
    if (failed == ENOENT)
        return err_set(err, ERR_USAGE, failed, "expected such a program in PATH, found none");
    return err_set(err, ERR_IO, failed, "cannot be run: %s", strerror(failed));
}

static int left_ms(const struct helper *helper) {
    uint64_t now_ns = clock_ns();
    return now_ns >= helper->end_ns ? 0 : (int)((helper->end_ns - now_ns) / 1000000 + 1);
}

static int hear(struct helper *helper, struct buf *output, struct err *err) {
    for (;;) {
        char bytes[4096];
        struct pollfd ready = {.fd = helper->output, .events = POLLIN};
        int count = poll(&ready, 1, left_ms(helper));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return err_set(err, ERR_AUTH, ETIMEDOUT, "did not end in time; run it by hand to see what it waits for");
        ssize_t got = read(helper->output, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0)
            buf_add(output, span_make(bytes, (size_t)got));
        explicit_bzero(bytes, sizeof bytes);
        if (got < 0)
            return err_set(err, ERR_IO, errno, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return 0;
        if (output->failed)
            return err_set(err, ERR_LIMIT, 0, "printed too much: expected at most %zu bytes", output->size_max);
    }
}

/* Its output is at its end, so it is about to end itself, or it closed that and does something else. */
static int wait_for(struct helper *helper, int *ret_status, struct err *err) {
    for (;;) {
        pid_t ended = waitpid(helper->pid, ret_status, WNOHANG);
        if (ended == helper->pid) {
            helper->pid = -1;
            return 0;
        }
        if (ended < 0 && errno != EINTR)
            return err_set(err, ERR_IO, errno, "cannot be waited for: %s", strerror(errno));
        if (left_ms(helper) == 0)
            return err_set(err, ERR_AUTH, ETIMEDOUT, "did not end in time; run it by hand to see what it waits for");
        (void)poll(NULL, 0, 2);
    }
}

static void finish(struct helper *helper) {
    end_close(&helper->output);
    if (helper->pid <= 0)
        return;
    (void)kill(-helper->pid, SIGKILL);
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

int credential_helper_get(struct span name, struct span server, unsigned timeout_ms, struct buf *output,
                          struct err *err) {
    struct helper helper = {.pid = -1, .output = -1, .end_ns = clock_ns() + (uint64_t)timeout_ms * 1000000};
    char quoted[96];
    int status = 0;
    if (!name_is_valid(name))
        return err_set(err, ERR_USAGE, 0, "credential helper '%s': expected a name of a-z, 0-9, -, _ and .",
                       text_quote(name, quoted, sizeof quoted));
    (void)snprintf(helper.program, sizeof helper.program, "docker-credential-%.*s", SPAN_FORMAT(name));
    if (server.size > PIPE_BUF)
        return err_set(err, ERR_USAGE, 0, "%s: expected a host of at most %d bytes", helper.program, PIPE_BUF);
    int result = start(&helper, server, err);
    if (result == 0)
        result = hear(&helper, output, err);
    if (result == 0)
        result = wait_for(&helper, &status, err);
    finish(&helper);
    if (result < 0)
        return err_wrap(err, "%s", helper.program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 1;
    /* The one failure that the protocol gives a text. */
    if (span_find(buf_span(output), span_text("credentials not found"), 0) != SIZE_MAX)
        return 0;
    if (WIFEXITED(status))
        return err_set(err, ERR_AUTH, 0, "%s get: expected exit status 0, found %d; run it by hand to see why",
                       helper.program, WEXITSTATUS(status));
    return err_set(err, ERR_AUTH, 0, "%s get: ended by signal %d", helper.program, WTERMSIG(status));
}
