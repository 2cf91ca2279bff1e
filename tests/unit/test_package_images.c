/* Cataloguers of files that are not text: kernels, archives, Windows programs, models, databases, packed lists. The
 * files are made here, byte by byte, each with what is wrong with it. */
#include "base/limits.h"
#include "base/parse/unpack.h"
#include "tests/support/catalogue_case.h"
#include "tests/support/pack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(enum cataloguer_id id, const char *path, const struct buf *file, const char *expected) {
    assert_false(file->failed);
    assert_true(catalogue_bytes_run(id, path, buf_span(file), expected));
}

/* ---- packed files ---- */

static void test_unpack(void **state) {
    AUTO_BUF struct buf packed, out;
    struct err err = {0};
    (void)state;
    buf_init(&packed, 0);
    buf_init(&out, 5);
    pack_zstd(&packed, span_text("hello"), 0);
    assert_int_equal(unpack_bytes(buf_span(&packed), &out, &err), 0);
    assert_true(span_is(buf_span(&out), "hello"));
    buf_release(&out);
    buf_init(&out, 4);
    assert_int_equal(unpack_bytes(buf_span(&packed), &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_reset(&packed);
    pack_gzip(&packed, span_text("hello"), NULL);
    buf_release(&out);
    buf_init(&out, LIMIT_MIB);
    assert_int_equal(unpack_bytes(buf_span(&packed), &out, &err), 0);
    assert_true(span_is(buf_span(&out), "hello"));
    err = (struct err){0};
    buf_reset(&out);
    assert_int_equal(unpack_bytes(span_slice(buf_span(&packed), 0, 12), &out, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    err = (struct err){0};
    assert_int_equal(unpack_bytes(span_text("hello"), &out, &err), -1);
    assert_int_equal(err.code, ERR_FORMAT);
    assert_true(unpack_is_packed(span_text("\xfd"
                                           "7zXZ")));
    assert_false(unpack_is_packed(span_text("\xfd"
                                            "7z")));
}

static void test_chisel(void **state) {
    static const struct {
        const char *wall, *expected;
    } cases[] = {
        {"{\"jsonwall\":\"1.0\",\"count\":3}\n{\"kind\":\"path\",\"path\":\"/package\"}\n"
         "{\"kind\":\"package\",\"name\":\"libc6\",\"version\":\"2.39-0\",\"arch\":\"amd64\"}\n",
         "deb libc6 2.39-0 arch=amd64\n"},
        {"invalid\n", "! FORMAT jsonwall"},
        {"", "! FORMAT jsonwall"},
        {"{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a\",\"version\":\"1\"}\n{\"kind\":\"package\"\n",
         "deb a 1\n! FORMAT json"},
        {"{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a\"}\n", "! FORMAT no version"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf file;
        buf_init(&file, 0);
        pack_zstd(&file, span_text(cases[i].wall), 0);
        expect(CATALOGUER_CHISEL, "var/lib/chisel/manifest.wall", &file, cases[i].expected);
    }
    AUTO_BUF struct buf cut;
    buf_init(&cut, 0);
    pack_zstd(&cut, span_text(cases[0].wall), 0);
    cut.size -= 3; /* of the checksum */
    expect(CATALOGUER_CHISEL, "var/lib/chisel/manifest.wall", &cut, "! FORMAT packed data");
    assert_true(catalogue_bytes_run(CATALOGUER_CHISEL, "manifest.wall", span_text("{\"jsonwall\":\"1.0\"}"),
                                    "! FORMAT expected gzip"));
}

/* ---- ELF files ---- */

struct section {
    const char *name;
    const void *data;
    size_t size;
};

#define ELF_BASE ((uint64_t)0x400000)
enum { ELF_HEADER_BYTES = 64 };

/* Sections one behind the other from offset 64 on, each loaded at ELF_BASE and its offset. */
static void elf_make(const struct section *sections, size_t count, struct buf *out) {
    AUTO_BUF struct buf names;
    size_t body_size = 0;
    buf_init(&names, 0);
    buf_byte(&names, 0);
    for (size_t i = 0; i < count; i++)
        body_size += sections[i].size;
    for (size_t i = 0; i < count; i++)
        buf_add(&names, span_make(sections[i].name, strlen(sections[i].name) + 1));
    size_t names_at = ELF_HEADER_BYTES + body_size;
    buf_add(out, span_make("\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16));
    buf_fill(out, 0, 24);
    buf_le64(out, names_at + names.size);
    buf_fill(out, 0, 10);
    buf_le16(out, 64);
    buf_le16(out, (uint16_t)(count + 1));
    buf_le16(out, (uint16_t)count);
    for (size_t i = 0; i < count; i++)
        buf_add(out, span_make(sections[i].data, sections[i].size));
    buf_add(out, buf_span(&names));
    size_t at = ELF_HEADER_BYTES, name_at = 1;
    for (size_t i = 0; i <= count; i++) {
        bool is_names = i == count;
        buf_le32(out, is_names ? 0 : (uint32_t)name_at);
        buf_le32(out, is_names ? 3 : 1);
        buf_le64(out, 0);
        buf_le64(out, ELF_BASE + at);
        buf_le64(out, is_names ? names_at : at);
        buf_le64(out, is_names ? names.size : sections[i].size);
        buf_fill(out, 0, 24);
        at += is_names ? 0 : sections[i].size;
        name_at += is_names ? 0 : strlen(sections[i].name) + 1;
    }
}

static void test_kernel_module(void **state) {
    static const char named[] =
        "license=GPL\0version=0.4ac1\0description=a=b\0name=intel_oaktrail\0vermagic=6.5.0-45 SMP ";
    static const char unnamed[] = "license=GPL v2\0vermagic=6.1.0-13-amd64 SMP preempt";
    const struct section with_version = {".modinfo", named, sizeof named},
                         without = {".modinfo", unnamed, sizeof unnamed}, empty = {".modinfo", "x", 1};
    AUTO_BUF struct buf file, packed;
    (void)state;
    buf_init(&file, 0);
    buf_init(&packed, 0);
    elf_make(&with_version, 1, &file);
    expect(CATALOGUER_KERNEL, "lib/modules/6/a.ko", &file, "generic intel_oaktrail 0.4ac1 license=GPL\n");
    pack_zstd(&packed, buf_span(&file), 0);
    expect(CATALOGUER_KERNEL, "lib/modules/6/a.ko.zst", &packed, "generic intel_oaktrail 0.4ac1 license=GPL\n");
    packed.size /= 2;
    expect(CATALOGUER_KERNEL, "lib/modules/6/a.ko.zst", &packed, "! FORMAT packed data");
    buf_reset(&file);
    elf_make(&without, 1, &file);
    expect(CATALOGUER_KERNEL, "lib/modules/6/snd-x.ko", &file, "generic snd-x 6.1.0-13-amd64 license=GPL v2\n");
    buf_reset(&file);
    elf_make(&empty, 1, &file);
    expect(CATALOGUER_KERNEL, "lib/modules/6/a.ko", &file, "");
    file.size = 40;
    expect(CATALOGUER_KERNEL, "lib/modules/6/a.ko", &file, "! FORMAT expected an ELF");
}

static void test_kernel_image(void **state) {
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    buf_fill(&file, 0, 0x202);
    buf_text(&file, "HdrS");
    buf_fill(&file, 0, 8);
    buf_le16(&file, 0x100);
    buf_fill(&file, 0, 0x300 - file.size);
    buf_text(&file, "6.1.0-13-amd64 (d@debian.org) #1 SMP");
    buf_byte(&file, 0);
    expect(CATALOGUER_KERNEL, "boot/vmlinuz-6.1.0-13-amd64", &file, "generic linux-kernel 6.1.0-13-amd64\n");
    file.size = 0x300;
    expect(CATALOGUER_KERNEL, "boot/vmlinuz", &file, "");
    file.size = 0x20f;
    expect(CATALOGUER_KERNEL, "boot/vmlinuz", &file, "");
    buf_reset(&file);
    expect(CATALOGUER_KERNEL, "boot/vmlinuz", &file, "");
}

/* Symbols 1 "sbom" and 2 "sbom_length", the list, and its length. */
static void native_make(uint64_t length_more, uint64_t shift, struct buf *out) {
    static const char names[] = "\0sbom\0sbom_length";
    AUTO_BUF struct buf list, symbols, length;
    buf_init(&list, 0);
    buf_init(&symbols, 0);
    buf_init(&length, 0);
    pack_gzip(&list,
              span_text("{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":\"a\",\"version\":\"1\","
                        "\"purl\":\"pkg:maven/g/a@1\"}]}"),
              NULL);
    const uint64_t symbols_size = 48, list_at = ELF_HEADER_BYTES + symbols_size + sizeof names;
    const struct {
        uint32_t name;
        uint64_t at;
    } entries[] = {{1, list_at}, {6, list_at + list.size}};
    for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
        buf_le32(&symbols, entries[i].name);
        buf_le32(&symbols, 0);
        buf_le64(&symbols, ELF_BASE + entries[i].at + shift);
        buf_le64(&symbols, 0);
    }
    buf_le64(&length, list.size + length_more);
    const struct section sections[] = {{".dynsym", symbols.data, symbols.size},
                                       {".dynstr", names, sizeof names},
                                       {".list", list.data, list.size},
                                       {".length", length.data, length.size}};
    buf_reset(out);
    elf_make(sections, ARRAY_COUNT(sections), out);
}

static void test_native_image(void **state) {
    const struct section other = {".dynstr", "\0main", 6};
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    native_make(0, 0, &file);
    expect(CATALOGUER_NATIVE_IMAGE, "app", &file, "maven g:a 1 sbom\n");
    native_make(1000000, 0, &file);
    expect(CATALOGUER_NATIVE_IMAGE, "app", &file, "! FORMAT symbols");
    native_make(0, 1000000, &file);
    expect(CATALOGUER_NATIVE_IMAGE, "app", &file, "! FORMAT symbols");
    buf_reset(&file);
    elf_make(&other, 1, &file);
    expect(CATALOGUER_NATIVE_IMAGE, "app", &file, "");
    file.size = 20;
    expect(CATALOGUER_NATIVE_IMAGE, "app", &file, "");
}

/* ---- PE files ---- */

enum { PE_AT = 0x40, PE_OPTIONAL_BYTES = 224, PE_BODY_AT = 0x200, PE_RVA = 0x1000 };

/* A file of 32 bits with one section, loaded at PE_RVA, and one directory that points to its begin. */
static void pe_make(size_t directory, struct span body, struct buf *out) {
    buf_reset(out);
    buf_text(out, "MZ");
    buf_fill(out, 0, 0x3a);
    buf_le32(out, PE_AT);
    buf_add(out, span_make("PE\0\0\x4c\1\1\0", 8));
    buf_fill(out, 0, 12);
    buf_le16(out, PE_OPTIONAL_BYTES);
    buf_le16(out, 0x2000);
    buf_le16(out, 0x10b);
    buf_fill(out, 0, 26);
    buf_le32(out, 0x400000);
    buf_fill(out, 0, 60);
    buf_le32(out, 16);
    for (size_t i = 0; i < 16; i++) {
        buf_le32(out, i == directory ? PE_RVA : 0);
        buf_le32(out, i == directory ? (uint32_t)body.size : 0);
    }
    buf_text(out, ".text");
    buf_fill(out, 0, 3);
    buf_le32(out, (uint32_t)body.size);
    buf_le32(out, PE_RVA);
    buf_le32(out, (uint32_t)body.size);
    buf_le32(out, PE_BODY_AT);
    buf_fill(out, 0, PE_BODY_AT - out->size);
    buf_add(out, body);
}

/* The header of the CLR, then its metadata: one module, one assembly, `reference_count` references said to be there, of
 * which one is. */
static void clr_make(uint32_t reference_count, struct buf *out) {
    static const char texts[] = "\0Hello\0Newtonsoft.Json";
    const uint32_t tables_at = 16 + 4 + 4 + 12 + 20, tables_size = 36 + 10 + 22 + 20;
    buf_fill(out, 0, 8);
    buf_le32(out, PE_RVA + 16);
    buf_le32(out, 4096);
    buf_add(out, span_make("BSJB\1\0\1\0\0\0\0\0\4\0\0\0v4\0\0\0\0\2\0", 24));
    buf_le32(out, tables_at);
    buf_le32(out, tables_size);
    buf_add(out, span_make("#~\0\0", 4));
    buf_le32(out, tables_at + tables_size);
    buf_le32(out, sizeof texts);
    buf_add(out, span_make("#Strings\0\0\0\0", 12));
    assert_int_equal(out->size, 16 + tables_at);
    buf_add(out, span_make("\0\0\0\0\2\0\0\1", 8));
    buf_le64(out, (uint64_t)1 | (uint64_t)1 << 0x20 | (uint64_t)1 << 0x23);
    buf_le64(out, 0);
    buf_le32(out, 1);
    buf_le32(out, 1);
    buf_le32(out, reference_count);
    buf_fill(out, 0, 10);
    buf_le32(out, 0x8004);
    for (uint16_t i = 1; i <= 4; i++)
        buf_le16(out, i);
    buf_fill(out, 0, 6);
    buf_le16(out, 1);
    buf_le16(out, 0);
    for (uint16_t i = 13; i <= 16; i++)
        buf_le16(out, i);
    buf_fill(out, 0, 6);
    buf_le16(out, 7);
    buf_fill(out, 0, 4);
    buf_add(out, span_make(texts, sizeof texts));
}

static void test_assembly(void **state) {
    AUTO_BUF struct buf body, file;
    (void)state;
    buf_init(&body, 0);
    buf_init(&file, 0);
    clr_make(1, &body);
    pe_make(14, buf_span(&body), &file);
    expect(CATALOGUER_PE, "app/Hello.dll", &file,
           "generic Hello.dll 1.2.3.4\ngeneric Newtonsoft.Json.dll 13.14.15.16 declared\n");
    expect(CATALOGUER_PE, "usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Hello.dll", &file, "");
    buf_reset(&body);
    clr_make(0xffffffff, &body); /* more rows than the file has bytes: none of them is read */
    pe_make(14, buf_span(&body), &file);
    expect(CATALOGUER_PE, "app/Hello.dll", &file, "generic Hello.dll 1.2.3.4\n");
    for (size_t size = 0; size < PE_BODY_AT + 100; size += 7) {
        file.size = size;
        expect(CATALOGUER_PE, "app/Hello.dll", &file, "");
    }
}

static void add_wide(struct buf *out, const char *text) {
    for (; *text != 0; text++)
        buf_le16(out, (uint8_t)*text);
    buf_le16(out, 0);
    buf_fill(out, 0, (4 - out->size % 4) % 4);
}

/* Three folders of one entry each, the data's place, and a version resource. */
static void resource_make(uint32_t type, uint32_t folder_bit, struct buf *out) {
    for (uint32_t depth = 0; depth < 3; depth++) {
        buf_fill(out, 0, 14);
        buf_le16(out, 1);
        buf_le32(out, depth == 0 ? type : 1);
        buf_le32(out, (24 * (depth + 1)) | (depth < 2 ? folder_bit : 0));
    }
    buf_le32(out, PE_RVA + 88);
    buf_le32(out, 400);
    buf_fill(out, 0, 8);
    buf_fill(out, 0, 8);
    add_wide(out, "VS_VERSION_INFO");
    buf_le32(out, 0xfeef04bd);
    buf_le32(out, 0x10000);
    buf_le32(out, 0x00050001); /* 5.1.2600.7 */
    buf_le32(out, 0x0a280007);
    buf_fill(out, 0, 36);
    add_wide(out, "InternalName");
    add_wide(out, "hello.exe");
    buf_fill(out, 0, 400);
}

static void test_native(void **state) {
    AUTO_BUF struct buf body, file;
    (void)state;
    buf_init(&body, 0);
    buf_init(&file, 0);
    resource_make(16, 0x80000000, &body);
    pe_make(2, buf_span(&body), &file);
    expect(CATALOGUER_PE, "hello.exe", &file, "generic hello.exe 5.1.2600.7\n");
    buf_reset(&body);
    resource_make(3, 0x80000000, &body); /* icons only */
    pe_make(2, buf_span(&body), &file);
    expect(CATALOGUER_PE, "hello.exe", &file, "");
    buf_reset(&body);
    resource_make(16, 0, &body); /* data where a folder has to be */
    pe_make(2, buf_span(&body), &file);
    expect(CATALOGUER_PE, "hello.exe", &file, "");
    pe_make(5, buf_span(&body), &file);
    expect(CATALOGUER_PE, "hello.exe", &file, "");
}

/* ---- archives of distributions ---- */

static void ar_add(struct buf *out, const char *name, struct span body) {
    buf_format(out, "%-16s%-12d%-6d%-6d%-8d%-10zu`\n", name, 0, 0, 0, 100644, body.size);
    buf_add(out, body);
    buf_fill(out, '\n', body.size % 2);
}

static void tar_add(struct buf *out, const char *name, const char *size, struct span body) {
    size_t begin = out->size;
    buf_text(out, name);
    buf_fill(out, 0, 124 - strlen(name));
    buf_text(out, size);
    buf_fill(out, 0, begin + 512 - out->size);
    buf_add(out, body);
    buf_fill(out, 0, (512 - body.size % 512) % 512);
}

static void test_deb(void **state) {
    static const char control[] = "Package: a\nSource: s (1.9)\nVersion: 2:1.0-1\nArchitecture: all\n";
    AUTO_BUF struct buf tar, packed, file;
    char size[12];
    (void)state;
    buf_init(&tar, 0);
    buf_init(&packed, 0);
    buf_init(&file, 0);
    (void)snprintf(size, sizeof size, "%011zo", strlen(control));
    tar_add(&tar, "./", "0", span_text(""));
    tar_add(&tar, "./md5sums", "00000000003", span_text("abc"));
    tar_add(&tar, "./control", size, span_text(control));
    pack_zstd(&packed, buf_span(&tar), 0);
    buf_text(&file, "!<arch>\n");
    ar_add(&file, "debian-binary", span_text("2.0"));
    size_t head = file.size;
    ar_add(&file, "control.tar.zst", buf_span(&packed));
    expect(CATALOGUER_ARCHIVE, "tmp/a.deb", &file, "deb a 2:1.0-1 arch=all from=s(1.9) declared\n");
    file.size = head + 30;
    expect(CATALOGUER_ARCHIVE, "tmp/a.deb", &file, "! FORMAT control");
    file.size = head;
    ar_add(&file, "control.tar", buf_span(&tar));
    expect(CATALOGUER_ARCHIVE, "tmp/a.deb", &file, "deb a 2:1.0-1 arch=all from=s(1.9) declared\n");
    buf_reset(&tar);
    tar_add(&tar, "./control", "77777777777", span_text(control)); /* longer than the file */
    file.size = head;
    ar_add(&file, "control.tar", buf_span(&tar));
    expect(CATALOGUER_ARCHIVE, "tmp/a.deb", &file, "! FORMAT control");
    buf_reset(&file);
    buf_text(&file, "no archive");
    expect(CATALOGUER_ARCHIVE, "tmp/a.deb", &file, "");
}

static void rpm_header(struct buf *out, const char *const *texts, size_t count) {
    AUTO_BUF struct buf store;
    buf_init(&store, 0);
    buf_add(out, span_make("\x8e\xad\xe8\1\0\0\0\0", 8));
    size_t store_size = 0;
    for (size_t i = 0; i < count; i++)
        store_size += strlen(texts[i]) + 1;
    buf_be32(out, (uint32_t)count);
    buf_be32(out, (uint32_t)store_size);
    for (size_t i = 0; i < count; i++) {
        buf_be32(out, (uint32_t)(1000 + i));
        buf_be32(out, 6);
        buf_be32(out, (uint32_t)store.size);
        buf_be32(out, 1);
        buf_add(&store, span_make(texts[i], strlen(texts[i]) + 1));
    }
    buf_add(out, buf_span(&store));
}

static void test_rpm(void **state) {
    static const char *const signature[] = {"sig"};
    static const char *const main_header[] = {"trawl", "7", "2"};
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    buf_add(&file, span_make("\xed\xab\xee\xdb", 4));
    buf_fill(&file, 0, 92);
    rpm_header(&file, signature, ARRAY_COUNT(signature));
    buf_fill(&file, 0, (8 - (file.size - 96) % 8) % 8);
    size_t at = file.size;
    rpm_header(&file, main_header, ARRAY_COUNT(main_header));
    expect(CATALOGUER_ARCHIVE, "opt/a.rpm", &file, "rpm trawl 7-2 declared\n");
    file.size = at + 20;
    expect(CATALOGUER_ARCHIVE, "opt/a.rpm", &file, "! FORMAT damaged");
    file.size = at;
    expect(CATALOGUER_ARCHIVE, "opt/a.rpm", &file, "! FORMAT two headers");
    file.data[104] = 0xff; /* four thousand million signatures */
    expect(CATALOGUER_ARCHIVE, "opt/a.rpm", &file, "! FORMAT two headers");
}

/* ---- models ---- */

static void gguf_text(struct buf *out, const char *text) {
    buf_le64(out, strlen(text));
    buf_text(out, text);
}

static void test_gguf(void **state) {
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    buf_text(&file, "GGUF");
    buf_le32(&file, 3);
    buf_le64(&file, 0);
    buf_le64(&file, 1000000);
    static const char *const pairs[][2] = {{"general.architecture", "llama"},
                                           {"general.name", "Tiny"},
                                           {"general.version", "v0.1"},
                                           {"general.organization", "Org"},
                                           {"general.license", "mit"}};
    gguf_text(&file, "general.quantized");
    buf_le32(&file, 7);
    buf_byte(&file, 1);
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        gguf_text(&file, pairs[i][0]);
        buf_le32(&file, 8);
        gguf_text(&file, pairs[i][1]);
    }
    size_t end = file.size;
    expect(CATALOGUER_MODEL, "m/tiny.gguf", &file, "huggingface Org/Tiny v0.1 license=mit\n");
    buf_le64(&file, UINT64_MAX); /* a key of all there is */
    expect(CATALOGUER_MODEL, "m/tiny.gguf", &file, "huggingface Org/Tiny v0.1 license=mit\n");
    file.size = end - 60;
    expect(CATALOGUER_MODEL, "m/tiny.gguf", &file, "huggingface Tiny v0.1\n");
    file.size = 24;
    expect(CATALOGUER_MODEL, "m/tiny.gguf", &file, "huggingface tiny  declared\n");
    file.data[4] = 9;
    expect(CATALOGUER_MODEL, "m/tiny.gguf", &file, "! UNSUPPORTED version 9");
}

static void test_safetensors(void **state) {
    static const char head[] = "{\"__metadata__\":{\"modelspec.title\":\"T\",\"modelspec.version\":\"2\"},\"w\":{}}";
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    buf_le64(&file, strlen(head));
    buf_text(&file, head);
    buf_fill(&file, 7, 100);
    expect(CATALOGUER_MODEL, "m/w.safetensors", &file, "huggingface T 2\n");
    file.size = 20;
    expect(CATALOGUER_MODEL, "m/w.safetensors", &file, "! FORMAT expected a head");
    file.size = 4;
    expect(CATALOGUER_MODEL, "m/w.safetensors", &file, "! FORMAT expected a head");
}

/* ---- a database of Nix ---- */

enum { DB_PAGE_BYTES = 512 };

static void db_leaf(struct buf *page, size_t header_at, const struct buf *cell) {
    size_t cell_at = DB_PAGE_BYTES - cell->size;
    buf_byte(page, 13);
    buf_be16(page, 0);
    buf_be16(page, 1);
    buf_be16(page, (uint16_t)cell_at);
    buf_byte(page, 0);
    buf_be16(page, (uint16_t)cell_at);
    assert_int_equal(page->size % DB_PAGE_BYTES, header_at + 10);
    buf_fill(page, 0, cell_at - page->size % DB_PAGE_BYTES);
    buf_add(page, buf_span(cell));
}

static void db_make(const char *path, struct buf *out) {
    static const char sql[] = "CREATE TABLE ValidPaths (id integer primary key, path text)";
    AUTO_BUF struct buf cell;
    buf_init(&cell, 0);
    buf_add(out, span_make("SQLite format 3\0\2\0\1\1\0\x40\x20\x20\0\0\0\1\0\0\0\2", 32));
    buf_fill(out, 0, 12);
    buf_be32(out, 4);
    buf_fill(out, 0, 8);
    buf_be32(out, 1);
    buf_fill(out, 0, 40);
    buf_byte(&cell, (uint8_t)(7 + 5 + 10 + 10 + 1 + sizeof sql - 1));
    buf_byte(&cell, 1);
    buf_add(&cell, span_make("\7\x17\x21\x21\1\x81", 6));
    buf_byte(&cell, (uint8_t)(13 + 2 * (sizeof sql - 1) - 128));
    buf_text(&cell, "tableValidPathsValidPaths\2");
    buf_text(&cell, sql);
    db_leaf(out, 100, &cell);
    buf_reset(&cell);
    size_t type = 13 + 2 * strlen(path);
    assert_true(type >= 128 && strlen(path) < 120);
    buf_byte(&cell, (uint8_t)(4 + strlen(path)));
    buf_byte(&cell, 1);
    buf_add(&cell, span_make("\4\0", 2));
    buf_byte(&cell, (uint8_t)(0x80 | type >> 7));
    buf_byte(&cell, (uint8_t)(type & 127));
    buf_text(&cell, path);
    db_leaf(out, 0, &cell);
}

static void test_nix_db(void **state) {
    AUTO_BUF struct buf file;
    (void)state;
    buf_init(&file, 0);
    db_make("/nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-hello-2.12.1-long-name", &file);
    expect(CATALOGUER_NIX_DB, "nix/var/nix/db/db.sqlite", &file, "nix hello 2.12.1-long-name\n");
    file.size = DB_PAGE_BYTES;
    expect(CATALOGUER_NIX_DB, "nix/var/nix/db/db.sqlite", &file, "! FORMAT page");
    file.size = 50;
    expect(CATALOGUER_NIX_DB, "nix/var/nix/db/db.sqlite", &file, "! FORMAT ");
    buf_reset(&file);
    db_make("/gnu/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-sed-4.8-and-more-of-a-name", &file);
    expect(CATALOGUER_NIX_DB, "var/guix/db/db.sqlite", &file, "guix sed 4.8-and-more-of-a-name\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpack),       cmocka_unit_test(test_chisel),       cmocka_unit_test(test_kernel_module),
        cmocka_unit_test(test_kernel_image), cmocka_unit_test(test_native_image), cmocka_unit_test(test_assembly),
        cmocka_unit_test(test_native),       cmocka_unit_test(test_deb),          cmocka_unit_test(test_rpm),
        cmocka_unit_test(test_gguf),         cmocka_unit_test(test_safetensors),  cmocka_unit_test(test_nix_db),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
