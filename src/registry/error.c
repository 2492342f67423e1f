/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's answer as one line for people: its own words where it has any, and for a refusal what
 * we had to show, because "401 Unauthorized" alone has cost everybody an afternoon.
 */
#include "codec/json.h"
#include "registry/internal.h"

enum {
    WORDS_MAX = 400, /* bytes of a registry's prose */
    ERRORS_MAX = 3,  /* of its list */
};

/* Printable, on one line, not too long. */
static void add_words(Buf *out, Str s)
{
    size_t n = s.n < WORDS_MAX ? s.n : WORDS_MAX;

    for (size_t i = 0; i < n; i++) {
        bool plain = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;

        buf_add(out, plain ? (Str){s.p + i, 1} : S(" "));
    }
    if (n < s.n)
        buf_add_z(out, "...");
}

static Str text_member(const Json *j, const char *name)
{
    Str s;

    return json_get_text(json_find(j, name), &s) ? str_trim(s) : S("");
}

/* {"code": "DENIED", "message": "..."}: the code only where it says more than the message. */
static void add_error(Buf *out, const Json *e)
{
    Str code = text_member(e, "code"), message = text_member(e, "message");

    if (out->n && (code.n || message.n))
        buf_add_z(out, "; ");
    add_words(out, code);
    if (code.n && message.n)
        buf_add_z(out, ": ");
    add_words(out, message);
}

static bool json_words(Str body, Buf *out)
{
    cleanup_with(json_free_at) Json *j = NULL;
    const Json *list;
    Err ignored;

    if (json_parse(body, "error", &j, &ignored) < 0)
        return false;
    list = json_find(j, "errors");
    for (size_t i = 0; i < json_count(list) && i < ERRORS_MAX; i++)
        add_error(out, json_at(list, i));
    if (out->n == 0) { /* token servers and proxies have their own ways */
        static const char *const members[] = {"details", "message", "error_description", "error"};

        for (size_t i = 0; i < ARRAY_LEN(members) && out->n == 0; i++)
            add_words(out, text_member(j, members[i]));
    }
    return true;
}

Str error_words(Str body, Str content_type, Arena *a)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Str line, rest;

    body = str_trim(body);
    if (body.n == 0 || json_words(body, &out))
        return str_dup_in(a, buf_str(&out));
    if (body.p[0] == '<' || str_starts(content_type, S("text/html")))
        return S(""); /* a proxy's page */
    add_words(&out, str_cut(body, '\n', &line, &rest) ? line : body);
    return str_dup_in(a, buf_str(&out));
}

/* What we showed at the door. */
static Str credentials_note(const Registry *r, const Endpoint *at, Arena *a)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    Credential c;
    Err why = {0};
    int found;

    for (unsigned n = 0;; n++) {
        found = creds_find(r->creds, at->registry, at->repository, n, &c, &why);
        if (found <= 0)
            break;
        buf_addf(&text, "%s" STR_FMT, n ? ", then from " : "credentials from ", STR_ARG(c.source));
    }
    if (text.n)
        buf_add_z(&text, " were sent");
    else if (found < 0)
        buf_add_z(&text, why.msg);
    else
        return creds_nothing_found(r->creds, at->registry, a);
    return str_dup_in(a, buf_str(&text));
}

static ErrKind kind_of(int status)
{
    switch (status) {
    case 401:
    case 403: return ERR_AUTH;
    case 404: return ERR_NOT_FOUND;
    default: return ERR_HTTP;
    }
}

/* There is no code for it in the specification: what ECR (now and before), Google's Artifact Registry
   and Harbor say. */
bool words_say_immutable(Str words)
{
    static const char *const phrases[] = {
        "cannot be overwritten because the repository is immutable",
        "cannot be overwritten because the tag is immutable",
        "already exists in the repository and cannot be overwritten",
        "enabled tag immutability",
        "configured as immutable",
        "ImageTagAlreadyExists",
    };

    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (str_contains(words, str_from(phrases[i])))
            return true;
    return false;
}

int registry_fail(const Registry *r, const Endpoint *at, const HttpAnswer *answer, const char *what,
                  Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    ErrKind kind = kind_of(answer->status);
    Str words = error_words(buf_str(&answer->body), http_header(answer, "content-type"), &a);
    Str note = kind == ERR_AUTH ? credentials_note(r, at, &a) : S("");

    (void)err_set(err, kind, "%s: HTTP %d%s" STR_FMT "%s" STR_FMT, what, answer->status,
                  words.n ? ": " : "", STR_ARG(words), note.n ? "; " : "", STR_ARG(note));
    err->http_status = answer->status;
    return -1;
}
