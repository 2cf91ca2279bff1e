/* From packed bytes to unpacked bytes, as a stream: gzip, zstd, or plain, told apart by their first bytes
 * and never by a media type (registries serve wrong ones). Packed bytes go in, in pieces of any size;
 * unpacked bytes come out in pieces of at most CODEC_PIECE_BYTES. A codec is reused for many blobs without
 * allocating again.
 *
 * gzip: any number of members, each with its own CRC-32 and size checked; zero bytes after the last are
 * padding. zstd: any number of frames and skippable frames (zstd:chunked ends in some); windows up to
 * LIMIT_ZSTD_WINDOW_BYTES. bzip2, xz, lz4 and compress(1) are recognised and refused by name. An empty
 * blob is plain and has no output.
 *
 * Memory of one codec: about 0.6 MiB with gzip; with zstd also the frame's window, which a frame may
 * choose up to its limit. Thread rule: any thread, own object.
 *
 * Errors: FORMAT damaged or truncated; LIMIT unpacked bytes, ratio, window; UNSUPPORTED another packing,
 * or a zstd dictionary; NOMEM; and whatever the output callback returns. After an error, until the next
 * codec_begin(), every call fails with the same error. */
#ifndef TRAWL_CODEC_H
#define TRAWL_CODEC_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/span.h"

#define CODEC_PIECE_BYTES ((size_t)256 * 1024)

struct codec;

/* The ceilings of one blob. */
struct codec_limits {
    uint64_t unpacked_bytes_max; /* exactly so many bytes come out before LIMIT (--max-layer-bytes) */
    uint64_t ratio_max;          /* unpacked / packed, of the bytes so far (--max-ratio) */
    uint64_t ratio_floor_bytes;  /* below this much output the ratio is not looked at */
};

/* LIMIT_LAYER_BYTES, LIMIT_RATIO, LIMIT_RATIO_FLOOR_BYTES. */
struct codec_limits codec_limits_default(void);

/* Takes a piece of unpacked bytes, borrowed: valid until it returns. 0 to go on; -1, with `err` set, to
 * stop. */
typedef int (*codec_output_fn)(void *context, struct span piece, struct err *err);

/* A codec that is ready for its first blob under the default limits. */
int codec_new(struct codec **ret_codec, struct err *err);
void codec_free(struct codec *codec);
CLEANUP_DEFINE(codec, struct codec, codec_free)
#define AUTO_CODEC AUTO(cleanup_codec)

/* Starts over with another blob. NULL means the default limits. */
void codec_begin(struct codec *codec, const struct codec_limits *limits);

/* Unpacks `input`, which is all used up when this returns 0. */
int codec_push(struct codec *codec, struct span input, codec_output_fn output, void *context, struct err *err);

/* Says that the blob has ended: FORMAT where it must not end here. */
int codec_finish(struct codec *codec, codec_output_fn output, void *context, struct err *err);

/* The same as codec_push() for a caller that pulls: makes at most one piece from the front of `*input` and
 * moves it past what was used. Returns 1 with a piece (valid until the next call), 0 when `*input` is
 * empty and more is wanted, -1 error. After the blob's last byte call with `ended`: then 0 means that
 * everything came out and the end is where it should be. */
int codec_step(struct codec *codec, struct span *input, bool ended, struct span *ret_piece, struct err *err);

/* "gzip", "zstd", "plain"; "unknown" while fewer bytes came than tell them apart. */
const char *codec_name(const struct codec *codec);

uint64_t codec_bytes_in(const struct codec *codec);  /* packed bytes used */
uint64_t codec_bytes_out(const struct codec *codec); /* unpacked bytes handed out */

#endif
