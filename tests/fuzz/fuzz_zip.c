/* ZIP archives: whatever bytes come, an error or members whose bytes can all be read. Checksums stop most mutations of
 * contents; those of structure are what is looked for here. */
#include "base/limits.h"
#include "base/parse/inflate.h"
#include "base/parse/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_BUF struct buf out;
    struct zip zip;
    struct zip_member member;
    struct span bytes = {data, size}, body;
    struct err err = {0};
    size_t members = 0;
    uint32_t sum = 0;
    buf_init(&out, LIMIT_MIB);
    for (enum inflate_form form = INFLATE_RAW; form <= INFLATE_ZLIB; form++) {
        buf_reset(&out);
        (void)inflate_bytes(bytes, form, &out, &err);
        if (out.size > LIMIT_MIB)
            __builtin_trap();
    }
    if (zip_open(bytes, &zip, &err) < 0)
        return 0;
    while (members++ < 100 && zip_next(&zip, &member, &err) > 0) {
        sum ^= inflate_crc32(member.name);
        if (zip_read(&zip, &member, &out, LIMIT_MIB, &body, &err) == 0)
            sum ^= inflate_crc32(body);
    }
    return sum == 0 && members > 1000 ? 1 : 0; /* so that the reads stay */
}
