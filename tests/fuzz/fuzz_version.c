/* Any two texts in any scheme: keys never crash, and the comparison is antisymmetric. The first byte
 * chooses the scheme, a tab separates the texts, of which the first is also taken as a range for the
 * second. */
#include "matchers/version/version.h"

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    enum version_scheme scheme = (enum version_scheme)(data[0] % VERSION_SCHEME_COUNT);
    struct span b = span_make(data + 1, size - 1);
    struct span a = text_cut(&b, '\t');
    int order = 0;
    int reversed = 0;
    int result = version_compare(scheme, a, b, &order, NULL);
    int result_reversed = version_compare(scheme, b, a, &reversed, NULL);
    assert(result == result_reversed && order == -reversed);
    (void)result;
    (void)result_reversed;
    int same = 0;
    if (version_compare(scheme, a, a, &same, NULL) == 0)
        assert(same == 0);
    bool inside = false;
    (void)version_in_range(scheme, a, b, &inside, NULL);
    (void)version_is_valid(scheme, a);
    return 0;
}
