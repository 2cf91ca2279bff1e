#include "io/source/credentials.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "io/file/file.h"
#include "io/source/credential_helper.h"

#define FILES_MAX 3
#define DOCKER_HUB "docker.io"
#define DOCKER_HUB_KEY "https://index.docker.io/v1/" /* by which Docker itself has always called it */

struct config {
    const char *path;
    const struct doc *root;
};

/* What a helper said about a host. */
struct helped {
    struct helped *next;
    struct span host;
    bool found;
    struct credential credential;
    struct err err;
};

/* An entry of `auths` that was read. */
struct known {
    struct known *next;
    const struct doc *entry;
    bool found;
    struct credential credential;
};

struct credentials {
    struct arena arena; /* holds secrets: wiped */
    unsigned helper_timeout_ms;
    struct credential given; /* the command line's */
    struct config configs[FILES_MAX];
    size_t config_count;
    struct helped *helped;
    struct span hung; /* the helper that did not end, or empty; borrows a configuration's text */
    struct known *known;
};

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "credentials: out of memory"); }

static bool is_docker_hub(struct span host) {
    return span_is(host, DOCKER_HUB) || span_is(host, "index.docker.io") || span_is(host, "registry-1.docker.io");
}

/* ---- files ---- */

static int config_read(struct credentials *credentials, const char *path, bool required, struct err *err) {
    struct buf text;
    struct doc *root = NULL;
    buf_init(&text, LIMIT_CREDENTIAL_FILE_BYTES);
    int result = file_read(path, &text, err);
    if (result < 0 && err->code == ERR_NOTFOUND && !required) {
        *err = (struct err){.code = ERR_NONE};
        buf_release(&text);
        return 0;
    }
    /* Docker itself takes an empty file for one that says nothing. */
    bool empty = text_trim(buf_span(&text)).size == 0;
    if (result == 0 && !empty) {
        struct err why = {.code = ERR_NONE};
        result = json_parse(&credentials->arena, buf_span(&text), doc_limits_default(), &root, &why);
        if (result == 0 && !doc_is(root, DOC_OBJECT))
            result = err_set(&why, ERR_FORMAT, 0, "expected a JSON object");
        /* The parser's message may quote what it stumbled over. */
        if (result < 0)
            (void)err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_USAGE, 0,
                          "credentials file %s: expected a JSON object, found something else; mend or remove it", path);
    } else if (result < 0) {
        err->code = err->code == ERR_NOMEM || err->code == ERR_LIMIT ? err->code : ERR_USAGE;
        (void)err_wrap(err, "credentials file");
    }
    if (text.data != NULL)
        explicit_bzero(text.data, text.capacity);
    buf_release(&text);
    if (result == 0 && root != NULL)
        credentials->configs[credentials->config_count++] = (struct config){path, root};
    return result;
}

/* The variable's value; NULL when it is not set or empty. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

static int configs_read(struct credentials *credentials, const char *auth_file, struct err *err) {
    static const struct {
        const char *variable, *below_home, *file;
    } places[FILES_MAX] = {{"XDG_RUNTIME_DIR", NULL, "containers/auth.json"},
                           {"XDG_CONFIG_HOME", ".config", "containers/auth.json"},
                           {"DOCKER_CONFIG", ".docker", "config.json"}};
    const char *named = auth_file != NULL ? auth_file : variable("REGISTRY_AUTH_FILE"), *home = variable("HOME");
    if (named != NULL) {
        const char *path = arena_format(&credentials->arena, "%s", named);
        return path == NULL ? nomem(err) : config_read(credentials, path, true, err);
    }
    for (size_t i = 0; i < FILES_MAX; i++) {
        const char *folder = variable(places[i].variable), *path = NULL;
        if (folder != NULL)
            path = arena_format(&credentials->arena, "%s/%s", folder, places[i].file);
        else if (places[i].below_home != NULL && home != NULL)
            path = arena_format(&credentials->arena, "%s/%s/%s", home, places[i].below_home, places[i].file);
        else
            continue;
        if (path == NULL)
            return nomem(err);
        if (config_read(credentials, path, false, err) < 0)
            return -1;
    }
    return 0;
}

int credentials_open(const struct credentials_options *options, struct credentials **ret_credentials, struct err *err) {
    struct credentials *credentials = mem_zalloc(sizeof *credentials);
    if (credentials == NULL)
        return nomem(err);
    arena_init(&credentials->arena, 0, 64 * LIMIT_CREDENTIAL_FILE_BYTES);
    credentials->helper_timeout_ms = options->helper_timeout_ms == 0 ? 30000 : options->helper_timeout_ms;
    int result = 0;
    if (options->username != NULL) {
        const char *password = options->password == NULL ? "" : options->password;
        credentials->given.username = arena_text(&credentials->arena, span_text(options->username));
        credentials->given.password = arena_text(&credentials->arena, span_text(password));
        if (credentials->given.username == NULL || credentials->given.password == NULL)
            result = nomem(err);
    } else {
        result = configs_read(credentials, options->auth_file, err);
    }
    if (result < 0) {
        credentials_close(credentials);
        return -1;
    }
    *ret_credentials = credentials;
    return 0;
}

void credentials_close(struct credentials *credentials) {
    if (credentials == NULL)
        return;
    arena_wipe(&credentials->arena);
    mem_free(credentials);
}

/* ---- keys ---- */

/* How well a key of `auths` fits: the bytes of it that count, or 0 when it does not fit. Keys are hosts, hosts with the
 * beginning of a repository's path, or the URLs that Docker once wrote, of which only the host counts. */
static size_t key_fit(struct span key, struct span host, struct span repository) {
    size_t scheme = span_find(key, span_text("://"), 0);
    struct span rest = scheme == SIZE_MAX ? key : span_from(key, scheme + 3);
    struct span key_host = text_cut(&rest, '/');
    if (!span_equal(key_host, host) && !(is_docker_hub(key_host) && is_docker_hub(host)))
        return 0;
    while (rest.size > 0 && rest.data[rest.size - 1] == '/')
        rest.size--;
    if (scheme != SIZE_MAX || rest.size == 0)
        return key_host.size + 1;
    bool fits = rest.size <= repository.size && span_equal(span_slice(repository, 0, rest.size), rest) &&
                (rest.size == repository.size || repository.data[rest.size] == '/');
    return fits ? key_host.size + 1 + rest.size : 0;
}

/* The helper that a file names for a host; empty for none. */
static struct span helper_of(const struct config *config, struct span host) {
    const struct doc *helpers = doc_get_last(config->root, "credHelpers");
    for (const struct doc *helper = doc_first(helpers); helper != NULL; helper = helper->next) {
        if (key_fit(helper->key, host, (struct span){NULL, 0}) > 0)
            return doc_text(helper);
    }
    return doc_text(doc_get_last(config->root, "credsStore"));
}

/* ---- helpers ---- */

/* {"ServerURL": …, "Username": …, "Secret": …} */
static int helper_read(struct credentials *credentials, struct span output, struct helped *helped, struct err *err) {
    struct doc *root = NULL;
    struct err why = {.code = ERR_NONE};
    if (json_parse(&credentials->arena, output, doc_limits_default(), &root, &why) < 0 && why.code == ERR_NOMEM)
        return nomem(err);
    const struct doc *username = doc_get_last(root, "Username"), *secret = doc_get_last(root, "Secret");
    if (!doc_is(username, DOC_STRING) || !doc_is(secret, DOC_STRING))
        return err_set(err, ERR_FORMAT, 0, "expected a JSON object with Username and Secret, found something else");
    char *name = arena_text(&credentials->arena, username->text);
    char *text = arena_text(&credentials->arena, secret->text);
    if (name == NULL || text == NULL)
        return nomem(err);
    if (strcmp(name, "<token>") == 0)
        helped->credential.identity_token = text;
    else
        helped->credential = (struct credential){.username = name, .password = text};
    helped->found = name[0] != '\0' || text[0] != '\0';
    return 0;
}

static int helper_ask(struct credentials *credentials, struct span name, struct helped *helped, struct err *err) {
    struct buf output;
    struct span server = is_docker_hub(helped->host) ? span_text(DOCKER_HUB_KEY) : helped->host;
    buf_init(&output, LIMIT_CREDENTIAL_BYTES);
    int result;
    if (span_equal(name, credentials->hung))
        result = err_set(err, ERR_AUTH, 0, "its helper did not end in time for another host, and is not asked again");
    else if (!buf_reserve(&output, LIMIT_CREDENTIAL_BYTES)) /* one that grows leaves what it held in freed memory */
        result = nomem(err);
    else
        result = credential_helper_get(name, server, credentials->helper_timeout_ms, &output, err);
    if (result < 0 && err->sys == ETIMEDOUT)
        credentials->hung = name;
    if (result > 0) {
        result = helper_read(credentials, buf_span(&output), helped, err);
        if (result < 0)
            (void)err_wrap(err, "docker-credential-%.*s get", SPAN_FORMAT(name)); /* its name was checked */
    }
    if (output.data != NULL)
        explicit_bzero(output.data, output.capacity);
    buf_release(&output);
    return result < 0 ? -1 : 0;
}

static struct helped *helped_find(const struct credentials *credentials, struct span host) {
    struct helped *helped = credentials->helped;
    while (helped != NULL && !span_equal(helped->host, host))
        helped = helped->next;
    return helped;
}

int credentials_prepare(struct credentials *credentials, struct span host, struct err *err) {
    struct helped *helped = helped_find(credentials, host);
    const struct config *config = NULL;
    for (size_t i = 0; helped == NULL && config == NULL && i < credentials->config_count; i++)
        config = helper_of(&credentials->configs[i], host).size > 0 ? &credentials->configs[i] : NULL;
    if (config != NULL) {
        helped = arena_zalloc(&credentials->arena, sizeof *helped);
        if (helped == NULL)
            return nomem(err);
        helped->host = arena_copy(&credentials->arena, host);
        if (helped->host.data == NULL)
            return nomem(err);
        if (helper_ask(credentials, helper_of(config, host), helped, &helped->err) < 0)
            (void)err_wrap(&helped->err, "credentials for %.*s (%s)", SPAN_FORMAT(host), config->path);
        helped->next = credentials->helped;
        credentials->helped = helped;
    }
    if (helped == NULL || helped->err.code == ERR_NONE)
        return 0;
    *err = helped->err;
    return -1;
}

/* ---- entries ---- */

/* base64 of user:password. Docker pads what it writes with NULs. */
static int auth_read(struct credentials *credentials, struct span text, struct credential *credential,
                     struct err *err) {
    struct buf plain;
    buf_init(&plain, LIMIT_CREDENTIAL_BYTES);
    (void)buf_reserve(&plain, text.size); /* a buffer that grows leaves what it held in freed memory */
    bool valid = base64_decode(&plain, text);
    struct span rest = buf_span(&plain);
    size_t colon = span_index(rest, ':', 0);
    int result = plain.failed ? err_set(err, ERR_LIMIT, 0, "expected at most %zu bytes in auth", plain.size_max) : 0;
    if (result == 0 && (!valid || colon == SIZE_MAX))
        result = err_set(err, ERR_USAGE, 0, "expected base64 of user:password in auth, found something else");
    if (result == 0) {
        struct span username = text_cut(&rest, ':');
        while (rest.size > 0 && rest.data[rest.size - 1] == '\0')
            rest.size--;
        credential->username = arena_text(&credentials->arena, username);
        credential->password = arena_text(&credentials->arena, rest);
        if (credential->username == NULL || credential->password == NULL)
            result = nomem(err);
    }
    if (plain.data != NULL)
        explicit_bzero(plain.data, plain.capacity);
    buf_release(&plain);
    return result;
}

/* Nothing is found in an entry that says nothing, as Docker leaves where a store keeps the secret. */
static int entry_read(struct credentials *credentials, const struct doc *entry, struct known *known, struct err *err) {
    struct credential found = {0};
    const struct {
        const char *name;
        const char **value;
    } fields[] = {{"registrytoken", &found.registry_token},
                  {"identitytoken", &found.identity_token},
                  {"username", &found.username},
                  {"password", &found.password}};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        struct span text = doc_text(doc_get_last(entry, fields[i].name));
        if (text.size > 0 && (*fields[i].value = arena_text(&credentials->arena, text)) == NULL)
            return nomem(err);
    }
    struct span auth = doc_text(doc_get_last(entry, "auth"));
    if (auth.size > 0 && auth_read(credentials, auth, &found, err) < 0)
        return -1;
    if (found.registry_token != NULL)
        known->credential = (struct credential){.registry_token = found.registry_token};
    else if (found.identity_token != NULL)
        known->credential = (struct credential){.identity_token = found.identity_token};
    else if (found.username != NULL)
        known->credential =
            (struct credential){.username = found.username, .password = found.password == NULL ? "" : found.password};
    known->found = found.registry_token != NULL || found.identity_token != NULL || found.username != NULL;
    return 0;
}

/* 1 and the login, or 0 for none. An entry is read once: a registry has many repositories. */
static int entry_get(struct credentials *credentials, const struct doc *entry, struct credential *ret_credential,
                     struct err *err) {
    struct known *known = credentials->known;
    while (known != NULL && known->entry != entry)
        known = known->next;
    if (known == NULL) {
        known = arena_zalloc(&credentials->arena, sizeof *known);
        if (known == NULL)
            return nomem(err);
        known->entry = entry;
        if (entry_read(credentials, entry, known, err) < 0)
            return -1;
        known->next = credentials->known;
        credentials->known = known;
    }
    *ret_credential = known->credential;
    return known->found;
}

int credentials_find(struct credentials *credentials, struct span host, struct span repository,
                     struct credential *ret_credential, struct err *err) {
    if (credentials->given.username != NULL) {
        *ret_credential = credentials->given;
        return 1;
    }
    const struct helped *helped = helped_find(credentials, host);
    for (size_t i = 0; i < credentials->config_count; i++) {
        const struct config *config = &credentials->configs[i];
        const struct doc *best = NULL;
        size_t best_fit = 0;
        if (helped != NULL && helped->found && helper_of(config, host).size > 0) {
            *ret_credential = helped->credential;
            return 1;
        }
        const struct doc *auths = doc_get_last(config->root, "auths");
        for (const struct doc *entry = doc_first(auths); entry != NULL; entry = entry->next) {
            size_t fit = key_fit(entry->key, host, repository);
            if (fit > best_fit) {
                best = entry;
                best_fit = fit;
            }
        }
        int result = best == NULL ? 0 : entry_get(credentials, best, ret_credential, err);
        char quoted[96];
        if (result < 0)
            (void)err_wrap(err, "credentials file %s: '%s'", config->path,
                           text_quote(best->key, quoted, sizeof quoted));
        if (result != 0)
            return result;
    }
    return 0;
}
