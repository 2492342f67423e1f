/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/user.h - names of users and groups, looked up in the image's own etc/passwd and etc/group.
 */
#pragma once

#include "build/rootfs.h"

typedef struct User {
    uint32_t uid, gid;
    VEC(uint32_t) groups; /* supplementary */
    Str home;             /* "/" when there is no entry; lives in the arena */
} User;

/*
 * USER as RUN sees it (spec/dockerfile 6): "", "name", "uid", "user:group". ERR_NOT_FOUND "unable
 * to find user X: ..." for unknown names; a number that is not in etc/passwd has group 0.
 */
int user_for_run(Rootfs *r, Arena *a, Str spec, User *ret, Err *err) must_check;
void user_done(User *u);

/*
 * --chown and the owner of WORKDIR's directories (spec 5.3): "U[:G]"; a number without group has
 * that number as its group.
 * Returns 0, or 1 when the image has no such user or group: nothing is set then.
 */
int user_for_chown(Rootfs *r, Str spec, uint32_t *ret_uid, uint32_t *ret_gid, Err *err) must_check;

/* True when user_for_chown() needs no file of the image for it: numbers, and root. */
bool user_is_numeric(Str spec);
