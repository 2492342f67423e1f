/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerfile/heredoc.h - finding "<<NAME" in an instruction line. The bodies are read by the lexer.
 */
#pragma once

#include "dockerfile/ast.h"

enum {
    HEREDOCS_MAX = 1000, /* of one instruction; beyond it ERR_LIMIT */
};

/* Is 'word' a heredoc? 1 with name, fd, expand and strip_tabs set, 0, or -1 with ERR_SYNTAX. */
int heredoc_parse(Arena *a, Str word, Heredoc *ret, Err *err) must_check;

/*
 * The heredocs of a logical line (keyword included), in order, appended to i->heredocs. A line that
 * is no row of words, because a quote or a substitution is not closed, has none: it is for the
 * shell to complain.
 */
int heredoc_find_all(Arena *a, Str line, Instr *i, Err *err) must_check;

/*
 * Plain words of a COPY or ADD: "<<" and the name behind a blank are put together again. Changes
 * 'words'; they must be slices of one text.
 */
void heredoc_join_words(StrVec *words);
