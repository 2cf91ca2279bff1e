/* mix.lock of Elixir and rebar.lock of Erlang: terms of their languages, of which only the tuples of packages count:
 *   "name": {:hex, :name, "1.0", …}      {<<"name">>,{pkg,<<"name">>,<<"1.0">>},0}
 * A checkout has a commit in place of a version: {:git, "url", "commit", …}, {git,"url",{ref,"commit"}}.
 * Spec: Mix.Lockfile as Elixir's documentation describes it; rebar3's "Dependencies". */
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {"**/mix.lock", "**/rebar.lock", NULL};

enum token { TOKEN_END, TOKEN_STRING, TOKEN_WORD, TOKEN_SIGN };

/* The next string, word (":hex", "pkg", "name:") or sign of the text. */
static enum token next_token(struct span *rest, struct span *ret_text) {
    while (rest->size > 0) {
        uint8_t c = rest->data[0];
        if (c == '#' || (c == '%' && !span_starts(*rest, "%{"))) { /* a comment */
            (void)text_cut(rest, '\n');
            continue;
        }
        if (c == '"') {
            *rest = span_from(*rest, 1);
            *ret_text = text_cut(rest, '"');
            return TOKEN_STRING;
        }
        size_t end = c == ':' ? 1 : 0;
        while (end < rest->size && (text_is_alnum(rest->data[end]) || rest->data[end] == '_'))
            end++;
        bool is_word = end > (c == ':' ? 1u : 0u);
        *ret_text = span_slice(*rest, 0, is_word ? end : 1);
        *rest = span_from(*rest, is_word ? end : 1);
        if (is_word)
            return TOKEN_WORD;
        if (c == '{' || c == '}')
            return TOKEN_SIGN;
    }
    return TOKEN_END;
}

/* Mix: the string before a tuple names the dependency; {:hex, :package, "version" …} has the package's real name. */
static int parse_mix(struct catalogue *run, struct err *err) {
    struct span rest = run->body, text, key = {NULL, 0};
    enum token token;
    while ((token = next_token(&rest, &text)) != TOKEN_END) {
        if (token == TOKEN_STRING)
            key = text;
        if (token != TOKEN_SIGN || !span_is(text, "{") || key.size == 0)
            continue;
        struct span source = {NULL, 0}, name = {NULL, 0}, version = {NULL, 0};
        if (next_token(&rest, &source) != TOKEN_WORD)
            continue;
        bool is_hex = span_is(source, ":hex");
        if (!is_hex && !span_is(source, ":git") && !span_is(source, ":path"))
            continue;
        enum token second = next_token(&rest, &name), third = next_token(&rest, &version);
        if (is_hex && second == TOKEN_WORD && third == TOKEN_STRING && span_starts(name, ":")) {
            if (catalogue_declare(run, PACKAGE_HEX, span_from(name, 1), version, err) < 0)
                return -1;
        } else if (is_hex) {
            catalogue_fault(run, ERR_FORMAT, "a package is not {:hex, :name, \"version\", …}");
        } else if (catalogue_declare(run, PACKAGE_HEX, key, (struct span){NULL, 0}, err) < 0) {
            return -1;
        }
        key = (struct span){NULL, 0};
    }
    return 0;
}

static int parse_rebar(struct catalogue *run, struct err *err) {
    struct span rest = run->body, text, key = {NULL, 0};
    enum token token;
    while ((token = next_token(&rest, &text)) != TOKEN_END) {
        if (token == TOKEN_STRING)
            key = text;
        bool is_package = token == TOKEN_WORD && span_is(text, "pkg"),
             is_git = token == TOKEN_WORD && span_is(text, "git");
        if ((!is_package && !is_git) || key.size == 0)
            continue;
        struct span name = {NULL, 0}, version = {NULL, 0};
        token = next_token(&rest, &name);
        if (is_git) { /* "url",{ref,"commit"} */
            (void)next_token(&rest, &version);
            (void)next_token(&rest, &version);
            name = key;
        }
        if (token != TOKEN_STRING || next_token(&rest, &version) != TOKEN_STRING) {
            catalogue_fault(run, ERR_FORMAT, "a package has no version");
            continue;
        }
        if (catalogue_declare(run, PACKAGE_HEX, name, version, err) < 0)
            return -1;
        key = (struct span){NULL, 0};
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    return span_ends(run->path, "mix.lock") ? parse_mix(run, err) : parse_rebar(run, err);
}

const struct cataloguer cataloguer_beam = {.name = "beam", .type = PACKAGE_HEX, .paths = paths, .parse = parse};
