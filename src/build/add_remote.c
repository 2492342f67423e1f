/* SPDX-License-Identifier: Apache-2.0 */
#include "build/add_remote.h"

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

int add_fetch(StageBuild *s, const Step *step, Str source, const RemoteStamp *known, Context **ret,
              Err *err)
{
    const ContextOpts *inputs = s->b->req->inputs;
    const Flag *checksum = instr_flag(step->i, "checksum");
    RemoteOpts r = {.known = known};

    if (checksum) {
        TRY(stage_expand(s, checksum->value, &r.checksum, err));
        TRY(add_checksum_check(r.checksum, source, err));
    }
    if (instr_flag(step->i, "keep-git-dir"))
        r.keep_git_dir = instr_flag_is_on(step->i, "keep-git-dir") ? GIT_YES : GIT_NO;
    return remote_kind(source) == REMOTE_GIT ? remote_git_open(source, &r, inputs, ret, err)
                                             : remote_file_open(source, &r, inputs, ret, err);
}

/* It may have changed since the key was made: then the keys are of no use, as a damaged layer is. */
int add_fetched(Builder *b, const Step *step, Str source, Context **ret, Err *err)
{
    *ret = NULL;
    if (step->cache)
        vec_foreach(r, &step->cache->remotes)
            if (str_eq(r->source, source))
                *ret = r->context;
    if (*ret && context_load(*ret, err) < 0) {
        if (err->kind == ERR_DIGEST)
            atomic_store(&b->cache_failed, true);
        return -1;
    }
    return 0;
}
