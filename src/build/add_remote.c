/* SPDX-License-Identifier: Apache-2.0 */
#include "build/add_remote.h"

#include "build/cached.h"

#define COMMIT_HEX 40 /* shorter is a prefix, which another commit may come to share */

int add_checksum_check(Str checksum, Str source, Err *err)
{
    RemoteKind kind = remote_kind(source);

    if (checksum.n == 0 || str_contains(source, S("$")) || str_contains(checksum, S("$")))
        return 0;
    if (kind == REMOTE_NONE)
        return err_set(err, ERR_SYNTAX, "checksum requires HTTP(S) or Git sources");
    return kind == REMOTE_FILE ? remote_checksum_check(checksum, err) : 0;
}

bool add_is_pinned(StageBuild *s, const Step *step, Str source)
{
    const Flag *checksum = instr_flag(step->i, "checksum");
    Str value;
    Err ignored;

    if (!checksum || stage_expand(s, checksum->value, &value, &ignored) < 0)
        return false;
    return value.n && (remote_kind(source) == REMOTE_FILE || value.n >= COMMIT_HEX);
}

static int options(StageBuild *s, const Step *step, Str source, RemoteOpts *ret, Err *err)
{
    const Flag *checksum = instr_flag(step->i, "checksum");
    RemoteOpts r = {.spool = &s->b->remote_files};

    if (checksum) {
        TRY(stage_expand(s, checksum->value, &r.checksum, err));
        TRY(add_checksum_check(r.checksum, source, err));
    }
    if (instr_flag(step->i, "keep-git-dir"))
        r.keep_git_dir = instr_flag_is_on(step->i, "keep-git-dir") ? GIT_YES : GIT_NO;
    *ret = r;
    return 0;
}

int add_look(StageBuild *s, const Step *step, KeyRemote *r, Err *err)
{
    const ContextOpts *inputs = s->b->req->inputs;
    RemoteOpts o;

    TRY(options(s, step, r->source, &o, err));
    if (remote_kind(r->source) == REMOTE_GIT)
        return remote_git_commit(&s->b->arena, r->source, &o, inputs, &r->commit, err);
    r->is_known = cached_remote_find(s->b, r->source, &r->known);
    o.known = r->is_known ? &r->known : NULL;
    return remote_file_open(r->source, &o, inputs, &r->context, err);
}

static const KeyRemote *find(const Step *step, Str source)
{
    if (step->cache)
        vec_foreach(r, &step->cache->remotes)
            if (str_eq(r->source, source))
                return r;
    return NULL;
}

static int fetch(StageBuild *s, const Step *step, Str source, const KeyRemote *seen,
                 AddFetched *ret, Err *err)
{
    const ContextOpts *inputs = s->b->req->inputs;
    RemoteOpts o;

    if (seen && seen->context) {
        *ret = (AddFetched){.context = seen->context};
        return context_load(seen->context, err);
    }
    TRY(options(s, step, source, &o, err));
    o.commit = seen ? seen->commit : S("");
    ret->owned = true;
    return remote_kind(source) == REMOTE_GIT
               ? remote_git_open(source, &o, inputs, &ret->context, err)
               : remote_file_open(source, &o, inputs, &ret->context, err);
}

/* It may have changed since the key was made: then the keys are of no use, as a damaged layer is. */
int add_fetch(StageBuild *s, const Step *step, Str source, AddFetched *ret, Err *err)
{
    const KeyRemote *seen = find(step, source);

    if (fetch(s, step, source, seen, ret, err) == 0)
        return 0;
    if (seen && err->kind == ERR_DIGEST)
        atomic_store(&s->b->cache_failed, true);
    return -1;
}
