/* SPDX-License-Identifier: Apache-2.0 */
/* Packs of git: nothing outside the buffers, and every object found lies in the spool. */
#include <sys/mman.h>

#include "git/pack_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    GitSpool spool = {.fd = memfd_create("spool", MFD_CLOEXEC)};
    GitObjects *o = git_objects_new(&spool);
    MemReader in = mem_reader((Str){(const char *)data, n});
    Err err;

    (void)(git_pack_read(o, &in.r, &err) < 0);
    for (size_t i = 0; i < git_objects_count(o); i++) {
        const GitObject *x = git_objects_at(o, i);

        if (x->type < GIT_COMMIT || x->type > GIT_TAG || !git_objects_find(o, &x->id))
            abort();
    }
    git_objects_free(o);
    close(spool.fd);
    return 0;
}
