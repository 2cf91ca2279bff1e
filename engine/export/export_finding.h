/* What rows of vulnerabilities, secrets and misconfigurations have in common, for the formats that list findings. */
#ifndef TRAWL_EXPORT_FINDING_H
#define TRAWL_EXPORT_FINDING_H

#include "base/buf.h"
#include "base/model/severity.h"
#include "engine/export/export.h"
#include "engine/export/export_images.h"
#include "engine/export/json_out.h"

#define FINDING_KEY_SIZE 33 /* 32 hex digits and a NUL */

/* Texts borrow the row and the maker: valid until the next one is made. */
struct finding {
    const struct row_view *view;
    enum table table;
    enum severity severity;
    struct span id;    /* of the advisory or the rule */
    struct span title; /* one line */
    struct span description, remedy;
    struct span path, layer_digest;
    struct span purl, name, version, fixed_version; /* of a package; else empty */
    struct span suppressed_by, vex_status;
    uint64_t line, end_line;    /* 0: not known */
    double score;               /* CVSS, 0 where there is none */
    struct export_image *image; /* the first one that has it, or NULL */
    struct span target;         /* its reference, or what the row names as target; may be empty */
    uint64_t image_count;
    char key[FINDING_KEY_SIZE]; /* the same every night: no layer, no digest, no line in it */
};

struct finding_maker {
    struct export_images images;
    struct buf title, description, remedy, key;
};

void finding_maker_init(struct finding_maker *maker);
void finding_maker_release(struct finding_maker *maker);

/* True and a finding for a row of a table of findings; false for other tables. NOMEM shows as
 * finding_maker_failed(). */
bool finding_make(struct finding_maker *maker, const struct row_view *view, struct finding *ret_finding);
bool finding_maker_failed(const struct finding_maker *maker);

/* Whether somebody said that it does not count: by a rule of suppression or by a VEX document. */
bool finding_is_suppressed(const struct finding *finding);

/* What a format needs that writes one JSON document of findings. */
struct finding_document {
    struct finding_maker maker;
    struct json_out json;
    struct buf text; /* for composing */
    uint64_t count;
    bool is_begun;
};

struct finding_document *finding_document_new(struct err *err);
void finding_document_free(struct finding_document *document);
int finding_document_flush(struct finding_document *document, FILE *out, bool all, struct err *err);

/* Where one reads about an advisory. */
void finding_link_add(struct buf *buf, struct span id);

/* When the run began and ended, for formats that must say so: what the options know, else the first image's time. */
int64_t finding_run_start(const struct finding_maker *maker, const struct export_run *run);
int64_t finding_run_end(const struct finding_maker *maker, const struct export_run *run);

#endif
