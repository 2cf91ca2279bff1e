/* Logins out of the configuration files of the container tools, and out of helpers that do as they should, or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/clock.h"
#include "base/limits.h"
#include "io/file/file.h"
#include "io/source/credentials.h"

#undef setenv /* the environment is what is tested, and no other thread reads it */

/* base64 of user:made-up, of other:made-up:with-colon, and of padded:made-up with three NULs behind it. */
#define USER "dXNlcjptYWRlLXVw"
#define OTHER "b3RoZXI6bWFkZS11cDp3aXRoLWNvbG9u"
#define PADDED "cGFkZGVkOm1hZGUtdXAAAAA="

static char folder[] = "/tmp/trawl-credentials-XXXXXX";

static const char *const variables[] = {"REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG",
                                        "HOME"};

static void file_put(const char *name, const char *text, mode_t mode) {
    char path[256];
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_replace(path, span_text(text), &err), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void variable_put(const char *name, const char *below) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, below);
    assert_int_equal(setenv(name, path, 1), 0);
}

static int group_begin(void **state) {
    char path[512];
    struct err err = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    static const char *const folders[] = {"runtime/containers", "home/.config/containers", "home/.docker", "docker"};
    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        assert_int_equal(file_make_folder(path, &err), 0);
    }
    (void)snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH"));
    assert_int_equal(setenv("PATH", path, 1), 0);
    return 0;
}

static int group_end(void **state) {
    (void)state;
    static const char *const names[] = {"runtime/containers/auth.json",
                                        "home/.config/containers/auth.json",
                                        "home/.docker/config.json",
                                        "docker/config.json",
                                        "one.json",
                                        "docker-credential-made-up",
                                        "log",
                                        "runtime/containers",
                                        "runtime",
                                        "home/.config/containers",
                                        "home/.config",
                                        "home/.docker",
                                        "home",
                                        "docker",
                                        ""};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)remove(path);
    }
    return access(folder, F_OK) == 0 ? -1 : 0;
}

static int begin(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++)
        (void)unsetenv(variables[i]);
    return 0;
}

struct login {
    int result;
    struct err err;
    char text[128]; /* "user:password", "identity …", "registry …" or "" */
};

/* All that is done for a host, and what comes out. */
static struct login login_of(const char *host, const char *repository, unsigned timeout_ms) {
    struct login login = {0};
    struct credentials *credentials = NULL;
    struct credential found = {0};
    struct credentials_options options = {.helper_timeout_ms = timeout_ms};
    login.result = credentials_open(&options, &credentials, &login.err);
    if (login.result == 0)
        login.result = credentials_prepare(credentials, span_text(host), &login.err);
    if (login.result == 0)
        login.result = credentials_find(credentials, span_text(host), span_text(repository), &found, &login.err);
    if (found.username != NULL)
        (void)snprintf(login.text, sizeof login.text, "%s:%s", found.username, found.password);
    else if (found.identity_token != NULL)
        (void)snprintf(login.text, sizeof login.text, "identity %s", found.identity_token);
    else if (found.registry_token != NULL)
        (void)snprintf(login.text, sizeof login.text, "registry %s", found.registry_token);
    credentials_close(credentials);
    return login;
}

static void config_put(const char *json) {
    file_put("one.json", json, 0600);
    variable_put("REGISTRY_AUTH_FILE", "one.json");
}

static void keys(void **state) {
    (void)state;
    static const struct {
        const char *config, *host, *repository, *login;
    } cases[] = {
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\"}}}", "a.example", "x", "user:made-up"},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\"}}}", "b.example", "x", ""},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\"}}}", "a.example:443", "x", ""},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" OTHER "\"}}}", "a.example", "x", "other:made-up:with-colon"},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" PADDED "\"}}}", "a.example", "x", "padded:made-up"},
        {"{\"auths\":{\"https://a.example/v2/\":{\"auth\":\"" USER "\"}}}", "a.example", "x", "user:made-up"},
        {"{\"auths\":{\"a.example/\":{\"auth\":\"" USER "\"}}}", "a.example", "x", "user:made-up"},
        {"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" USER "\"}}}", "docker.io", "library/x",
         "user:made-up"},
        {"{\"auths\":{\"docker.io\":{\"auth\":\"" USER "\"}}}", "docker.io", "library/x", "user:made-up"},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\"},\"a.example/team/app\":{\"auth\":\"" OTHER "\"}}}",
         "a.example", "team/app/sub", "other:made-up:with-colon"},
        {"{\"auths\":{\"a.example/team/app\":{\"auth\":\"" OTHER "\"},\"a.example\":{\"auth\":\"" USER "\"}}}",
         "a.example", "team/app", "other:made-up:with-colon"},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\"},\"a.example/team/app\":{\"auth\":\"" OTHER "\"}}}",
         "a.example", "team/application", "user:made-up"},
        {"{\"auths\":{\"a.example/team\":{\"auth\":\"" USER "\"}}}", "a.example", "", ""},
        {"{\"auths\":{\"a.example\":{\"username\":\"u\",\"password\":\"made-up\"}}}", "a.example", "x", "u:made-up"},
        {"{\"auths\":{\"a.example\":{\"auth\":\"" USER "\",\"identitytoken\":\"made-up\"}}}", "a.example", "x",
         "identity made-up"},
        {"{\"auths\":{\"a.example\":{\"registrytoken\":\"made-up\"}}}", "a.example", "x", "registry made-up"},
        {"{\"auths\":{\"a.example\":{}}}", "a.example", "x", ""},
        {"{\"auths\":[1]}", "a.example", "x", ""},
        {"{}", "a.example", "x", ""},
        {"", "a.example", "x", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        config_put(cases[i].config);
        struct login login = login_of(cases[i].host, cases[i].repository, 0);
        if (login.result != (cases[i].login[0] != '\0') || strcmp(login.text, cases[i].login) != 0)
            fail_msg("%s for %s: '%s' %s", cases[i].config, cases[i].host, login.text, login.err.text);
    }
}

static void places(void **state) {
    (void)state;
#define CONFIG(user) "{\"auths\":{\"a.example\":{\"username\":\"" user "\",\"password\":\"made-up\"}}}"
    file_put("runtime/containers/auth.json", CONFIG("runtime"), 0600);
    file_put("home/.config/containers/auth.json", CONFIG("config"), 0600);
    file_put("home/.docker/config.json", CONFIG("home"), 0600);
    file_put("docker/config.json", CONFIG("docker"), 0600);
    file_put("one.json", CONFIG("one"), 0600);
    assert_string_equal(login_of("a.example", "", 0).text, ""); /* not even a home */
    variable_put("HOME", "home");
    assert_string_equal(login_of("a.example", "", 0).text, "config:made-up");
    variable_put("XDG_CONFIG_HOME", "nowhere");
    assert_string_equal(login_of("a.example", "", 0).text, "home:made-up");
    variable_put("DOCKER_CONFIG", "docker");
    assert_string_equal(login_of("a.example", "", 0).text, "docker:made-up");
    variable_put("XDG_RUNTIME_DIR", "runtime");
    assert_string_equal(login_of("a.example", "", 0).text, "runtime:made-up");
    variable_put("REGISTRY_AUTH_FILE", "one.json");
    assert_string_equal(login_of("a.example", "", 0).text, "one:made-up");
    /* The command line's login reads no file, not even one that is damaged. */
    struct credentials *credentials = NULL;
    struct credential found = {0};
    struct err err = {0};
    file_put("one.json", "{", 0600);
    struct credentials_options options = {.username = "me", .password = "made-up"};
    assert_int_equal(credentials_open(&options, &credentials, &err), 0);
    assert_int_equal(credentials_find(credentials, span_text("any.example"), span_text(""), &found, &err), 1);
    assert_string_equal(found.username, "me");
    credentials_close(credentials);
}

static void damaged_files(void **state) {
    (void)state;
    static const struct {
        const char *config;
        const char *told;
    } cases[] = {{"{\"auths\": made-up-secret", "one.json"},
                 {"[\"made-up-secret\"]", "one.json"},
                 {"{\"auths\":{\"a.example\":{\"auth\":\"made-up-secret!\"}}}", "'a.example': expected base64"},
                 {"{\"auths\":{\"a.example\":{\"auth\":\"bWFkZS11cA==\"}}}", "'a.example': expected base64"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        config_put(cases[i].config);
        struct login login = login_of("a.example", "x", 0);
        if (login.result != -1 || login.err.code != ERR_USAGE || strstr(login.err.text, cases[i].told) == NULL ||
            strstr(login.err.text, "one.json") == NULL || strstr(login.err.text, "made-up") != NULL)
            fail_msg("%s: %s", cases[i].config, login.err.text);
    }
    variable_put("REGISTRY_AUTH_FILE", "missing.json");
    struct login login = login_of("a.example", "x", 0);
    assert_int_equal(login.err.code, ERR_USAGE);
    assert_non_null(strstr(login.err.text, "missing.json"));
}

static void largest_file(void **state) {
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf json;
        buf_init(&json, 0);
        buf_text(&json, CONFIG("one"));
        buf_fill(&json, ' ', LIMIT_CREDENTIAL_FILE_BYTES + extra - json.size);
        buf_byte(&json, '\0');
        assert_false(json.failed);
        config_put((const char *)json.data);
        struct login login = login_of("a.example", "x", 0);
        assert_string_equal(login.text, extra == 0 ? "one:made-up" : "");
        assert_int_equal(login.err.code, extra == 0 ? ERR_NONE : ERR_LIMIT);
        buf_release(&json);
    }
}

#define HELPED "{\"credHelpers\":{\"a.example\":\"made-up\"},\"auths\":{\"a.example\":{\"auth\":\"" USER "\"}}}"

static void helpers(void **state) {
    (void)state;
    static const struct {
        const char *script, *login;
        enum err_code code;
        const char *told;
    } cases[] = {
        {"read host; echo '{\"Username\":\"'$1-$host'\",\"Secret\":\"made-up\"}'", "get-a.example:made-up", ERR_NONE,
         ""},
        {"echo '{\"ServerURL\":\"x\",\"Username\":\"<token>\",\"Secret\":\"made-up\"}'", "identity made-up", ERR_NONE,
         ""},
        {"echo credentials not found in native keychain; exit 1", "user:made-up", ERR_NONE, ""},
        {"echo made-up-secret", "", ERR_FORMAT, "Username and Secret"},
        {"exit 0", "", ERR_FORMAT, "Username and Secret"},
        {"echo '{\"Username\":7,\"Secret\":\"made-up-secret\"}'", "", ERR_FORMAT, "Username and Secret"},
        {"echo made-up-secret; exit 3", "", ERR_AUTH, "exit status 0, found 3"},
        {"kill -9 $$", "", ERR_AUTH, "signal 9"},
        {"sleep 100", "", ERR_AUTH, "did not end in time"},
        {"exec >&-; sleep 100", "", ERR_AUTH, "did not end in time"},
        {"sleep 100 & echo made-up-secret; exit 0", "", ERR_AUTH, "did not end in time"},
        {"yes made-up-secret", "", ERR_LIMIT, "at most 65536 bytes"},
        {"printf %-65536s '{\"Username\":\"u\",\"Secret\":\"made-up\"}'", "u:made-up", ERR_NONE, ""},
        {"printf %-65537s '{\"Username\":\"u\",\"Secret\":\"made-up\"}'", "", ERR_LIMIT, "at most 65536 bytes"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char script[256];
        (void)snprintf(script, sizeof script, "#!/bin/sh\n%s\n", cases[i].script);
        file_put("docker-credential-made-up", script, 0700);
        config_put(HELPED);
        uint64_t start_ns = clock_ns();
        struct login login = login_of("a.example", "x", strstr(cases[i].told, "in time") != NULL ? 300 : 20000);
        if (strcmp(login.text, cases[i].login) != 0 || login.err.code != cases[i].code ||
            strstr(login.err.text, cases[i].told) == NULL || strstr(login.err.text, "made-up-secret") != NULL)
            fail_msg("%s: '%s' %s", cases[i].script, login.text, login.err.text);
        assert_true(clock_ns() - start_ns < 5000000000U);
        if (cases[i].code != ERR_NONE)
            assert_non_null(strstr(login.err.text, "docker-credential-made-up"));
    }
    /* Another host's login needs no helper. */
    config_put(HELPED);
    assert_int_equal(login_of("b.example", "x", 300).result, 0);
}

static void helper_names(void **state) {
    (void)state;
    static const struct {
        const char *config, *told;
    } cases[] = {{"{\"credsStore\":\"../made-up\"}", "expected a name"},
                 {"{\"credsStore\":\"a b\"}", "expected a name"},
                 {"{\"credHelpers\":{\"a.example\":\"UP\"}}", "expected a name"},
                 {"{\"credsStore\":\"not-there\"}", "docker-credential-not-there: expected such a program in PATH"},
                 {"{\"credsStore\":\"desktop.exe\"}", "docker-credential-desktop.exe: expected such a program"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        config_put(cases[i].config);
        struct login login = login_of("a.example", "x", 0);
        if (login.err.code != ERR_USAGE || strstr(login.err.text, cases[i].told) == NULL)
            fail_msg("%s: %s", cases[i].config, login.err.text);
    }
}

/* Docker Hub has a name of its own there, and one question is enough for a run. */
static void helper_once(void **state) {
    (void)state;
    char script[512];
    struct buf log;
    struct err err = {0};
    struct credentials *credentials = NULL;
    struct credential found = {0};
    (void)snprintf(script, sizeof script,
                   "#!/bin/sh\nread host\necho $host >>%s/log\necho '{\"Username\":\"u\",\"Secret\":\"made-up\"}'\n",
                   folder);
    file_put("docker-credential-made-up", script, 0700);
    config_put("{\"credsStore\":\"made-up\"}");
    assert_int_equal(credentials_open(&(struct credentials_options){0}, &credentials, &err), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(credentials_prepare(credentials, span_text("docker.io"), &err), 0);
        assert_int_equal(credentials_find(credentials, span_text("docker.io"), span_text("library/x"), &found, &err),
                         1);
        assert_string_equal(found.username, "u");
    }
    credentials_close(credentials);
    (void)snprintf(script, sizeof script, "%s/log", folder);
    buf_init(&log, 0);
    assert_int_equal(file_read(script, &log, &err), 0);
    assert_true(span_is(buf_span(&log), "https://index.docker.io/v1/\n"));
    buf_release(&log);
}

/* One that hangs holds up a run once, however many hosts it stands for. */
static void helper_hangs_once(void **state) {
    (void)state;
    struct err err = {0};
    struct credentials *credentials = NULL;
    struct credentials_options options = {.helper_timeout_ms = 300};
    file_put("docker-credential-made-up", "#!/bin/sh\nsleep 100\n", 0700);
    config_put("{\"credsStore\":\"made-up\"}");
    assert_int_equal(credentials_open(&options, &credentials, &err), 0);
    uint64_t start_ns = clock_ns();
    for (int i = 0; i < 20; i++) {
        char host[32];
        (void)snprintf(host, sizeof host, "host-%d.example", i);
        assert_int_equal(credentials_prepare(credentials, span_text(host), &err), -1);
        assert_int_equal(err.code, ERR_AUTH);
        assert_non_null(strstr(err.text, host));
        assert_non_null(strstr(err.text, "did not end in time"));
    }
    assert_true(clock_ns() - start_ns < 3000000000U);
    credentials_close(credentials);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys, begin),          cmocka_unit_test_setup(places, begin),
        cmocka_unit_test_setup(damaged_files, begin), cmocka_unit_test_setup(helpers, begin),
        cmocka_unit_test_setup(helper_names, begin),  cmocka_unit_test_setup(largest_file, begin),
        cmocka_unit_test_setup(helper_once, begin),   cmocka_unit_test_setup(helper_hangs_once, begin)};
    return cmocka_run_group_tests(tests, group_begin, group_end);
}
