#include "io/source/registry_auth.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/parse/doc.h"
#include "base/text.h"
#include "io/source/challenge.h"

#define NS_PER_S ((uint64_t)1000000000)
#define TOKEN_SECONDS ((int64_t)60) /* of a token that does not say; the specification's own default */
#define TOKEN_SECONDS_MAX ((int64_t)86400)
#define SLACK_NS (10 * NS_PER_S)   /* a token this close to its end is asked for anew; or a quarter of its life */
#define FAILURE_NS (5 * NS_PER_S)  /* a token service that failed is left alone for so long */
#define REFUSAL_NS (60 * NS_PER_S) /* one that refused us, longer: accounts are locked for less */
#define REFUSALS_MAX 3             /* then we do not try any more: every repository would be one more wrong login */

enum scheme { SCHEME_UNKNOWN, SCHEME_BASIC, SCHEME_BEARER };

struct registry_auth {
    struct http *http;
    struct credentials_options options;
    struct credentials *credentials; /* NULL until the first registry is opened */
    struct arena arena;
    struct map logins;                  /* struct registry_login by host */
    struct scope *tokens[LIMIT_TOKENS]; /* a ring: who got one, the oldest is forgotten for the newest */
    size_t token_next;
};

struct registry_login {
    struct registry_auth *auth;
    struct span host;
    bool plain;
    enum scheme scheme; /* as the last challenge had it */
    char *realm, *service;
    unsigned moves;    /* of the realm */
    unsigned refusals; /* in a row: by the token service, or of Basic credentials by the registry */
    struct map scopes; /* struct scope by repository */
};

/* One repository, or the registry's catalogue. */
struct scope {
    struct http_gate gate; /* first: gates are scopes */
    struct registry_login *login;
    struct span repository;
    char *wanted;        /* as a challenge had it, where that is not what the repository's name says; or NULL */
    enum scheme scheme;  /* SCHEME_UNKNOWN: as the login's */
    char *authorization; /* "Bearer …" or "Basic …", or NULL */
    unsigned generation; /* of the authorization; 0 before the first one */
    uint64_t fresh_until_ns;
    bool asked_by_name;    /* the last one was, with credentials */
    bool asking;           /* a token is on its way */
    bool sends_configured; /* the configuration's own bearer token */
    struct err *failure;   /* why there is no token, or NULL */
    uint64_t failure_until_ns;
};

static void text_wipe(char **text) {
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    mem_free(*text);
    *text = NULL;
}

static int nomem(struct err *err) { return err_set(err, ERR_NOMEM, 0, "login: out of memory"); }

/* ---- scopes ---- */

static int credential_of(const struct scope *scope, struct credential *ret_credential, struct err *err) {
    const struct registry_login *login = scope->login;
    *ret_credential = (struct credential){0};
    return credentials_find(login->auth->credentials, login->host, scope->repository, ret_credential, err);
}

/* Takes the text over. */
static void authorize(struct scope *scope, char *authorization, uint64_t fresh_until_ns) {
    text_wipe(&scope->authorization);
    scope->authorization = authorization;
    scope->fresh_until_ns = fresh_until_ns;
    scope->generation++;
    mem_free(scope->failure);
    scope->failure = NULL;
}

static void fail(struct scope *scope, const struct err *err, uint64_t pause_ns) {
    scope->failure_until_ns = clock_ns() + pause_ns;
    if (scope->failure == NULL)
        scope->failure = mem_alloc(sizeof *scope->failure);
    if (scope->failure != NULL) /* else they just ask again */
        *scope->failure = *err;
}

/* "Basic …" or "Bearer …"; NULL when memory is short. */
static char *authorization_text(const char *scheme, struct span secret, bool encode) {
    struct buf text;
    buf_init(&text, 0);
    (void)buf_reserve(&text, 16 + 2 * secret.size);
    buf_text(&text, scheme);
    if (encode)
        base64_encode(&text, secret);
    else
        buf_add(&text, secret);
    buf_byte(&text, '\0');
    if (!text.failed)
        return (char *)text.data;
    buf_release(&text);
    return NULL;
}

static int basic_authorize(struct scope *scope, const struct credential *credential, struct err *err) {
    struct buf plain;
    buf_init(&plain, 0);
    (void)buf_reserve(&plain, strlen(credential->username) + strlen(credential->password) + 2);
    buf_format(&plain, "%s:%s", credential->username, credential->password);
    char *text = plain.failed ? NULL : authorization_text("Basic ", buf_span(&plain), true);
    if (plain.data != NULL)
        explicit_bzero(plain.data, plain.capacity);
    buf_release(&plain);
    if (text == NULL)
        return nomem(err);
    authorize(scope, text, UINT64_MAX);
    return 0;
}

/* ---- tokens ---- */

static void query_add(struct buf *query, const char *name, struct span value) {
    if (value.size == 0)
        return;
    buf_format(query, "%s%s=", query->size == 0 ? "" : "&", name);
    buf_percent(query, value);
}

static void scopes_add(struct buf *query, const struct scope *scope, bool apart) {
    char named[512]; /* a repository's name has 255 bytes at most */
    struct span repository = scope->repository, rest = span_text(scope->wanted);
    if (scope->wanted == NULL && repository.size == 0) {
        rest = span_text("registry:catalog:*");
    } else if (scope->wanted == NULL) {
        (void)snprintf(named, sizeof named, "repository:%.*s:pull", SPAN_FORMAT(repository));
        rest = span_text(named);
    }
    /* Several stand in one text with spaces between; the GET has a parameter for each. */
    while (apart && rest.size > 0)
        query_add(query, "scope", text_cut(&rest, ' '));
    query_add(query, "scope", rest);
}

/* RFC 6750's b64token and a little more: whatever can stand in a header without ending it. */
static bool token_is_valid(struct span token) {
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] <= ' ' || token.data[i] >= 0x7f)
            return false;
    }
    return token.size > 0;
}

static int token_read(struct scope *scope, struct span body, struct err *err) {
    struct arena arena;
    struct doc *root = NULL;
    struct err why = {.code = ERR_NONE};
    arena_init(&arena, 0, 128 * LIMIT_TOKEN_REPLY_BYTES); /* a tree is some fifty times its text at worst */
    int result = json_parse(&arena, body, doc_limits_default(), &root, &why);
    struct span token = doc_text(doc_get_last(root, "token"));
    int64_t seconds = TOKEN_SECONDS;
    if (token.size == 0)
        token = doc_text(doc_get_last(root, "access_token"));
    if (!doc_i64(doc_get_last(root, "expires_in"), &seconds) || seconds <= 0)
        seconds = TOKEN_SECONDS;
    if (why.code == ERR_NOMEM)
        result = nomem(err);
    else if (result < 0 || token.size == 0)
        result = err_set(err, ERR_FORMAT, 0, "expected a JSON object with a token, found something else");
    else if (token.size > LIMIT_TOKEN_BYTES)
        result = err_set(err, ERR_LIMIT, 0, "expected a token of at most %zu bytes, found %zu", LIMIT_TOKEN_BYTES,
                         token.size);
    else if (!token_is_valid(token))
        result = err_set(err, ERR_FORMAT, 0, "expected a token without spaces and control characters");
    char *text = result < 0 ? NULL : authorization_text("Bearer ", token, false);
    if (result == 0 && text == NULL)
        result = nomem(err);
    if (result == 0) {
        uint64_t life_ns = (uint64_t)(seconds < TOKEN_SECONDS_MAX ? seconds : TOKEN_SECONDS_MAX) * NS_PER_S;
        uint64_t slack_ns = life_ns / 4 < SLACK_NS ? life_ns / 4 : SLACK_NS;
        authorize(scope, text, clock_ns() + life_ns - slack_ns);
    }
    arena_wipe(&arena);
    return result;
}

/* The ring bounds what tokens take; who lost one asks again when it needs it. */
static void token_keep(struct scope *scope) {
    struct registry_auth *auth = scope->login->auth;
    struct scope **slot = &auth->tokens[auth->token_next];
    auth->token_next = (auth->token_next + 1) % LIMIT_TOKENS;
    if (*slot != NULL && *slot != scope)
        text_wipe(&(*slot)->authorization);
    *slot = scope;
}

static void on_token(void *context, const struct http_result *result, struct span body) {
    struct scope *scope = context;
    struct registry_login *login = scope->login;
    struct err err = result->err;
    scope->asking = false;
    if (err.code == ERR_NONE)
        (void)token_read(scope, body, &err);
    if (err.code == ERR_NONE) {
        login->refusals = 0;
        token_keep(scope);
    } else {
        login->refusals += result->status == 401 && scope->asked_by_name;
        bool refused = err.code == ERR_AUTH || err.code == ERR_FORMAT || err.code == ERR_LIMIT;
        (void)err_wrap(&err, "token service");
        fail(scope, &err, refused ? REFUSAL_NS : FAILURE_NS);
    }
    http_gate_turn(login->auth->http, &scope->gate);
}

/* Asks the token service; the answer opens the gate. */
static int token_ask(struct scope *scope, struct err *err) {
    struct registry_login *login = scope->login;
    struct credential credential;
    if (credential_of(scope, &credential, err) < 0)
        return -1;
    struct buf query, url;
    bool post = credential.identity_token != NULL;
    buf_init(&query, 0);
    buf_init(&url, 0);
    query_add(&query, "service", span_text(login->service));
    scopes_add(&query, scope, !post);
    if (post) {
        query_add(&query, "client_id", span_text("trawl"));
        query_add(&query, "grant_type", span_text("refresh_token"));
        (void)buf_reserve(&query, 3 * strlen(credential.identity_token) + 64);
        query_add(&query, "refresh_token", span_text(credential.identity_token));
    }
    buf_byte(&query, '\0');
    buf_text(&url, login->realm);
    if (!post && query.size > 1)
        buf_format(&url, "%s%s", strchr(login->realm, '?') == NULL ? "?" : "&", (const char *)query.data);
    buf_byte(&url, '\0');
    struct http_spec spec = {.url = (const char *)url.data,
                             .form = post ? (const char *)query.data : NULL,
                             .username = credential.username,
                             .password = credential.password,
                             .bytes_max = LIMIT_TOKEN_REPLY_BYTES};
    int result =
        query.failed || url.failed ? nomem(err) : http_get_buffer(login->auth->http, &spec, on_token, scope, NULL, err);
    if (result < 0)
        (void)err_wrap(err, "token service");
    if (query.data != NULL)
        explicit_bzero(query.data, query.capacity);
    buf_release(&query);
    buf_release(&url);
    scope->asking = result == 0;
    scope->asked_by_name = credential.username != NULL || post;
    return result;
}

/* ---- the gate ---- */

static enum http_pass refuse(struct err *err, const struct err *why) {
    *err = *why;
    return HTTP_REFUSE;
}

/* A token of the configuration's goes along before anybody has asked for one. */
static int configured_send(struct scope *scope, struct err *err) {
    struct credential credential;
    int found = credential_of(scope, &credential, err);
    if (found <= 0 || credential.registry_token == NULL)
        return found < 0 ? -1 : 0;
    char *text = authorization_text("Bearer ", span_text(credential.registry_token), false);
    if (text == NULL)
        return nomem(err);
    authorize(scope, text, UINT64_MAX);
    scope->sends_configured = true;
    return 0;
}

static enum http_pass pass_basic(struct scope *scope, struct err *err) {
    struct credential credential;
    if (scope->login->refusals >= REFUSALS_MAX) {
        (void)err_set(err, ERR_AUTH, 0, "the registry refused this user name and password %u times; log in again",
                      scope->login->refusals);
        return HTTP_REFUSE;
    }
    if (scope->authorization != NULL)
        return HTTP_PASS;
    int found = credential_of(scope, &credential, err);
    if (found < 0 || (found > 0 && credential.username != NULL && basic_authorize(scope, &credential, err) < 0))
        return HTTP_REFUSE;
    return HTTP_PASS;
}

static enum http_pass pass_bearer(struct scope *scope, struct err *err) {
    if (scope->authorization != NULL && clock_ns() < scope->fresh_until_ns)
        return HTTP_PASS;
    if (scope->asking)
        return HTTP_WAIT;
    if (scope->failure != NULL && clock_ns() < scope->failure_until_ns)
        return refuse(err, scope->failure);
    if (scope->login->refusals >= REFUSALS_MAX) {
        (void)err_set(err, ERR_AUTH, 0,
                      "token service: refused these credentials %u times; log in again, or give --username and "
                      "--password-stdin",
                      scope->login->refusals);
        return HTTP_REFUSE;
    }
    return token_ask(scope, err) < 0 ? HTTP_REFUSE : HTTP_WAIT;
}

static enum http_pass on_pass(struct http_gate *gate, const char **ret_authorization, unsigned *ret_generation,
                              struct err *err) {
    struct scope *scope = (struct scope *)gate;
    enum scheme scheme = scope->scheme != SCHEME_UNKNOWN ? scope->scheme : scope->login->scheme;
    enum http_pass pass = HTTP_PASS;
    if (scope->generation == 0 && configured_send(scope, err) < 0)
        return HTTP_REFUSE;
    if (!scope->sends_configured && scheme == SCHEME_BASIC)
        pass = pass_basic(scope, err);
    else if (!scope->sends_configured && scheme == SCHEME_BEARER)
        pass = pass_bearer(scope, err);
    *ret_authorization = scope->authorization;
    *ret_generation = scope->generation;
    return pass;
}

/* The token service is believed only over a connection as safe as the registry's own. */
static int realm_check(const struct registry_login *login, struct span realm, struct err *err) {
    char quoted[128];
    bool plain = span_starts(realm, "http://"), safe = span_starts(realm, "https://");
    if (!plain && !safe)
        return err_set(err, ERR_AUTH, 0, "challenge: realm '%s': expected a http or https URL",
                       text_quote(realm, quoted, sizeof quoted));
    if (plain && !login->plain)
        return err_set(err, ERR_AUTH, 0,
                       "challenge: realm '%s': expected https, since the registry itself is spoken to so",
                       text_quote(realm, quoted, sizeof quoted));
    return 0;
}

/* The texts are kept when they change only: they rarely do. */
static int text_keep(char **kept, struct span text, struct err *err) {
    if (*kept != NULL && span_is(text, *kept))
        return 0;
    char *copy = mem_text(text.data, text.size);
    if (copy == NULL)
        return nomem(err);
    mem_free(*kept);
    *kept = copy;
    return 0;
}

static bool challenge_bearer(struct scope *scope, unsigned generation, const struct challenge *challenge,
                             struct err *err) {
    struct registry_login *login = scope->login;
    struct span wanted = challenge->scope;
    bool same = wanted.size == 0 || (scope->wanted != NULL && span_is(wanted, scope->wanted));
    if (wanted.size > LIMIT_TOKEN_SCOPE_BYTES)
        return err_set(err, ERR_LIMIT, 0, "challenge: expected a scope of at most %zu bytes, found %zu",
                       LIMIT_TOKEN_SCOPE_BYTES, wanted.size) == 0;
    if (generation > 0 && same && !scope->sends_configured && span_is(challenge->error, "insufficient_scope"))
        return err_set(err, ERR_AUTH, 0,
                       "the token service's token is not enough; these credentials may not read it") == 0;
    if (login->realm != NULL && !span_is(challenge->realm, login->realm) && ++login->moves > LIMIT_TOKEN_SERVICES)
        return err_set(err, ERR_LIMIT, 0, "challenge: expected a registry to stay with its token service, found %u",
                       login->moves) == 0;
    if (realm_check(login, challenge->realm, err) < 0 || text_keep(&login->realm, challenge->realm, err) < 0 ||
        text_keep(&login->service, challenge->service, err) < 0 ||
        (wanted.size > 0 && text_keep(&scope->wanted, wanted, err) < 0))
        return false;
    login->scheme = scope->scheme = SCHEME_BEARER;
    return true;
}

static bool challenge_basic(struct scope *scope, bool again, struct err *err) {
    struct credential credential;
    int found = credential_of(scope, &credential, err);
    if (found <= 0)
        return false; /* the status says it all */
    if (credential.username == NULL)
        return err_set(err, ERR_AUTH, 0, "expected a user name and a password, found a token in the configuration") ==
               0;
    if (again) {
        scope->login->refusals++;
        return err_set(err, ERR_AUTH, 0, "the registry refused this user name and password") == 0;
    }
    scope->login->scheme = scope->scheme = SCHEME_BASIC;
    return true;
}

static void on_accept(struct http_gate *gate) {
    struct scope *scope = (struct scope *)gate;
    if (scope->scheme == SCHEME_BASIC)
        scope->login->refusals = 0;
}

static bool on_challenge(struct http_gate *gate, unsigned generation, const char *authenticate, struct err *err) {
    struct scope *scope = (struct scope *)gate;
    struct challenge challenge;
    char quoted[64];
    /* Another request has met the same and it is mended, or about to be. */
    if (generation != scope->generation || scope->asking)
        return true;
    if (authenticate[0] == '\0')
        return false; /* it does not say how to log in: the status says it all */
    if (scope->sends_configured)
        return err_set(err, ERR_AUTH, 0, "the registry refused the configuration's registrytoken; log in again") == 0;
    struct arena arena;
    arena_init(&arena, 1024, 2 * LIMIT_HTTP_HEADER_BYTES);
    bool goes_on = false;
    if (challenge_parse(&arena, span_text(authenticate), &challenge, err) == 0) {
        bool basic_again = scope->authorization != NULL && span_starts(span_text(scope->authorization), "Basic ");
        if (challenge.bearer)
            goes_on = challenge_bearer(scope, generation, &challenge, err);
        else if (challenge.basic)
            goes_on = challenge_basic(scope, basic_again, err);
        else
            (void)err_set(err, ERR_AUTH, 0, "expected a challenge for Basic or Bearer, found '%s'",
                          text_quote(challenge.other, quoted, sizeof quoted));
    } else if (err->code == ERR_FORMAT)
        err->code = ERR_AUTH; /* no login can be made of it: that is what the caller branches on */
    arena_release(&arena);
    if (goes_on)
        text_wipe(&scope->authorization);
    return goes_on;
}

struct http_gate *registry_login_gate(struct registry_login *login, struct span repository) {
    struct arena *arena = &login->auth->arena;
    struct scope *scope = map_get(&login->scopes, repository);
    if (scope != NULL)
        return &scope->gate;
    scope = arena_zalloc(arena, sizeof *scope);
    struct span name = arena_copy(arena, repository);
    void **place = scope == NULL || name.data == NULL ? NULL : map_put(&login->scopes, name, NULL);
    if (place == NULL)
        return NULL;
    *scope = (struct scope){
        .gate = {.pass = on_pass, .accept = on_accept, .challenge = on_challenge}, .login = login, .repository = name};
    *place = scope;
    return &scope->gate;
}

/* ---- registries ---- */

int registry_auth_open(struct http *http, const struct credentials_options *options, struct registry_auth **ret_auth,
                       struct err *err) {
    struct registry_auth *auth = mem_zalloc(sizeof *auth);
    if (auth == NULL)
        return nomem(err);
    auth->http = http;
    auth->options = *options;
    arena_init(&auth->arena, 0, 0);
    map_init(&auth->logins, clock_ns());
    *ret_auth = auth;
    return 0;
}

int registry_auth_login(struct registry_auth *auth, struct span host, bool plain, struct registry_login **ret_login,
                        struct err *err) {
    struct registry_login *login = map_get(&auth->logins, host);
    if (auth->credentials == NULL && credentials_open(&auth->options, &auth->credentials, err) < 0)
        return -1;
    if (credentials_prepare(auth->credentials, host, err) < 0)
        return -1;
    if (login == NULL) {
        login = arena_zalloc(&auth->arena, sizeof *login);
        struct span name = arena_copy(&auth->arena, host);
        struct credential unused; /* an entry that makes no sense shows before the work begins */
        if (credentials_find(auth->credentials, host, (struct span){NULL, 0}, &unused, err) < 0)
            return -1;
        void **place = login == NULL || name.data == NULL ? NULL : map_put(&auth->logins, name, NULL);
        if (place == NULL)
            return nomem(err);
        *login = (struct registry_login){.auth = auth, .host = name, .plain = plain};
        map_init(&login->scopes, clock_ns());
        *place = login;
    }
    *ret_login = login;
    return 0;
}

int registry_login_credential(struct registry_login *login, struct credential *ret_credential, struct err *err) {
    return credentials_find(login->auth->credentials, login->host, (struct span){NULL, 0}, ret_credential, err);
}

static void login_release(struct registry_login *login) {
    for (size_t i = 0; i < login->scopes.capacity; i++) {
        struct scope *scope = login->scopes.entries[i].value;
        if (scope == NULL)
            continue;
        text_wipe(&scope->authorization);
        mem_free(scope->wanted);
        mem_free(scope->failure);
    }
    map_release(&login->scopes);
    mem_free(login->realm);
    mem_free(login->service);
}

void registry_auth_close(struct registry_auth *auth) {
    if (auth == NULL)
        return;
    for (size_t i = 0; i < auth->logins.capacity; i++) {
        if (auth->logins.entries[i].value != NULL)
            login_release(auth->logins.entries[i].value);
    }
    map_release(&auth->logins);
    arena_release(&auth->arena);
    credentials_close(auth->credentials);
    mem_free(auth);
}
