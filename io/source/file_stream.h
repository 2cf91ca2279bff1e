/* A file, or a part of one, into a stream by the loop's reads: straight into the stream's chunks, no copy. */
#ifndef TRAWL_FILE_STREAM_H
#define TRAWL_FILE_STREAM_H

#include "io/loop/loop.h"
#include "io/source/stream.h"

/* Takes `fd` and closes it when the stream has ended. Reads `size` bytes from `offset`; fewer are an error that names
 * `name` (copied), UINT64_MAX means to the end. Failures, also of starting, end the stream. */
void file_stream_start(struct loop *loop, int fd, uint64_t offset, uint64_t size, const char *name,
                       struct stream *stream);

#endif
