/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of repositories, .gitmodules and what ADD takes for remote. Whatever comes out may become an argument of
 * ssh: it must not look like an option.
 */
#include "context/git_modules.h"
#include "context/remote.h"
#include "git/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str text = {(const char *)data, n};
    GitModules modules = {0};
    GitSpec s;
    GitUrl u;
    Err err;

    (void)remote_kind(text);
    if (remote_redacted(&a, text).n > n + 32)
        abort();
    if (git_spec_parse(&a, text, &s, &err) == 0) {
        if (s.url.host.n == 0 || s.url.host.p[0] == '-' || (s.url.user.n && s.url.user.p[0] == '-'))
            abort();
        (void)(git_url_relative(&a, &s.url, S("../x"), &u, &err) < 0);
    }
    if (git_modules_parse(&a, text, &modules, &err) == 0)
        (void)git_modules_find(&modules, S("x"));
    vec_done(&modules);
    return 0;
}
