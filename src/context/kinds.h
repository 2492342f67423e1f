/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context/kinds.h - inside context/ only: what a kind of context provides.
 */
#pragma once

#include "context/context.h"

typedef struct ContextKind {
    const char *scheme; /* "dir"; matched against what stands before "://" */
    /*
     * 'rest' is what follows "://"; *ret_fd a directory that holds the context, owned by the
     * caller. NULL: not supported yet.
     */
    int (*open)(const char *rest, int *ret_fd, Err *err);
    const char *what; /* for messages */
} ContextKind;

int context_dir_open(const char *path, int *ret_fd, Err *err) must_check;
