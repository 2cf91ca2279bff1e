#include "io/source/reference.h"

#include "base/text.h"

#define REPOSITORY_BYTES_MAX 255
#define TAG_BYTES_MAX 128

bool reference_repository_is_valid(struct span name) {
    if (name.size == 0 || name.size > REPOSITORY_BYTES_MAX)
        return false;
    /* Components of [a-z0-9]+ joined by one of . _ __ or any number of -; components are joined by /. */
    uint8_t before = '/';
    size_t run = 0; /* length of the separator run that ends before this byte */
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (text_is_lower(c) || text_is_digit(c)) {
            run = 0;
        } else if (c == '/') {
            if (run > 0 || before == '/')
                return false;
        } else if (c == '.' || c == '_' || c == '-') {
            bool joins = before == c ? c == '-' || (c == '_' && run < 2) : run == 0;
            if (before == '/' || !joins)
                return false;
            run++;
        } else {
            return false;
        }
        before = c;
    }
    return run == 0 && before != '/';
}

bool reference_tag_is_valid(struct span tag) {
    if (tag.size == 0 || tag.size > TAG_BYTES_MAX)
        return false;
    for (size_t i = 0; i < tag.size; i++) {
        uint8_t c = tag.data[i];
        if (!text_is_alnum(c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

/* A name or an IPv4 address, or an IPv6 address in brackets; and a port. */
static bool registry_is_valid(struct span host) {
    size_t close_at = host.size > 0 && host.data[0] == '[' ? span_index(host, ']', 1) : 0;
    if (close_at == SIZE_MAX)
        return false;
    size_t colon = span_index(host, ':', close_at);
    struct span port = colon == SIZE_MAX ? (struct span){NULL, 0} : span_from(host, colon + 1);
    struct span name = colon == SIZE_MAX ? host : span_slice(host, 0, colon);
    uint64_t number = 0;
    if (colon != SIZE_MAX && (!text_u64(port, 10, UINT16_MAX, &number) || number == 0))
        return false;
    if (close_at > 0) {
        for (size_t i = 1; i < close_at; i++) {
            if (!text_is_alnum(name.data[i]) && name.data[i] != ':' && name.data[i] != '.')
                return false;
        }
        return close_at > 1 && close_at + 1 == name.size;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (!text_is_alnum(name.data[i]) && name.data[i] != '.' && name.data[i] != '-')
            return false;
    }
    return name.size > 0 && text_is_alnum(name.data[0]);
}

int reference_parse(struct span text, struct reference *ret_reference, struct err *err) {
    char quoted[128];
    text_quote(text, quoted, sizeof quoted);
    struct reference reference = {.registry = span_text("docker.io")};
    struct span rest = text;
    size_t at = span_index(rest, '@', 0);
    if (at != SIZE_MAX) {
        if (digest_parse(span_from(rest, at + 1), &reference.digest, err) < 0)
            return err_wrap(err, "reference '%s'", quoted);
        reference.by_digest = true;
        rest.size = at;
    }
    size_t slash = span_index(rest, '/', 0);
    struct span first = span_slice(rest, 0, slash == SIZE_MAX ? 0 : slash);
    /* The first component is a host when it could not be a repository's: a dot, a port, or localhost. */
    if (slash != SIZE_MAX && (span_index(first, '.', 0) != SIZE_MAX || span_index(first, ':', 0) != SIZE_MAX ||
                              span_is(first, "localhost"))) {
        reference.registry = first;
        rest = span_from(rest, slash + 1);
    }
    size_t colon = span_index_last(rest, ':');
    if (colon != SIZE_MAX) {
        reference.tag = span_from(rest, colon + 1);
        rest.size = colon;
        if (!reference_tag_is_valid(reference.tag))
            return err_set(err, ERR_USAGE, 0,
                           "reference '%s': expected a tag of letters, digits, '_', '.', '-' behind ':'", quoted);
    } else if (!reference.by_digest) {
        reference.tag = span_text("latest");
    }
    reference.repository = rest;
    if (!registry_is_valid(reference.registry) || !reference_repository_is_valid(rest))
        return err_set(err, ERR_USAGE, 0,
                       "'%s': expected HOST/REPOSITORY[:TAG|@DIGEST] or a target with a prefix such as oci:", quoted);
    *ret_reference = reference;
    return 0;
}

char *reference_text(struct arena *arena, const struct reference *reference) {
    if (!reference->by_digest)
        return arena_format(arena, "%.*s/%.*s:%.*s", SPAN_FORMAT(reference->registry),
                            SPAN_FORMAT(reference->repository), SPAN_FORMAT(reference->tag));
    char digest[DIGEST_TEXT_SIZE];
    return arena_format(arena, "%.*s/%.*s@%s", SPAN_FORMAT(reference->registry), SPAN_FORMAT(reference->repository),
                        digest_text(&reference->digest, digest));
}
