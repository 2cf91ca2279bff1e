/* Programs and libraries as a linker leaves them: ELF, PE and Mach-O (64 bits). Only what is needed to find data that a
 * toolchain put there: sections by name, and what stands at an address.
 * Spec: System V ABI, "PE Format" of Microsoft's documentation, mach-o/loader.h. */
#ifndef TRAWL_PROGRAM_H
#define TRAWL_PROGRAM_H

#include "base/span.h"

enum program_format { PROGRAM_NONE, PROGRAM_ELF, PROGRAM_PE, PROGRAM_MACHO };

/* A run of bytes of the file that is loaded at an address. */
struct program_part {
    char name[20]; /* cut to fit: nobody looks for longer ones; empty for ELF's segments */
    uint64_t address;
    uint64_t offset, size; /* in the file */
};

#define PROGRAM_PARTS_MAX 96 /* sections and segments that are remembered; Go's linker makes some 30 */

struct program {
    struct span bytes;
    enum program_format format;
    bool has_sections; /* a stripped ELF file may have none */
    struct program_part parts[PROGRAM_PARTS_MAX];
    size_t part_count;
};

/* By the first four bytes alone. */
enum program_format program_format_of(struct span head);

/* Reads the tables. Borrows `bytes`. False where they are no such program, or its tables are damaged. */
bool program_open(struct span bytes, struct program *ret_program);

/* The section's bytes, as far as the file goes; empty where there is none. */
struct span program_section(const struct program *program, const char *name);

/* The bytes from that address to the end of its part; empty where nothing is loaded there. */
struct span program_at(const struct program *program, uint64_t address);

#endif
