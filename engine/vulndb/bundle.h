/* A database for machines without a network: a tar archive of two members, `trawl.db` and `trawl.db.minisig`, the
 * signature that base/hash/signature.h describes. What stands in it is not looked at before the signature is right. */
#ifndef TRAWL_BUNDLE_H
#define TRAWL_BUNDLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash/signature.h"

/* Appends the archive. The same database, key and comment give the same bytes. NOMEM, LIMIT, IO. */
int bundle_make(struct span database, const struct signature_secret *secret, struct buf *out, struct err *err);
/* `*ret_database` borrows `bundle`: the bytes that the key has signed. FORMAT (no bundle), DIGEST (a wrong signature).
 */
int bundle_open(struct span bundle, const struct signature_public *public_key, struct span *ret_database,
                struct err *err);

#endif
