#include "engine/pipeline/image_secrets.h"

#include "base/buf.h"
#include "base/text.h"
#include "engine/pipeline/found_secret.h"

struct image_secrets {
    const struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct arena *arena;
    bool show_secrets;
    VEC(struct config_secret) found;
    struct span location; /* of the text at hand */
    const char *state;
    bool failed;
};

int image_secrets_new(const struct secret_engine *engine, bool show_secrets, struct arena *arena,
                      struct image_secrets **ret_secrets, struct err *err) {
    struct image_secrets *secrets = mem_zalloc(sizeof *secrets);
    if (secrets == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    *secrets = (struct image_secrets){.engine = engine, .arena = arena, .show_secrets = show_secrets};
    if (secret_scratch_new(engine, &secrets->scratch, err) < 0) {
        image_secrets_free(secrets);
        return -1;
    }
    *ret_secrets = secrets;
    return 0;
}

void image_secrets_free(struct image_secrets *secrets) {
    if (secrets == NULL)
        return;
    secret_scratch_free(secrets->scratch);
    vec_release(&secrets->found);
    mem_free(secrets);
}

static int hit_keep(void *context, const struct secret_hit *hit) {
    struct image_secrets *secrets = context;
    struct config_secret found = {.state = secrets->state};
    bool kept = found_secret_make(secrets->arena, hit, secrets->show_secrets, &found.secret);
    found.secret.path = secrets->location;
    secrets->failed = secrets->failed || !kept || !vec_push(&secrets->found, found);
    return secrets->failed ? 1 : 0;
}

/* `location` is "kind:name". NULL when memory is short, which fails the search. */
static int search(struct image_secrets *secrets, const char *state, char *location, struct span text, struct err *err) {
    struct secret_input input = {.body = text, .path = span_text("")};
    struct secret_outcome outcome;
    secrets->state = state;
    secrets->location = span_text(location);
    if (location == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    if (text.size == 0)
        return 0;
    if (secret_scan(secrets->engine, secrets->scratch, &input, hit_keep, secrets, &outcome, err) < 0)
        return err_wrap(err, "image configuration");
    return secrets->failed ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory") : 0;
}

/* "KEY" and "value" as "KEY=value": how an assignment looks to a rule. */
static int search_pair(struct image_secrets *secrets, const char *state, struct span key, struct span value,
                       struct err *err) {
    char *location = arena_format(secrets->arena, "%s:%.*s", state, SPAN_FORMAT(key));
    struct buf text;
    buf_init(&text, 0);
    buf_add(&text, key);
    buf_byte(&text, '=');
    buf_add(&text, value);
    int result = text.failed ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory")
                             : search(secrets, state, location, buf_span(&text), err);
    buf_release(&text);
    return result;
}

/* Command lines: arrays of text in the configuration. */
static int search_command(struct image_secrets *secrets, const struct image_config *config, const char *name,
                          struct err *err) {
    const struct doc *value = doc_get_last(config->run, name);
    if (doc_is(value, DOC_OBJECT)) /* Healthcheck: {"Test": […]} */
        value = doc_get_last(value, "Test");
    struct buf text;
    buf_init(&text, 0);
    for (const struct doc *word = doc_first(value); word != NULL; word = word->next) {
        buf_add(&text, doc_text(word));
        buf_byte(&text, ' ');
    }
    int result = text.failed
                     ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory")
                     : search(secrets, "config", arena_format(secrets->arena, "config:%s", name), buf_span(&text), err);
    buf_release(&text);
    return result;
}

int image_secrets_search(struct image_secrets *secrets, const struct image_config *config,
                         const struct config_secret **ret_found, size_t *ret_count, struct err *err) {
    static const char *const commands[] = {"Cmd", "Entrypoint", "Healthcheck", "OnBuild", "Shell"};
    secrets->found.count = 0;
    secrets->failed = false;
    for (size_t i = 0; i < config->env_count; i++) {
        struct span value = config->env[i];
        struct span name = text_cut(&value, '=');
        if (search_pair(secrets, "env", name, value, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < config->label_count; i++) {
        if (search_pair(secrets, "label", config->labels[2 * i], config->labels[2 * i + 1], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < config->history_count; i++) {
        if (search(secrets, "history", arena_format(secrets->arena, "history:%zu", i), config->history[i].created_by,
                   err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (search_command(secrets, config, commands[i], err) < 0)
            return -1;
    }
    *ret_found = secrets->found.data;
    *ret_count = secrets->found.count;
    return 0;
}

/* The text with all findings of this location replaced. `shift` is where the text began in what was searched. */
static int text_redact(struct image_secrets *secrets, const char *location, size_t shift, struct span *text,
                       struct err *err) {
    struct buf out;
    size_t done = 0;
    buf_init(&out, 0);
    for (size_t i = 0; i < secrets->found.count; i++) {
        const struct layer_secret *secret = &secrets->found.data[i].secret;
        if (!span_is(secret->path, location) || secret->byte_offset < shift + done)
            continue;
        size_t begin = (size_t)secret->byte_offset - shift;
        buf_add(&out, span_slice(*text, done, begin - done));
        buf_add(&out, secret->redacted);
        done = begin + (size_t)secret->byte_length;
    }
    buf_add(&out, span_from(*text, done));
    struct span copy = done == 0 ? *text : arena_copy(secrets->arena, buf_span(&out));
    bool failed = out.failed || copy.data == NULL;
    buf_release(&out);
    if (failed && text->size > 0)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    *text = copy;
    return 0;
}

int image_secrets_redact(struct image_secrets *secrets, struct image_config *config, struct err *err) {
    if (secrets->show_secrets || secrets->found.count == 0)
        return 0;
    for (size_t i = 0; i < config->history_count; i++) {
        const char *location = arena_format(secrets->arena, "history:%zu", i);
        if (location == NULL || text_redact(secrets, location, 0, &config->history[i].created_by, err) < 0)
            return location == NULL ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory") : -1;
    }
    for (size_t i = 0; i < config->label_count; i++) {
        struct span key = config->labels[2 * i];
        const char *location = arena_format(secrets->arena, "label:%.*s", SPAN_FORMAT(key));
        if (location == NULL || text_redact(secrets, location, key.size + 1, &config->labels[2 * i + 1], err) < 0)
            return location == NULL ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory") : -1;
    }
    return 0;
}
