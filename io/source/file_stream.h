/* A file into a stream by the loop's reads: straight into the stream's chunks, no copy. */
#ifndef TRAWL_FILE_STREAM_H
#define TRAWL_FILE_STREAM_H

#include "io/loop/loop.h"
#include "io/source/stream.h"

/* Takes `fd`, reads it from its begin to its end, and closes it when the stream has ended. Failures, also of starting,
 * end the stream with a text that names `name` (copied). */
void file_stream_start(struct loop *loop, int fd, const char *name, struct stream *stream);

#endif
