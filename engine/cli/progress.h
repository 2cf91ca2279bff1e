/* The progress of a sweep on stderr: one line that is drawn over on a terminal, plain lines at intervals elsewhere. */
#ifndef TRAWL_PROGRESS_H
#define TRAWL_PROGRESS_H

#include "engine/pipeline/sweep.h"

struct progress {
    bool off;
    bool terminal;
    bool drawn; /* a line stands on the terminal */
};

void progress_init(struct progress *progress, bool off);
/* How often progress_show() wants to be called; 0: never. */
uint64_t progress_interval_ms(const struct progress *progress);

/* The callbacks of struct sweep_options; `context` is the struct progress. */
void progress_show(void *context, const struct sweep_progress *now);
void progress_notice(void *context, const char *text);

/* Takes the line off the terminal, so that what follows stands alone. */
void progress_clear(struct progress *progress);

#endif
