/* What the readers of SBOMs share: a component of any format becomes a package. */
#ifndef TRAWL_SBOM_H
#define TRAWL_SBOM_H

#include "matchers/package/cataloguer.h"

/* Adds a component that an SBOM claims: under the name and version that its purl has, where it has one of a type that
 * this program knows, else as a generic package. Nothing without a name or version. */
int sbom_component_add(struct catalogue *run, struct span purl, struct span name, struct span version,
                       struct span license, struct err *err);

/* An SBOM in JSON or, by the path, YAML: SPDX 2 or CycloneDX. A document of another kind is none and no error. */
int sbom_document_add(struct catalogue *run, struct err *err);

/* Whether the path is one of those that SBOMs in JSON and YAML are looked for at, whatever they begin with. */
bool sbom_is_path(struct span path);

#endif
