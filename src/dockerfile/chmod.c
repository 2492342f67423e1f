/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A symbolic mode is a row of actions, each of which changes the bits of its classes only. The set-id bits belong to u and
 * g, the sticky bit to o, as in GNU chmod; '=' clears them with the rest of their class. X asks for the execute bits that
 * were there before the first action; a copied class is the one that the actions so far have made.
 */
#include "dockerfile/chmod.h"

#include "base/num.h"
#include "dockerfile/text.h"

enum {
    BITS_ALL = 07777,
    BITS_X = 0111,
};

static int invalid(Str text, const char *why, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    return err_set(err, ERR_SYNTAX, "invalid chmod parameter: '" STR_FMT "'. %s",
                   STR_ARG(text_clip(&a, text)), why);
}

static uint32_t class_bits(char c)
{
    switch (c) {
    case 'u': return 04700;
    case 'g': return 02070;
    case 'o': return 01007;
    case 'a': return BITS_ALL;
    default: return 0;
    }
}

static uint32_t take_who(Str *s)
{
    uint32_t who = 0;

    for (; s->n && class_bits(s->p[0]); *s = str_skip(*s, 1))
        who |= class_bits(s->p[0]);
    return who ? who : BITS_ALL;
}

static uint32_t perm_bits(char c)
{
    switch (c) {
    case 'r': return 0444;
    case 'w': return 0222;
    case 'x': return BITS_X;
    case 's': return 06000;
    case 't': return 01000;
    default: return 0;
    }
}

/* [rwxXst]* or one of u g o, after the operator. */
static void take_perms(Str *s, ChmodAction *act)
{
    if (s->n && s->p[0] != 'a' && class_bits(s->p[0])) {
        act->copy_of = s->p[0];
        *s = str_skip(*s, 1);
        return;
    }
    for (; s->n && (s->p[0] == 'X' || perm_bits(s->p[0])); *s = str_skip(*s, 1)) {
        act->perms |= perm_bits(s->p[0]);
        act->search |= s->p[0] == 'X';
    }
}

static bool at_operator(Str s)
{
    return s.n && (s.p[0] == '=' || s.p[0] == '+' || s.p[0] == '-');
}

static int parse_clause(Str text, Str clause, ChmodSpec *ret, Err *err)
{
    uint32_t who = take_who(&clause);

    do {
        ChmodAction act = {.who = who};

        if (!at_operator(clause))
            return invalid(text, "it should be an octal string or a list like u=rwX,go-w", err);
        if (ret->n == CHMOD_MAX_ACTIONS)
            return err_set(err, ERR_LIMIT, "more than %d actions in a --chmod", CHMOD_MAX_ACTIONS);
        act.op = clause.p[0];
        clause = str_skip(clause, 1);
        take_perms(&clause, &act);
        ret->actions[ret->n++] = act;
    } while (clause.n);
    return 0;
}

int chmod_parse(Str text, ChmodSpec *ret, Err *err)
{
    ChmodSpec c = {0};
    uint64_t mode;

    if (text.n && text.p[0] >= '0' && text.p[0] <= '9') {
        if (!num_parse_octal(text, BITS_ALL, &mode))
            return invalid(text, "it should be octal string and between 0 and 07777", err);
        c.octal = true;
        c.mode = (uint32_t)mode;
    } else if (text.n) {
        for (Str rest = text, clause; str_next(&rest, ',', &clause);)
            TRY(parse_clause(text, clause, &c, err));
    }
    *ret = c;
    return 0;
}

static uint32_t copied_bits(uint32_t mode, char class)
{
    uint32_t bits = class == 'u' ? mode >> 6 & 7 : class == 'g' ? mode >> 3 & 7 : mode & 7;

    return bits << 6 | bits << 3 | bits;
}

static uint32_t apply_action(const ChmodAction *act, uint32_t mode, bool may_search)
{
    uint32_t bits = act->copy_of ? copied_bits(mode, act->copy_of) : act->perms;

    if (act->search && may_search)
        bits |= BITS_X;
    bits &= act->who;
    if (act->op == '+')
        return mode | bits;
    if (act->op == '-')
        return mode & ~bits;
    return (mode & ~act->who) | bits;
}

uint32_t chmod_apply(const ChmodSpec *c, uint32_t mode, bool is_dir)
{
    uint32_t bits = mode & BITS_ALL;
    bool may_search = is_dir || (mode & BITS_X);

    if (c->octal)
        bits = c->mode;
    for (unsigned i = 0; i < c->n; i++)
        bits = apply_action(&c->actions[i], bits, may_search);
    return (mode & ~(uint32_t)BITS_ALL) | bits;
}

bool chmod_is_octal(const ChmodSpec *c)
{
    return c->octal;
}
