/* Cataloguers of kinds that a path tells, and of documents that their contents tell. */
#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STORE "nix/store/q5dhwzcn82by5ndc7g0q83wsnn13qkqw-"

static const struct catalogue_case paths[] = {
    {"Nix", STORE "hello-2.12.1/bin/hello", "", "nix hello 2.12.1\n"},
    {"Nix, an output", STORE "glibc-2.34-210-bin/lib/x.so", "", "nix glibc 2.34-210\n"},
    {"Nix, a checkout", STORE "webdav-server-rs-unstable-2021-08-16/foo", "",
     "nix webdav-server-rs unstable-2021-08-16\n"},
    {"Nix, a digit in the name", STORE "gtk4-demo-4.1/x", "", "nix gtk4-demo 4.1\n"},
    {"Nix, no version", STORE "source/x", "", ""},
    {"Nix, a file of its own", STORE "fix-1.0", "", ""},
    {"Nix, a recipe", STORE "glibc-2.34.drv/x", "", ""},
    {"Nix, letters that no hash has", "nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-a-1/x", "", ""},
    {"Nix, a hash cut short", "nix/store/q5dhwz-a-1/x", "", ""},
    {"Guix", "gnu/store/0zx4k5jahagn4ygz9bk3bz7pazkrgnyd-sed-4.8/bin/sed", "", "guix sed 4.8\n"},
    {"MacPorts", "opt/local/var/macports/registry/portfiles/urw-fonts-1.0.7pre44_0/07-1/Portfile", "",
     "macports urw-fonts 1.0.7pre44\n"},
    {"Homebrew", "opt/homebrew/Cellar/a/1.0/INSTALL_RECEIPT.json", "", "brew a 1.0\n"},
    {"Homebrew, its formula", "opt/homebrew/Cellar/a/1.0_2/.brew/a.rb", "", "brew a 1.0_2\n"},
    {"Homebrew, a cask", "opt/homebrew/Caskroom/firefox/.metadata/129.0/20240101000000.000/Casks/firefox.json", "",
     "brew firefox 129.0\n"},
    {"Homebrew, a cask's program", "usr/local/Caskroom/x/2.0/x.wrapper.sh", "", "brew x 2.0\n"},
    {"MacPorts, no version", "opt/local/var/macports/registry/portfiles/x/07-1/Portfile", "", ""},
    {"Slackware", "var/log/packages/aaa_glibc-solibs-2.33-x86_64-4_slack15.0", "",
     "generic aaa_glibc-solibs 2.33-4_slack15.0 arch=x86_64\n"},
    {"Slackware, too few parts", "var/log/packages/a-1-x", "", ""},
    {"Slackware, empty parts", "var/lib/pkgtools/packages/---", "", ""},
};

static const struct catalogue_case lines[] = {
    {"LuaRocks, joined names", "a-1-1.rockspec",
     "local v, w = 1\nlocal n = \"a\"\nlocal rev = '2'\npackage = n\nversion = \"1.0\" .. \"-\"..rev\n",
     "luarocks a 1.0-2\n"},
    {"LuaRocks, the file's name", "x/lua-resty-jwt-0.2.3-0.rockspec", "version = f(x)\n",
     "luarocks lua-resty-jwt 0.2.3-0\n"},
    {"LuaRocks, neither", "x.rockspec", "version = \"1\"\n", ""},
    {"vendored modules, odd lines", "vendor/modules.txt",
     "# e.x/a => e.x/b v1.2\ne.x/b\n# e.x/c/v2 v1.0\ne.x/c/v2\n# e.x/d v1 => not a path\ne.x/d\n# e.x/e nope\ne.x/e\n"
     "# e.x/f v2.0.0+incompatible\ne.x/f\n",
     "golang e.x/b v1.2 declared\ngolang e.x/f v2.0.0+incompatible declared\n"},
    {"a tap of Homebrew", "opt/homebrew/Library/Taps/o/t/Formula/bar.rb", "class Bar\n  version \"4.5.6\"\nend\n",
     "brew bar 4.5.6 declared\n"},
    {"a tap without a version", "opt/homebrew/Library/Taps/o/t/Formula/bar.rb", "version :latest\n", ""},
    {"Perl's log", "usr/lib/perl/5.36/perllocal.pod",
     "=head2 Mon: C<Module> L<Foo::Bar|Foo::Bar>\n\n=item *\n\nC<VERSION: 1.02>\n\n=head2 Tue: C<Module> L<Baz|Baz>\n",
     "cpan Foo-Bar 1.02\n"},
    {"Perl's log, cut off", "perllocal.pod", "C<VERSION: 1\nC<Module> L<A", ""},
    {"Carton", "cpanfile.snapshot",
     "# carton snapshot format: version 1.0\nDISTRIBUTIONS\n  Foo-Bar-v1.2.3\n    pathname: F/FO/FOO/Foo-Bar-v1.2.3.tar.gz\n"
     "  Baz-0.1-TRIAL\n",
     "cpan Foo-Bar v1.2.3 declared\ncpan Baz 0.1-TRIAL declared\n"},
    {"WordPress", "w/wp-includes/version.php", "<?php\n$wp_version = '6.4.2';\n", "generic wordpress 6.4.2\n"},
    {"a theme", "w/wp-content/themes/t/style.css", "/*\nTheme Name: T\nVersion: 1.2\n*/\n", "generic T 1.2\n"},
    {"SWI-Prolog", "pack/x/pack.pl", "name(x).\nversion('1.0').\ntitle('a (b').\n", "generic x 1.0\n"},
    {"GHC's database", "usr/lib/ghc/package.conf.d/aeson-2.0.conf",
     "name: aeson\nversion: 2.0\nid: aeson-2.0-abc\nlicense: BSD-3-Clause\ndepends:\n    base-4.16\n",
     "hackage aeson 2.0 license=BSD-3-Clause\n"},
    {"GHC's database, a part of a library", "x/package.db/z.conf", "name: z-a-z-b\nversion: 1\npackage-name: a\n",
     "hackage a 1\n"},
};

static const struct catalogue_case plist[] = {
    {"an application", "Applications/S.app/Contents/Info.plist",
     "<?xml version=\"1.0\"?><plist><dict><key>CFBundleName</key><string>S</string><key>CFBundlePackageType</key>"
     "<string>APPL</string><key>CFBundleShortVersionString</key><string>4.5</string></dict></plist>",
     "generic S 4.5\n"},
    {"no version", "x/Info.plist",
     "<plist><dict><key>CFBundlePackageType</key><string>APPL</string><key>CFBundleExecutable</key><string>S</string>"
     "</dict></plist>",
     "generic S  declared\n"},
    {"a framework", "F.framework/Info.plist",
     "<plist><dict><key>CFBundleName</key><string>F</string><key>CFBundlePackageType</key><string>FMWK</string>"
     "<key>CFBundleShortVersionString</key><string>1</string></dict></plist>",
     ""},
    {"a template", "x/Info.plist",
     "<plist><dict><key>CFBundleName</key><string>${NAME}</string><key>CFBundlePackageType</key><string>APPL</string>"
     "<key>CFBundleShortVersionString</key><string>1</string></dict></plist>",
     ""},
    {"something else", "x/a.plist", "<plist><dict/></plist>", ""},
    {"a key without a value", "Info.plist",
     "<plist><dict><key>CFBundlePackageType</key><string>APPL</string><key>CFBundleName</key></dict></plist>", ""},
    {"xbps", "var/db/xbps/pkgdb-0.38.plist",
     "<plist><dict><key>bash</key><dict><key>pkgver</key><string>bash-5.2_1</string><key>architecture</key>"
     "<string>x86_64</string><key>state</key><string>installed</string></dict><key>b</key><dict><key>pkgver</key>"
     "<string>b-1_1</string><key>state</key><string>unpacked</string></dict><key>c</key></dict></plist>",
     "generic bash 5.2_1 arch=x86_64\n"},
    {"cut off", "Info.plist", "<plist><dict>", "! FORMAT xml"},
    {"binary, cut off", "Info.plist", "bplist00", "! FORMAT trailer"},
};

static const struct catalogue_case xml[] = {
    {"AppStream", "var/lib/flatpak/app/o/x86_64/stable/h/files/share/metainfo/o.metainfo.xml",
     "<component type=\"desktop\"><id>org.gimp.GIMP.desktop</id><releases><release version=\"2.10\"/><release "
     "version=\"2.9\"/></releases></component>",
     "flatpak org.gimp.GIMP 2.10\n"},
    {"AppStream of a distribution's package", "usr/share/metainfo/o.metainfo.xml",
     "<component type=\"x\"><id>o</id><releases><release version=\"1\"/></releases></component>", ""},
    {"AppStream without a release", "a.xml", "<component type=\"x\"><id>o</id></component>", ""},
    {"Joomla", "administrator/manifests/files/joomla.xml",
     "<extension type=\"file\"><name>files_joomla</name><version>4.4.0</version></extension>",
     "generic files_joomla 4.4.0\n"},
    {"something else", "a.xml", "<project><component x=\"\"/></project>", ""},
    {"not even XML", "a.xml", "{}", ""},
    {"cut off", "a.xml", "<component type=\"", "! FORMAT xml"},
};

static const struct catalogue_case sbom_text[] = {
    {"tag and value", "a.spdx",
     "SPDXVersion: SPDX-2.3\nPackageName: image\nPrimaryPackagePurpose: CONTAINER\nPackageVersion: 1\n"
     "PackageName: a\nPackageVersion: 1.0\nPackageLicenseDeclared: MIT\nPackageComment: <text>PackageName: no\n"
     "PackageVersion: 9</text>\nExternalRef: PACKAGE-MANAGER purl pkg:npm/%40s/a@2.0\nFileName: ./f\n"
     "PackageName: b\n",
     "npm @s/a 2.0 license=MIT sbom\n"},
    {"RDF", "a.spdx.rdf",
     "<rdf:RDF xmlns:spdx=\"http://spdx.org/rdf/terms#\" xmlns:rdf=\"r\"><spdx:Package><spdx:name>a</spdx:name>"
     "<spdx:versionInfo>1</spdx:versionInfo></spdx:Package><spdx:relationship><spdx:Package><spdx:externalRef>"
     "<spdx:ExternalRef><spdx:referenceType rdf:resource=\"http://spdx.org/rdf/references/purl\"/>"
     "<spdx:referenceLocator>pkg:gem/b@2</spdx:referenceLocator></spdx:ExternalRef></spdx:externalRef></spdx:Package>"
     "</spdx:relationship></rdf:RDF>",
     "generic a 1 sbom\ngem b 2 sbom\n"},
    {"CycloneDX", "bom.xml",
     "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><metadata><component type=\"application\"><name>me</name>"
     "<version>0</version></component></metadata><components><component type=\"library\"><group>g</group>"
     "<name>a</name><version>1</version><licenses><license><id>MIT</id></license></licenses>"
     "<purl>pkg:maven/g/a@1</purl><components><component type=\"library\"><name>b</name><version>2</version>"
     "</component></components></component><component type=\"file\"><name>f</name><version>3</version></component>"
     "</components></bom>",
     "maven g:a 1 license=MIT sbom\ngeneric b 2 sbom\n"},
    {"JSON is another's", "a.spdx", "{\"spdxVersion\": \"SPDX-2.3\"}", ""},
    {"something else", "a.xml", "<a/>", ""},
    {"cut off", "a.xml", "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><components>", "! FORMAT xml"},
};

static const struct catalogue_case json_content[] = {
    {"an SBOM of any name", "opt/inventory.json",
     "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":\"a\",\"version\":\"1\"}]}", "generic a 1 sbom\n"},
    {"an SBOM that its path tells", "bom.json",
     "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":\"a\",\"version\":\"1\"}]}", ""},
    {"Spack", "s.json", "{\"spec\":{\"_meta\":{},\"nodes\":[{\"name\":\"a\",\"version\":\"1\"}]}}", "spack a 1\n"},
    {"VS Code", "e.json", "[{\"identifier\":{\"id\":\"p.n\"},\"version\":\"1\",\"relativeLocation\":\"x\"}]",
     "vscode-extension p.n 1\n"},
    {"CPAN", "M.json", "{\"abstract\":\"\",\"meta-spec\":{},\"name\":\"A-B\",\"version\":\"0.1\"}",
     "cpan A-B 0.1 declared\n"},
    {"its name says the same", "x/META.json", "{\"abstract\":\"\",\"meta-spec\":{},\"name\":\"A\",\"version\":\"0.1\"}",
     ""},
    {"something else", "a.json", "{\"name\":\"a\",\"version\":\"1\"}", ""},
    {"not even JSON", "a.json", "nodes identifier", ""},
    {"cut off", "a.json", "{\"spec\":{\"nodes\":[", "! FORMAT json"},
};

static const struct catalogue_case json[] = {
    {"an extension of Chrome", "p/Default/Extensions/caaadbdomjkkjkaonfhkkikfgjllcleb/1.2.85_0/manifest.json",
     "{\"manifest_version\":3,\"name\":\"__MSG_name__\",\"version\":\"1.2.85\"}",
     "chrome-extension caaadbdomjkkjkaonfhkkikfgjllcleb 1.2.85\n"},
    {"another program's manifest", "a/b/manifest.json", "no JSON", ""},
    {"no letters of an id", "zaaadbdomjkkjkaonfhkkikfgjllcleb/1/manifest.json",
     "{\"manifest_version\":3,\"version\":\"1\"}", ""},
    {"cut off", "caaadbdomjkkjkaonfhkkikfgjllcleb/1/manifest.json", "{", "! FORMAT json"},
};

static const struct catalogue_case bazel[] = {
    {"of Maven", "MODULE.bazel",
     "bazel_dep(name = \"rules_java\", version = \"8\")\nm = use_extension(\"@rules_jvm_external//:extensions.bzl\", "
     "\"maven\")\nv = \":1\" # a comment\nmore = [\"g:c:jar:3\"] + [\"g:d\" + v]\nm.install(artifacts = [\n\"g:a\" + v,\n"
     "\"g:b\",\n] + more, repositories = [\"https://h:1:2\"])\nm.artifact(group = \"g\", artifact = \"e\", version = '5')\n",
     "maven g:a 1 declared\nmaven g:c 3 declared\nmaven g:d 1 declared\nmaven g:e 5 declared\n"},
    {"of a workspace", "WORKSPACE",
     "load(\"@rules_jvm_external//:defs.bzl\", mi = \"maven_install\")\nmi(artifacts = [\"g:a:1\", x(\"g:no:1\"), \"g:b:2\"])\n",
     "maven g:a 1 declared\nmaven g:b 2 declared\n"},
    {"of other rules", "WORKSPACE",
     "load(\"@other//:defs.bzl\", \"maven_install\")\nmaven_install(artifacts = [\"g:a:1\"])\n", ""},
    {"not closed", "MODULE.bazel",
     "m = use_extension(\"@rules_jvm_external//:e.bzl\", \"maven\")\nm.install(artifacts = [\"g:a:1\"]",
     "maven g:a 1 declared\n! FORMAT not closed"},
    {"a text without its end", "MODULE.bazel", "x = \"a\\", ""},
    {"brackets that do not open", "BUILD", "]]))}} = [[[(((", ""},
    {"a lock", "maven_install.json",
     "{\"version\":\"2\",\"artifacts\":{\"g:a\":{\"version\":\"1\"},\"g:b:aar\":{\"version\":\"2\"},\"c\":7}}",
     "maven g:a 1 declared\nmaven g:b 2 declared\n"},
    {"a lock of before", "maven_install.json",
     "{\"dependency_tree\":{\"dependencies\":[{\"coord\":\"g:a:jar:sources:1\"},{\"coord\":\"g\"},7]}}",
     "maven g:a 1 declared\n"},
    {"a lock, cut off", "maven_install.json", "{\"artifacts\"", "! FORMAT json"},
};

static const struct catalogue_case vcpkg[] = {
    {"a manifest", "vcpkg.json",
     "{\"dependencies\":[\"a\",{\"name\":\"b\",\"version>=\":\"1.2#3\"},{\"name\":\"c\",\"version>=\":\"1\"}],"
     "\"overrides\":[{\"name\":\"c\",\"version-date\":\"2024-01-01\"},{\"version\":\"9\"}]}",
     "vcpkg c 2024-01-01 declared\nvcpkg b 1.2 declared\n"},
    {"wrong kinds", "vcpkg.json", "{\"dependencies\":{\"a\":1},\"overrides\":7}", ""},
    {"cut off", "vcpkg.json", "{", "! FORMAT json"},
};

static const struct catalogue_case yaml[] = {
    {"CPAN", "x/META.yml", "generated_by: m\nname: A-B\nversion: 1.10\n", "cpan A-B 1.10\n"},
    {"another META.yml", "x/META.yml", "name: A\nversion: 1\n", ""},
    {"a snap", "snap/core/1/meta/snap.yaml", "name: core\nversion: '16-2'\n", "snap core 16-2\n"},
    {"a module of Drupal", "modules/contrib/token/token.info.yml", "name: T\nproject: token\nversion: '8.x-1.5'\n",
     "composer drupal/token 1.5\n"},
    {"Drupal itself", "core/modules/system/system.info.yml", "project: drupal\nversion: '10.1.5'\n",
     "composer drupal/core 10.1.5\n"},
    {"a part of Drupal", "core/modules/node/node.info.yml", "project: drupal\nversion: '10.1.5'\n", ""},
    {"a module from a checkout", "modules/x/x.info.yml", "name: X\ntype: module\n", ""},
    {"versions in comments", ".github/workflows/a.yml",
     "jobs:\n  j:\n    steps:\n    - uses: o/a@0c0990399270277832fbb5b91a1fa118e6f63dba # v 11\n"
     "    - uses: o/b@1c0990399270277832fbb5b91a1fa118e6f63dba # 2.1\n"
     "    - uses: o/c@2c0990399270277832fbb5b91a1fa118e6f63dba # ratchet\n",
     "github o/a 11 declared\ngithub o/b 2.1 declared\ngithub o/c 2c0990399270277832fbb5b91a1fa118e6f63dba declared\n"},
};

static const struct catalogue_case yaml_content[] = {
    {"CPAN under another name", "x.yml",
     "---\nabstract: a\ngenerated_by: m\nmeta-spec:\n  version: 1.4\nname: A-B\nversion: v1.2.3\n",
     "cpan A-B v1.2.3 declared\n"},
    {"something else", "a.yaml", "meta-spec: 1\nname: A\nversion: 1\n", ""},
    {"cut off", "a.yaml", "generated_by: m\nmeta-spec:\n  - [", "! FORMAT yaml"},
};

static const struct catalogue_case more_yaml[] = {
    {"services", "x/docker-compose.yml",
     "services:\n  a:\n    image: r.io:5000/o/a:1.0\n  b:\n    image: b\n  c:\n    image: c:${V}\n  d:\n    build: .\n"
     "  e:\n    image: e:2@sha256:aa\n",
     "docker r.io:5000/o/a 1.0 declared\ndocker e sha256:aa declared\n"},
    {"services of a wrong kind", "compose.yaml", "services: [a, {image: [b]}]\n", ""},
    {"a recipe of a snap", "snap/snapcraft.yaml", "parts:\n  p:\n    stage-packages: [a, 'b=1.0']\n", "deb b 1.0\n"},
};

static const struct catalogue_case conan[] = {
    {"in the cache", "home/.conan/data/mfast/1.2.2/u/c/package/9d1f/conaninfo.txt",
     "[full_requires]\n  boost/1.75.0:dc\n", "conan mfast 1.2.2\nconan boost 1.75.0 declared\n"},
};

static const struct catalogue_case conan_lock[] = {
    {"a lock of another name", "release.lock",
     "{\"version\":\"0.5\",\"requires\":[\"zlib/1.3.1#f52%1.4\"],\"build_requires\":[]}",
     "conan zlib 1.3.1 declared\n"},
    {"another tool's", "x.lock", "{\"requires\":[\"zlib/1.3.1\"]}", ""},
    {"no JSON", "x.lock", "graph_lock", ""},
    {"cut off", "x.lock", "{\"graph_lock\"", "! FORMAT json"},
};

static const struct catalogue_case deno[] = {
    {"modules of hosts", "deno.lock",
     "{\"remote\":{\"https://deno.land/std@0.140.0/a.ts\":\"x\",\"https://deno.land/x/oak@v12.1/m.ts\":\"x\","
     "\"https://h/m.ts\":\"x\",\"https://h/@s/m.ts\":\"x\"}}",
     "generic deno.land/std 0.140.0 declared\ngeneric deno.land/x/oak 12.1 declared\n"},
    {"what a project imports", "deno.jsonc",
     "{\"imports\":{\"a\":\"npm:chalk@5.3.0/x\",\"b\":\"jsr:@std/fs@^1.0.1\",\"c\":\"./x.ts\",\"d\":\"npm:@s/d\","
     "\"e\":\"npm:e@>=1 <2\",},\"scopes\":{\"h\":{\"f\":\"https://deno.land/x/f@2/m.ts\"},\"i\":7}}",
     "npm chalk 5.3.0 declared\nnpm @std/fs 1.0.1 declared\ngeneric deno.land/x/f 2 declared\n"},
    {"cut off", "deno.json", "{\"imports\"", "! FORMAT json"},
};

#define CASES(id, table)                                                                                               \
    static void test_##table(void **state) {                                                                           \
        (void)state;                                                                                                   \
        assert_true(catalogue_case_run(NULL, CATALOGUER_##id, table, ARRAY_COUNT(table)));                             \
    }

CASES(PATHS, paths)
CASES(LINES, lines)
CASES(PLIST, plist)
CASES(XML, xml)
CASES(SBOM_TEXT, sbom_text)
CASES(JSON_CONTENT, json_content)
CASES(JSON, json)
CASES(BAZEL, bazel)
CASES(VCPKG, vcpkg)
CASES(YAML, yaml)
CASES(YAML, more_yaml)
CASES(YAML_CONTENT, yaml_content)
CASES(CONAN, conan)
CASES(CONAN_LOCK, conan_lock)
CASES(BUN, deno)

/* A binary property list: three texts after each pair of references, a wide one among them. */
static void binary_list(struct buf *file, uint8_t version_marker, uint8_t top, uint8_t offset_bytes) {
    buf_text(file, "bplist00");
    const size_t dict = file->size;
    buf_add(file, span_make("\xd3\x01\x02\x03\x04\x05\x06", 7));
    size_t offsets[7] = {dict};
    static const char *const texts[] = {"CFBundlePackageType", "CFBundleName", "CFBundleShortVersionString", "APPL"};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        offsets[1 + i] = file->size;
        buf_add(file, span_make("\x5f\x10", 2));
        buf_byte(file, (uint8_t)strlen(texts[i]));
        buf_text(file, texts[i]);
    }
    offsets[5] = file->size;
    buf_add(file, span_make("\x62\0A\x20\x1c", 5));
    offsets[6] = file->size;
    buf_byte(file, version_marker);
    buf_text(file, "1.2");
    const size_t table = file->size;
    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++)
        buf_byte(file, (uint8_t)offsets[i]);
    buf_fill(file, 0, 6);
    buf_byte(file, offset_bytes);
    buf_byte(file, 1);
    buf_be64(file, ARRAY_COUNT(offsets));
    buf_be64(file, top);
    buf_be64(file, table);
}

static void test_plist_binary(void **state) {
    static const struct {
        uint8_t version_marker, top, offset_bytes;
        const char *expect;
    } cases[] = {
        {0x53, 0, 1, "generic A? 1.2\n"}, {0x5f, 0, 1, "generic A?  declared\n"}, /* a size that no integer follows */
        {0x53, 1, 1, "! FORMAT trailer"},                                         /* the outermost object is a text */
        {0x53, 7, 1, "! FORMAT trailer"},                                         /* there is no such object */
        {0x53, 0, 0, "! FORMAT trailer"},                                         /* offsets of no bytes */
        {0x53, 0, 9, "! FORMAT trailer"},                                         /* and of more than an integer has */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO_BUF struct buf file;
        buf_init(&file, 0);
        binary_list(&file, cases[i].version_marker, cases[i].top, cases[i].offset_bytes);
        assert_true(catalogue_bytes_run(CATALOGUER_PLIST, "Info.plist", buf_span(&file), cases[i].expect));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_lines), cmocka_unit_test(test_plist),
        cmocka_unit_test(test_plist_binary), cmocka_unit_test(test_xml),   cmocka_unit_test(test_sbom_text),
        cmocka_unit_test(test_json_content), cmocka_unit_test(test_json),  cmocka_unit_test(test_bazel),
        cmocka_unit_test(test_vcpkg),        cmocka_unit_test(test_yaml),  cmocka_unit_test(test_more_yaml),
        cmocka_unit_test(test_yaml_content), cmocka_unit_test(test_conan), cmocka_unit_test(test_conan_lock),
        cmocka_unit_test(test_deno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
