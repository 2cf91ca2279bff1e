/* Files that say something only together: what cataloguers left as EVIDENCE_CLUE becomes packages where the image shows
 * the other file too.
 * - A gemspec whose version is a constant, and the version.rb below its folder that has the constant's value.
 * - The modules of a go.sum, where no go.mod stands beside it or one of before Go 1.17, but those that the go.mod
 * names.
 * - The package of a Julia Project.toml, where no manifest stands beside it: with one, it is the project and no
 * dependency.
 * - The project of a package.json, where a yarn.lock stands in its folder or in one above: yarn does not write it down.
 */
#ifndef TRAWL_CLUE_H
#define TRAWL_CLUE_H

#include "engine/image/compose.h"

/* Adds to the composition's packages; what is made new lives in its arena. `with_declared` as in compose(). NOMEM. */
int clues_settle(struct composition *composition, bool with_declared, struct err *err);

#endif
