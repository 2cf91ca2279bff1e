/* A small HTTP/1.1 server on loopback in threads of its own, whose paths say how it misbehaves:
 *
 *   /ok/SIZE                the pattern's first SIZE bytes; honours Range
 *   /cut/SIZE/STEP          the same, but closes the connection after STEP bytes each time
 *   /norange/SIZE/STEP      the first time closes after STEP bytes, then sends all, whatever the Range says
 *   /badrange/SIZE/STEP     the first time closes after STEP bytes, then continues at another offset than asked
 *   /grow/SIZE/STEP         the first time closes after STEP bytes, then continues an object of twice the size
 *   /nolength/SIZE/STEP     the first time closes after STEP bytes, then sends all but the last byte without a length
 *   /chunkcut               four bytes of chunked encoding without its end mark; 416 to a Range after them
 *   /link/SIZE              a Link header of SIZE bytes and no body
 *   /heads/COUNT            COUNT headers of 1024 bytes and no body
 *   /status/CODE            that status, with a body
 *   /endless/CODE           that status, with a body that has no end
 *   /flaky/CODE/COUNT/NAME  COUNT times that status (429 with Retry-After: 0), then ten bytes
 *   /later/WHEN/NAME        once 429 with a Retry-After: a number, "past" (a date of 1994) or "soon"; then ten bytes
 *   /drop                   closes at once
 *   /stall                  ten bytes of a hundred, then silence
 *   /drip/SIZE              a byte every 5 ms
 *   /to/PORT/PATH           redirect to that port; /ftp redirects to another protocol; /loop to itself; /file to a
 *                           file of this machine; /odd to a host that no terminal should see
 *   /chunked                chunked encoding
 *   /auth/HOW/USES/PATH     PATH for who has a token, which is good for USES requests; else 401. HOW goes to the realm;
 *                           "basic" asks for FAKE_HTTP_BASIC instead. Also inside of /v2/
 *   /token/HOW              what makes tokens: "ok", "slow" (100 ms), "short" (for a second), "access" (as OAuth 2 has
 *                           it), "huge" (a megabyte), "of-SIZE", "garbage", "none", "split" (with a line end in it),
 * "denied" /v2/REPOSITORY/manifests/TAG  a registry with the tags told (whose digest is FAKE_HTTP_HEX), untold (no
 * digest is named), garbled (one that is none), headless (405), flipped and signed (other bytes than FAKE_HTTP_HEX, the
 * latter as schema 1 has them)
 *
 *   /v2/REPOSITORY/blobs/DIGEST  a million bytes of the pattern
 *
 * Out of memory or sockets ends the test. */
#ifndef TRAWL_FAKE_HTTP_H
#define TRAWL_FAKE_HTTP_H

#include "base/prelude.h"

/* SHA-256 of "{}". */
#define FAKE_HTTP_HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

/* somebody:made-up */
#define FAKE_HTTP_BASIC "Basic c29tZWJvZHk6bWFkZS11cA=="

struct fake_http;

struct fake_http *fake_http_start(void);
/* What a registry lacks: everything; or all blobs beyond a first part of 300,000 bytes, which it sends once; or it has
 * only so much of them and says that this is all; or has more of them than there is. */
enum fake_http_lack {
    FAKE_HTTP_NOTHING,
    FAKE_HTTP_ALL,
    FAKE_HTTP_BLOB_ENDS,
    FAKE_HTTP_BLOB_SHORT,
    FAKE_HTTP_BLOB_LONG
};
void fake_http_lacks(struct fake_http *server, enum fake_http_lack lack);
void fake_http_stop(struct fake_http *server); /* waits for its threads */
unsigned fake_http_port(const struct fake_http *server);

/* Byte `offset` of every body. */
uint8_t fake_http_pattern(uint64_t offset);

/* Requests so far, and the most connections at a time. */
unsigned fake_http_requests(struct fake_http *server);
unsigned fake_http_connections_max(struct fake_http *server);
unsigned fake_http_tokens(struct fake_http *server); /* made so far */
/* Whether some request's head, or the body of a POST, held the text. */
bool fake_http_saw(struct fake_http *server, const char *text);

#endif
