/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern without wildcards is compared. Any other becomes a row of steps, each with its place in a set of places that
 * the path may have led to so far: a non-deterministic automaton with one bit a step. A character moves every place at
 * once, so no pattern takes longer than its length times that of the path.
 *
 *     a/ ** /b*       'a' '/' SKIP INSIDE 'b' STAR (end)          (blanks only because this is a comment)
 *
 * STAR stays while the character is no '/'; SKIP is "nothing, or INSIDE"; INSIDE takes anything and may leave behind a
 * '/'; ALL takes anything. The automaton is asked at every '/' and at the end: matching a directory is matching what is
 * in it. Most patterns are ruled out before, by what they begin with, or by a pair of bytes that they need and the path
 * has not. And most patterns that people write speak of one component, at the top or anywhere, of which they say all or
 * how it ends ("*.log", and "node_modules" or "*.o" behind a "**"): that is compared, without an automaton.
 */
#include "dockerfile/wildpath.h"

#include "base/path.h"
#include "base/vec.h"
#include "dockerfile/glob.h"
#include "dockerfile/text.h"

typedef enum StepKind {
    STEP_CHAR,
    STEP_ANY,    /* one character but '/' */
    STEP_CLASS,  /* one of a class        */
    STEP_STAR,   /* any number but of '/' */
    STEP_SKIP,   /* the next step, or the one after it */
    STEP_INSIDE, /* anything, up to and with a '/' */
    STEP_ALL,    /* anything */
} StepKind;

typedef struct WildStep {
    StepKind kind;
    Str text; /* CHAR and CLASS */
} WildStep;

/* What one component is, or how it ends. */
typedef struct OneComponent {
    Str text;      /* p NULL: the pattern does not speak of one component only */
    bool anywhere; /* else the first of the path */
    bool ending;
} OneComponent;

struct WildPath {
    Str plain;      /* no wildcard: the path itself; else p is NULL */
    uint64_t trace; /* that every match has */
    Str prefix;     /* that every match begins with */
    OneComponent one;
    WildStep *steps;
    size_t n;
};

enum {
    WORDS_MAX =
        WILDPATH_MAX / 64 + 1, /* no step is made of less than a byte; and there is the end */
};

/* Places 0..n, where n is the end. */
typedef struct PlaceSet {
    uint64_t bits[WORDS_MAX];
} PlaceSet;

/* --- traces --- */

static uint64_t pair_bit(char a, char b)
{
    unsigned hash = (unsigned char)a * 31u + (unsigned char)b * 17u;

    return (uint64_t)1 << ((hash ^ hash >> 6) & 63);
}

uint64_t wildpath_trace(Str text)
{
    uint64_t trace = 0;

    for (size_t i = 1; i < text.n; i++)
        trace |= pair_bit(text.p[i - 1], text.p[i]);
    return trace;
}

/* Of the runs of plain characters. */
static uint64_t trace_of_steps(const WildPath *w)
{
    cleanup_free char *run = NEW_N(char, w->n * 4 + 1); /* a character has up to four bytes */
    uint64_t trace = 0;
    size_t n = 0;

    for (size_t i = 0; i <= w->n; i++) {
        if (i < w->n && w->steps[i].kind == STEP_CHAR) {
            memcpy(run + n, w->steps[i].text.p, w->steps[i].text.n);
            n += w->steps[i].text.n;
            continue;
        }
        trace |= wildpath_trace((Str){run, n});
        n = 0;
    }
    return trace;
}

/* --- compiling --- */

typedef struct Compiler {
    Arena *arena;
    Str rest;
    VEC(WildStep) steps;
} Compiler;

static void add_step(Compiler *c, StepKind kind, Str text)
{
    WildStep step = {kind, text};

    vec_push_in(c->arena, &c->steps, step);
}

static bool take(Compiler *c, char ch)
{
    if (c->rest.n == 0 || c->rest.p[0] != ch)
        return false;
    c->rest = str_skip(c->rest, 1);
    return true;
}

/*
 * "**" at the end takes all; elsewhere it takes whole components or none, with its slash. One oddity of the original is
 * kept: "**" at the very beginning with nothing but plain text behind it ("**.go") is a test for the end of the path.
 */
static void add_double_star(Compiler *c, bool at_start)
{
    bool slash = take(c, '/');

    if (c->rest.n == 0 || (at_start && !slash && !glob_has_wildcard(c->rest))) {
        add_step(c, STEP_ALL, S(""));
        return;
    }
    add_step(c, STEP_SKIP, S(""));
    add_step(c, STEP_INSIDE, S(""));
}

static bool add_next(Compiler *c, bool at_start)
{
    Str from = c->rest, text;

    if (take(c, '*')) {
        if (take(c, '*'))
            add_double_star(c, at_start);
        else
            add_step(c, STEP_STAR, S(""));
        return true;
    }
    if (take(c, '?')) {
        add_step(c, STEP_ANY, S(""));
        return true;
    }
    if (from.p[0] == '[') {
        if (!glob_take_class(&c->rest, &text))
            return false;
        add_step(c, STEP_CLASS, text);
        return true;
    }
    (void)take(c, '\\');
    text = str_head(c->rest, text_char(c->rest));
    c->rest = str_skip(c->rest, text.n);
    add_step(c, STEP_CHAR, text);
    return text.n > 0;
}

/* [** /][*]TEXT, where TEXT has neither wildcards nor '/'. 'pattern' lives as long as the arena. */
static OneComponent find_one(Str pattern)
{
    OneComponent one = {.anywhere = str_starts(pattern, S("**/"))};

    if (one.anywhere)
        pattern = str_skip(pattern, 3);
    one.ending = str_starts(pattern, S("*"));
    if (one.ending)
        pattern = str_skip(pattern, 1);
    if (pattern.n && !glob_has_wildcard(pattern) && !memchr(pattern.p, '/', pattern.n))
        one.text = pattern;
    return one;
}

static Str find_prefix(Str pattern)
{
    size_t n = 0;

    while (n < pattern.n && !glob_has_wildcard(str_head(str_skip(pattern, n), 1)))
        n++;
    return str_head(pattern, n);
}

int wildpath_compile(Arena *a, Str pattern, const WildPath **ret, Err *err)
{
    WildPath *w = arena_new(a, WildPath);
    Compiler c = {.arena = a, .rest = pattern};

    if (pattern.n > WILDPATH_MAX)
        return err_set(err, ERR_LIMIT, "pattern is longer than %d bytes", WILDPATH_MAX);
    if (!glob_has_wildcard(pattern)) {
        w->plain = str_dup_in(a, pattern);
        w->trace = wildpath_trace(pattern);
        *ret = w;
        return 0;
    }
    pattern = str_dup_in(a, pattern);
    w->one = find_one(pattern);
    w->prefix = find_prefix(pattern);
    c.rest = pattern;
    for (bool at_start = true; c.rest.n; at_start = false)
        if (!add_next(&c, at_start))
            return err_set(err, ERR_SYNTAX, "syntax error in pattern " STR_FMT,
                           STR_ARG(text_quote(a, pattern)));
    w->steps = c.steps.v;
    w->n = c.steps.n;
    w->trace = trace_of_steps(w);
    *ret = w;
    return 0;
}

/* --- matching --- */

static void set_bit(PlaceSet *set, size_t i)
{
    set->bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool has_bit(const PlaceSet *set, size_t i)
{
    return set->bits[i / 64] >> (i % 64) & 1;
}

/*
 * Enter place i, and those that can be had from there for nothing. Where a place has been entered, so have those: a row
 * of stars costs no more than its length, however many places lead into it.
 */
static void enter(const WildPath *w, PlaceSet *set, size_t i)
{
    while (!has_bit(set, i)) {
        set_bit(set, i);
        if (i == w->n)
            return;
        if (w->steps[i].kind == STEP_SKIP) {
            set_bit(set, i + 1);
            i += 2;
        } else if (w->steps[i].kind == STEP_STAR || w->steps[i].kind == STEP_ALL) {
            i++;
        } else {
            return;
        }
    }
}

static bool takes(const WildStep *step, Str ch, bool slash)
{
    switch (step->kind) {
    case STEP_CHAR: return step->text.p[0] == ch.p[0] && str_eq(step->text, ch);
    case STEP_ANY: return !slash;
    case STEP_CLASS: return glob_class_holds(step->text, ch);
    case STEP_STAR: return !slash;
    case STEP_INSIDE:
    case STEP_ALL: return true;
    case STEP_SKIP: return false;
    }
    return false;
}

/* From place i over one character. */
static void move(const WildPath *w, size_t i, Str ch, PlaceSet *to)
{
    const WildStep *step = &w->steps[i];
    bool slash = ch.p[0] == '/';

    if (i == w->n || !takes(step, ch, slash))
        return;
    if (step->kind == STEP_CHAR || step->kind == STEP_ANY || step->kind == STEP_CLASS) {
        enter(w, to, i + 1);
        return;
    }
    if (step->kind == STEP_INSIDE) {
        set_bit(to, i);
        if (slash)
            enter(w, to, i + 1);
        return;
    }
    enter(w, to, i);
}

static Str first_char(Str s)
{
    return str_head(s, (unsigned char)s.p[0] < 0x80 ? 1 : text_char(s));
}

/* All places over one character; false when none is left. */
static bool move_all(const WildPath *w, PlaceSet *set, Str ch)
{
    size_t words = w->n / 64 + 1;
    PlaceSet to;
    uint64_t any = 0;

    memset(to.bits, 0, words * sizeof(to.bits[0]));
    for (size_t k = 0; k < words; k++)
        for (uint64_t left = set->bits[k]; left; left &= left - 1)
            move(w, k * 64 + (size_t)__builtin_ctzll(left), ch, &to);
    for (size_t k = 0; k < words; k++)
        any |= set->bits[k] = to.bits[k];
    return any != 0;
}

static void start(const WildPath *w, PlaceSet *set)
{
    memset(set->bits, 0, (w->n / 64 + 1) * sizeof(set->bits[0]));
    enter(w, set, 0);
}

static bool has_component(const OneComponent *one, Str path)
{
    for (Str rest = path, c; path_next(&rest, &c);) {
        if (one->ending ? str_ends(c, one->text) : str_eq(c, one->text))
            return true;
        if (!one->anywhere)
            break;
    }
    return false;
}

bool wildpath_matches(const WildPath *w, Str path, uint64_t trace)
{
    PlaceSet set;

    if (w->trace & ~trace)
        return false;
    if (w->plain.p)
        return w->plain.n && path_within(path, w->plain);
    if (w->one.text.p)
        return has_component(&w->one, path);
    if (!str_starts(path, w->prefix))
        return false;
    start(w, &set);
    while (path.n) {
        Str ch = first_char(path);

        path = str_skip(path, ch.n);
        if (!move_all(w, &set, ch))
            return false;
        if ((path.n == 0 || path.p[0] == '/') && has_bit(&set, w->n))
            return true;
    }
    return false;
}

bool wildpath_may_match_below(const WildPath *w, Str dir)
{
    PlaceSet set;

    if (w->plain.p)
        return w->plain.n > dir.n && path_within(w->plain, dir);
    start(w, &set);
    while (dir.n) {
        Str ch = first_char(dir);

        dir = str_skip(dir, ch.n);
        if (!move_all(w, &set, ch))
            return false;
    }
    return move_all(w, &set, S("/"));
}
