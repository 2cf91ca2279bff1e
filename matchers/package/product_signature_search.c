/* The search: literals lead to places, the expression is tried only there. */
#include "base/limits.h"
#include "base/overflow.h"
#include "base/text.h"
#include "matchers/package/product_signature_internal.h"

#define VERSION_BYTES_MAX 128

/* What one signature has found in the file at hand. */
struct pursuit {
    const struct signature *signature;
    uint64_t work_left;
    bool barred;         /* something stands in the file that rules it out */
    bool spent;          /* no work is left */
    size_t version_size; /* 0: not found yet */
    uint8_t version[VERSION_BYTES_MAX];
};

struct signature_search {
    const struct signatures *signatures;
    struct regex_matcher *matcher;
    struct span path;
    struct span series; /* the first two numbers of the file's name: "3.11" of "libpython3.11.so.1.0" */
    struct pursuit pursuits[LIMIT_SIGNATURES_PER_PATH];
    size_t count;
};

int signature_search_new(const struct signatures *signatures, struct signature_search **ret_search, struct err *err) {
    AUTO_SIGNATURE_SEARCH struct signature_search *search = mem_zalloc(sizeof *search);
    if (search != NULL)
        search->matcher = regex_matcher_new();
    if (search == NULL || search->matcher == NULL)
        return err_set(err, ERR_NOMEM, 0, "signatures: no memory");
    search->signatures = signatures;
    *ret_search = STEAL(search);
    return 0;
}

void signature_search_free(struct signature_search *search) {
    if (search == NULL)
        return;
    regex_matcher_free(search->matcher);
    mem_free(search);
}

/* The first number with a dot in the file's name, cut behind its second part. A name without a dot ("python3") promises
 * only the first part. */
static struct span series_of(struct span path) {
    size_t slash = span_index_last(path, '/'), end;
    struct span name = slash == SIZE_MAX ? path : span_from(path, slash + 1);
    size_t begin = 0;
    while (begin < name.size && !text_is_digit(name.data[begin]))
        begin++;
    for (end = begin; end < name.size && text_is_digit(name.data[end]);)
        end++;
    if (end + 1 < name.size && name.data[end] == '.' && text_is_digit(name.data[end + 1]))
        for (end++; end < name.size && text_is_digit(name.data[end]);)
            end++;
    return span_slice(name, begin, end - begin);
}

/* "3.1" is not the series of "3.11.2". */
static bool is_of_series(struct span version, struct span series) {
    if (series.size == 0)
        return true;
    return version.size >= series.size && memcmp(version.data, series.data, series.size) == 0 &&
           (version.size == series.size || !text_is_digit(version.data[series.size]));
}

/* Tries the expression where `hit` stands: the match begins there or up to `before` bytes before it. */
static bool pursue(struct signature_search *search, struct pursuit *pursuit, struct span window, size_t hit,
                   size_t before) {
    const struct signature *signature = pursuit->signature;
    struct span subject = span_slice(window, 0, hit + signature->max_bytes);
    size_t from = hit - size_min(hit, before);
    struct regex_match match;
    int found = regex_match(signature->regex, search->matcher, subject, from, hit, subject.size < window.size,
                            &pursuit->work_left, &match);
    pursuit->spent = found < 0 || pursuit->work_left == 0;
    if (found <= 0)
        return false;
    struct span version = span_slice(subject, match.group_begin, match.group_end - match.group_begin);
    if (version.size == 0 || version.size > VERSION_BYTES_MAX ||
        (signature->series && !is_of_series(version, search->series)))
        return false;
    memcpy(pursuit->version, version.data, version.size);
    pursuit->version_size = version.size;
    return true;
}

bool signature_search_begin(struct signature_search *search, struct span path) {
    uint32_t indices[LIMIT_SIGNATURES_PER_PATH];
    search->count = signatures_of_path(search->signatures, path, indices, LIMIT_SIGNATURES_PER_PATH);
    if (search->count == 0)
        return false;
    search->path = path;
    search->series = series_of(path);
    for (size_t i = 0; i < search->count; i++) {
        struct pursuit *pursuit = &search->pursuits[i];
        *pursuit = (struct pursuit){.signature = &search->signatures->signatures.data[indices[i]],
                                    .work_left = LIMIT_SIGNATURE_WORK};
        if (pursuit->signature->of_path)
            (void)pursue(search, pursuit, path, path.size, path.size);
    }
    return true;
}

/* The next number with a dot in it at or after `*from`, which moves behind all of it: of "1.2.3" the place of the "1".
 */
static size_t number_find(struct span window, size_t *from) {
    for (size_t dot = *from; (dot = span_index(window, '.', dot)) != SIZE_MAX; dot++) {
        if (dot == 0 || dot + 1 >= window.size || !text_is_digit(window.data[dot - 1]) ||
            !text_is_digit(window.data[dot + 1]))
            continue;
        size_t begin = dot - 1;
        while (begin > *from && text_is_digit(window.data[begin - 1]))
            begin--;
        for (*from = dot + 1; *from < window.size && (text_is_digit(window.data[*from]) || window.data[*from] == '.');)
            ++*from;
        return begin;
    }
    *from = window.size;
    return SIZE_MAX;
}

/* The first place of one literal (NULL: of any number with a dot) before `stop` where the expression matches. */
static void literal_search(struct signature_search *search, struct pursuit *pursuit, struct span window,
                           const struct span *literal, size_t first, size_t *stop) {
    size_t from = literal != NULL || first == 0 ? first : first - 1, hit;
    for (;;) {
        hit = literal == NULL ? number_find(window, &from) : span_find(window, *literal, from);
        if (hit == SIZE_MAX || hit >= *stop)
            return;
        if (hit >= first && pursue(search, pursuit, window, hit, pursuit->signature->before_bytes)) {
            *stop = hit; /* another literal may only find what stands before it */
            return;
        }
        if (pursuit->spent)
            return;
        if (literal != NULL)
            from = hit + 1;
    }
}

static void window_search(struct signature_search *search, struct pursuit *pursuit, struct span window, uint64_t offset,
                          bool last) {
    const struct signature *signature = pursuit->signature;
    for (size_t i = 0; i < signature->unless_count && !pursuit->barred; i++)
        pursuit->barred = span_find(window, signature->unless[i], 0) != SIZE_MAX;
    if (pursuit->barred || pursuit->version_size > 0 || pursuit->spent || signature->of_path)
        return;
    /* What begins too near an end is the next window's, or was the one's before, where it stands with all its context.
     */
    size_t first = offset == 0 ? 0 : size_min(LIMIT_SIGNATURE_BYTES, window.size);
    size_t stop = last ? window.size : window.size - size_min(LIMIT_SIGNATURE_BYTES, window.size);
    if (signature->literal_count == 0)
        literal_search(search, pursuit, window, NULL, first, &stop);
    for (size_t i = 0; i < signature->literal_count; i++)
        literal_search(search, pursuit, window, &signature->literals[i], first, &stop);
}

void signature_search_window(struct signature_search *search, struct span window, uint64_t offset, bool last) {
    for (size_t i = 0; i < search->count; i++) {
        struct pursuit *pursuit = &search->pursuits[i];
        bool moot =
            false; /* a signature of the same product that comes first has its answer, and nothing takes it back */
        for (size_t k = 0; k < i && !moot; k++)
            moot = search->pursuits[k].signature->product == pursuit->signature->product &&
                   search->pursuits[k].version_size > 0 && search->pursuits[k].signature->unless_count == 0;
        if (!moot)
            window_search(search, pursuit, window, offset, last);
    }
}

int signature_search_end(struct signature_search *search, catalogue_emit_fn emit, void *context, struct err *err) {
    const struct pursuit *spent = NULL;
    uint32_t done = UINT32_MAX; /* the product that was emitted last: signatures of one stand together */
    for (size_t i = 0; i < search->count; i++) {
        const struct pursuit *pursuit = &search->pursuits[i];
        const struct signature *signature = pursuit->signature;
        if (pursuit->spent && spent == NULL)
            spent = pursuit;
        if (pursuit->barred || pursuit->version_size == 0 || signature->product == done)
            continue;
        const struct signature_product *product = &search->signatures->products.data[signature->product];
        const struct package package = {.type = product->type,
                                        .evidence = EVIDENCE_EMBEDDED,
                                        .name = product->name,
                                        .version = span_make(pursuit->version, pursuit->version_size),
                                        .path = search->path};
        if (emit(context, &package, err) < 0)
            return -1;
        done = signature->product;
    }
    if (spent == NULL)
        return 0;
    const struct signature_product *product = &search->signatures->products.data[spent->signature->product];
    return err_set(err, ERR_LIMIT, 0,
                   "signature of %.*s: too many places that might be a version, the rest was not looked at",
                   SPAN_FORMAT(product->name));
}
