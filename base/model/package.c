#include "base/model/package.h"

static const char *const type_names[PACKAGE_TYPE_COUNT] = {
    [PACKAGE_DEB] = "deb",
    [PACKAGE_APK] = "apk",
    [PACKAGE_RPM] = "rpm",
    [PACKAGE_PYPI] = "pypi",
    [PACKAGE_NPM] = "npm",
    [PACKAGE_GOLANG] = "golang",
    [PACKAGE_MAVEN] = "maven",
    [PACKAGE_GEM] = "gem",
    [PACKAGE_CARGO] = "cargo",
    [PACKAGE_COMPOSER] = "composer",
    [PACKAGE_NUGET] = "nuget",
    [PACKAGE_OPKG] = "opkg",
    [PACKAGE_GENERIC] = "generic",
    [PACKAGE_ALPM] = "alpm",
    [PACKAGE_BITNAMI] = "bitnami",
    [PACKAGE_BOTTLEROCKET] = "bottlerocket",
    [PACKAGE_BREW] = "brew",
    [PACKAGE_COCOAPODS] = "cocoapods",
    [PACKAGE_CONAN] = "conan",
    [PACKAGE_CONDA] = "conda",
    [PACKAGE_COS] = "cos",
    [PACKAGE_CPAN] = "cpan",
    [PACKAGE_CRAN] = "cran",
    [PACKAGE_DOCKER] = "docker",
    [PACKAGE_EBUILD] = "ebuild",
    [PACKAGE_GITHUB] = "github",
    [PACKAGE_HACKAGE] = "hackage",
    [PACKAGE_HELM] = "helm",
    [PACKAGE_HEX] = "hex",
    [PACKAGE_JULIA] = "julia",
    [PACKAGE_LUAROCKS] = "luarocks",
    [PACKAGE_OPAM] = "opam",
    [PACKAGE_PUB] = "pub",
    [PACKAGE_SPACK] = "spack",
    [PACKAGE_SWIFT] = "swift",
    [PACKAGE_TERRAFORM] = "terraform",
    [PACKAGE_VCPKG] = "vcpkg",
    [PACKAGE_VSCODE_EXTENSION] = "vscode-extension",
    [PACKAGE_WORDPRESS_PLUGIN] = "wordpress-plugin",
    [PACKAGE_CHROME_EXTENSION] = "chrome-extension",
    [PACKAGE_FLATPAK] = "flatpak",
    [PACKAGE_GUIX] = "guix",
    [PACKAGE_HUGGINGFACE] = "huggingface",
    [PACKAGE_MACPORTS] = "macports",
    [PACKAGE_NIX] = "nix",
    [PACKAGE_SNAP] = "snap",
};

static const char *const evidence_names[EVIDENCE_COUNT] = {"installed", "declared", "embedded", "sbom", "clue"};

const char *package_type_name(enum package_type type) {
    return type < PACKAGE_TYPE_COUNT ? type_names[type] : "generic";
}

bool package_type_parse(struct span text, enum package_type *ret_type) {
    for (enum package_type type = 0; type < PACKAGE_TYPE_COUNT; type++) {
        if (span_is(text, type_names[type])) {
            *ret_type = type;
            return true;
        }
    }
    return false;
}

const char *package_evidence_name(enum package_evidence evidence) {
    return evidence < EVIDENCE_COUNT ? evidence_names[evidence] : "installed";
}

static bool copy_into(struct arena *arena, struct span from, struct span *ret_copy) {
    if (from.size == 0) {
        *ret_copy = (struct span){NULL, 0};
        return true;
    }
    *ret_copy = arena_copy(arena, from);
    return ret_copy->data != NULL;
}

bool package_copy(struct arena *arena, const struct package *from, struct package *ret_copy) {
    *ret_copy = *from;
    return copy_into(arena, from->name, &ret_copy->name) && copy_into(arena, from->version, &ret_copy->version) &&
           copy_into(arena, from->architecture, &ret_copy->architecture) &&
           copy_into(arena, from->source_name, &ret_copy->source_name) &&
           copy_into(arena, from->source_version, &ret_copy->source_version) &&
           copy_into(arena, from->licenses, &ret_copy->licenses) && copy_into(arena, from->path, &ret_copy->path);
}

bool distro_copy(struct arena *arena, const struct distro *from, struct distro *ret_copy) {
    return copy_into(arena, from->id, &ret_copy->id) && copy_into(arena, from->id_like, &ret_copy->id_like) &&
           copy_into(arena, from->version_id, &ret_copy->version_id) &&
           copy_into(arena, from->version_codename, &ret_copy->version_codename) &&
           copy_into(arena, from->pretty_name, &ret_copy->pretty_name);
}
