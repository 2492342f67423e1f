/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git/url.h - where a repository is, and what of it is wanted.
 *
 *      URL[?KEY=VALUE&...][#REF[:SUBDIR]]       docker, BuildKit
 *      URL#REF[#COMMIT]                         kaniko
 *
 *      URL     https:// http:// ssh:// git:// git+https:// git+ssh:// ... [USER@]HOST:PATH
 *      KEY     ref branch tag subdir checksum commit keep-git-dir submodules mtime fetch-by-commit
 *
 * Ownership  strings live as long as the arena.
 * Errors     ERR_USAGE.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

typedef enum GitTransport {
    GIT_HTTP, /* http and https */
    GIT_TCP,
    GIT_SSH,
} GitTransport;

typedef struct GitUrl {
    GitTransport transport;
    Str url;              /* http: as it is, with user information; else for messages only */
    Str user, host, port; /* ssh, git; "" = none */
    Str path;             /* ssh, git */
    Str shown;            /* for people: no user information, query or fragment */
} GitUrl;

typedef enum GitSwitch {
    GIT_DEFAULT,
    GIT_YES,
    GIT_NO,
} GitSwitch;

typedef struct GitSpec {
    GitUrl url;
    Str ref;      /* a branch, a tag, refs/..., a commit; "" = the server's HEAD */
    Str commit;   /* the commit that it must be: 7 to 40 digits; "" = any */
    Str checkout; /* this commit, whatever 'ref' is at: 40 digits; "" = what 'ref' is at */
    Str subdir;   /* "" = all */
    bool only_branch, only_tag; /* what 'ref' is */
    GitSwitch keep_git_dir, submodules;
    bool mtime_checkout; /* files are as old as the build, not as the commit */
} GitSpec;

int git_url_parse(Arena *a, Str text, GitUrl *ret, Err *err) must_check;
/* Is it part of a commit's id that is long enough? */
int git_commit_check(Str hex, Err *err) must_check;
int git_spec_parse(Arena *a, Str text, GitSpec *ret, Err *err) must_check;

/* A submodule's URL, which may be relative to its parent's. */
int git_url_relative(Arena *a, const GitUrl *parent, Str text, GitUrl *ret, Err *err) must_check;
bool git_url_same_server(const GitUrl *a, const GitUrl *b);
