/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar has one trap: a comma separates parameters as well as challenges,
 *
 *      Basic realm="a", Bearer realm="b",service="c,d", Negotiate abc==
 *
 * so after each comma one word is read, and an '=' with a value behind it makes it a parameter of the
 * challenge at hand, anything else the scheme of a new one.
 */
#include "registry/challenge.h"

typedef struct Cursor {
    Str rest;
    Arena *arena;
} Cursor;

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_spaces(Cursor *c)
{
    while (c->rest.n && (c->rest.p[0] == ' ' || c->rest.p[0] == '\t'))
        c->rest = str_skip(c->rest, 1);
}

static bool take_char(Cursor *c, char want)
{
    if (c->rest.n == 0 || c->rest.p[0] != want)
        return false;
    c->rest = str_skip(c->rest, 1);
    return true;
}

static Str take_token(Cursor *c)
{
    Str at = c->rest;
    size_t n = 0;

    while (n < at.n && is_token_char(at.p[n]))
        n++;
    c->rest = str_skip(at, n);
    return str_head(at, n);
}

/* After the opening quote; a missing closing one takes the rest of the header. */
static Str take_quoted(Cursor *c)
{
    char *text = arena_new_n(c->arena, char, c->rest.n + 1);
    size_t n = 0;

    while (c->rest.n && c->rest.p[0] != '"') {
        if (c->rest.p[0] == '\\' && c->rest.n > 1)
            c->rest = str_skip(c->rest, 1);
        text[n++] = c->rest.p[0];
        c->rest = str_skip(c->rest, 1);
    }
    (void)take_char(c, '"');
    return (Str){text, n};
}

/* "token68": base64 of either alphabet with its '=' padding, up to a comma or the end. */
static bool take_token68(Cursor *c, Str *ret)
{
    Cursor look = *c;
    size_t n = 0;

    while (n < look.rest.n && (is_token_char(look.rest.p[n]) || look.rest.p[n] == '/'))
        n++;
    while (n < look.rest.n && look.rest.p[n] == '=')
        n++;
    *ret = str_head(look.rest, n);
    look.rest = str_skip(look.rest, n);
    skip_spaces(&look);
    if (n == 0 || (look.rest.n && look.rest.p[0] != ','))
        return false;
    *c = look;
    return true;
}

/* "name = value"; false leaves the cursor alone. */
static bool take_param(Cursor *c, KeyValue *ret)
{
    Cursor look = *c;
    Str value;

    ret->key = take_token(&look);
    skip_spaces(&look);
    if (ret->key.n == 0 || !take_char(&look, '='))
        return false;
    skip_spaces(&look);
    value = take_char(&look, '"') ? take_quoted(&look) : take_token(&look);
    ret->value = str_dup_in(c->arena, value);
    ret->key = str_lower_in(c->arena, ret->key);
    *c = look;
    return true;
}

/* One scheme with all that belongs to it; false at what is no challenge. */
static bool take_challenge(Cursor *c, Challenge *ret)
{
    KeyValue param;

    ret->scheme = str_dup_in(c->arena, take_token(c));
    if (ret->scheme.n == 0)
        return false;
    skip_spaces(c);
    if (take_token68(c, &ret->token68)) {
        ret->token68 = str_dup_in(c->arena, ret->token68);
        return true;
    }
    ret->token68 = S("");
    while (ret->params.n < CHALLENGE_PARAMS_MAX && take_param(c, &param)) {
        Cursor next;

        vec_push(&ret->params, param);
        skip_spaces(c);
        next = *c;
        while (take_char(&next, ','))
            skip_spaces(&next);
        if (next.rest.p == c->rest.p)
            break; /* no comma: the end, or rubbish */
        *c = next;
    }
    return true;
}

void challenge_parse(Arena *a, Str header, ChallengeVec *ret)
{
    Cursor c = {.rest = header, .arena = a};
    size_t most = ret->n + CHALLENGES_MAX;

    for (;;) {
        Challenge found = {0};

        skip_spaces(&c);
        while (take_char(&c, ','))
            skip_spaces(&c);
        if (ret->n >= most || !take_challenge(&c, &found))
            return;
        vec_push(ret, found);
    }
}

void challenges_done(ChallengeVec *v)
{
    vec_foreach(c, v)
        vec_done(&c->params);
    vec_done(v);
}

bool challenge_is(const Challenge *c, const char *scheme)
{
    return str_eq_nocase(c->scheme, str_from(scheme));
}

Str challenge_param(const Challenge *c, const char *name)
{
    vec_foreach(p, &c->params)
        if (str_eq_nocase(p->key, str_from(name)))
            return p->value;
    return S("");
}
