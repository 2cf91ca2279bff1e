/* The three databases that rpm has kept its packages in, and the header that each of them holds for a package. */
#ifndef TRAWL_RPMDB_H
#define TRAWL_RPMDB_H

#include "matchers/package/cataloguer.h"

/* Reads one header, without the eight bytes that files have before it, and adds its package. What is damaged is a
 * fault of the run. Spec: "Header format" and "Tags" of rpm's manual. */
int rpm_header_package(struct catalogue *run, struct span header, enum package_evidence evidence, struct err *err);

/* The same of a package that a database says is installed. */
int rpm_header_add(struct catalogue *run, struct span header, struct err *err);

/* The source package's name and version out of "bash-4.4-19.6.1.src.rpm"; empty where it is none. */
void rpm_source_split(struct span file, struct package *package);

/* The whole database; they add what they can read. FORMAT where it is none of theirs. */
int rpmdb_sqlite_read(struct catalogue *run, struct err *err); /* rpmdb.sqlite, since rpm 4.16 */
int rpmdb_ndb_read(struct catalogue *run, struct err *err);    /* Packages.db, of SUSE */
int rpmdb_bdb_read(struct catalogue *run, struct err *err);    /* Packages, a hash of Berkeley DB */

#endif
