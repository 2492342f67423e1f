/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern is a row of segments of fixed length with stars between them. Taking each segment where it first fits after
 * the one before leaves the most room for the rest, so no choice ever has to be taken back: the shortest match puts the
 * last segment where it first fits, the longest where it last fits. Matches at the end of a value are matches at the
 * beginning of pattern and value read backwards.
 */
#include "dockerfile/pattern.h"

#include "dockerfile/text.h"

enum {
    WORK_MAX = 1 << 26,     /* characters compared in one substitution: a third of a second */
    WORK_MAX_ALL = 1 << 28, /* ... in all that are counted together */
};

typedef enum ElementKind {
    ELEMENT_CHAR,
    ELEMENT_ANY,
    ELEMENT_STAR,
} ElementKind;

typedef struct Element {
    ElementKind kind;
    Str ch;
} Element;

typedef VEC(Element) ElementVec;

typedef struct Matcher {
    const ElementVec *elements;
    Str value;
    size_t work, most;
} Matcher;

typedef struct Match {
    size_t begin, end;
} Match;

/* --- patterns --- */

static int bad_escape(Str pattern, Str ch, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;

    return err_set(err, ERR_SYNTAX,
                   "invalid pattern (" STR_FMT ") in substitution: invalid escape '\\" STR_FMT "'",
                   STR_ARG(text_clip(&a, pattern)), STR_ARG(ch));
}

static Str take_char(Str *s)
{
    Str ch = str_head(*s, text_char(*s));

    *s = str_skip(*s, ch.n);
    return ch;
}

static bool is_one_of(Str ch, const char *set)
{
    return ch.n == 1 && strchr(set, ch.p[0]) != NULL && ch.p[0] != '\0';
}

static int compile(Str pattern, ElementVec *ret, Err *err)
{
    for (Str rest = pattern; rest.n;) {
        Element e = {ELEMENT_CHAR, take_char(&rest)};

        if (is_one_of(e.ch, "\\")) {
            e.ch = take_char(&rest);
            if (!is_one_of(e.ch, "*?\\}/"))
                return bad_escape(pattern, e.ch, err);
        } else if (is_one_of(e.ch, "*")) {
            e.kind = ELEMENT_STAR;
        } else if (is_one_of(e.ch, "?")) {
            e.kind = ELEMENT_ANY;
        }
        vec_push(ret, e);
    }
    return 0;
}

static void reverse_elements(ElementVec *v)
{
    for (size_t i = 0; i < v->n / 2; i++) {
        Element e = v->v[i];

        v->v[i] = v->v[v->n - 1 - i];
        v->v[v->n - 1 - i] = e;
    }
}

/* Characters in the opposite order; the bytes of each keep theirs. */
static char *reverse_text(Str s)
{
    char *to = NEW_N(char, s.n + 1), *at = to + s.n;

    while (s.n) {
        Str ch = take_char(&s);

        at -= ch.n;
        memcpy(at, ch.p, ch.n);
    }
    return to;
}

/* --- matching --- */

static size_t segment_end(const Matcher *m, size_t i)
{
    while (i < m->elements->n && m->elements->v[i].kind != ELEMENT_STAR)
        i++;
    return i;
}

/* Do the elements [i, j), which hold no star, match at 'at'? */
static bool match_segment(Matcher *m, size_t i, size_t j, size_t at, size_t *ret_end)
{
    for (; i < j; i++) {
        const Element *e = &m->elements->v[i];
        Str rest = str_skip(m->value, at);

        m->work++;
        if (e->kind == ELEMENT_CHAR ? !str_starts(rest, e->ch) : rest.n == 0)
            return false;
        at += e->kind == ELEMENT_CHAR ? e->ch.n : text_char(rest);
    }
    *ret_end = at;
    return true;
}

static bool find_segment(Matcher *m, size_t i, size_t j, size_t from, bool last, Match *ret)
{
    bool found = false;

    for (size_t at = from; m->work < m->most;) {
        size_t end;

        if (match_segment(m, i, j, at, &end)) {
            *ret = (Match){at, end};
            found = true;
            if (!last)
                break;
        }
        if (at == m->value.n)
            break;
        at += text_char(str_skip(m->value, at));
    }
    return found;
}

/* What follows the first segment, which ended at 'at'. */
static bool match_rest(Matcher *m, size_t i, size_t at, bool longest, size_t *ret_end)
{
    while (i < m->elements->n) {
        size_t begin = i + 1, end = segment_end(m, begin);
        bool last = end == m->elements->n;
        Match found;

        if (last && begin == end) {
            *ret_end = longest ? m->value.n : at;
            return true;
        }
        if (!find_segment(m, begin, end, at, last && longest, &found))
            return false;
        at = found.end;
        i = end;
    }
    *ret_end = at;
    return true;
}

static Matcher matcher(const ElementVec *elements, Str value, const size_t *work)
{
    Matcher m = {.elements = elements, .value = value, .most = WORK_MAX};

    if (work && *work > WORK_MAX_ALL - m.most)
        m.most = *work < WORK_MAX_ALL ? WORK_MAX_ALL - *work : 0;
    return m;
}

static int check_work(const Matcher *m, size_t *work, Err *err)
{
    if (m->work >= WORK_MAX)
        return err_set(err, ERR_LIMIT, "pattern and value of a substitution are too long");
    if (m->work >= m->most)
        return err_set(err, ERR_LIMIT, "the substitutions of the Dockerfile take too long");
    if (work)
        *work += m->work;
    return 0;
}

static int trim_begin(const ElementVec *elements, Str value, bool longest, size_t *work,
                      size_t *ret_cut, Err *err)
{
    Matcher m = matcher(elements, value, work);
    size_t first = segment_end(&m, 0), end;

    *ret_cut = 0;
    if (match_segment(&m, 0, first, 0, &end) && match_rest(&m, first, end, longest, &end))
        *ret_cut = end;
    return check_work(&m, work, err);
}

int pattern_trim(Str pattern, Str value, bool at_end, bool longest, size_t *work, Str *ret,
                 Err *err)
{
    cleanup_free char *reversed = NULL;
    ElementVec elements = {0};
    size_t cut = 0;
    int rc = compile(pattern, &elements, err);

    if (rc == 0 && at_end) {
        reverse_elements(&elements);
        reversed = reverse_text(value);
        if (work)
            *work += value.n;
    }
    if (rc == 0)
        rc = trim_begin(&elements, at_end ? (Str){reversed, value.n} : value, longest, work, &cut,
                        err);
    vec_done(&elements);
    TRY(rc);
    *ret = at_end ? str_head(value, value.n - cut) : str_skip(value, cut);
    return 0;
}

/* The first match at or after 'from': where its first segment first fits, or nowhere. */
static bool find_match(Matcher *m, size_t from, Match *ret)
{
    size_t first = segment_end(m, 0);

    return find_segment(m, 0, first, from, false, ret) &&
           match_rest(m, first, ret->end, true, &ret->end);
}

static void replace(Matcher *m, Str with, bool all, Buf *out)
{
    size_t at = 0, previous = SIZE_MAX; /* end of the match before */
    Match found;

    while (at <= m->value.n && !out->full && find_match(m, at, &found)) {
        size_t width = text_char(str_skip(m->value, found.end));

        buf_add(out, str_head(str_skip(m->value, at), found.begin - at));
        /* An empty match right behind another one is none. */
        if (found.end > found.begin || found.begin != previous)
            buf_add(out, with);
        at = previous = found.end;
        if (!all)
            break;
        if (found.begin == found.end) {
            buf_add(out, str_head(str_skip(m->value, at), width));
            at += width ? width : 1;
        }
    }
    if (at < m->value.n)
        buf_add(out, str_skip(m->value, at));
}

int pattern_replace(Str pattern, Str value, Str with, bool all, size_t *work, Buf *out, Err *err)
{
    ElementVec elements = {0};
    Matcher m = matcher(&elements, value, work);
    int rc = compile(pattern, &elements, err);

    if (rc == 0) {
        replace(&m, with, all, out);
        rc = check_work(&m, work, err);
    }
    vec_done(&elements);
    return rc;
}
