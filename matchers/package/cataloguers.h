/* The objects that cataloguer.def names. Only cataloguer.c, the cataloguers' own files and their tests include this. */
#ifndef TRAWL_CATALOGUERS_H
#define TRAWL_CATALOGUERS_H

#include "matchers/package/cataloguer.h"

#define CATALOGUER(id, object) extern const struct cataloguer object;
#include "matchers/package/cataloguer.def"
#undef CATALOGUER

#endif
