/* The Linux kernel: the image that boots, by the version in its setup header, and modules, by what ".modinfo" says.
 * Spec: "The Linux/x86 Boot Protocol" (kernel_version); include/linux/moduleinfo.h and modinfo(8). */
#include "base/limits.h"
#include "base/parse/program.h"
#include "base/parse/unpack.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {
    "**/lib/modules/**/*.ko",     "**/lib/modules/**/*.ko.gz", "**/lib/modules/**/*.ko.xz",
    "**/lib/modules/**/*.ko.zst", "**/lib/modules/*/vmlinuz",  "**/boot/vmlinuz*",
    "**/boot/bzImage*",           "**/boot/kernel*",           NULL,
};

enum { SETUP_MAGIC_AT = 0x202, SETUP_VERSION_AT = 0x20e, SETUP_BYTES = 0x200 };

/* "6.1.0-13-amd64 (user@host) #1 SMP …": the release up to the space. */
static int add_image(struct catalogue *run, struct err *err) {
    struct reader r = reader_init(run->body);
    read_seek(&r, SETUP_MAGIC_AT);
    bool is_kernel = span_is(read_bytes(&r, 4), "HdrS");
    read_seek(&r, SETUP_VERSION_AT);
    size_t at = (size_t)read_le16(&r) + SETUP_BYTES;
    struct span text = span_slice(run->body, at, LIMIT_FIELD_BYTES);
    text = text_cut(&text, 0);
    struct span release = text_cut(&text, ' ');
    if (!is_kernel || r.failed || release.size == 0 || !text_is_digit(release.data[0]))
        return 0;
    return catalogue_add_installed(run, PACKAGE_GENERIC, span_text("linux-kernel"), release, err);
}

/* "key=value" texts, each with its NUL. A module without a version of its own has that of the kernel it was built
 * for, which "vermagic" begins with. */
static int add_module(struct catalogue *run, struct span bytes, struct err *err) {
    struct program program;
    if (!program_open(bytes, &program) || program.format != PROGRAM_ELF)
        return err_set(err, ERR_FORMAT, 0, "a kernel module: expected an ELF file");
    struct package package = {.type = PACKAGE_GENERIC, .evidence = EVIDENCE_INSTALLED};
    struct span info = program_section(&program, ".modinfo"), kernel = {NULL, 0};
    while (info.size > 0) {
        struct span value = text_cut(&info, 0);
        struct span key = text_cut(&value, '=');
        if (span_is(key, "name"))
            package.name = value;
        else if (span_is(key, "version"))
            package.version = value;
        else if (span_is(key, "license"))
            package.licenses = value;
        else if (span_is(key, "vermagic"))
            kernel = text_cut(&value, ' ');
    }
    if (package.name.size == 0) { /* older ones have their file's */
        struct span file = catalogue_basename(run->path);
        package.name = span_slice(file, 0, span_find(file, span_text(".ko"), 0));
    }
    if (package.version.size == 0)
        package.version = kernel;
    return package.version.size == 0 ? 0 : catalogue_add(run, package, err);
}

static int parse(struct catalogue *run, struct err *err) {
    if (span_find(run->path, span_text(".ko"), 0) == SIZE_MAX)
        return add_image(run, err);
    if (!unpack_is_packed(run->body))
        return add_module(run, run->body, err);
    AUTO_BUF struct buf module;
    buf_init(&module, LIMIT_CATALOGUE_BYTES);
    if (unpack_bytes(run->body, &module, err) < 0)
        return -1;
    return add_module(run, buf_span(&module), err);
}

const struct cataloguer cataloguer_kernel = {.name = "kernel", .type = PACKAGE_GENERIC, .paths = paths, .parse = parse};
