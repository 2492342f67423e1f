/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/parse.h - text -> Dockerfile.
 *
 * All errors of the lexical layer and of argument counts, forms and flags are found here, before
 * anything is pulled or run; what needs expanded words (ports, signals, chmod values) is checked by
 * the instruction itself.
 *
 * Errors  ERR_SYNTAX with err->line set and a message of the form
 *             NAME:LINE: unknown instruction: RNU (did you mean RUN?)
 *               12 | RNU apt-get update
 *                  | ^~~
 *         (several lines: the source line and a caret). ERR_LIMIT for lines over
 *         LIMIT_DOCKERFILE_LINE.
 */
#pragma once

#include "dockerfile/ast.h"

enum {
    DOCKERFILE_MAX_INSTRUCTIONS = 100000, /* of one file; beyond it ERR_LIMIT */
};

/* 'name' and 'text' are copied into ret, which is filled on success only. */
int dockerfile_parse(Str name, Str text, Dockerfile *ret, Err *err) must_check;

/*
 * One ONBUILD trigger of an image config: a single instruction, escape character '\'. Appends to
 * ret->instrs, where ret is a parsed Dockerfile or all zero; 'name' says where it comes from
 * ("ONBUILD of debian:12") and is, with 'text', copied.
 */
int dockerfile_parse_trigger(Str name, Str text, Dockerfile *ret, Err *err) must_check;

/*
 * Is the front end that a syntax directive names ("docker/dockerfile:1.7-labs", with any registry
 * before it, or "dockerfile.v0") the language read here? Words behind the name are ignored. "" is.
 */
bool dockerfile_syntax_is_known(Str syntax);

/*
 * Turn 'cause' (set by somebody who knows only the instruction) into an error at that instruction:
 * kind kept, line set, message "NAME:LINE: INSTR: cause" plus source line and caret under 'word' (a
 * Str inside i->original or d->text, or {0} for the keyword). Returns -1.
 */
int dockerfile_error_at(const Dockerfile *d, const Instr *i, Str word, Err *cause) must_check;
