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
    {"ConanCenter", "conan", false},
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

/* Releases by the names that os-release and package URLs may have instead of numbers. Debian's testing and unstable
 * have no number in os-release: testing is the release that it will become; unstable is nobody's number. */
static struct span release_number(struct span version, struct span codename) {
    static const struct {
        const char *codename, *number;
    } releases[] = {
        {"wheezy", "7"},       {"jessie", "8"},     {"stretch", "9"},      {"buster", "10"},     {"bullseye", "11"},
        {"bookworm", "12"},    {"trixie", "13"},    {"forky", "14"},       {"duke", "15"},       {"precise", "12.04"},
        {"trusty", "14.04"},   {"xenial", "16.04"}, {"bionic", "18.04"},   {"focal", "20.04"},   {"groovy", "20.10"},
        {"hirsute", "21.04"},  {"impish", "21.10"}, {"jammy", "22.04"},    {"kinetic", "22.10"}, {"lunar", "23.04"},
        {"mantic", "23.10"},   {"noble", "24.04"},  {"oracular", "24.10"}, {"plucky", "25.04"},  {"questing", "25.10"},
        {"resolute", "26.04"},
    };
    struct span word = version.size > 0 ? version : codename;
    for (size_t i = 0; i < ARRAY_COUNT(releases); i++) {
        if (text_equal_nocase(word, span_text(releases[i].codename)))
            return span_text(releases[i].number);
    }
    return word;
}

static void add_ubuntu(struct buf *out, const char *stream, struct span version) {
    struct span release = version_head(version, 2);
    buf_text(out, "Ubuntu:");
    buf_text(out, stream);
    buf_add(out, release);
    if (ubuntu_is_lts(release))
        buf_text(out, ":LTS");
}

static void deb_ecosystem(const struct distro *distro, struct buf *out) {
    struct span version = release_number(distro->version_id, distro->version_codename);
    if (span_is(distro->id, "debian")) {
        add_release(out, "Debian", version_head(version, 1));
    } else if (span_is(distro->id, "ubuntu") && version.size > 0) {
        add_ubuntu(out, "", version);
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
    } else if (span_is(distro->id, "alpaquita")) {
        add_release(out, "Alpaquita", span_is(distro->version_id, "") ? span_text("stream") : distro->version_id);
    } else if (span_is(distro->id, "bellsoft-hardened-containers")) {
        add_release(out, "BellSoft Hardened Containers", distro->version_id);
    }
}

/* Red Hat's and SUSE's records name a product and one of its repositories, and no installed package says from which it
 * came: a package is looked for in all that belong to its release. */
static const char *const redhat_streams[] = {"baseos",   "appstream",   "crb",         "highavailability", "nfv",
                                             "realtime", "sap",         "sap_hana",    "resilientstorage", "server",
                                             "client",   "workstation", "computenode", "supplementary"};
static const char *const suse_products[] = {
    "Linux Enterprise Module for Basesystem ",           "Linux Enterprise Module for Server Applications ",
    "Linux Enterprise Module for Development Tools ",    "Linux Enterprise Module for Python 3 ",
    "Linux Enterprise Module for Containers ",           "Linux Enterprise Module for Web and Scripting ",
    "Linux Enterprise Module for Desktop Applications ", "Linux Enterprise Module for Legacy ",
    "Linux Enterprise Module for Public Cloud ",         "Linux Enterprise Module for Package Hub "};

static bool is_redhat(const struct distro *distro) {
    return span_is(distro->id, "rhel") || span_is(distro->id, "redhat") || span_is(distro->id, "centos");
}

/* "openEuler 22.03 (LTS-SP1)" is OSV's "22.03-LTS-SP1". */
static void openeuler_release(const struct distro *distro, struct buf *out) {
    add_release(out, "openEuler", version_head(distro->version_id, 2));
    size_t open = span_index(distro->pretty_name, '(', 0);
    struct span service = open == SIZE_MAX ? (struct span){NULL, 0} : span_from(distro->pretty_name, open + 1);
    service = text_cut(&service, ')');
    if (distro->version_id.size > 0 && service.size > 0) {
        buf_byte(out, '-');
        buf_add(out, service);
    }
}

static void rpm_ecosystem(const struct distro *distro, struct buf *out) {
    static const struct {
        const char *id;
        const char *ecosystem;
        size_t parts; /* of the version that name the release */
    } rpm_distros[] = {
        {"almalinux", "AlmaLinux", 1}, {"azurelinux", "Azure Linux", 1},
        {"mageia", "Mageia", 1},       {"mariner", "Azure Linux", 1},
        {"ol", "Oracle Linux", 1},     {"photon", "Photon OS", 2},
        {"rocky", "Rocky Linux", 1},   {"opensuse-tumbleweed", "openSUSE:Tumbleweed", 0},
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
    if (is_redhat(distro) && distro->version_id.size > 0) {
        add_release(out, "Red Hat:enterprise_linux", version_head(distro->version_id, 1));
        buf_text(out, "::baseos");
    }
    if (span_is(distro->id, "amzn")) /* the first one called itself after its year */
        add_release(out, "Amazon Linux",
                    span_starts(distro->version_id, "201") ? span_text("1") : version_head(distro->version_id, 1));
    if (span_is(distro->id, "openEuler"))
        openeuler_release(distro, out);
    if (span_is(distro->id, "opensuse-leap") && distro->version_id.size > 0) {
        buf_text(out, "openSUSE:Leap ");
        buf_add(out, version_head(distro->version_id, 2));
    }
    /* OSV names SUSE's products as their os-release does: "SUSE Linux Enterprise Server 15 SP5". */
    if (span_is(distro->id, "sles") && span_starts(distro->pretty_name, "SUSE "))
        add_release(out, "SUSE", span_from(distro->pretty_name, 5));
    if ((span_is(distro->id, "sl-micro") || span_is(distro->id, "sle-micro")) && distro->version_id.size > 0) {
        buf_text(out, span_is(distro->id, "sl-micro") ? "SUSE:Linux Micro " : "SUSE:Linux Enterprise Micro ");
        buf_add(out, version_head(distro->version_id, 2));
    }
}

/* Types whose world is the same on every system. Those that are not here have no OSV ecosystem. */
static const struct {
    enum package_type type;
    const char *ecosystem;
} languages[] = {
    {PACKAGE_PYPI, "PyPI"},
    {PACKAGE_NPM, "npm"},
    {PACKAGE_GOLANG, "Go"},
    {PACKAGE_MAVEN, "Maven"},
    {PACKAGE_GEM, "RubyGems"},
    {PACKAGE_CARGO, "crates.io"},
    {PACKAGE_COMPOSER, "Packagist"},
    {PACKAGE_NUGET, "NuGet"},
    {PACKAGE_HEX, "Hex"},
    {PACKAGE_PUB, "Pub"},
    {PACKAGE_CONAN, "ConanCenter"},
    {PACKAGE_CRAN, "CRAN"},
    {PACKAGE_SWIFT, "SwiftURL"},
    {PACKAGE_JULIA, "Julia"},
    {PACKAGE_HACKAGE, "Hackage"},
    {PACKAGE_BITNAMI, "Bitnami"},
    {PACKAGE_GITHUB, "GitHub Actions"},
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

static void add_candidate(struct buf *list, const char *world, struct span release, const char *rest) {
    buf_text(list, world);
    buf_add(list, release);
    buf_text(list, rest);
    buf_byte(list, 0);
}

static bool version_has(const struct package *package, const char *word) {
    return span_find(package->version, span_text(word), 0) != SIZE_MAX ||
           span_find(package->source_version, span_text(word), 0) != SIZE_MAX;
}

/* A build that Canonical made for Pro alone says so in its version, and only Pro's records know it. */
static void ubuntu_candidates(const struct distro *distro, const struct package *package, struct buf *list) {
    static const char *const streams[] = {"Pro:FIPS-updates:", "Pro:FIPS:", "Pro:"};
    struct span version = release_number(distro->version_id, distro->version_codename);
    bool fips = version_has(package, "fips") || version_has(package, "Fips");
    bool esm = version_has(package, "esm");
    for (size_t i = fips ? 0 : 2; (fips || esm) && i < ARRAY_COUNT(streams); i++) {
        add_ubuntu(list, streams[i], version);
        buf_byte(list, 0);
    }
}

static void rpm_candidates(const struct distro *distro, struct buf *list) {
    struct span version = version_head(distro->version_id, 1);
    for (size_t i = 1; is_redhat(distro) && version.size > 0 && i < ARRAY_COUNT(redhat_streams); i++) {
        buf_text(list, "Red Hat:enterprise_linux:");
        buf_add(list, version);
        add_candidate(list, "::", span_text(redhat_streams[i]), "");
    }
    struct span product = distro->pretty_name;
    if (!span_is(distro->id, "sles") || !span_starts(product, "SUSE Linux Enterprise Server "))
        return;
    version = span_from(product, strlen("SUSE Linux Enterprise Server "));
    for (size_t i = 0; i < ARRAY_COUNT(suse_products); i++) {
        buf_text(list, "SUSE:");
        add_candidate(list, suse_products[i], version, "");
    }
    add_candidate(list, "SUSE:Linux Enterprise Server ", version, "-LTSS");
}

void vuln_ecosystems(const struct distro *distro, const struct package *package, struct buf *list) {
    size_t before = list->size;
    if (package->type == PACKAGE_DEB && span_is(distro->id, "ubuntu"))
        ubuntu_candidates(distro, package, list);
    if (version_has(package, "root.io")) { /* Root's patched builds have records of their own */
        size_t at = list->size;
        buf_text(list, "Root:");
        vuln_ecosystem(distro, package->type, list);
        if (list->size == at + strlen("Root:"))
            list->size = at;
        else
            buf_byte(list, 0);
    }
    size_t own = list->size;
    if (package->type == PACKAGE_GENERIC)
        buf_text(list, "Bitnami");
    else
        vuln_ecosystem(distro, package->type, list);
    if (list->size > own)
        buf_byte(list, 0);
    if (package->type == PACKAGE_RPM)
        rpm_candidates(distro, list);
    if (list->failed)
        list->size = before;
}

static bool name_has(struct span name, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (span_find(name, span_text(words[i]), 0) != SIZE_MAX)
            return true;
    }
    return false;
}

bool vuln_is_kernel_part(const struct package *package) {
    static const char *const deb[] = {"-headers",     "-tools",       "linux-kbuild", "linux-doc",
                                      "linux-source", "linux-config", "-libc-dev",    "-perf",
                                      "-buildinfo",   "-cloud-tools", "-compiler-"};
    static const char *const rpm[] = {"-headers", "-devel",  "-doc",  "-tools", "-macros",
                                      "-abi",     "-source", "-syms", "-srpm"};
    static const char *const apart[] = {"perf", "bpftool", "python3-perf", "libperf", "usbip", "hyperv-daemons"};
    struct span name = package->name;
    if (package->type == PACKAGE_DEB && span_is(package->source_name, "linux"))
        return !span_starts(name, "linux-image") && !span_starts(name, "linux-modules");
    if (package->type == PACKAGE_DEB)
        return span_starts(name, "linux-") && name_has(name, deb, ARRAY_COUNT(deb)) &&
               (package->source_name.size == 0 || span_starts(package->source_name, "linux"));
    if (package->type == PACKAGE_APK)
        return span_is(name, "linux-headers");
    if (package->type != PACKAGE_RPM)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(apart); i++) {
        if (span_is(name, apart[i]))
            return true;
    }
    return span_starts(name, "kernel-") && name_has(name, rpm, ARRAY_COUNT(rpm));
}

/* What other tools write as an rpm's namespace or distribution, and what os-release calls it. */
static struct span distro_id(struct span id) {
    static const struct {
        const char *other, *id;
    } names[] = {{"alma", "almalinux"},
                 {"amazon", "amzn"},
                 {"amazonlinux", "amzn"},
                 {"cbl-mariner", "mariner"},
                 {"azure", "azurelinux"},
                 {"oracle", "ol"},
                 {"oraclelinux", "ol"},
                 {"opensuse", "opensuse-leap"},
                 {"opensuse.leap", "opensuse-leap"},
                 {"opensuse.tumbleweed", "opensuse-tumbleweed"},
                 {"openeuler", "openEuler"}};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (span_is(id, names[i].other))
            return span_text(names[i].id);
    }
    return id;
}

/* "debian-12" and "12" both name release 12 of the namespace's distribution; "opensuse-leap-15.5" names its own. */
struct distro vuln_distro_of_purl(const struct purl *purl) {
    struct distro distro = {.id = purl->namespace};
    for (size_t i = 0; i < purl->qualifier_count; i++) {
        struct span value = purl->qualifiers[i].value;
        if (!span_is(purl->qualifiers[i].key, "distro"))
            continue;
        size_t dash = span_index_last(value, '-');
        struct span name = span_slice(value, 0, dash == SIZE_MAX ? 0 : dash);
        if (span_is(value, "opensuse-tumbleweed")) {
            distro.id = value;
        } else if (name.size > 0 && span_equal(distro_id(name), distro_id(distro.id))) {
            value = span_from(value, dash + 1);
        } else if (name.size > 0 && dash + 1 < value.size && text_is_digit(value.data[dash + 1])) {
            distro.id = name;
            value = span_from(value, dash + 1);
        }
        if (span_starts(value, "AMI release "))
            value = span_from(value, strlen("AMI release "));
        distro.version_id = text_cut(&value, ' '); /* "2 (Karoo)" */
    }
    distro.id = distro_id(distro.id);
    return distro;
}

void vuln_ecosystem_of_purl(const struct purl *purl, struct buf *ecosystem, struct buf *name) {
    enum package_type type;
    struct distro distro = vuln_distro_of_purl(purl);
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
