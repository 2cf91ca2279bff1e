#include "tests/support/layer_fixture.h"

#include <stdlib.h>

static struct digest digest_made(uint8_t first, enum digest_algorithm algorithm) {
    struct digest digest = {.algorithm = algorithm};
    for (size_t i = 0; i < digest_size(algorithm); i++)
        digest.bytes[i] = (uint8_t)(first + i);
    return digest;
}

/* All texts are literals: they outlive whatever copies them. */
static bool lists_fill(struct layer_result *result) {
    struct package package = {.type = PACKAGE_DEB,
                              .evidence = (enum package_evidence)(EVIDENCE_COUNT - 1),
                              .name = span_text("openssl"),
                              .version = span_text("3.0.9-1"),
                              .architecture = span_text("amd64"),
                              .source_name = span_text("openssl-src"),
                              .source_version = span_text("3.0.9"),
                              .licenses = span_text("Apache-2.0\nMIT"),
                              .path = span_text("var/lib/dpkg/status")};
    struct layer_secret secret = {.path = span_text("srv/config.ini"),
                                  .line = 3,
                                  .column = 9,
                                  .byte_offset = 70,
                                  .byte_length = 40,
                                  .rule = span_text("made-up-rule"),
                                  .provider = span_text("nobody"),
                                  .severity = (enum severity)(SEVERITY_COUNT - 1),
                                  .confidence = 0.75,
                                  .validated = span_text("checksum"),
                                  .redacted = span_text("abc…xyz"),
                                  .fingerprint = span_text("0123456789abcdef"),
                                  .encoding = span_text("plain"),
                                  .evidence = span_text("a keyword stands beside it")};
    struct layer_error error = {.stage = STAGE_PACKAGE,
                                .path = span_text("var/lib/rpm/Packages"),
                                .has_offset = true,
                                .byte_offset = 512,
                                .code = ERR_FORMAT,
                                .message = span_text("rpm: it is damaged")};
    struct layer_link link = {span_text("lib"), span_text("usr/lib"), true};
    struct layer_release release = {.path = span_text("etc/os-release"),
                                    .distro = {.id = span_text("debian"),
                                               .id_like = span_text("linux"),
                                               .version_id = span_text("12"),
                                               .version_codename = span_text("bookworm"),
                                               .pretty_name = span_text("Debian GNU/Linux 12")}};
    struct layer_owner owner = {.path = span_text("var/lib/dpkg/info/openssl.list"),
                                .type = PACKAGE_DEB,
                                .name = span_text("openssl"),
                                .architecture = span_text("amd64"),
                                .foreign = true,
                                .first = 1,
                                .count = 2};
    bool ok = vec_push(&result->owners, owner) && vec_push(&result->packages, package) &&
              vec_push(&result->secrets, secret) && vec_push(&result->errors, error) &&
              vec_push(&result->links, link) && vec_push(&result->releases, release);
    package.name = span_text("zlib1g");
    package.licenses = span_text("");
    secret.byte_offset = 200;
    error.has_offset = false;
    link.path = span_text("usr/lib64");
    link.is_hard = false;
    return ok && vec_push(&result->packages, package) && vec_push(&result->secrets, secret) &&
           vec_push(&result->errors, error) && vec_push(&result->links, link);
}

struct layer_result *support_layer(void) {
    struct digest digest = digest_made(1, DIGEST_SHA256);
    struct layer_result *result = layer_result_new(&digest);
    bool ok = result != NULL && lists_fill(result);
    for (uint64_t i = 0; ok && i < 5; i++)
        ok = vec_push(&result->paths, i << 40 | i) && vec_push(&result->owned, 300 + 2 * i) &&
             vec_push(&result->whiteouts, 100 + 2 * i) && vec_push(&result->opaques, 200 + 2 * i);
    if (!ok)
        abort();
    result->diff_id = digest_made(7, DIGEST_SHA512);
    result->media_type = span_text("application/vnd.oci.image.layer.v1.tar+zstd");
    result->compressed_bytes = 1000;
    result->unpacked_bytes = 5000;
    result->file_count = 11;
    result->body_count = 9;
    result->body_seen_count = 2;
    result->scan_ms = 17;
    result->status = SCAN_PARTIAL;
    layer_result_seal(result);
    return result;
}
