/* SPDX-License-Identifier: Apache-2.0 */
/* WWW-Authenticate headers: no read beyond the input, and the bounds hold. */
#include "registry/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_with(challenges_done) ChallengeVec v = {0};

    challenge_parse(&a, (Str){(const char *)data, n}, &v);
    if (v.n > CHALLENGES_MAX)
        abort();
    vec_foreach(c, &v) {
        if (c->scheme.n == 0 || c->scheme.n > n || c->params.n > CHALLENGE_PARAMS_MAX)
            abort();
        vec_foreach(p, &c->params)
            if (p->key.n == 0 || p->key.n + p->value.n > n)
                abort();
        (void)challenge_param(c, "realm");
    }
    return 0;
}
