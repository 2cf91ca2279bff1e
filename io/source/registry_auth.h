/* Logs in at registries: a gate (io/http/http.h) for each repository, which answers the registry's challenges with
 * Basic, or with bearer tokens of the token service that the registry names.
 *
 * Spec: Docker registry v2 authentication ("Token Authentication Specification", "OAuth2 Token Authentication"), which
 * all registries follow. A token is for one scope, "repository:NAME:pull"; it is asked for once for all requests that
 * wait for it, kept until shortly before it expires, and then goes with each request at once: only the very first
 * requests at a registry meet a 401. Credentials go nowhere but to the registry and to the token service that a 401 of
 * the registry's own host named: over https, unless the registry itself is spoken to in plain HTTP. Without credentials
 * tokens are asked for anonymously. */
#ifndef TRAWL_REGISTRY_AUTH_H
#define TRAWL_REGISTRY_AUTH_H

#include "io/http/http.h"
#include "io/source/credentials.h"

struct registry_auth;
struct registry_login;

/* For all registries of a run. Reads nothing yet. `options` is copied; its texts must live as long. NOMEM. */
int registry_auth_open(struct http *http, const struct credentials_options *options, struct registry_auth **ret_auth,
                       struct err *err);
/* After http_close(), which ends the requests that use it. Wipes. NULL is accepted. */
void registry_auth_close(struct registry_auth *auth);

/* The login at one host; the same one each time. The first of all reads the configuration files, the first for a host
 * runs its helper: call it where a target is opened, not in a callback that must not block. `plain` says that the
 * registry is spoken to in plain HTTP. Errors of credentials.h. */
int registry_auth_login(struct registry_auth *auth, struct span host, bool plain, struct registry_login **ret_login,
                        struct err *err);

/* The gate for requests about a repository; about the registry as a whole, its catalogue, when empty. The same one each
 * time; it lives as long as `auth`. NULL when memory is short. */
struct http_gate *registry_login_gate(struct registry_login *login, struct span repository);

/* The credentials themselves, for an API that stands beside the registry: as credentials_find(). */
int registry_login_credential(struct registry_login *login, struct credential *ret_credential, struct err *err);

#endif
