/* Rust programs that were built with cargo-auditable: a section holds the crates they are made of, as JSON behind zlib.
 * Spec: PARSING.md of cargo-auditable. */
#include "base/limits.h"
#include "base/parse/inflate.h"
#include "base/parse/program.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {NULL}; /* told by its first bytes */

static int add_crates(struct catalogue *run, struct span text, struct err *err) {
    struct doc *root = NULL;
    if (json_parse(run->scratch, text, doc_limits_default(), &root, err) < 0)
        return -1;
    for (const struct doc *crate = doc_first(doc_get(root, "packages")); crate != NULL; crate = crate->next) {
        const struct package package = {.type = PACKAGE_CARGO,
                                        .evidence = EVIDENCE_EMBEDDED,
                                        .name = doc_text(doc_get(crate, "name")),
                                        .version = doc_text(doc_get(crate, "version"))};
        if (catalogue_add(run, package, err) < 0)
            return -1;
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    AUTO_BUF struct buf text;
    struct program program;
    buf_init(&text, LIMIT_AUDIT_BYTES);
    if (!program_open(run->body, &program))
        return 0;
    struct span packed = program_section(&program, ".dep-v0");
    if (packed.size == 0)
        packed = program_section(&program, "__dep_v0"); /* Mach-O's name for it */
    if (packed.size == 0)
        return 0;
    if (inflate_bytes(packed, INFLATE_ZLIB, &text, err) < 0)
        return err_wrap(err, "section .dep-v0");
    return add_crates(run, buf_span(&text), err);
}

const struct cataloguer cataloguer_rust_binary = {
    .name = "rust-binary", .type = PACKAGE_CARGO, .paths = paths, .of_programs = true, .parse = parse};
