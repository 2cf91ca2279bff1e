#include "engine/pipeline/image_secrets.h"

#include "base/buf.h"
#include "base/text.h"
#include "engine/pipeline/found_secret.h"

static const char state_history[] = "history";
static const char state_label[] = "label";

struct image_secrets {
    const struct secret_engine *engine;
    struct secret_scratch *scratch;
    struct arena *arena;
    bool show_secrets;
    VEC(struct config_secret) found;
    /* Of the text at hand. */
    struct buf location;
    const char *state;
    size_t index;
    bool failed;
};

int image_secrets_new(const struct secret_engine *engine, bool show_secrets, struct arena *arena,
                      struct image_secrets **ret_secrets, struct err *err) {
    struct image_secrets *secrets = mem_zalloc(sizeof *secrets);
    if (secrets == NULL)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    *secrets = (struct image_secrets){.engine = engine, .arena = arena, .show_secrets = show_secrets};
    buf_init(&secrets->location, 0);
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
    buf_release(&secrets->location);
    mem_free(secrets);
}

static int hit_keep(void *context, const struct secret_hit *hit) {
    struct image_secrets *secrets = context;
    struct config_secret found = {.state = secrets->state, .index = secrets->index};
    bool kept = found_secret_make(secrets->arena, hit, secrets->show_secrets, &found.secret);
    found.secret.path = arena_copy(secrets->arena, buf_span(&secrets->location));
    secrets->failed = secrets->failed || !kept || found.secret.path.data == NULL || !vec_push(&secrets->found, found);
    return secrets->failed ? 1 : 0;
}

/* The location is "state:name", or "state:index" without a name. */
static int search(struct image_secrets *secrets, const char *state, size_t index, struct span name, struct span text,
                  struct err *err) {
    struct secret_input input = {.body = text, .path = span_text("")};
    struct secret_outcome outcome;
    secrets->state = state;
    secrets->index = index;
    if (text.size == 0)
        return 0;
    buf_reset(&secrets->location);
    buf_format(&secrets->location, "%s:", state);
    if (name.data == NULL)
        buf_format(&secrets->location, "%zu", index);
    else
        buf_add(&secrets->location, name);
    if (secrets->location.failed)
        return err_set(err, ERR_NOMEM, 0, "image configuration: out of memory");
    if (secret_scan(secrets->engine, secrets->scratch, &input, hit_keep, secrets, &outcome, err) < 0)
        return err_wrap(err, "image configuration");
    return secrets->failed ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory") : 0;
}

/* "KEY" and "value" as "KEY=value": how an assignment looks to a rule. */
static int search_pair(struct image_secrets *secrets, const char *state, size_t index, struct span key,
                       struct span value, struct err *err) {
    struct buf text;
    buf_init(&text, 0);
    buf_add(&text, key);
    buf_byte(&text, '=');
    buf_add(&text, value);
    int result = text.failed ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory")
                             : search(secrets, state, index, key, buf_span(&text), err);
    buf_release(&text);
    return result;
}

/* Command lines: arrays of text in the configuration. */
static int search_command(struct image_secrets *secrets, const struct image_config *config, size_t index,
                          const char *name, struct err *err) {
    const struct doc *value = doc_get_last(config->run, name);
    if (doc_is(value, DOC_OBJECT)) /* Healthcheck: {"Test": […]} */
        value = doc_get_last(value, "Test");
    struct buf text;
    buf_init(&text, 0);
    for (const struct doc *word = doc_first(value); word != NULL; word = word->next) {
        buf_add(&text, doc_text(word));
        buf_byte(&text, ' ');
    }
    int result = text.failed ? err_set(err, ERR_NOMEM, 0, "image configuration: out of memory")
                             : search(secrets, "config", index, span_text(name), buf_span(&text), err);
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
        if (search_pair(secrets, "env", i, name, value, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < config->label_count; i++) {
        if (search_pair(secrets, state_label, i, config->labels[2 * i], config->labels[2 * i + 1], err) < 0)
            return -1;
    }
    for (size_t i = 0; i < config->history_count; i++) {
        if (search(secrets, state_history, i, (struct span){NULL, 0}, config->history[i].created_by, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (search_command(secrets, config, i, commands[i], err) < 0)
            return -1;
    }
    *ret_found = secrets->found.data;
    *ret_count = secrets->found.count;
    return 0;
}

/* The text with the findings of text `index` replaced; they stand from `*next` on. `shift` is where the text began in
 * what was searched. */
static int text_redact(struct image_secrets *secrets, const char *state, size_t index, size_t shift, size_t *next,
                       struct span *text, struct err *err) {
    struct buf out;
    size_t done = 0;
    buf_init(&out, 0);
    for (; *next < secrets->found.count; (*next)++) {
        const struct config_secret *found = &secrets->found.data[*next];
        const struct layer_secret *secret = &found->secret;
        if (found->state != state || found->index != index)
            break;
        if (secret->byte_offset < shift + done)
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

/* Findings are in the order of the search, so those of one kind of text are found by one pass. */
static size_t first_of(const struct image_secrets *secrets, const char *state) {
    size_t first = 0;
    while (first < secrets->found.count && secrets->found.data[first].state != state)
        first++;
    return first;
}

int image_secrets_redact(struct image_secrets *secrets, struct image_config *config, struct err *err) {
    if (secrets->show_secrets || secrets->found.count == 0)
        return 0;
    size_t next = first_of(secrets, state_history);
    for (size_t i = 0; i < config->history_count; i++) {
        if (text_redact(secrets, state_history, i, 0, &next, &config->history[i].created_by, err) < 0)
            return -1;
    }
    next = first_of(secrets, state_label);
    for (size_t i = 0; i < config->label_count; i++) {
        size_t shift = config->labels[2 * i].size + 1;
        if (text_redact(secrets, state_label, i, shift, &next, &config->labels[2 * i + 1], err) < 0)
            return -1;
    }
    return 0;
}
