#include "matchers/vuln/vuln_ecosystem.h"

#include "base/text.h"

/* The ecosystems of the OSV schema (appendix "defined ecosystems") that hold packages of a kind trawl finds, with the
 * version order of each. The scheme is named, not numbered: a build without it then enumerates only. */
static const struct ecosystem_info {
    const char *name;
    const char *scheme;
    bool names_source;
} ecosystems[] = {
    {"AlmaLinux", "rpm", false},
    {"Alpaquita", "apk", true},
    {"Alpine", "apk", true},
    {"Amazon Linux", "rpm", false},
    {"Azure Linux", "rpm", false},
    {"BellSoft Hardened Containers", "apk", true},
    {"Bioconductor", "cran", false},
    {"Bitnami", "semver", false},
    {"CRAN", "cran", false},
    {"Chainguard", "apk", true},
    {"ConanCenter", "semver", false},
    {"Debian", "deb", true},
    {"Echo", "deb", true},
    {"GHC", "hackage", false},
    {"GitHub Actions", "semver", false},
    {"Go", "semver", false},
    {"Hackage", "hackage", false},
    {"Hex", "semver", false},
    {"Julia", "semver", false},
    {"Mageia", "rpm", false},
    {"Maven", "maven", false},
    {"MinimOS", "apk", true},
    {"NuGet", "nuget", false},
    {"Oracle Linux", "rpm", false},
    {"Packagist", "composer", false},
    {"Photon OS", "rpm", false},
    {"Pub", "pub", false},
    {"PyPI", "pep440", false},
    {"Red Hat", "rpm", false},
    {"Rocky Linux", "rpm", false},
    {"RubyGems", "gem", false},
    {"SUSE", "rpm", false},
    {"SwiftURL", "semver", false},
    {"Ubuntu", "deb", true},
    {"Wolfi", "apk", true},
    {"crates.io", "semver", false},
    {"npm", "semver", false},
    {"openEuler", "rpm", false},
    {"openSUSE", "rpm", false},
};

static struct span ecosystem_base(struct span ecosystem) {
    struct span base = text_cut(&ecosystem, ':');
    /* Root's patched builds carry the ecosystem that they patch: "Root:Alpine:3.18", "Root:PyPI". */
    return span_is(base, "Root") ? text_cut(&ecosystem, ':') : base;
}

static const struct ecosystem_info *info_find(struct span ecosystem) {
    struct span base = ecosystem_base(ecosystem);
    for (size_t i = 0; i < ARRAY_COUNT(ecosystems); i++) {
        if (span_is(base, ecosystems[i].name))
            return &ecosystems[i];
    }
    return NULL;
}

bool vuln_ecosystem_scheme(struct span ecosystem, enum version_scheme *ret_scheme) {
    const struct ecosystem_info *info = info_find(ecosystem);
    return info != NULL && version_scheme_find(span_text(info->scheme), ret_scheme);
}

bool vuln_ecosystem_names_source(struct span ecosystem) {
    const struct ecosystem_info *info = info_find(ecosystem);
    return info != NULL && info->names_source;
}

/* The first `parts` numbers of a dotted version: "3.18.4", 2 → "3.18". */
static struct span version_head(struct span version, size_t parts) {
    size_t end = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t dot = span_index(version, '.', end);
        if (dot == SIZE_MAX)
            return version;
        end = dot + 1;
    }
    return span_slice(version, 0, end == 0 ? 0 : end - 1);
}

/* Every second year's April release is the long-term one, and OSV writes so. */
static bool ubuntu_is_lts(struct span version) {
    uint64_t year = 0;
    return version.size == 5 && span_ends(version, ".04") && text_u64(span_slice(version, 0, 2), 10, 99, &year) &&
           year % 2 == 0;
}

static void add_release(struct buf *out, const char *name, struct span release) {
    if (release.size == 0)
        return;
    buf_text(out, name);
    buf_byte(out, ':');
    buf_add(out, release);
}

static void deb_ecosystem(const struct distro *distro, struct buf *out) {
    if (span_is(distro->id, "debian")) {
        add_release(out, "Debian", version_head(distro->version_id, 1));
    } else if (span_is(distro->id, "ubuntu") && distro->version_id.size > 0) {
        struct span release = version_head(distro->version_id, 2);
        add_release(out, "Ubuntu", release);
        if (ubuntu_is_lts(release))
            buf_text(out, ":LTS");
    } else if (span_is(distro->id, "echo")) {
        buf_text(out, "Echo");
    }
}

/* Alpine's edge calls itself "3.21.0_alpha20240807" or "edge". */
static bool alpine_is_edge(struct span version) {
    return span_starts(version, "edge") || span_find(version, span_text("_alpha"), 0) != SIZE_MAX ||
           span_find(version, span_text("_git"), 0) != SIZE_MAX;
}

static void apk_ecosystem(const struct distro *distro, struct buf *out) {
    if (span_is(distro->id, "alpine")) {
        if (alpine_is_edge(distro->version_id)) {
            buf_text(out, "Alpine:edge");
        } else if (distro->version_id.size > 0) {
            buf_text(out, "Alpine:v");
            buf_add(out, version_head(distro->version_id, 2));
        }
    } else if (span_is(distro->id, "wolfi")) {
        buf_text(out, "Wolfi");
    } else if (span_is(distro->id, "chainguard")) {
        buf_text(out, "Chainguard");
    } else if (span_is(distro->id, "minimos")) {
        buf_text(out, "MinimOS");
    }
}

static void rpm_ecosystem(const struct distro *distro, struct buf *out) {
    static const struct {
        const char *id;
        const char *ecosystem;
        size_t parts; /* of the version that name the release */
    } rpm_distros[] = {
        {"almalinux", "AlmaLinux", 1},    {"amzn", "Amazon Linux", 1},
        {"azurelinux", "Azure Linux", 1}, {"mageia", "Mageia", 1},
        {"mariner", "Azure Linux", 1},    {"ol", "Oracle Linux", 1},
        {"openEuler", "openEuler", 2},    {"photon", "Photon OS", 2},
        {"rocky", "Rocky Linux", 1},      {"opensuse-tumbleweed", "openSUSE:Tumbleweed", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rpm_distros); i++) {
        if (!span_is(distro->id, rpm_distros[i].id))
            continue;
        if (rpm_distros[i].parts == 0)
            buf_text(out, rpm_distros[i].ecosystem);
        else
            add_release(out, rpm_distros[i].ecosystem, version_head(distro->version_id, rpm_distros[i].parts));
        return;
    }
    if (span_is(distro->id, "opensuse-leap") && distro->version_id.size > 0) {
        buf_text(out, "openSUSE:Leap ");
        buf_add(out, version_head(distro->version_id, 2));
    }
    /* OSV names SUSE's products as their os-release does: "SUSE Linux Enterprise Server 15 SP5". */
    if (span_is(distro->id, "sles") && span_starts(distro->pretty_name, "SUSE "))
        add_release(out, "SUSE", span_from(distro->pretty_name, 5));
    /* Red Hat's ecosystems name a product and a repository that no installed package carries. */
}

/* Types whose world is the same on every system. Those that are not here have no OSV ecosystem. */
static const struct {
    enum package_type type;
    const char *ecosystem;
} languages[] = {
    {PACKAGE_PYPI, "PyPI"},    {PACKAGE_NPM, "npm"},         {PACKAGE_GOLANG, "Go"},          {PACKAGE_MAVEN, "Maven"},
    {PACKAGE_GEM, "RubyGems"}, {PACKAGE_CARGO, "crates.io"}, {PACKAGE_COMPOSER, "Packagist"}, {PACKAGE_NUGET, "NuGet"},
};

void vuln_ecosystem(const struct distro *distro, enum package_type type, struct buf *ecosystem) {
    static const struct distro none = {0};
    if (distro == NULL)
        distro = &none;
    for (size_t i = 0; i < ARRAY_COUNT(languages); i++) {
        if (languages[i].type == type)
            buf_text(ecosystem, languages[i].ecosystem);
    }
    if (type == PACKAGE_DEB)
        deb_ecosystem(distro, ecosystem);
    else if (type == PACKAGE_APK)
        apk_ecosystem(distro, ecosystem);
    else if (type == PACKAGE_RPM)
        rpm_ecosystem(distro, ecosystem);
}

/* "debian-12" and "12" both name release 12 of the namespace's distribution. */
static struct distro purl_distro(const struct purl *purl) {
    struct distro distro = {.id = purl->namespace};
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        struct span value = purl->qualifiers[i].value;
        if (!span_is(purl->qualifiers[i].key, "distro"))
            continue;
        size_t dash = span_index_last(value, '-');
        if (dash != SIZE_MAX && span_equal(span_slice(value, 0, dash), distro.id))
            value = span_from(value, dash + 1);
        distro.version_id = value;
    }
    return distro;
}

void vuln_ecosystem_of_purl(const struct purl *purl, struct buf *ecosystem, struct buf *name) {
    enum package_type type;
    struct distro distro = purl_distro(purl);
    if (package_type_parse(purl->type, &type) && type != PACKAGE_GENERIC)
        vuln_ecosystem(&distro, type, ecosystem);
    else if (span_is(purl->type, "bitnami"))
        buf_text(ecosystem, "Bitnami");
    else if (span_is(purl->type, "hex"))
        buf_text(ecosystem, "Hex");
    else if (span_is(purl->type, "pub"))
        buf_text(ecosystem, "Pub");
    else if (span_is(purl->type, "conan"))
        buf_text(ecosystem, "ConanCenter");
    bool system = span_is(purl->type, "deb") || span_is(purl->type, "apk") || span_is(purl->type, "rpm");
    if (purl->namespace.size > 0 && !system) {
        buf_add(name, purl->namespace);
        buf_byte(name, span_is(purl->type, "maven") ? ':' : '/');
    }
    buf_add(name, purl->name);
}

static void add_ecosystem(struct buf *key, struct span ecosystem) {
    if (span_starts(ecosystem, "Ubuntu:") && span_ends(ecosystem, ":LTS"))
        ecosystem.size -= 4;
    else if (span_is(ecosystem, "Alpine:edge"))
        ecosystem.size -= 5;
    buf_add(key, ecosystem);
}

/* PEP 503: lower case, and each run of '-', '_' and '.' is one '-'. */
static void add_pypi_name(struct buf *key, struct span name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool separator = c == '-' || c == '_' || c == '.';
        if (!separator)
            buf_byte(key, text_lower_byte(c));
        else if (i == 0 || (name.data[i - 1] != '-' && name.data[i - 1] != '_' && name.data[i - 1] != '.'))
            buf_byte(key, '-');
    }
}

void vuln_package_key(struct span ecosystem, struct span name, struct buf *key) {
    struct span base = ecosystem_base(ecosystem);
    add_ecosystem(key, ecosystem);
    buf_byte(key, 0);
    if (span_is(base, "PyPI")) {
        add_pypi_name(key, name);
    } else if (span_is(base, "NuGet") || span_is(base, "Packagist")) {
        for (size_t i = 0; i < name.size; i++)
            buf_byte(key, text_lower_byte(name.data[i]));
    } else {
        buf_add(key, name);
    }
}

struct span vuln_version_bare(struct span ecosystem, struct span version) {
    if (!span_is(ecosystem_base(ecosystem), "Go"))
        return version;
    size_t skip = span_starts(version, "go") ? 2 : span_starts(version, "v") ? 1 : 0;
    return version.size > skip && text_is_digit(version.data[skip]) ? span_from(version, skip) : version;
}
