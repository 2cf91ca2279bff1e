/* Secrets in an image's configuration: environment, labels, command and build history. */
#ifndef TRAWL_IMAGE_SECRETS_H
#define TRAWL_IMAGE_SECRETS_H

#include "engine/image/layer_result.h"
#include "io/source/manifest.h"
#include "matchers/secret/secret_engine.h"

struct config_secret {
    struct layer_secret secret; /* path is the location: "env:NAME", "label:KEY", "history:3", "config:Cmd" */
    const char *state;          /* env, label, history, config */
    size_t index;               /* of the variable, label, step or command that was searched */
};

struct image_secrets;

int image_secrets_new(const struct secret_engine *engine, bool show_secrets, struct arena *arena,
                      struct image_secrets **ret_secrets, struct err *err);
void image_secrets_free(struct image_secrets *secrets);

/* The findings are valid until the next call; their texts live in the arena. */
int image_secrets_search(struct image_secrets *secrets, const struct image_config *config,
                         const struct config_secret **ret_found, size_t *ret_count, struct err *err);

/* Replaces the findings in the configuration's own texts that become rows (history, labels) by their redacted form, so
 * that the clear text is written nowhere. Not with `show_secrets`. NOMEM. */
int image_secrets_redact(struct image_secrets *secrets, struct image_config *config, struct err *err);

#endif
