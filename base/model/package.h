/* Found software, as a cataloguer reports it for one file of one layer, before images are known. */
#ifndef TRAWL_PACKAGE_H
#define TRAWL_PACKAGE_H

#include "base/arena.h"
#include "base/err.h"

/* purl type names; the order is the sort order of nothing and may grow. base/model/package.c has the names. */
enum package_type {
    PACKAGE_DEB,
    PACKAGE_APK,
    PACKAGE_RPM,
    PACKAGE_PYPI,
    PACKAGE_NPM,
    PACKAGE_GOLANG,
    PACKAGE_MAVEN,
    PACKAGE_GEM,
    PACKAGE_CARGO,
    PACKAGE_COMPOSER,
    PACKAGE_NUGET,
    PACKAGE_OPKG,
    PACKAGE_GENERIC,
    PACKAGE_ALPM,
    PACKAGE_BITNAMI,
    PACKAGE_BOTTLEROCKET,
    PACKAGE_BREW,
    PACKAGE_COCOAPODS,
    PACKAGE_CONAN,
    PACKAGE_CONDA,
    PACKAGE_COS,
    PACKAGE_CPAN,
    PACKAGE_CRAN,
    PACKAGE_DOCKER,
    PACKAGE_EBUILD,
    PACKAGE_GITHUB,
    PACKAGE_HACKAGE,
    PACKAGE_HELM,
    PACKAGE_HEX,
    PACKAGE_JULIA,
    PACKAGE_LUAROCKS,
    PACKAGE_OPAM,
    PACKAGE_PUB,
    PACKAGE_SPACK,
    PACKAGE_SWIFT,
    PACKAGE_TERRAFORM,
    PACKAGE_VCPKG,
    PACKAGE_VSCODE_EXTENSION,
    PACKAGE_WORDPRESS_PLUGIN,
    PACKAGE_CHROME_EXTENSION,
    PACKAGE_FLATPAK,
    PACKAGE_GUIX,
    PACKAGE_HUGGINGFACE,
    PACKAGE_MACPORTS,
    PACKAGE_NIX,
    PACKAGE_SNAP,
    PACKAGE_TYPE_COUNT
};

/* EVIDENCE_CLUE is no package yet: what another file of the same tree has to be known for (engine/image/clue.h). */
enum package_evidence {
    EVIDENCE_INSTALLED,
    EVIDENCE_DECLARED,
    EVIDENCE_EMBEDDED,
    EVIDENCE_SBOM,
    EVIDENCE_CLUE,
    EVIDENCE_COUNT
};

struct package {
    enum package_type type;
    enum package_evidence evidence;
    struct span name;           /* as the ecosystem writes it; npm with its scope "@scope/name"; not empty */
    struct span version;        /* with epoch and release where the ecosystem has them; empty only when declared */
    struct span architecture;   /* or empty */
    struct span source_name;    /* the source package (dpkg Source, apk origin), or empty when it is the name */
    struct span source_version; /* or empty when it is the version */
    struct span licenses;       /* declared licences, joined with "\n"; or empty */
    struct span path; /* the file that says so, as in the layer: no leading slash; or a folder, ending in one */
};

/* What a distribution calls itself, from os-release. Empty spans where it does not say. */
struct distro {
    struct span id; /* "debian", "alpine", "ubuntu" */
    struct span id_like;
    struct span version_id;       /* "12", "3.18.4", "22.04" */
    struct span version_codename; /* "bookworm" */
    struct span pretty_name;
};

const char *package_type_name(enum package_type type);
bool package_type_parse(struct span text, enum package_type *ret_type);
const char *package_evidence_name(enum package_evidence evidence);

/* Copies of all text into the arena; false when the arena is full. */
bool package_copy(struct arena *arena, const struct package *from, struct package *ret_copy);
bool distro_copy(struct arena *arena, const struct distro *from, struct distro *ret_copy);

#endif
