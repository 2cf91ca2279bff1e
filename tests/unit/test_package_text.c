/* Cataloguers of lock files, manifests and databases in TOML, XML, YAML, JSON and lines. */
#include "tests/support/catalogue_case.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct catalogue_case toml[] = {
    {"poetry", "poetry.lock",
     "[[package]]\nname = \"a\"\nversion = \"1.0\"\n[package.dependencies]\nb = \">=1\"\n[[package]]\nname = \"b\"\n"
     "version = \"2\"\n[metadata]\nname = \"no\"\nversion = \"9\"\n",
     "pypi a 1.0 declared\npypi b 2 declared\n"},
    {"uv: the project itself is no dependency", "x/uv.lock",
     "[[package]]\nname = \"me\"\nversion = \"0\"\nsource = { editable = \".\" }\n[[package]]\nname = \"a\"\n"
     "version = \"1\"\nsource = { registry = \"r\" }\n",
     "pypi a 1 declared\n"},
    {"pylock", "pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = 'a'\nversion = '1'\n", "pypi a 1 declared\n"},
    {"pyproject", "pyproject.toml",
     "[project]\ndependencies = [\"a==1.0; x\", \"b[c]>=2,<3\", \"d\"]\n[project.optional-dependencies]\nt = [\"e~=4\"]\n",
     "pypi a 1.0 declared\npypi b 2 declared\npypi e 4 declared\n"},
    {"a crate that Cargo refuses", "Cargo.toml",
     "[package]\nname = \"a\"\nversion = \"1\"\n[dependencies]\nb = { git = { x = 1 } }\n", "! FORMAT is no string"},
    {"a crate", "Cargo.toml",
     "[package]\nname = \"a\"\nversion = \"1.0.0\"\n[dependencies]\nb = \"2\"\nc = { version = \"3\" }\n"
     "d = { git = \"u\", rev = \"0c0990399270277832fbb5b91a1fa118e6f63dba\" }\ne = { git = \"u\", tag = \"1\" }\n"
     "f = { path = \"x\" }\n",
     "cargo a 1.0.0 declared\ncargo b 2 declared\ncargo c 3 declared\ncargo d  declared\n"},
    {"Julia 2", "Manifest.toml",
     "julia_version = \"1.9.0\"\nmanifest_format = \"2.0\"\n[[deps.A]]\nversion = \"1.3\"\n[[deps.Dates]]\nuuid = \"u\"\n",
     "julia manifest 1 clue\njulia A 1.3 declared\njulia Dates 1.9.0 declared\n"},
    {"Julia 1", "Manifest-v1.toml", "[[A]]\nversion = \"1.3\"\n[[B]]\nuuid = \"u\"\n",
     "julia manifest 1 clue\njulia A 1.3 declared\njulia B unknown declared\n"},
    {"a Julia project", "Project.toml", "name = \"A\"\nversion = \"1.4\"\n[compat]\nB = \"1\"\n", "julia A 1.4 clue\n"},
    {"Gleam", "gleam.toml", "name = \"m\"\n[dependencies]\na = \">= 1\"\nb = { git = \"u\" }\nc = { path = \"x\" }\n",
     "hex a >= 1 declared\nhex b  declared\n"},
    {"Gradle's catalogue", "gradle/libs.versions.toml",
     "[versions]\nv = \"3\"\n[libraries]\na = \"g:a:1\"\nb = { module = \"g:b\", version.ref = \"v\" }\n"
     "c = { group = \"g\", name = \"c\", version = { strictly = \"2\" } }\nd = { module = \"g:d\" }\n",
     "maven g:a 1 declared\nmaven g:b 3 declared\nmaven g:c 2 declared\nmaven g:d  declared\n"},
    {"mise", "mise.toml", "[tools]\nnode = { version = \"22\" }\n", "generic node 22 declared\n"},
    {"wrong kinds", "poetry.lock", "package = 7\n", ""},
    {"wrong kinds inside", "poetry.lock", "package = [1, [2], {name = 3, version = '4'}]\n", "! FORMAT no name"},
    {"cut off", "uv.lock", "[[package]]\nname = \"a", "! FORMAT toml line 2"},
};

static const struct catalogue_case pnpm[] = {
    {"version 5", "pnpm-lock.yaml",
     "lockfileVersion: 5.4\npackages:\n  /a/1.0.0: {}\n  /@s/b/2.0.0_c@3.0.0: {}\n  file:x.tgz:\n    name: d\n    version: 4.0.0\n"
     "  file:../e: {}\n",
     "npm a 1.0.0 declared\nnpm @s/b 2.0.0 declared\nnpm d 4.0.0 declared\n"},
    {"version 6", "pnpm-lock.yaml", "packages:\n  /a@1.0.0(p@2.0.0): {}\n  '/@s/b@2.0.0': {}\n",
     "npm a 1.0.0 declared\nnpm @s/b 2.0.0 declared\n"},
    {"version 9, two documents", "pnpm-lock.yaml",
     "packages:\n  a@1.0.0: {}\n---\npackages:\n  '@s/b@2.0.0': {}\n  c@https://h/x.tgz: {version: 3.0.0}\n"
     "snapshots:\n  z@9.0.0: {}\n",
     "npm @s/b 2.0.0 declared\nnpm c 3.0.0 declared\n"},
    {"a folder of the project's", "pnpm-lock.yaml",
     "packages:\n  a@file:a:\n    resolution: {directory: a, type: directory}\n", "npm a  declared\n"},
    {"wrong kinds", "pnpm-lock.yaml", "packages: [1, {a: b}]\n", ""},
    {"cut off", "pnpm-lock.yaml", "packages: {a", "! FORMAT"},
};

static const struct catalogue_case bun[] = {
    {"comments, commas, aliases, workspaces", "bun.lock",
     "{ // c\n\"packages\": {\"a\": [\"a@1.0.0\", \"\", {}, \"h\"], \"x\": [\"@s/b@npm:2.0.0\",],\n\"w\": [\"w@workspace:w\"],"
     "\"g\": [\"g@github:o/r#1\"],},}",
     "npm a 1.0.0 declared\nnpm @s/b 2.0.0 declared\nnpm g  declared\n"},
    {"an entry that is none", "bun.lock", "{\"packages\": {\"a\": [7], \"b\": [\"b@1\"]}}",
     "npm b 1 declared\n! FORMAT name@version"},
    {"Deno", "deno.lock",
     "{\"version\":\"4\",\"jsr\":{\"@s/a@1.0.2\":{}},\"npm\":{\"b@5.3.0_c@1\":{}},\"remote\":{\"u\":\"h\"}}",
     "npm b 5.3.0 declared\nnpm @s/a 1.0.2 declared\n"},
    {"cut off", "bun.lock", "{\"packages\": {", "! FORMAT"},
};

static const struct catalogue_case conan[] = {
    {"version 2", "conan.lock",
     "{\"version\":\"0.5\",\"requires\":[\"a/1.0#r%1\",\"b/2.0@u/c#r\"],\"build_requires\":[\"t/3.0\"],\"python_requires\":[7]}",
     "conan a 1.0 declared\nconan b 2.0 declared\n"},
    {"version 1", "conan.lock",
     "{\"graph_lock\":{\"nodes\":{\"0\":{\"ref\":\"me/1\",\"path\":\"conanfile.py\"},\"1\":{\"ref\":\"a/1.0@u/c#r\"},"
     "\"2\":{\"pref\":\"z/1.2:id#r\"},\"3\":{\"pref\":null}}}}",
     "conan a 1.0 declared\nconan z 1.2 declared\n"},
    {"a recipe", "conanfile.txt", "[requires]\n# c\na/1.0 # d\nb/[>1 <2]\n[generators]\nx/y\n",
     "conan a 1.0 declared\n"},
    {"a binary", "conaninfo.txt", "[requires]\n a/1.Y\n[full_requires]\n a/1.2:abc\n", "conan a 1.2 declared\n"},
    {"cut off", "conan.lock", "{\"requires\":[", "! FORMAT"},
};

static const struct catalogue_case requirements[] = {
    {"pins, bounds, names", "requirements.txt",
     "a==1.0 # c\nB[x,y] >= 2.0, < 3 ; python_version > '3'\nc~=1.1\nd\ne===4 \\\n  --hash=sha256:aa\nf (==5)\n",
     "pypi a 1.0 declared\npypi B 2.0 declared\npypi c 1.1 declared\npypi e 4 declared\npypi f 5 declared\n"},
    {"no requirements", "x/dev-requirements.txt",
     "-r other.txt\n--index-url https://h\nhttps://h/a.whl\n./b\nc @ https://h/c.zip\n{{ d }}==1\ne==${V}\n", ""},
    {"the highest version that is named and allowed", "requirements.txt",
     "a >= 1.0, <= 2.0, != 3.0, <= 3.0\nb==1.*,>=1.2\nc==2.0.*\nd==5.*.*\ne!=0.3,!=0.20,>=0.2\nf===1.0-x\ng<2\nh==1,==2\n",
     "pypi a 2.0 declared\npypi b 1.2 declared\npypi c 2.0.0 declared\npypi e 0.2 declared\npypi f 1.0-x declared\n"},
    {"a comment without a space, an address", "requirements.txt",
     "a==1.0#x\nb == 2.0 @ git+https://h/b\nc @ https://h/c\n", "pypi a 1.0 declared\npypi b 2.0 declared\n"},
    {"UTF-16 beyond ASCII", "requirements.txt",
     "\xff\xfe"
     "a\x01=\x01=\x01",
     ""},
    {"setup.py", "setup.py",
     "R = ['a==1.0', \"b[x]==2.0; y\", 'c>=1']  # d==9\nif sys.platform == 'x':\n    pass\n'e==%s' % v\n",
     "pypi a 1.0 declared\npypi b 2.0 declared\n"},
};

static const struct catalogue_case pom[] = {
    {"properties, management, ranges", "pom.xml",
     "<project><parent><groupId>g</groupId><version>1</version></parent><artifactId>me</artifactId>"
     "<properties><v>${w}</v><w>2.0</w></properties><dependencyManagement><dependencies><dependency><groupId>g</groupId>"
     "<artifactId>b</artifactId><version>3</version></dependency></dependencies></dependencyManagement><dependencies>"
     "<dependency><groupId>${project.groupId}</groupId><artifactId>a</artifactId><version>${v}</version></dependency>"
     "<dependency><groupId>g</groupId><artifactId>b</artifactId></dependency>"
     "<dependency><groupId>g</groupId><artifactId>c</artifactId><version>[4,5)</version></dependency>"
     "<dependency><groupId>g</groupId><artifactId>d</artifactId><version>${none}</version></dependency>"
     "<dependency><groupId>g</groupId><artifactId>t</artifactId><version>9</version><scope>test</scope></dependency>"
     "</dependencies></project>",
     "maven g:me 1 declared\nmaven g:a 2.0 declared\nmaven g:b 3 declared\nmaven g:c 4 declared\n"},
    {"a project alone", "pom.xml",
     "<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version></project>", ""},
    {"a range without a begin", "pom.xml",
     "<project><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>(,1.0]</version>"
     "</dependency></dependencies></project>",
     "maven g:a  declared\n"},
    {"a property that names itself", "pom.xml",
     "<project><properties><v>x${v}</v></properties><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId>"
     "<version>${v}</version></dependency></dependencies></project>",
     ""},
    {"entities", "pom.xml", "<!DOCTYPE p [<!ENTITY a \"b\">]><project/>", "! UNSUPPORTED entities"},
    {"cut off", "pom.xml", "<project><dependencies>", "! FORMAT xml line 1"},
};

static const struct catalogue_case gradle[] = {
    {"lock", "gradle.lockfile", "# c\ng:a:1.0=compile,run\nempty=x\nnonsense\n", "maven g:a 1.0 declared\n"},
    {"verification", "gradle/verification-metadata.xml",
     "<v><components><component group='g' name='a' version='1'/><component name='b'/></components></v>",
     "maven g:a 1 declared\n"},
    {"sbt's tests", "build.sbt.lock",
     "{\"dependencies\":[{\"org\":\"g\",\"name\":\"a\",\"version\":\"1\",\"configurations\":[\"test\"]},"
     "{\"org\":\"g\",\"name\":\"b\",\"version\":\"1\",\"configurations\":[\"test\",\"runtime\"]}]}",
     "maven g:b 1 declared\n"},
    {"sbt", "build.sbt.lock", "{\"dependencies\":[{\"org\":\"g\",\"name\":\"a\",\"version\":\"1\"},7]}",
     "maven g:a 1 declared\n"},
};

static const struct catalogue_case nuget[] = {
    {"lock", "packages.lock.json",
     "{\"version\":1,\"dependencies\":{\"net8\":{\"A\":{\"type\":\"Direct\",\"resolved\":\"1.0\"},\"P\":{\"type\":\"Project\"}}}}",
     "nuget A 1.0 declared\n"},
    {"assets", "obj/project.assets.json",
     "{\"libraries\":{\"A/1.0\":{\"type\":\"package\"},\"P/1\":{\"type\":\"project\"}}}", "nuget A 1.0 declared\n"},
    {"packages.config", "packages.config", "<packages><package id='A' version='1'/><package id='B'/></packages>",
     "nuget A 1 declared\n"},
    {"project", "a.csproj",
     "<Project><ItemGroup><PackageReference Include='A' Version='[1.0,2)'/><PackageReference Include='B'>"
     "<Version>2</Version></PackageReference><PackageReference Include='C' Version='$(v)'/></ItemGroup></Project>",
     "nuget A 1.0 declared\nnuget B 2 declared\n"},
    {"central", "Directory.Packages.props", "<Project><I><PackageVersion Include='A ' Version='1'/></I></Project>",
     "nuget A 1 declared\n"},
    {"paket", "paket.lock", "NUGET\n  remote: u\n    A (1.0)\n      B (>= 2)\n", "nuget A 1.0 declared\n"},
    {"paket's wishes", "paket.dependencies", "source u\nnuget A >= 1.0\nnuget B\n",
     "nuget A 1.0 declared\nnuget B  declared\n"},
    {"cut off", "a.csproj", "<Project>", "! FORMAT"},
};

static const struct catalogue_case gemspec[] = {
    {"generated", "u/specifications/a-1.0.gemspec",
     "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1.0\"\n  s.licenses = [\"MIT\".freeze, 'Ruby']\nend\n",
     "gem a 1.0 license=MIT|Ruby\n"},
    {"a constant of the file, a wrapped version", "u/specifications/default/b.gemspec",
     "V = '2.0'\nGem::Specification.new { |gem|\ngem.name = 'b'\ngem.version = V\n}\n", "gem b 2.0\n"},
    {"computed elsewhere", "u/specifications/c.gemspec",
     "Gem::Specification.new do |s|\ns.name = \"c\"\ns.version = C::VERSION\nend\n", "gem c C::VERSION clue\n"},
    {"another object's attributes", "u/specifications/c.gemspec",
     "Gem::Specification.new do |spec|\ns.name = \"c\"\ns.version = \"1\"\nend\n", ""},
    {"no specification", "u/specifications/c.gemspec", "Gem::Specif\ns.name = \"c\"\ns.version = \"1\"\nend\n", ""},
    {"installed by Bundler", "bundler/gems/e-0c09/e.gemspec",
     "# -*- encoding: utf-8 -*-\n# stub: e 1.0 ruby lib\nGem::Specification.new do |s|\ns.name = \"e\"\ns.version = \"1.0\"\nend\n",
     "gem e 1.0\n"},
    {"the author's own", "gems/e-1.0/e.gemspec",
     "Gem::Specification.new do |s|\ns.name = \"e\"\ns.version = \"1.0\"\nend\n", ""},
    {"empty", "u/specifications/d.gemspec", "", ""},
};

static const struct catalogue_case clue[] = {
    {"a constant in modules", "g/lib/a/b/version.rb",
     "# x\nmodule A\n  class B < C\n    VERSION = '1.0'.freeze\n  end\nend\n", "gem A::B::VERSION 1.0 clue\n"},
    {"one that is computed", "g/lib/a/version.rb", "module A\n  VERSION = \"#{X}.1\"\nend\n", ""},
    {"one of nobody", "g/lib/a/version.rb", "VERSION = '1'\n", ""},
    {"go.sum", "go.sum", "e.x/a v1.0.0 h1:x=\ne.x/a v1.0.0/go.mod h1:y=\ne.x/b v2.0.0/go.mod h1:z=\n\n",
     "golang e.x/a v1.0.0 clue\n"},
    {"a project", "app/package.json", "{\"name\":\"a\",\"version\":\"1\"}", "npm a 1 clue\n"},
    {"a project that is no document", "app/package.json", "{", ""},
};

static const struct catalogue_case json[] = {
    {"renv", "renv.lock",
     "{\"Packages\":{\"a\":{\"Package\":\"a\",\"Version\":\"1\",\"Source\":\"Repository\",\"Repository\":\"CRAN\"},"
     "\"b\":{\"Package\":\"b\",\"Version\":\"1\",\"Source\":\"GitHub\"}}}",
     "cran a 1 declared\n"},
    {"conda", "opt/conda/conda-meta/a-1.json", "{\"name\":\"a\",\"version\":\"1\",\"license\":\"MIT\"}",
     "conda a 1 license=MIT\n"},
    {"Swift 1", "Package.resolved",
     "{\"object\":{\"pins\":[{\"repositoryURL\":\"https://github.com/o/a.git\",\"state\":{\"version\":\"1\"}}]},\"version\":1}",
     "swift github.com/o/a 1 declared\n"},
    {"Swift 2", "Package.resolved",
     "{\"pins\":[{\"location\":\"git@h.x:o/b\",\"state\":{\"version\":\"2\"}},{\"location\":\"u\",\"state\":{\"branch\":\"m\"}}]}",
     "swift h.x/o/b 2 declared\n"},
    {"Bitnami", "opt/bitnami/.bitnami_components.json", "{\"a\":{\"version\":\"1-4\"},\"b\":7}", "bitnami a 1-4\n"},
    {"COS", "etc/cos-package-info.json", "{\"installedPackages\":[{\"name\":\"a\",\"version\":\"1\"}]}", "cos a 1\n"},
    {"Bottlerocket", "usr/share/bottlerocket/application-inventory.json",
     "{\"Content\":[{\"Name\":\"a\",\"Version\":\"1\",\"Architecture\":\"x86_64\"}]}",
     "bottlerocket a 1 arch=x86_64\n"},
    {"VS Code", "r/.vscode/extensions/extensions.json", "[{\"identifier\":{\"id\":\"o.a\"},\"version\":\"1\"}]",
     "vscode-extension o.a 1\n"},
    {"Perl", "x/META.json", "{\"name\":\"A-B\",\"version\":\"0.1\",\"license\":[\"perl_5\"]}",
     "cpan A-B 0.1 license=perl_5\n"},
    {"another program's", "x/META.json", "[1]", ""},
    {"cut off", "renv.lock", "{", "! FORMAT"},
};

static const struct catalogue_case yaml[] = {
    {"Dart", "pubspec.lock", "packages:\n  a:\n    source: hosted\n    version: \"1.0.0\"\n  b: 7\n",
     "pub a 1.0.0 declared\n"},
    {"Helm", "c/Chart.lock", "dependencies:\n- name: a\n  repository: u\n  version: 1.2.3\n- 7\n",
     "helm a 1.2.3 declared\n"},
    {"CocoaPods", "Podfile.lock", "PODS:\n  - A (1.0):\n    - A/B (= 1.0)\n  - \"A/B (1.0)\"\n",
     "cocoapods A 1.0 declared\ncocoapods A/B 1.0 declared\n"},
    {"a pod without a version", "Podfile.lock", "PODS:\n  - A\n  - B (2)\n",
     "cocoapods B 2 declared\n! FORMAT a pod is not"},
    {"Conda", "environment.yml", "dependencies:\n  - c::a=1.0=b\n  - d>=2\n  - e\n  - pip:\n    - f==3\n",
     "conda a 1.0 declared\npypi f 3 declared\n"},
    {"Stack", "stack.yaml.lock", "packages:\n- completed:\n    hackage: A-b-1.0@sha256:aa,1\n  original: {}\n",
     "hackage A-b 1.0 declared\n"},
    {"a snap's base", "usr/share/snappy/dpkg.yaml", "packages:\n- a=1\n- b:amd64=2\n", "deb a 1\ndeb b 2 arch=amd64\n"},
    {"a workflow", ".github/workflows/w.yml",
     "jobs:\n  j:\n    steps:\n    - uses: o/a@v4\n    - uses: o/b/sub@11bd71901bbe5b1630ceea73d27597364c9af683 # v1.2\n"
     "    - uses: ./local\n    - uses: docker://x:1\n    - run: x\n  k:\n    uses: o/r/.github/workflows/x.yml@v1\n",
     "github o/a v4 declared\ngithub o/b v1.2 declared\ngithub o/r/.github/workflows/x.yml v1 declared\n"},
    {"a workflow of wrong kinds", ".github/workflows/w.yml", "jobs: [1]\nruns: 2\n", ""},
    {"empty", "pubspec.lock", "\n", ""},
    {"cut off", "pubspec.lock", "packages: {", "! FORMAT"},
};

static const struct catalogue_case beam[] = {
    {"Elixir", "mix.lock",
     "%{\n  \"a\": {:hex, :real, \"1.0\", \"h\", [:mix], [{:b, \"~> 1\", [hex: :b, optional: false]}], \"hexpm\", \"h\"},\n"
     "  \"c\": {:git, \"u\", \"0c09\", []},\n}\n",
     "hex real 1.0 declared\nhex c  declared\n"},
    {"Erlang", "rebar.lock",
     "{\"1.2.0\",\n[{<<\"a\">>,{pkg,<<\"real\">>,<<\"1.0\">>},0},\n {<<\"b\">>,{git,\"u\",{ref,\"14\"}},1}]}.\n"
     "[{pkg_hash,[{<<\"a\">>, <<\"AA\">>}]}].\n",
     "hex real 1.0 declared\nhex b 14 declared\n"},
    {"cut off", "mix.lock", "%{\"a\": {:hex, :a", "! FORMAT {:hex"},
    {"cut off, Erlang", "rebar.lock", "[{<<\"a\">>,{pkg,<<\"a\">>", "! FORMAT no version"},
};

static const struct catalogue_case spdx[] = {
    {"SPDX", "opt/bitnami/a/.spdx-a.spdx",
     "{\"spdxVersion\":\"SPDX-2.3\",\"packages\":[{\"name\":\"a\",\"versionInfo\":\"1\",\"licenseDeclared\":\"MIT\",\"externalRefs\":"
     "[{\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:bitnami/a@1-2?arch=amd64\"}]},{\"name\":\"b\",\"versionInfo\":\"2\"},"
     "{\"name\":\"img\",\"versionInfo\":\"3\",\"primaryPackagePurpose\":\"CONTAINER\"},{\"name\":\"c\"}]}",
     "bitnami a 1-2 arch=amd64 license=MIT sbom\ngeneric b 2 sbom\n"},
    {"CycloneDX, nested", "x.cdx.json",
     "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"name\":\"a\",\"version\":\"1\",\"purl\":\"pkg:maven/g/a@1\",\"components\":"
     "[{\"name\":\"b\",\"version\":\"2\"}]},{\"type\":\"operating-system\",\"name\":\"o\",\"version\":\"3\"},"
     "{\"group\":\"@s\",\"name\":\"d\",\"version\":\"4\"}]}",
     "maven g:a 1 sbom\ngeneric @s/d 4 sbom\ngeneric b 2 sbom\n"},
    {"tag and value", "a.spdx", "SPDXVersion: SPDX-2.3\n", ""},
    {"neither", "bom.json", "{\"name\":\"a\"}", ""},
    {"cut off", "bom.json", "{\"bomFormat\"", "! FORMAT"},
};

static const struct catalogue_case lines[] = {
    {"Cabal", "cabal.project.freeze", "constraints: any.A ==1.0,\n             any.b installed,\n             c +f\n",
     "hackage A 1.0 declared\n"},
    {"vendored modules", "x/vendor/modules.txt",
     "# e.x/a v1.0\n## explicit\ne.x/a\n# e.x/b v1 => e.x/c v2\ne.x/b/p\n# e.x/d v1 => ./d\ne.x/d\n# e.x/e v1\n",
     "golang e.x/a v1.0 declared\ngolang e.x/c v2 declared\ngolang e.x/d v1 declared\n"},
    {"asdf", ".tool-versions", "nodejs 24.04 21 system # 9\n",
     "generic nodejs 24.04 declared\ngeneric nodejs 21 declared\n"},
    {"Node's version", ".nvmrc", "# c\nv20.1.0\n", "generic nodejs 20.1.0 declared\n"},
    {"Node's version by name", ".node-version", "lts/iron\n", ""},
    {"images", "Dockerfile", "FROM --platform=x h:5000/o/a:1.0 AS s\nFROM s\nFROM b@sha256:aa\nfrom c:${V}\nRUN x\n",
     "docker h:5000/o/a 1.0 declared\ndocker b sha256:aa declared\n"},
    {"Terraform", ".terraform.lock.hcl",
     "provider \"r.io/o/a\" {\n  version     = \"5.1.0\"\n  constraints = \"~> 5\"\n}\nversion = \"9\"\n",
     "terraform r.io/o/a 5.1.0 declared\n"},
    {"vcpkg", "v/installed/vcpkg/status",
     "Package: a\nVersion: 1.2\nArchitecture: x64-linux\nStatus: install ok installed\n\nPackage: a\nFeature: f\n"
     "Status: install ok installed\n\nPackage: b\nVersion: 1\nStatus: purge ok not-installed\n",
     "vcpkg a 1.2 arch=x64-linux\n"},
    {"R, installed", "usr/lib/R/library/a/DESCRIPTION", "Package: a\nVersion: 1.0\nLicense: GPL-3\nBuilt: R 4.2\n",
     "cran a 1.0 license=GPL-3\n"},
    {"R, source", "x/DESCRIPTION", "Package: a\nVersion: 1.0\n", ""},
    {"LuaRocks", "r/a-1.0-1.rockspec", "package = 'A'\nversion = \"1.0-1\"\n", "luarocks A 1.0-1\n"},
    {"opam", "a.opam", "version: \"1.5\"\nopam-version: \"2.0\"\n", "opam a 1.5\n"},
    {"an opam switch", "h/.opam-switch/packages/a.1.5/opam", "opam-version: \"2.0\"\n", "opam a 1.5\n"},
    {"pacman", "var/lib/pacman/local/a-1-1/desc",
     "%NAME%\na\n\n%VERSION%\n1:1-1\n\n%BASE%\nb\n\n%ARCH%\nx86_64\n\n%LICENSE%\nMIT\nGPL\n",
     "alpm a 1:1-1 arch=x86_64 from=b() license=MIT|GPL\n"},
    {"pacman, cut off", "var/lib/pacman/local/a-1-1/desc", "%NAME%\na\n\n%VERS", "! FORMAT no version"},
    {"Portage", "var/db/pkg/sys-libs/a-b-1.2-r1/PF", "a-b-1.2-r1\n", "ebuild sys-libs/a-b 1.2-r1\n"},
    {"Portage, no version", "var/db/pkg/c/a/PF", "a\n", "! FORMAT PF"},
    {"nimble", "root/.nimble/pkgs2/a-0.1-21b42e2e6ddca6c875d3fc50f36a5115abf51714/a.nimble", "", "generic a 0.1\n"},
    {"WordPress", "w/wp-content/plugins/a/a.php", "<?php\n/*\n * Plugin Name: A: b\n * Version: 5.3\n */\n",
     "wordpress-plugin A: b 5.3\n"},
    {"PHP that is no plugin", "w/wp-content/plugins/a/b.php", "<?php\n", ""},
    {"PEAR", "p/php/.registry/.channel.x/a.reg",
     "a:2:{s:4:\"name\";s:1:\"a\";s:7:\"version\";a:1:{s:7:\"release\";s:3:\"1.0\";}}", "generic a 1.0\n"},
};

#define CASES(id, table)                                                                                               \
    static void test_##table(void **state) {                                                                           \
        (void)state;                                                                                                   \
        assert_true(catalogue_case_run(NULL, CATALOGUER_##id, table, ARRAY_COUNT(table)));                             \
    }

CASES(TOML, toml)
CASES(PNPM, pnpm)
CASES(BUN, bun)
CASES(CONAN, conan)
CASES(REQUIREMENTS, requirements)
CASES(POM, pom)
CASES(GRADLE, gradle)
CASES(NUGET, nuget)
CASES(GEMSPEC, gemspec)
CASES(CLUE, clue)
CASES(JSON, json)
CASES(YAML, yaml)
CASES(BEAM, beam)
CASES(SPDX, spdx)
CASES(LINES, lines)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toml),    cmocka_unit_test(test_pnpm),         cmocka_unit_test(test_bun),
        cmocka_unit_test(test_conan),   cmocka_unit_test(test_requirements), cmocka_unit_test(test_pom),
        cmocka_unit_test(test_clue),    cmocka_unit_test(test_gradle),       cmocka_unit_test(test_nuget),
        cmocka_unit_test(test_gemspec), cmocka_unit_test(test_json),         cmocka_unit_test(test_yaml),
        cmocka_unit_test(test_beam),    cmocka_unit_test(test_spdx),         cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
