/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json and its like: whatever it says, no program is run while credentials are sealed, what is given out is for the host
 * that was asked for, and the error of a broken file quotes nothing of it.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "registry/creds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Nothing of the machine at hand counts. */
static void forget_machine(void)
{
    int failed = setenv("HOME", "/nonexistent", 1) | setenv("PATH", "/nonexistent", 1) |
                 unsetenv("DOCKER_CONFIG") | unsetenv("XDG_RUNTIME_DIR") |
                 unsetenv("XDG_CONFIG_HOME");

    if (failed)
        abort();
}

static void ask(const CredStore *c, Str host, Str repository)
{
    for (unsigned nth = 0; nth < 8; nth++) {
        Credential got;
        Err err;

        if (creds_find(c, host, repository, nth, &got, &err) <= 0)
            return;
        if (got.source.n == 0 || got.username.n > LIMIT_AUTH_FILE ||
            got.password.n > LIMIT_AUTH_FILE)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_free char *text = NEW_N(char, n + 1);
    cleanup_with(creds_free_at) CredStore *c = NULL;
    cleanup_arena Arena a = ARENA_INIT;
    StrVec only = {0};
    Err err;

    forget_machine();
    memcpy(text, data, n);
    (void)setenv("DOCKER_AUTH_CONFIG", text, 1);
    if (creds_load(&only, &c, &err) < 0) {
        if ((err.kind != ERR_FORMAT && err.kind != ERR_LIMIT) || strstr(err.msg, "PASSWORD"))
            abort();
        return 0;
    }
    creds_seal(c, true);
    ask(c, S("docker.io"), S("library/debian"));
    ask(c, S("registry.example:5000"), S("team/sub/app"));
    ask(c, S("host"), S(""));
    (void)creds_nothing_found(c, S("host"), &a);
    (void)creds_canonical_key(&a, str_from(text));
    return 0;
}
