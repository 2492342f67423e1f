/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/chmod.h - the value of --chmod, octal or symbolic as in chmod(1) with a umask of 0.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
    CHMOD_MAX_ACTIONS = 32, /* of one symbolic mode */
};

typedef struct ChmodAction {
    uint32_t who; /* bits that may change, set-id and sticky bits included */
    char op;      /* '=' '+' '-' */
    uint32_t perms;
    char copy_of; /* 'u' 'g' 'o': its permissions instead of 'perms'; else '\0' */
    bool search;  /* X: execute for what is a directory or has an execute bit already */
} ChmodAction;

typedef struct ChmodSpec {
    bool octal;
    uint32_t mode; /* octal only */
    unsigned n;
    ChmodAction actions[CHMOD_MAX_ACTIONS];
} ChmodSpec;

/* "" changes nothing. ERR_SYNTAX "invalid chmod parameter: ...", ERR_LIMIT. */
int chmod_parse(Str text, ChmodSpec *ret, Err *err) must_check;

/* 'mode' with its permission, set-id and sticky bits changed; bits of the file type stay. */
uint32_t chmod_apply(const ChmodSpec *c, uint32_t mode, bool is_dir);

bool chmod_is_octal(const ChmodSpec *c);
