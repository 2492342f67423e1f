/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox/kind.h - what a kind of sandbox implements. One const SandboxKind per file; sandbox.c has
 * the list.
 *
 * The functions do what sandbox.h says of the public ones that they stand behind. Internal to
 * sandbox/.
 */
#pragma once

#include "sandbox/launcher.h"

typedef struct SandboxKind {
    const char *name;
    bool parallel;
    int (*open_outside)(Sandbox *s, const char *path, Err *err); /* NULL: nothing was moved */
    /*
     * Try it, prepare it. Returns a struct that begins with a Sandbox; 'base' is filled by the
     * caller.
     */
    int (*open)(const SandboxOpts *opts, Launcher *l, Sandbox **ret, Err *err);
    void (*free)(Sandbox *s);
    int (*root_new)(Sandbox *s, Root **ret, Err *err);
    int (*root_activate)(Sandbox *s, Root *r, Err *err);
    int (*root_open_readonly)(Sandbox *s, Root *r, Err *err);
    void (*root_free)(Sandbox *s, Root *r);
    int (*new_dir)(Sandbox *s, char **ret, Err *err);
    int (*run)(Sandbox *s, Root *r, const RunSpec *spec, int out_fd, int err_fd, RunResult *ret,
               Err *err);
} SandboxKind;

struct Sandbox {
    const SandboxKind *kind;
    Launcher *launcher; /* borrowed */
};

extern const SandboxKind sandbox_namespaces;
extern const SandboxKind sandbox_inplace;
