#include "base/parse/program.h"

#include "base/overflow.h"
#include "base/reader.h"

enum { ELF_SECTION_NOBITS = 8, ELF_SEGMENT_LOAD = 1, MACHO_SEGMENT_64 = 0x19 };

/* ELF's integers depend on two bytes of its header. */
struct elf {
    bool wide, big_endian;
};

static uint64_t elf_u(struct elf elf, struct reader *r, size_t size) { return reader_integer(r, size, elf.big_endian); }
static uint64_t elf_word(struct elf elf, struct reader *r) { return elf_u(elf, r, elf.wide ? 8 : 4); }

enum program_format program_format_of(struct span head) {
    if (span_starts(head, "\177ELF"))
        return PROGRAM_ELF;
    if (span_starts(head, "\xcf\xfa\xed\xfe"))
        return PROGRAM_MACHO;
    return span_starts(head, "MZ") ? PROGRAM_PE : PROGRAM_NONE;
}

static void part_add(struct program *program, struct span name, uint64_t address, uint64_t offset, uint64_t size) {
    if (program->part_count == PROGRAM_PARTS_MAX)
        return;
    struct program_part *part = &program->parts[program->part_count++];
    *part = (struct program_part){.address = address, .offset = offset, .size = size};
    size_t length = size_min(span_index(name, 0, 0), size_min(name.size, sizeof part->name - 1));
    if (length > 0)
        memcpy(part->name, name.data, length);
}

/* A table of `count` entries of `entry_size` bytes; empty where it does not lie in the file. */
static struct reader table_at(const struct program *program, uint64_t offset, uint64_t count, uint64_t entry_size) {
    struct reader r = reader_init(program->bytes);
    uint64_t size;
    if (!u64_mul(count, entry_size, &size))
        size = SIZE_MAX;
    read_seek(&r, (size_t)u64_min(offset, SIZE_MAX));
    struct span table = read_bytes(&r, (size_t)u64_min(size, SIZE_MAX));
    return reader_init(table);
}

struct elf_section {
    uint64_t name, type, address, offset, size;
};

static struct elf_section elf_section_read(struct elf elf, struct span entry) {
    struct reader r = reader_init(entry);
    struct elf_section section = {.name = elf_u(elf, &r, 4), .type = elf_u(elf, &r, 4)};
    (void)elf_word(elf, &r); /* flags */
    section.address = elf_word(elf, &r);
    section.offset = elf_word(elf, &r);
    section.size = elf_word(elf, &r);
    return section;
}

static void elf_segments(struct program *program, struct elf elf, struct reader table, size_t entry_size) {
    while (entry_size > 0 && reader_left(&table) >= entry_size) {
        struct reader r = reader_init(read_bytes(&table, entry_size));
        uint64_t type = elf_u(elf, &r, 4);
        if (elf.wide)
            read_skip(&r, 4); /* flags, which narrow files have at the end */
        uint64_t offset = elf_word(elf, &r), address = elf_word(elf, &r);
        (void)elf_word(elf, &r);
        uint64_t size = elf_word(elf, &r);
        if (!r.failed && type == ELF_SEGMENT_LOAD)
            part_add(program, (struct span){NULL, 0}, address, offset, size);
    }
}

static bool elf_open(struct program *program) {
    struct reader r = reader_init(program->bytes);
    read_skip(&r, 4);
    struct elf elf = {.wide = read_u8(&r) == 2};
    elf.big_endian = read_u8(&r) == 2;
    read_seek(&r, 24);
    (void)elf_word(elf, &r); /* entry */
    uint64_t segments = elf_word(elf, &r), sections = elf_word(elf, &r);
    read_skip(&r, 6);
    size_t segment_size = (size_t)elf_u(elf, &r, 2), segment_count = (size_t)elf_u(elf, &r, 2);
    size_t section_size = (size_t)elf_u(elf, &r, 2), section_count = (size_t)elf_u(elf, &r, 2);
    size_t names_index = (size_t)elf_u(elf, &r, 2);
    if (r.failed)
        return false;
    elf_segments(program, elf, table_at(program, segments, segment_count, segment_size), segment_size);
    struct reader table = table_at(program, sections, section_count, section_size);
    struct elf_section names = elf_section_read(elf, span_slice(table.bytes, names_index * section_size, section_size));
    struct reader texts = table_at(program, names.offset, names.size, 1);
    while (section_size > 0 && reader_left(&table) >= section_size) {
        struct elf_section section = elf_section_read(elf, read_bytes(&table, section_size));
        if (section.type == ELF_SECTION_NOBITS || section.type == 0)
            continue;
        program->has_sections = true;
        part_add(program, span_slice(texts.bytes, (size_t)section.name, sizeof program->parts[0].name), section.address,
                 section.offset, section.size);
    }
    return true;
}

static bool pe_open(struct program *program) {
    struct reader r = reader_init(program->bytes);
    read_seek(&r, 0x3c);
    read_seek(&r, read_le32(&r));
    struct span magic = read_bytes(&r, 4);
    read_skip(&r, 2);
    size_t section_count = read_le16(&r);
    read_skip(&r, 12);
    size_t optional_size = read_le16(&r);
    read_skip(&r, 2);
    struct reader optional = reader_init(read_bytes(&r, optional_size));
    bool wide = read_le16(&optional) == 0x20b;
    read_skip(&optional, wide ? 22 : 26);
    uint64_t base = wide ? read_le64(&optional) : read_le32(&optional);
    if (r.failed || optional.failed || !span_equal(magic, span_make("PE\0", 4)))
        return false;
    for (size_t i = 0; i < section_count; i++) {
        struct span name = read_bytes(&r, 8);
        read_skip(&r, 4);
        uint64_t address = base + read_le32(&r), size = read_le32(&r), offset = read_le32(&r);
        read_skip(&r, 16);
        if (r.failed)
            break;
        program->has_sections = true;
        part_add(program, name, address, offset, size);
    }
    return true;
}

static void macho_segment(struct program *program, struct span command) {
    struct reader r = reader_init(command);
    read_seek(&r, 64);
    size_t count = read_le32(&r);
    read_skip(&r, 4);
    while (count-- > 0) {
        struct span name = read_bytes(&r, 16);
        read_skip(&r, 16);
        uint64_t address = read_le64(&r), size = read_le64(&r), offset = read_le32(&r);
        read_skip(&r, 28);
        if (r.failed)
            return;
        program->has_sections = true;
        part_add(program, name, address, offset, size);
    }
}

static bool macho_open(struct program *program) {
    struct reader r = reader_init(program->bytes);
    read_seek(&r, 16);
    size_t count = read_le32(&r);
    read_seek(&r, 32);
    while (count-- > 0 && reader_left(&r) > 0) {
        size_t begin = r.offset;
        uint32_t kind = read_le32(&r);
        size_t size = read_le32(&r);
        read_seek(&r, begin);
        struct span command = read_bytes(&r, size);
        if (r.failed || size < 8)
            return program->part_count > 0;
        if (kind == MACHO_SEGMENT_64)
            macho_segment(program, command);
    }
    return true;
}

bool program_open(struct span bytes, struct program *ret_program) {
    *ret_program = (struct program){.bytes = bytes, .format = program_format_of(bytes)};
    switch (ret_program->format) {
    case PROGRAM_ELF:
        return elf_open(ret_program);
    case PROGRAM_PE:
        return pe_open(ret_program);
    case PROGRAM_MACHO:
        return macho_open(ret_program);
    case PROGRAM_NONE:
        break;
    }
    return false;
}

static struct span part_bytes(const struct program *program, const struct program_part *part) {
    return span_slice(program->bytes, (size_t)u64_min(part->offset, SIZE_MAX), (size_t)u64_min(part->size, SIZE_MAX));
}

struct span program_section(const struct program *program, const char *name) {
    for (size_t i = 0; i < program->part_count; i++) {
        if (program->parts[i].name[0] != 0 && strcmp(program->parts[i].name, name) == 0)
            return part_bytes(program, &program->parts[i]);
    }
    return (struct span){NULL, 0};
}

struct span program_at(const struct program *program, uint64_t address) {
    for (size_t i = 0; i < program->part_count; i++) {
        const struct program_part *part = &program->parts[i];
        if (part->address != 0 && address >= part->address && address - part->address < part->size)
            return span_from(part_bytes(program, part), (size_t)(address - part->address));
    }
    return (struct span){NULL, 0};
}
