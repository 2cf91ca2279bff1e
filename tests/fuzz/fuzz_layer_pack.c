/* A layer's result out of the cache. What is accepted must come out the same after it is packed and read again. */
#include "base/prelude.h"

#include "engine/image/layer_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = {0};
    struct layer_result *result = NULL, *back = NULL;
    struct layer_summary summary;
    struct digest diff_id;
    bool known = layer_unpack_summary(span_make(data, size), &summary, &diff_id);
    if (size == 0 || layer_unpack(span_make(data, size), &result, &err) < 0)
        return 0;
    AUTO_BUF struct buf first = {0}, second = {0};
    assert(known && summary.status == result->status && digest_equal(&diff_id, &result->diff_id));
    layer_pack(result, &first);
    if (!first.failed && layer_unpack(buf_span(&first), &back, &err) == 0) {
        layer_pack(back, &second);
        assert(second.failed || span_equal(buf_span(&first), buf_span(&second)));
    } else {
        assert(first.failed || err.code == ERR_NOMEM);
    }
    layer_result_free(result);
    layer_result_free(back);
    return 0;
}
