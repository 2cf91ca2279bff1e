/* Products that no package manager knows of, told by the bytes of their programs: an interpreter, server or library
 * that was built from source says its version somewhere in its text. What to look for, and in which files, is data:
 * signatures/ holds a file for each family, and its README.md describes them.
 *
 * A body is searched as it passes, in one piece or in overlapping windows, so its size does not matter. Only files
 * whose name a signature asks for are searched at all: all others cost one look-up of their last component. */
#ifndef TRAWL_PRODUCT_SIGNATURE_H
#define TRAWL_PRODUCT_SIGNATURE_H

#include "base/cleanup.h"
#include "matchers/package/cataloguer.h"

struct signature_file {
    const char *name; /* for messages; borrowed during loading only */
    struct span bytes;
};

/* Immutable after loading: shared by all threads. */
struct signatures;

/* Reads signature files: those in the binary when `files` is NULL, else these alone. FORMAT names file, line and what
 * to do: an unknown key, a path that nothing could dispatch on, an expression that does not compile, has no group
 * `version` or an unbounded repeat, too few examples. */
int signatures_load(const struct signature_file *files, size_t file_count, struct signatures **ret_signatures,
                    struct err *err);
void signatures_free(struct signatures *signatures);
CLEANUP_DEFINE(signatures, struct signatures, signatures_free)
#define AUTO_SIGNATURES AUTO(cleanup_signatures)

size_t signatures_product_count(const struct signatures *signatures);

/* Whether some signature asks for a file of this path. */
bool signatures_want(const struct signatures *signatures, struct span path);

/* The search through one file after another: one object per thread. */
struct signature_search;
int signature_search_new(const struct signatures *signatures, struct signature_search **ret_search, struct err *err);
void signature_search_free(struct signature_search *search);
CLEANUP_DEFINE(signature_search, struct signature_search, signature_search_free)
#define AUTO_SIGNATURE_SEARCH AUTO(cleanup_signature_search)

/* Begins a file; false when nobody asks for it, and then nothing else need be called. The path must live until
 * signature_search_end(). */
bool signature_search_begin(struct signature_search *search, struct span path);

/* The next window of its body, which begins at `offset` of the file. Each window but the first begins at least
 * 2 * LIMIT_SIGNATURE_BYTES before the end of the one before it. What is found does not depend on how the body was cut.
 */
void signature_search_window(struct signature_search *search, struct span window, uint64_t offset, bool last);

/* Emits what was found: of each product at most one package (EVIDENCE_EMBEDDED), in the order of the signature files.
 * LIMIT when the file was made to cost more than LIMIT_SIGNATURE_WORK, or what `emit` returned. */
int signature_search_end(struct signature_search *search, catalogue_emit_fn emit, void *context, struct err *err);

/* What the check of the examples tells about each failure; `reason` is a sentence without its full stop. */
typedef void (*signatures_test_report_fn)(void *context, const char *file, uint32_t line, struct span product,
                                          const char *reason);

/* Runs the examples of all products: in a positive one its own product is found with exactly that version, in a
 * negative one it is not found. `*ret_failures` counts what was reported. */
int signatures_test(const struct signatures *signatures, signatures_test_report_fn report, void *context,
                    size_t *ret_examples, size_t *ret_failures, struct err *err);

#endif
