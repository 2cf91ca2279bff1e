/* Who we are at a registry: what the command line says, else what the configuration files of the container tools say.
 *
 * With a user name of the command line's no file is read. Otherwise the first of these that names the host wins:
 * $REGISTRY_AUTH_FILE, and when that is not set $XDG_RUNTIME_DIR/containers/auth.json, then
 * ${XDG_CONFIG_HOME:-~/.config}/containers/auth.json, then ${DOCKER_CONFIG:-~/.docker}/config.json. Within a file a
 * helper that is named for the host comes before `auths`.
 * Spec: containers-auth.json(5); Docker's config.json. */
#ifndef TRAWL_CREDENTIALS_H
#define TRAWL_CREDENTIALS_H

#include "base/arena.h"
#include "base/err.h"

struct credentials;

/* One login. Texts are NULL when not given; at most one of the three kinds is. */
struct credential {
    const char *username, *password; /* Basic, here or at the token service */
    const char *identity_token;      /* an OAuth 2 refresh token */
    const char *registry_token;      /* a bearer token as it is */
};

struct credentials_options {
    const char *username, *password; /* the command line's; NULL: files */
    const char *auth_file;           /* as $REGISTRY_AUTH_FILE, which it comes before */
    unsigned helper_timeout_ms;      /* 30,000 */
};

/* Reads the files. USAGE (a file that cannot be understood or read: named, its contents are not), LIMIT, NOMEM. */
int credentials_open(const struct credentials_options *options, struct credentials **ret_credentials, struct err *err);
void credentials_close(struct credentials *credentials); /* wipes; NULL is accepted */

/* Runs the helper that the files name for this host, if any: blocks as credential_helper_get() does. Each host's is run
 * once; a failure stays one, and one that hung is asked for no other host either, so that it holds up a run once. To be
 * called before credentials_find() for it. Errors of the helper; FORMAT (what it printed is not what the protocol
 * says). */
int credentials_prepare(struct credentials *credentials, struct span host, struct err *err);

/* The login for a repository of a host; an empty repository means the registry itself. The longest key wins. 1 and the
 * login, whose texts live as long as `credentials`; 0 when there is none; USAGE (an entry that makes no sense), NOMEM.
 */
int credentials_find(struct credentials *credentials, struct span host, struct span repository,
                     struct credential *ret_credential, struct err *err);

#endif
