/* Go programs: the linker leaves the list of modules and the toolchain's version in each. Since Go 1.18 the texts stand
 * right behind the mark; before, two pointers lead to Go's string headers.
 * Spec: debug/buildinfo and cmd/go/internal/modload of Go's sources ("go version -m"). */
#include "base/limits.h"
#include "base/parse/program.h"
#include "base/reader.h"
#include "base/text.h"
#include "matchers/package/cataloguers.h"

static const char *const paths[] = {NULL}; /* told by its first bytes */

#define MARK "\xff Go buildinf:"
enum { MARK_ALIGN = 16, FLAG_BIG_ENDIAN = 1, FLAG_INLINE = 2, HEADER_BYTES = 32, FRAME_BYTES = 16 };

/* The mark and what follows it; empty where the program is not Go's. */
static struct span mark_find(const struct program *program) {
    struct span part = program_section(program, ".go.buildinfo");
    if (part.size == 0)
        part = program_section(program, "__go_buildinfo");
    if (part.size == 0 && program->format == PROGRAM_PE)
        part = program_section(program, ".data");
    /* Without sections all of the file has to be looked through: rare, and the price of one search. */
    if (part.size == 0 && !program->has_sections)
        part = program->bytes;
    for (size_t at = 0; (at = span_find(part, span_text(MARK), at)) != SIZE_MAX; at++) {
        if (at % MARK_ALIGN == 0)
            /* The texts may reach beyond the section's end. */
            return span_from(program->bytes, (size_t)(part.data - program->bytes.data) + at);
    }
    return (struct span){NULL, 0};
}

/* A length of seven bits a byte, and as many bytes. */
static struct span text_inline(struct reader *r) {
    uint64_t size = 0;
    for (unsigned shift = 0; shift < 63; shift += 7) {
        uint8_t byte = read_u8(r);
        size |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return read_bytes(r, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
}

/* What the pointer to a string header leads to. */
static struct span text_pointed(const struct program *program, uint64_t address, size_t word, bool big_endian) {
    struct reader r = reader_init(program_at(program, address));
    uint64_t data = reader_integer(&r, word, big_endian), size = reader_integer(&r, word, big_endian);
    struct span bytes = program_at(program, data);
    return r.failed || size > bytes.size ? (struct span){NULL, 0} : span_slice(bytes, 0, (size_t)size);
}

static bool texts_read(const struct program *program, struct span info, struct span *ret_version,
                       struct span *ret_modules) {
    struct reader r = reader_init(info);
    read_skip(&r, sizeof MARK - 1);
    size_t word = read_u8(&r);
    uint8_t flags = read_u8(&r);
    if ((flags & FLAG_INLINE) != 0) {
        read_seek(&r, HEADER_BYTES);
        *ret_version = text_inline(&r);
        *ret_modules = text_inline(&r);
        return !r.failed;
    }
    if (word != 4 && word != 8)
        return false;
    bool big_endian = (flags & FLAG_BIG_ENDIAN) != 0;
    uint64_t version = reader_integer(&r, word, big_endian), modules = reader_integer(&r, word, big_endian);
    *ret_version = text_pointed(program, version, word, big_endian);
    *ret_modules = text_pointed(program, modules, word, big_endian);
    return !r.failed && ret_version->size > 0;
}

static int add_module(struct catalogue *run, struct span name, struct span version, struct err *err) {
    const struct package package = {
        .type = PACKAGE_GOLANG, .evidence = EVIDENCE_EMBEDDED, .name = name, .version = version};
    return name.size == 0 || version.size == 0 ? 0 : catalogue_add(run, package, err);
}

/* "go1.22.1 X:loopvar" → 1.22.1; a toolchain between two releases has no version to compare. */
static int add_library(struct catalogue *run, struct span version, struct err *err) {
    if (!span_starts(version, "go"))
        return 0;
    version = span_from(version, 2);
    return add_module(run, span_text("stdlib"), text_cut(&version, ' '), err);
}

/* Lines of words with tabs between: "mod" is the program's own module, "dep" one it uses, "=>" what the one before was
 * replaced by. A folder that replaces has no version: then the name that it stands for is all that is known. */
static int modules_parse(struct catalogue *run, struct span text, struct err *err) {
    struct reader r = reader_init(text);
    struct span line, name = {NULL, 0}, version = {NULL, 0};
    while (read_line(&r, &line)) {
        struct span kind = text_cut(&line, '\t');
        bool replaces = span_is(kind, "=>");
        if (!replaces && !span_is(kind, "mod") && !span_is(kind, "dep"))
            continue;
        struct span new_name = text_cut(&line, '\t'), new_version = text_cut(&line, '\t');
        if (replaces && (new_version.size == 0 || span_starts(new_name, ".") || span_starts(new_name, "/")))
            continue;
        if (!replaces && add_module(run, name, version, err) < 0)
            return -1;
        name = new_name;
        version = new_version;
    }
    return add_module(run, name, version, err);
}

static int parse(struct catalogue *run, struct err *err) {
    struct program program;
    struct span version = {NULL, 0}, modules = {NULL, 0};
    if (!program_open(run->body, &program))
        return 0;
    struct span info = mark_find(&program);
    if (info.size == 0)
        return 0;
    if (!texts_read(&program, info, &version, &modules)) {
        catalogue_fault(run, ERR_FORMAT, "the build information of a Go program leads nowhere");
        return 0;
    }
    if (add_library(run, version, err) < 0)
        return -1;
    /* Two marks of sixteen bytes frame the list. */
    if (modules.size <= 2 * FRAME_BYTES || modules.data[modules.size - FRAME_BYTES - 1] != '\n')
        return 0; /* built outside of a module */
    return modules_parse(run, span_slice(modules, FRAME_BYTES, modules.size - 2 * FRAME_BYTES), err);
}

const struct cataloguer cataloguer_go_binary = {
    .name = "go-binary", .type = PACKAGE_GOLANG, .paths = paths, .of_programs = true, .parse = parse};
