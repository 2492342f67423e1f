/* SPDX-License-Identifier: Apache-2.0 */
#include "git/wire.h"

int git_wire_open(const GitUrl *url, const GitWireOpts *o, GitWire **ret, Err *err)
{
    static const GitWireOps *const ways[] = {
        [GIT_HTTP] = &git_wire_http, [GIT_TCP] = &git_wire_tcp, [GIT_SSH] = &git_wire_ssh};

    return ways[url->transport]->open(url, o, ret, err);
}

void git_wire_free(GitWire *w)
{
    if (w)
        w->ops->free(w);
}
