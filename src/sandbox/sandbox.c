/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice of a kind and the way into it. "auto" takes the first of the list that really works: namespaces before inplace, because
 * they keep the builder out of the RUN's sight and let stages run in parallel.
 */
#include "sandbox/sandbox.h"

#include <fcntl.h>

#include "base/limits.h"
#include "sandbox/kind.h"
#include "sandbox/userns.h"

static const SandboxKind *const kinds[] = {&sandbox_namespaces, &sandbox_inplace};

static int open_kind(const SandboxKind *k, const SandboxOpts *opts, Launcher *l, Sandbox **ret,
                     Err *err)
{
    Sandbox *s = NULL;

    if (k->open(opts, l, &s, err) < 0)
        return err_wrap(err, "%s", k->name);
    s->kind = k;
    s->launcher = l;
    *ret = s;
    return 0;
}

static int open_any(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err)
{
    cleanup_buf Buf reasons = BUF_INIT(BUF_SMALL);

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        Err why;

        if (open_kind(kinds[i], opts, l, ret, &why) == 0)
            return 0;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            return -1;
        }
        buf_addf(&reasons, "%s%s", i ? "; " : "", why.msg);
    }
    return err_set(err, ERR_UNSUPPORTED, "no way to run commands here: %s", buf_z(&reasons));
}

bool sandbox_kind_known(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(kind, kinds[i]->name) == 0)
            return true;
    return strcmp(kind, "auto") == 0;
}

int sandbox_open(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err)
{
    if (!opts->kiln_dir || opts->kiln_dir[0] != '/')
        return err_set(err, ERR_USAGE, "the kiln directory must be an absolute path");
    if (strcmp(opts->kind, "auto") == 0)
        return open_any(opts, l, ret, err);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(opts->kind, kinds[i]->name) == 0)
            return open_kind(kinds[i], opts, l, ret, err);
    return err_set(err, ERR_USAGE, "unknown isolation \"%s\": auto, namespaces or inplace",
                   opts->kind);
}

void sandbox_free(Sandbox *s)
{
    if (s)
        s->kind->free(s);
}

int sandbox_open_outside(Sandbox *s, const char *path, Err *err)
{
    int fd;

    if (s->kind->open_outside)
        return s->kind->open_outside(s, path, err);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_sys(err, "open %s", path) : fd;
}

const char *sandbox_name(const Sandbox *s)
{
    return s->kind->name;
}

bool sandbox_parallel(const Sandbox *s)
{
    return s->kind->parallel;
}

bool sandbox_may_chown(const Sandbox *s)
{
    (void)s;
    return userns_maps_all();
}

int root_new(Sandbox *s, Root **ret, Err *err)
{
    return s->kind->root_new(s, ret, err);
}

int root_activate(Sandbox *s, Root *r, Err *err)
{
    return s->kind->root_activate(s, r, err);
}

int root_open_readonly(Sandbox *s, Root *r, Err *err)
{
    return s->kind->root_open_readonly(s, r, err);
}

void root_free(Sandbox *s, Root *r)
{
    if (r)
        s->kind->root_free(s, r);
}

int sandbox_new_dir(Sandbox *s, char **ret, Err *err)
{
    return s->kind->new_dir(s, ret, err);
}

static int check_spec(const RunSpec *spec, Err *err)
{
    if (!spec->argv || spec->argv->n == 0)
        return err_set(err, ERR_USAGE, "no command to run");
    if (!spec->cwd || spec->cwd[0] != '/')
        return err_set(err, ERR_USAGE, "the working directory of a RUN must be absolute");
    if (spec->n_mounts > LIMIT_RUN_MOUNTS)
        return err_set(err, ERR_LIMIT, "more than %u mounts", LIMIT_RUN_MOUNTS);
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (spec->mounts[i].target[0] != '/' || spec->mounts[i].target[1] == '\0')
            return err_set(err, ERR_USAGE, "invalid mount target \"%s\"", spec->mounts[i].target);
    return 0;
}

int sandbox_run(Sandbox *s, Root *r, const RunSpec *spec, int out_fd, int err_fd, RunResult *ret,
                Err *err)
{
    RunResult got = {0};

    TRY(check_spec(spec, err));
    TRY(s->kind->run(s, r, spec, out_fd, err_fd, &got, err));
    for (size_t i = 0; i < spec->n_mounts; i++)
        spec->mounts[i].spoiled = got.spoiled >> i & 1;
    *ret = got;
    return 0;
}
