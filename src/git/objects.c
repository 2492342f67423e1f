/* SPDX-License-Identifier: Apache-2.0 */
#include "git/objects.h"

#include <stdio.h>

#include "base/limits.h"
#include "os/fd.h"

struct GitObjects {
    GitSpool *spool;
    VEC(GitObject) v;
    uint32_t *slots; /* open addressing: index into v plus 1, 0 = free */
    size_t n_slots;  /* a power of two */
};

/* --- names --- */

bool git_id_parse(Str hex, GitId *ret)
{
    if (hex.n != GIT_ID_TEXT)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        char c = hex.p[i];
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

        if (v < 0)
            return false;
        ret->b[i / 2] = (unsigned char)(i % 2 ? ret->b[i / 2] | v : v << 4);
    }
    return true;
}

GitIdText git_id_format(const GitId *id)
{
    GitIdText t;

    for (size_t i = 0; i < GIT_ID_BYTES; i++)
        (void)snprintf(t.z + 2 * i, 3, "%02x", id->b[i]);
    return t;
}

/* --- the table --- */

GitObjects *git_objects_new(GitSpool *borrowed)
{
    GitObjects *o = NEW(GitObjects);

    o->spool = borrowed;
    return o;
}

void git_objects_free(GitObjects *o)
{
    if (!o)
        return;
    vec_done(&o->v);
    free(o->slots);
    free(o);
}

/* Names are hashes already. */
static size_t slot_of(const GitObjects *o, const GitId *id)
{
    uint64_t h;

    memcpy(&h, id->b, sizeof(h));
    for (h &= o->n_slots - 1; o->slots[h]; h = (h + 1) & (o->n_slots - 1))
        if (git_id_eq(&o->v.v[o->slots[h] - 1].id, id))
            break;
    return h;
}

static void grow_table(GitObjects *o)
{
    if (o->n_slots >= 2 * (o->v.n + 1))
        return;
    o->n_slots = o->n_slots ? o->n_slots * 2 : 1024;
    free(o->slots);
    o->slots = NEW_N(uint32_t, o->n_slots);
    for (size_t i = 0; i < o->v.n; i++)
        o->slots[slot_of(o, &o->v.v[i].id)] = (uint32_t)i + 1;
}

int git_objects_too_many(Err *err)
{
    return err_set(err, ERR_LIMIT, "the repository has more than %u objects", LIMIT_GIT_OBJECTS);
}

int git_objects_add(GitObjects *o, const GitObject *x, Err *err)
{
    size_t slot;

    if (o->v.n >= LIMIT_GIT_OBJECTS)
        return git_objects_too_many(err);
    grow_table(o);
    slot = slot_of(o, &x->id);
    vec_push(&o->v, *x);
    if (!o->slots[slot])
        o->slots[slot] = (uint32_t)o->v.n;
    return 0;
}

const GitObject *git_objects_find(const GitObjects *o, const GitId *id)
{
    uint32_t i = o->n_slots ? o->slots[slot_of(o, id)] : 0;

    return i ? &o->v.v[i - 1] : NULL;
}

GitSpool *git_objects_spool(const GitObjects *o)
{
    return o->spool;
}

size_t git_objects_count(const GitObjects *o)
{
    return o->v.n;
}

const GitObject *git_objects_at(const GitObjects *o, size_t i)
{
    return &o->v.v[i];
}

/* --- bytes --- */

int git_object_begin(GitSpoolWriter *out, GitType type, uint64_t size, Err *err)
{
    static const char *const names[] = {
        [GIT_COMMIT] = "commit", [GIT_TREE] = "tree", [GIT_BLOB] = "blob", [GIT_TAG] = "tag"};
    char head[64];
    int n = snprintf(head, sizeof(head), "%s %llu", names[type], (unsigned long long)size);

    TRY(git_spool_room(out, size, err));
    sha1_update(out->sum, head, (size_t)n + 1);
    return 0;
}

int git_objects_get(const GitObjects *o, const GitId *id, GitType type, Buf *ret, Err *err)
{
    static const char *const names[] = {
        [GIT_COMMIT] = "commit", [GIT_TREE] = "tree", [GIT_BLOB] = "file", [GIT_TAG] = "tag"};
    const GitObject *x = git_objects_find(o, id);
    FdRangeReader r;

    if (!x)
        return err_set(err, ERR_FORMAT, "the %s %s is missing in the pack", names[type],
                       git_id_format(id).z);
    if (x->type != type)
        return err_set(err, ERR_FORMAT, "%s is no %s but a %s", git_id_format(id).z, names[type],
                       names[x->type]);
    r = fd_range_reader(o->spool->fd, x->at, x->size);
    return reader_read_all(&r.r, ret, names[type], err);
}
