/* The list of what GraalVM compiled into a native image: CycloneDX, packed with gzip, where the symbol "sbom" points to
 * and as long as the eight bytes at "sbom_length" say. Spec: GraalVM's "Software Bill of Materials". */
#include "base/limits.h"
#include "base/parse/program.h"
#include "base/parse/unpack.h"
#include "base/reader.h"
#include "matchers/package/cataloguers.h"
#include "matchers/package/sbom.h"

static const char *const paths[] = {NULL};

enum { SYMBOL_BYTES = 24 }; /* of ELF files of 64 bits, the only ones that GraalVM makes */

/* The address of a symbol, or 0. */
static uint64_t symbol_find(struct span symbols, struct span names, const char *name) {
    struct reader r = reader_init(symbols);
    while (reader_left(&r) >= SYMBOL_BYTES) {
        struct reader symbol = reader_init(read_bytes(&r, SYMBOL_BYTES));
        struct span text = span_slice(names, read_le32(&symbol), strlen(name) + 1);
        read_skip(&symbol, 4);
        if (text.size == strlen(name) + 1 && text.data[text.size - 1] == 0 && span_starts(text, name))
            return read_le64(&symbol);
    }
    return 0;
}

static int parse(struct catalogue *run, struct err *err) {
    static const char *const tables[][2] = {{".dynsym", ".dynstr"}, {".symtab", ".strtab"}};
    struct program program;
    if (!span_starts(run->body, "\177ELF\2\1") || !program_open(run->body, &program))
        return 0;
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        struct span names = program_section(&program, tables[i][1]);
        if (span_find(names, span_make("\0sbom_length", 13), 0) == SIZE_MAX)
            continue;
        struct span symbols = program_section(&program, tables[i][0]);
        struct reader length = reader_init(program_at(&program, symbol_find(symbols, names, "sbom_length")));
        struct span at = program_at(&program, symbol_find(symbols, names, "sbom"));
        uint64_t size = read_le64(&length);
        if (length.failed || size > at.size)
            return err_set(err, ERR_FORMAT, 0, "its symbols lead to no list");
        AUTO_BUF struct buf text;
        buf_init(&text, LIMIT_CATALOGUE_BYTES);
        if (unpack_bytes(span_slice(at, 0, (size_t)size), &text, err) < 0)
            return -1;
        run->body = buf_span(&text);
        int result = sbom_document_add(run, err);
        run->body = (struct span){NULL, 0};
        return result;
    }
    return 0;
}

const struct cataloguer cataloguer_native_image = {
    .name = "native-image", .type = PACKAGE_MAVEN, .paths = paths, .of_programs = true, .parse = parse};
