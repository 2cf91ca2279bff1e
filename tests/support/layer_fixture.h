/* A layer's result in which no field is empty, for what copies or packs results: a field that is forgotten shows. */
#ifndef TRAWL_LAYER_FIXTURE_H
#define TRAWL_LAYER_FIXTURE_H

#include "engine/image/layer_result.h"

/* The caller frees it; out of memory ends the test. */
struct layer_result *support_layer(void);

#endif
