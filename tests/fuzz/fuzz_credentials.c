/* Challenges of registries and the container tools' configuration files: whatever bytes come, an error or texts that
 * can all be read. No helper is run. */
#include <sys/mman.h>

#include "base/base64.h"
#include "io/source/challenge.h"
#include "io/source/credentials.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sum;

static void touch(struct span s) {
    for (size_t i = 0; i < s.size; i++)
        sum += s.data[i];
}

static void challenge_try(struct span input) {
    struct arena arena;
    struct challenge challenge;
    struct err err = {0};
    arena_init(&arena, 0, 1 << 20);
    if (challenge_parse(&arena, input, &challenge, &err) == 0) {
        assert(challenge.basic || challenge.bearer || challenge.other.size > 0);
        touch(challenge.realm);
        touch(challenge.service);
        touch(challenge.scope);
        touch(challenge.error);
        touch(challenge.other);
    }
    arena_release(&arena);
}

static void base64_try(struct span input) {
    struct buf text, back;
    buf_init(&text, 0);
    buf_init(&back, 0);
    base64_encode(&text, input);
    bool decoded = base64_decode(&back, buf_span(&text));
    assert(text.failed || back.failed || (decoded && span_equal(buf_span(&back), input)));
    (void)decoded;
    buf_reset(&back);
    (void)base64_decode(&back, input);
    buf_release(&text);
    buf_release(&back);
}

static void file_try(struct span input) {
    static const char *const hosts[] = {"docker.io", "a.example", "localhost:5000"};
    char path[64];
    struct credentials *credentials = NULL;
    struct credential found;
    struct err err = {0};
    int fd = memfd_create("auth", MFD_CLOEXEC);
    if (fd < 0 || write(fd, input.data, input.size) != (ssize_t)input.size) {
        (void)close(fd);
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct credentials_options options = {.auth_file = path};
    if (credentials_open(&options, &credentials, &err) == 0) {
        for (size_t i = 0; i < ARRAY_COUNT(hosts); i++) {
            if (credentials_find(credentials, span_text(hosts[i]), span_text("team/app"), &found, &err) != 1)
                continue;
            touch(span_text(found.username));
            touch(span_text(found.password));
            touch(span_text(found.identity_token));
            touch(span_text(found.registry_token));
        }
    }
    credentials_close(credentials);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span input = span_make(data, size);
    challenge_try(input);
    base64_try(input);
    file_try(input);
    return 0;
}
