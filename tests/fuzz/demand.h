/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzzer demands of the code under test; a false one is a finding, as a crash is. */
#pragma once

#include <stdbool.h>
#include <stdlib.h>

static inline void demand(bool ok)
{
    if (!ok)
        abort();
}
