/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/run_mounts.h - the --mount flags of one RUN, from what the Dockerfile says to what the
 * sandbox is to do (spec/dockerfile 6.1).
 *
 * Locks of caches and bytes of secrets are held between prepare and done only.
 *
 * Errors  ERR_SYNTAX for flags that say nothing sensible, ERR_NOT_FOUND for sources and required
 *         secrets that are not there.
 */
#pragma once

#include "build/cache_mount.h"
#include "build/mount_source.h"
#include "build/steps.h"

typedef struct RunMounts {
    VEC(SandboxMount) list;
    VEC(MountOrigin) origins; /* one for each of 'list' */
    VEC(CacheMount) caches;
    VEC(char *) env; /* "K=V" that the command gets and nobody else; owned, wiped */
    VEC(AgentProxy *) proxies;
    const char *auth_sock; /* "SSH_AUTH_SOCK=...", NULL = no agent */
} RunMounts;

int run_mounts_prepare(StageBuild *s, const Instr *i, RunMounts *ret, Err *err) must_check;

/* A file with these bytes (borrowed) that is there while the command runs. */
void run_mounts_add_file(RunMounts *m, const char *target, uint32_t mode, Str data);

/* Put the variables over those in 'env'. */
void run_mounts_environ(const RunMounts *m, StrVec *env);

/*
 * After the command: what it has spoiled is not used again, and files that had to be moved out of
 * the way for it are known to the tree as unchanged.
 */
int run_mounts_settle(StageBuild *s, RunMounts *m, Err *err) must_check;
void run_mounts_done(RunMounts *m);
#define cleanup_run_mounts cleanup_with(run_mounts_done)
