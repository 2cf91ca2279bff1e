/* Lock files and the manifests of applications. */
#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct catalogue_case npm_lock[] = {
    {"version 1: nested, aliases, other sources", "package-lock.json",
     "{\"lockfileVersion\":1,\"dependencies\":{\"a\":{\"version\":\"1.0.0\",\"dependencies\":{\"b\":{\"version\":\"2.0.0\"}}},"
     "\"c\":{\"version\":\"npm:@s/real@3.0.0\"},\"d\":{\"version\":\"file:x\"},\"e\":{\"version\":\"git+ssh://h/x#1\"},"
     "\"f\":{\"version\":\"4.0.0\"}}}",
     "npm a 1.0.0 declared\nnpm b 2.0.0 declared\nnpm @s/real 3.0.0 declared\nnpm d  declared\nnpm e  declared\n"
     "npm f 4.0.0 declared\n"},
    {"version 3: folders, links, names", "x/package-lock.json",
     "{\"packages\":{\"\":{\"version\":\"9\"},\"node_modules/@s/a\":{\"version\":\"1\",\"license\":\"MIT\"},"
     "\"node_modules/a/node_modules/b\":{\"version\":\"2\"},\"node_modules/l\":{\"link\":true,\"resolved\":\"w/l\"},"
     "\"w/l\":{\"version\":\"3\"},\"node_modules/alias\":{\"name\":\"real\",\"version\":\"4\"}},"
     "\"dependencies\":{\"ignored\":{\"version\":\"1\"}}}",
     "npm @s/a 1 license=MIT declared\nnpm b 2 declared\nnpm l 3 declared\nnpm real 4 declared\n"},
    {"a link's name, a folder without a link", "package-lock.json",
     "{\"packages\":{\"f/a\":{\"version\":\"1\"},\"f/b\":{\"version\":\"1\"},"
     "\"node_modules/c\":{\"resolved\":\"f/a\",\"link\":true},\"node_modules/b\":{\"resolved\":\"\",\"link\":true}}}",
     "npm c 1 declared\n"},
    {"no links at all", "package-lock.json", "{\"packages\":{\"f/a\":{\"version\":\"1\"}}}", "npm a 1 declared\n"},
    {"null", "package-lock.json", "null", ""},
    {"broken", "package-lock.json", "{", "! FORMAT"},
};

static const struct catalogue_case yarn[] = {
    {"version 1", "yarn.lock",
     "# yarn lockfile v1\n\n\"@s/a@^1.0\", \"@s/a@^1.1\":\n  version \"1.2.0\"\n  dependencies:\n    version \"9\"\n\n"
     "b@>=1:\r\n  version \"2.0\"\r\n\n\"c@npm:@s/real@^3\":\n  version \"3.0\"\n\nd:\n  \"version\" \"4.0\"\n\n"
     "\"e@file:x.tgz\":\n  version \"5\"\n",
     "npm @s/a 1.2.0 declared\nnpm b 2.0 declared\nnpm @s/real 3.0 declared\nnpm d 4.0 declared\n"},
    {"what was fetched names the package", "yarn.lock",
     "a@^1:\n  version \"1.0\"\n  resolved \"https://r.example/npm/@s/b/-/b-1.0.tgz#aa\"\n", "npm @s/b 1.0 declared\n"},
    {"later versions", "yarn.lock",
     "__metadata:\n  version: 8\n\n\"a@npm:^1.0\":\n  version: 1.2.0\n  resolution: \"a@npm:1.2.0\"\n\n"
     "\"alias@npm:@s/b@^2\":\n  version: 2.0.0\n  resolution: \"@s/b@npm:2.0.0\"\n\n"
     "\"me@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"me@workspace:.\"\n",
     "npm a 1.2.0 declared\nnpm @s/b 2.0.0 declared\n"},
    {"a root with a version, one without", "yarn.lock",
     "\"a@workspace:.\":\n  version: 7.0\n  resolution: \"b@workspace:.\"\n\n"
     "\"c@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"c@workspace:.\"\n",
     "npm a 7.0 declared\n"},
    {"something else", "yarn.lock", "hello\n", "! FORMAT begins no block"},
};

static const struct catalogue_case composer[] = {
    {"wanted", "composer.lock",
     "{\"packages\":[{\"name\":\"v/a\",\"version\":\"v1.0\",\"license\":[\"MIT\",\"ISC\"]}],"
     "\"packages-dev\":[{\"name\":\"v/b\",\"version\":\"2\"}]}",
     "composer v/a v1.0 license=MIT|ISC declared\ncomposer v/b 2 declared\n"},
    {"installed, version 1", "vendor/composer/installed.json", "[{\"name\":\"v/a\",\"version\":\"1\"}]",
     "composer v/a 1\n"},
    {"installed, version 2", "vendor/composer/installed.json",
     "{\"packages\":[{\"name\":\"v/a\",\"version\":\"1\"}],\"dev\":true}", "composer v/a 1\n"},
    {"another program's file of that name", "opt/installed.json", "[{\"name\":\"a\",\"version\":\"1\"},7]", ""},
};

static const struct catalogue_case dotnet[] = {
    {"only what brings files", "app/a.deps.json",
     "{\"runtimeTarget\":{\"name\":\"T\"},\"targets\":{\"T\":{\"App/1.0.0\":{\"runtime\":{\"App.dll\":{}}},"
     "\"Facade/4.0\":{\"dependencies\":{\"x\":\"1\"}},\"runtimepack.R/8.0\":{\"native\":{\"r.so\":{}}}}},"
     "\"libraries\":{\"runtimepack.R/8.0\":{\"type\":\"runtimepack\"},\"App/1.0.0\":{\"type\":\"project\"},"
     "\"Facade/4.0\":{\"type\":\"package\"},\"Unlisted/2\":{\"type\":\"package\"},\"NoVersion\":{}}}",
     "nuget R 8.0\nnuget App 1.0.0\nnuget Unlisted 2\n"},
};

static const struct catalogue_case pipfile[] = {
    {"both groups", "Pipfile.lock",
     "{\"default\":{\"a\":{\"version\":\"==1.0\"},\"g\":{\"git\":\"x\"}},\"develop\":{\"b\":{\"version\":\"=== 2\"}}}",
     "pypi a 1.0 declared\npypi b 2 declared\n"},
};

static const struct catalogue_case gemfile[] = {
    {"sections, platforms, what gems ask for", "Gemfile.lock",
     "GIT\n  remote: x\n  specs:\n    a (1.0)\n      b (~> 2)\n\nGEM\n  remote: y\n  specs:\n    b (2.0-x86_64-linux)\n\n"
     "PLATFORMS\n  ruby\n\nDEPENDENCIES\n  a!\n    c (3)\n",
     "gem a 1.0 declared\ngem b 2.0 declared\n"},
    {"cut", "Gemfile.lock", "GEM\n  specs:\n    a (1.0)\n    b (2.", "gem a 1.0 declared\n! FORMAT"},
};

static const struct catalogue_case cargo[] = {
    {"tables", "Cargo.lock",
     "version = 3\n\n[[package]]\nname = \"a\"\nversion = \"1.0+b\"\ndependencies = [\n \"name = x\",\n]\n\n"
     "[[package]]\nversion = '2'\nname = 'b'\n\n[metadata]\nname = \"no\"\n",
     "cargo a 1.0+b declared\ncargo b 2 declared\n"},
    {"cut", "Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\n[[pack",
     "cargo a 1 declared\n! FORMAT has no end"},
};

static const struct catalogue_case go_mod[] = {
    {"requirements, replacements, toolchain", "go.mod",
     "module e.x/m\ngo 1.21\ntoolchain go1.22.5\nreplace e/a => f/a v1.1.0\nrequire e/a v1.0.0 // indirect\n"
     "require (\n\te/b v2.0.0\n\t\"e/c\" v3.0.0\n\te/d v4.0.0\n)\nreplace (\n\te/b => ../b\n\te/c v9.0.0 => f/c v9.9.9\n"
     "\te/d v4.0.0 => e/d v4.0.1\n)\n",
     "golang e.x/m  declared\ngolang f/a v1.1.0 declared\ngolang e/c v3.0.0 declared\ngolang e/d v4.0.1 declared\n"
     "golang go 1.21 clue\ngolang stdlib 1.22.5 declared\n"},
    {"a module that asks for nothing", "go.mod", "module e.x/a\ngo 1.20\n", "golang go 1.20 clue\n"},
    {"a requirement without a version, a module without an address", "go.mod",
     "module m\nrequire e/a\nrequire e/b v1\n", "golang e/b v1 declared\ngolang go 1.11 clue\n! FORMAT has no version"},
};

static void test_locks(void **state) {
    (void)state;
    assert_true(catalogue_case_run(NULL, CATALOGUER_NPM_LOCK, npm_lock, ARRAY_COUNT(npm_lock)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_YARN, yarn, ARRAY_COUNT(yarn)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_COMPOSER, composer, ARRAY_COUNT(composer)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_DOTNET_DEPS, dotnet, ARRAY_COUNT(dotnet)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_PIPFILE, pipfile, ARRAY_COUNT(pipfile)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_GEMFILE_LOCK, gemfile, ARRAY_COUNT(gemfile)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_CARGO_LOCK, cargo, ARRAY_COUNT(cargo)));
    assert_true(catalogue_case_run(NULL, CATALOGUER_GO_MOD, go_mod, ARRAY_COUNT(go_mod)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_locks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
