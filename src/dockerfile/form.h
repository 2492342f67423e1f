/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/form.h - an instruction's text -> its arguments, by its form; and what may be said
 * about them before any word is expanded.
 */
#pragma once

#include "dockerfile/instr.h"
#include "dockerfile/words.h"

/* An instruction being read. */
typedef struct Reading {
    Arena *arena;
    char escape;
    Str at; /* what an error is about; {0} = the keyword */
} Reading;

/* Fill args, exec_form, pairs, legacy_pair and health_type from i->rest. */
int form_read(Reading *r, Instr *i, Err *err) must_check;

/* May the instruction, or the one behind ONBUILD, announce heredocs? Never in JSON form. */
bool form_takes_heredocs(const Reading *r, const Instr *i);

/* Known names, values where they are needed, nothing twice; then i->flags. */
int flags_check(Reading *r, Instr *i, const FlagWordVec *words, Err *err) must_check;

/* Argument counts, and each instruction's own rules. */
int args_check(Reading *r, Instr *i, Err *err) must_check;
