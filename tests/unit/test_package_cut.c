/* A file of each kind that ends early: what stood before is kept, and an error says that there was more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "matchers/package/cataloguer.h"

#define ITEMS ((size_t)40)

/* A document of ITEMS packages n100 to n139, of the versions 1.100 to 1.139. */
struct kind {
    enum cataloguer_id id;
    const char *path;
    const char *head;
    const char *item;    /* '@' stands for the number */
    const char *between; /* what separates them: nothing behind the last */
    const char *tail;
    bool is_mute; /* a line that was cut is a shorter line, an entry that lost its last line a shorter entry */
};

static const struct kind kinds[] = {
    {CATALOGUER_APK, "lib/apk/db/installed", "", "P:n@\nV:1.@\nA:x86_64\n\n", "", "", true},
    {CATALOGUER_BEAM, "mix.lock", "%{\n", "  \"n@\": {:hex, :n@, \"1.@\", \"h\", [:mix], [], \"hexpm\", \"h\"},\n", "",
     "}\n", true},
    {CATALOGUER_BUN, "bun.lock", "{\"packages\":{", "\"n@\":[\"n@@1.@\",\"\",{},\"h\"]", ",", "}}", false},
    {CATALOGUER_CARGO_LOCK, "Cargo.lock", "version = 3\n", "[[package]]\nname = \"n@\"\nversion = \"1.@\"\n\n", "", "",
     true},
    {CATALOGUER_COMPOSER, "composer.lock", "{\"packages\":[", "{\"name\":\"v/n@\",\"version\":\"1.@\"}", ",", "]}",
     false},
    {CATALOGUER_CONAN, "conan.lock", "{\"requires\":[", "\"n@/1.@#h%1\"", ",", "]}", false},
    {CATALOGUER_DPKG, "var/lib/dpkg/status", "",
     "Package: n@\nStatus: install ok installed\nVersion: 1.@\nArchitecture: all\n\n", "", "", true},
    {CATALOGUER_GEMFILE_LOCK, "Gemfile.lock", "GEM\n  specs:\n", "    n@ (1.@)\n", "", "\nPLATFORMS\n  ruby\n", true},
    {CATALOGUER_GO_MOD, "go.mod", "require (\n", "\tn@ 1.@\n", "", ")\n", true},
    {CATALOGUER_GRADLE, "gradle.lockfile", "", "g:n@:1.@=a\n", "", "empty=\n", true},
    {CATALOGUER_GRADLE, "verification-metadata.xml", "<m><components>",
     "<component group=\"g\" name=\"n@\" version=\"1.@\"/>", "", "</components></m>", false},
    {CATALOGUER_GRADLE, "build.sbt.lock", "{\"dependencies\":[", "{\"org\":\"g\",\"name\":\"n@\",\"version\":\"1.@\"}",
     ",", "]}", false},
    {CATALOGUER_JSON, "renv.lock", "{\"Packages\":{",
     "\"n@\":{\"Package\":\"n@\",\"Version\":\"1.@\",\"Repository\":\"CRAN\"}", ",", "}}", false},
    {CATALOGUER_LINES, "cabal.project.freeze", "constraints: ", "any.n@ ==1.@", ",\n  ", "\n", true},
    {CATALOGUER_NPM_LOCK, "package-lock.json", "{\"packages\":{", "\"node_modules/n@\":{\"version\":\"1.@\"}", ",",
     "}}", false},
    {CATALOGUER_NPM_LOCK, "package-lock.json", "{\"dependencies\":{", "\"n@\":{\"version\":\"1.@\"}", ",", "}}", false},
    {CATALOGUER_NUGET, "packages.lock.json", "{\"version\":1,\"dependencies\":{\"net8.0\":{",
     "\"n@\":{\"type\":\"Direct\",\"resolved\":\"1.@\"}", ",", "}}}", false},
    {CATALOGUER_NUGET, "packages.config", "<packages>", "<package id=\"n@\" version=\"1.@\"/>", "", "</packages>",
     false},
    {CATALOGUER_PIPFILE, "Pipfile.lock", "{\"default\":{", "\"n@\":{\"version\":\"==1.@\"}", ",", "}}", false},
    {CATALOGUER_PNPM, "pnpm-lock.yaml", "lockfileVersion: '6.0'\npackages:\n",
     "  /n@@1.@:\n    engines: {node: '>=8'}\n", "", "", true},
    {CATALOGUER_POM, "pom.xml", "<project><dependencies>",
     "<dependency><groupId>g</groupId><artifactId>n@</artifactId><version>1.@</version></dependency>", "",
     "</dependencies></project>", false},
    {CATALOGUER_REQUIREMENTS, "requirements.txt", "", "n@==1.@\n", "", "", true},
    {CATALOGUER_SPDX, "a.spdx.json", "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[",
     "{\"name\":\"n@\",\"versionInfo\":\"1.@\"}", ",", "]}", false},
    {CATALOGUER_SPDX, "bom.json", "{\"bomFormat\":\"CycloneDX\",\"components\":[",
     "{\"type\":\"library\",\"name\":\"n@\",\"version\":\"1.@\"}", ",", "]}", false},
    {CATALOGUER_TOML, "poetry.lock", "", "[[package]]\nname = \"n@\"\nversion = \"1.@\"\n\n", "", "", true},
    {CATALOGUER_TOML, "gradle/libs.versions.toml", "[libraries]\n", "l@ = \"g:n@:1.@\"\n", "", "", true},
    {CATALOGUER_YAML, "pubspec.lock", "packages:\n", "  n@:\n    source: hosted\n    version: \"1.@\"\n", "", "", true},
    {CATALOGUER_YARN, "yarn.lock", "", "n@@^1.0:\n  version \"1.@\"\n\n", "", "", true},
};

static void add(struct buf *body, const char *text, size_t number) {
    for (; *text != 0; text++) {
        /* "@@": the sign itself, between a name's number and what follows */
        if (*text == '@')
            buf_format(body, "%zu", number);
        else
            buf_byte(body, (uint8_t)*text);
        if (text[0] == '@' && text[1] == '@') {
            buf_byte(body, '@');
            text++;
        }
    }
}

/* Fills the body; `ends[i]` is where the i-th package has ended. */
static void make(const struct kind *kind, struct buf *body, size_t ends[ITEMS]) {
    buf_reset(body);
    buf_text(body, kind->head);
    for (size_t i = 0; i < ITEMS; i++) {
        add(body, kind->item, 100 + i);
        ends[i] = body->size;
        if (i + 1 < ITEMS)
            buf_text(body, kind->between);
    }
    buf_text(body, kind->tail);
}

struct found {
    size_t count; /* of the first packages, in their order and right */
    bool has_wrong;
};

static int take(void *context, const struct package *package, struct err *err) {
    struct found *found = context;
    char name[16], version[16];
    (void)err;
    (void)snprintf(name, sizeof name, "n%zu", 100 + found->count);
    (void)snprintf(version, sizeof version, "1.%zu", 100 + found->count);
    if (package->evidence == EVIDENCE_CLUE)
        return 0;
    bool is_right = span_ends(package->name, name) && span_is(package->version, version);
    if (is_right)
        found->count++;
    else
        found->has_wrong = true;
    return 0;
}

static int parse(const struct kind *kind, struct span body, struct found *found) {
    struct arena scratch;
    struct err err = {0};
    const struct catalogue_input input = {.path = span_text(kind->path), .body = body};
    *found = (struct found){0};
    arena_init(&scratch, 0, 0);
    int result = catalogue_file(kind->id, &input, &scratch, take, found, &err);
    assert_true((result < 0) == (err.code != ERR_NONE));
    arena_release(&scratch);
    return result;
}

static void cut(void **state) {
    (void)state;
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        const struct kind *kind = &kinds[k];
        AUTO_BUF struct buf body;
        size_t ends[ITEMS];
        struct found found;
        buf_init(&body, 0);
        make(kind, &body, ends);
        if (parse(kind, buf_span(&body), &found) != 0 || found.count != ITEMS || found.has_wrong)
            fail_msg("%s: whole, %zu of %zu", kind->path, found.count, ITEMS);
        size_t whole = 0, told = 0, cuts = 0;
        for (size_t size = strlen(kind->head) + 1; size < body.size - strlen(kind->tail); size++) {
            while (whole < ITEMS && ends[whole] <= size)
                whole++;
            int result = parse(kind, span_slice(buf_span(&body), 0, size), &found);
            /* The one that is cut may be there, or a piece of it where nobody can tell. */
            if (found.count < whole || found.count > whole + 1)
                fail_msg("%s: cut at %zu, %zu of %zu", kind->path, size, found.count, whole);
            if (!kind->is_mute && (result == 0 && (whole == 0 || ends[whole - 1] != size)))
                fail_msg("%s: cut at %zu, and nothing is said", kind->path, size);
            cuts++;
            told += result != 0;
        }
        assert_true(kind->is_mute || told >= cuts - ITEMS);
    }
}

/* Bytes that are nothing in the middle: what stood before them is kept. */
static void corrupt(void **state) {
    (void)state;
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        const struct kind *kind = &kinds[k];
        AUTO_BUF struct buf body;
        size_t ends[ITEMS];
        struct found found;
        buf_init(&body, 0);
        make(kind, &body, ends);
        /* libyaml decodes a block of bytes before it says anything of them. */
        if (span_ends(span_text(kind->path), ".yaml") || kind->id == CATALOGUER_YAML)
            continue;
        memset(body.data + ends[ITEMS / 2], 0, 8);
        (void)parse(kind, buf_span(&body), &found);
        if (found.count < ITEMS / 2)
            fail_msg("%s: zeros at %zu, %zu of %zu", kind->path, ends[ITEMS / 2], found.count, ITEMS / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cut), cmocka_unit_test(corrupt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
