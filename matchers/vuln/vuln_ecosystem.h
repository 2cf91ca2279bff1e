/* The naming worlds of OSV: which one a package belongs to, how it folds names, which version order it has.
 *
 * An ecosystem is written as OSV writes it: "PyPI", "Debian:12", "Alpine:v3.18", "Ubuntu:22.04:LTS", "Red
 * Hat:enterprise_linux:9::appstream". The part before the first ':' chooses the rules; the rest is a release and is
 * compared as text after folding. */
#ifndef TRAWL_VULN_ECOSYSTEM_H
#define TRAWL_VULN_ECOSYSTEM_H

#include "base/buf.h"
#include "base/model/package.h"
#include "base/model/purl.h"
#include "matchers/version/version.h"

/* Appends the ecosystem for a package of that type found on that distribution, or nothing where OSV has no name for it:
 * a deb on Debian 12 gives "Debian:12", on Ubuntu 22.04 "Ubuntu:22.04:LTS" ("Ubuntu:23.10" has no LTS); an apk on
 * Alpine 3.18.4 gives "Alpine:v3.18", on edge "Alpine:edge"; PyPI and npm and their like do not look at the
 * distribution, which may be NULL.
 *
 * The records of Debian, Ubuntu, Alpine and Wolfi name *source* packages (apk: the origin): query with the source's
 * name and the source's version. AlmaLinux, Rocky, Azure Linux and Red Hat name binary packages.
 * vuln_ecosystem_names_source() tells. */
void vuln_ecosystem(const struct distro *distro, enum package_type type, struct buf *ecosystem);
bool vuln_ecosystem_names_source(struct span ecosystem);

/* All ecosystems in which to look for a package, each ended by a NUL, vuln_ecosystem()'s among them. Of an rpm all
 * count: Red Hat's and SUSE's records name repositories that no installed package carries. Of any other the first that
 * knows the package answers: Ubuntu's builds for Pro (+esm, fips) are judged by Pro's records, Root's by Root's. A
 * package that is known by its name alone (a program that says "nginx 1.25.1") is looked for among Bitnami's records,
 * which are about the upstream releases. */
void vuln_ecosystems(const struct distro *distro, const struct package *package, struct buf *list);

/* Built from the kernel's source without being one: headers, documentation, perf. The kernel's flaws are not theirs. */
bool vuln_is_kernel_part(const struct package *package);

/* The same for a package URL's parts. For deb, apk and rpm the qualifier distro ("debian-12", "alpine-3.18.4", "12")
 * names the release, also in the words of other tools ("alma-8.5"); an unknown release gives nothing. `name` gets the
 * name as the ecosystem writes it: "@scope/name", "group:artifact". */
struct distro vuln_distro_of_purl(const struct purl *purl);
void vuln_ecosystem_of_purl(const struct purl *purl, struct buf *ecosystem, struct buf *name);

/* The version order of the ecosystem. False where there is none, or none in this build: only versions that a record
 * enumerates can match then. */
bool vuln_ecosystem_scheme(struct span ecosystem, enum version_scheme *ret_scheme);

/* Appends "ecosystem NUL name", folded so that equal packages have equal bytes: Ubuntu loses ":LTS" (never ":Pro"),
 * "Alpine:edge" is "Alpine", PyPI names follow PEP 503, NuGet and Packagist are case-insensitive; elsewhere names are
 * exact. The database is built with the same function. */
void vuln_package_key(struct span ecosystem, struct span name, struct buf *key);

/* The version without what the ecosystem's tools put before it: Go's "v1.2.3" and "go1.21.3" are 1.2.3 and 1.21.3. */
struct span vuln_version_bare(struct span ecosystem, struct span version);

#endif
