/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ssh.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_agent(const char *path, int *ret, Err *err)
{
    cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s is no socket: keys are not supported, add them to an agent (ssh-add) "
                       "and give its socket",
                       path);
    *ret = steal_fd(&fd);
    return 0;
}

static int add_agent(Str spec, BuildRequest *to, Err *err)
{
    cleanup_free char *path = NULL;
    Str id = spec, file = S("");
    const char *env = getenv("SSH_AUTH_SOCK");
    SshAgent a;

    (void)str_cut(spec, '=', &id, &file);
    if (id.n == 0)
        id = S("default");
    vec_foreach(known, &to->ssh_agents)
        if (str_eq(known->id, id))
            return err_set(err, ERR_USAGE, "the id " STR_FMT " is given twice", STR_ARG(id));
    if (file.n == 0 && (!env || !*env))
        return err_set(err, ERR_USAGE, "no agent: SSH_AUTH_SOCK is not set");
    path = file.n ? str_dup(file) : xstrdup(env);
    a.id = id;
    TRY(open_agent(path, &a.fd, err));
    vec_push(&to->ssh_agents, a);
    return 0;
}

int ssh_agents_open(const StrVec *specs, BuildRequest *to, Err *err)
{
    vec_foreach(s, specs)
        if (add_agent(*s, to, err) < 0)
            return err_wrap(err, "--ssh " STR_FMT, STR_ARG(*s));
    return 0;
}

void ssh_agents_close(BuildRequest *r)
{
    vec_foreach(a, &r->ssh_agents)
        close_at(&a->fd);
    vec_done(&r->ssh_agents);
}
