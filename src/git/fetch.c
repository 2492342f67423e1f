/* SPDX-License-Identifier: Apache-2.0 */
#include "git/fetch.h"

#include "base/limits.h"
#include "base/log.h"
#include "git/pack_read.h"
#include "git/pkt.h"

#define AGENT "kiln/" KILN_VERSION

enum {
    TRIES = 3,      /* of a fetch that broke in the middle */
    SUGGESTIONS = 5 /* branches named when the one asked for is not there */
};

typedef struct GitRef {
    Str name;
    GitId id;    /* of an annotated tag what it stands for */
    GitId named; /* of an annotated tag the tag itself */
} GitRef;
typedef VEC(GitRef) GitRefVec;

/* One conversation. */
typedef struct Session {
    Arena *a;
    const GitSpec *spec;
    unsigned depth;
    bool history;     /* everything that the server has a name for */
    GitObjects *into; /* NULL: nothing is to be fetched */
    GitWire *wire;
    PktReader *in;
    bool v2;
    bool can_deepen, side_band, has_format; /* what the server offers */
    GitRefVec refs;
    size_t listed; /* bytes of refs so far */
} Session;

static bool has_word(Str words, Str want)
{
    for (Str rest = words, w; str_next(&rest, ' ', &w);)
        if (str_eq(w, want))
            return true;
    return false;
}

/* --- refs --- */

static int other_names(Err *err)
{
    return err_set(err, ERR_UNSUPPORTED, "repositories with SHA-256 names are not supported yet");
}

/* Version 0 lists an annotated tag, and right behind it what that stands for. */
static void peel_last(Session *s, Str name, const GitId *id)
{
    GitRef *last = s->refs.n ? &s->refs.v[s->refs.n - 1] : NULL;

    if (last && str_eq(last->name, name))
        last->id = *id;
}

static int add_ref(Session *s, Str line, Err *err)
{
    Str hex, name, rest, attribute;
    GitRef ref = {0};

    s->listed += line.n;
    if (s->listed > LIMIT_GIT_REFS)
        return err_set(err, ERR_LIMIT, "the server lists more than %zu bytes of refs",
                       LIMIT_GIT_REFS);
    if (!str_cut(line, ' ', &hex, &name))
        return err_set(err, ERR_FORMAT, "the server lists a ref without a name");
    if (str_eq(hex, S("unborn")))
        return 0;
    if (!git_id_parse(hex, &ref.id))
        return hex.n == 64 ? other_names(err)
                           : err_set(err, ERR_FORMAT, "the server lists a ref without a name");
    ref.named = ref.id;
    rest = S("");
    (void)str_cut(name, ' ', &name, &rest);
    for (; str_next(&rest, ' ', &attribute);)
        if (str_starts(attribute, S("peeled:")) &&
            !git_id_parse(str_skip(attribute, strlen("peeled:")), &ref.id))
            return err_set(err, ERR_FORMAT, "the server lists a ref without a name");
    if (str_ends(name, S("^{}"))) {
        peel_last(s, str_head(name, name.n - 3), &ref.id);
        return 0;
    }
    ref.name = str_dup_in(s->a, name);
    vec_push(&s->refs, ref);
    return 0;
}

static const GitRef *find_ref(const Session *s, Str prefix, Str name)
{
    vec_foreach(r, &s->refs)
        if (r->name.n == prefix.n + name.n && str_starts(r->name, prefix) &&
            str_ends(r->name, name))
            return r;
    return NULL;
}

/* A branch before a tag, as git checkout has it. */
static const GitRef *choose(const Session *s)
{
    const GitSpec *spec = s->spec;
    const GitRef *r = NULL;

    if (spec->ref.n == 0)
        return find_ref(s, S(""), S("HEAD"));
    if (!spec->only_tag)
        r = find_ref(s, S("refs/heads/"), spec->ref);
    if (!r && !spec->only_branch)
        r = find_ref(s, S("refs/tags/"), spec->ref);
    if (!r && !spec->only_branch && !spec->only_tag)
        r = find_ref(s, S(""), spec->ref);
    return r;
}

/* --- the greeting --- */

static int note_capability(Session *s, Str line, Err *err)
{
    Str key, value;

    if (!str_cut(line, '=', &key, &value))
        return 0;
    if (str_eq(key, S("fetch")))
        s->can_deepen = has_word(value, S("shallow"));
    if (!str_eq(key, S("object-format")))
        return 0;
    s->has_format = str_eq(value, S("sha1"));
    return s->has_format ? 0 : other_names(err);
}

static void note_old_capabilities(Session *s, Str words)
{
    s->can_deepen = has_word(words, S("shallow"));
    s->side_band = has_word(words, S("side-band-64k"));
}

/* A ref of version 0; the first carries what the server can do behind a NUL. */
static int old_ref(Session *s, Str line, Err *err)
{
    const char *nul = line.n ? memchr(line.p, '\0', line.n) : NULL;

    if (nul) {
        size_t n = (size_t)(nul - line.p);

        note_old_capabilities(s, str_skip(line, n + 1));
        line = str_head(line, n);
    }
    if (str_ends(line, S(" capabilities^{}")) || str_starts(line, S("shallow ")))
        return 0; /* an empty repository; one that is shallow itself */
    return add_ref(s, line, err);
}

/* Up to the flush packet. */
static int read_greeting_lines(Session *s, Err *err)
{
    for (bool first = true;; first = false) {
        PktKind kind;

        TRY(pkt_line(s->in, &kind, err));
        if (kind == PKT_EOF)
            return err_set(err, ERR_NET, "the server ended the connection without a word");
        if (kind != PKT_DATA)
            return 0;
        if (first && str_starts(s->in->data, S("version "))) {
            s->v2 = str_eq(s->in->data, S("version 2"));
            continue;
        }
        if (s->v2)
            TRY(note_capability(s, s->in->data, err));
        else
            TRY(old_ref(s, s->in->data, err));
    }
}

static int read_greeting(Session *s, Err *err)
{
    Reader *in;

    TRY(s->wire->ops->greeting(s->wire, &in, err));
    pkt_init(s->in, in);
    return read_greeting_lines(s, err);
}

/* --- version 2 --- */

static void begin_command(const Session *s, const char *command, Buf *out)
{
    pkt_add(out, "command=%s\n", command);
    pkt_add(out, "agent=" AGENT "\n");
    if (s->has_format)
        pkt_add(out, "object-format=sha1\n");
    pkt_add_delim(out);
}

static int ask(Session *s, const Buf *request, Err *err)
{
    Reader *in;

    TRY(buf_check(request, "the request to the git server", err));
    TRY(s->wire->ops->ask(s->wire, buf_str(request), &in, err));
    pkt_init(s->in, in);
    return 0;
}

static int list_refs(Session *s, const StrVec *prefixes, Err *err)
{
    cleanup_buf Buf request = BUF_INIT(BUF_SMALL);
    PktKind kind;

    if (!s->v2)
        return 0; /* all are known */
    s->refs.n = 0;
    begin_command(s, "ls-refs", &request);
    pkt_add(&request, "peel\n");
    vec_foreach(p, prefixes)
        pkt_add(&request, "ref-prefix " STR_FMT "\n", STR_ARG(*p));
    pkt_add_flush(&request);
    TRY(ask(s, &request, err));
    for (;;) {
        TRY(pkt_line(s->in, &kind, err));
        if (kind == PKT_EOF)
            return err_set(err, ERR_NET, "the server ended in the middle of its refs");
        if (kind != PKT_DATA)
            return 0;
        TRY(add_ref(s, s->in->data, err));
    }
}

static int list_wanted_refs(Session *s, Err *err)
{
    StrVec prefixes = {0};
    Str ref = s->spec->ref;
    int rc;

    if (ref.n == 0) {
        vec_push(&prefixes, S("HEAD"));
    } else {
        vec_push(&prefixes, ref);
        vec_push(&prefixes, str_fmt_in(s->a, "refs/heads/" STR_FMT, STR_ARG(ref)));
        vec_push(&prefixes, str_fmt_in(s->a, "refs/tags/" STR_FMT, STR_ARG(ref)));
    }
    rc = list_refs(s, &prefixes, err);
    vec_done(&prefixes);
    return rc;
}

static int list_all_refs(Session *s, Err *err)
{
    StrVec prefixes = {0};
    int rc;

    vec_push(&prefixes, S("refs/heads/"));
    vec_push(&prefixes, S("refs/tags/"));
    rc = list_refs(s, &prefixes, err);
    vec_done(&prefixes);
    return rc;
}

/* The pack's bytes follow in s->in; side_band says how. */
static int ask_v2(Session *s, const GitId *ids, size_t n, unsigned depth, Err *err)
{
    cleanup_buf Buf request = BUF_INIT((size_t)16 << 20);
    PktKind kind;

    begin_command(s, "fetch", &request);
    pkt_add(&request, "no-progress\n");
    pkt_add(&request, "ofs-delta\n");
    if (depth && s->can_deepen)
        pkt_add(&request, "deepen %u\n", depth);
    for (size_t i = 0; i < n; i++)
        pkt_add(&request, "want %s\n", git_id_format(&ids[i]).z);
    pkt_add(&request, "done\n");
    pkt_add_flush(&request);
    TRY(ask(s, &request, err));
    s->side_band = true;
    do {
        TRY(pkt_line(s->in, &kind, err));
        if (kind == PKT_EOF || kind == PKT_FLUSH)
            return err_set(err, ERR_NET, "the server ended before its pack");
    } while (kind != PKT_DATA || !str_eq(s->in->data, S("packfile")));
    return 0;
}

/* --- version 0 --- */

static void add_wants_v0(const Session *s, const GitId *ids, size_t n, unsigned depth, Buf *out)
{
    for (size_t i = 0; i < n; i++)
        pkt_add(out, "want %s%s%s%s\n", git_id_format(&ids[i]).z,
                i == 0 && s->side_band ? " side-band-64k" : "",
                i == 0 && s->can_deepen ? " shallow" : "",
                i == 0 ? " ofs-delta no-progress agent=" AGENT : "");
    if (depth && s->can_deepen)
        pkt_add(out, "deepen %u\n", depth);
    pkt_add_flush(out);
    pkt_add(out, "done\n");
}

static int ask_v0(Session *s, const GitId *ids, size_t n, unsigned depth, Err *err)
{
    cleanup_buf Buf request = BUF_INIT((size_t)16 << 20);
    PktKind kind;

    add_wants_v0(s, ids, n, depth, &request);
    TRY(ask(s, &request, err));
    for (;;) {
        TRY(pkt_line(s->in, &kind, err));
        if (kind == PKT_EOF)
            return err_set(err, ERR_NET, "the server ended before its pack");
        if (kind == PKT_DATA &&
            (str_eq(s->in->data, S("NAK")) || str_starts(s->in->data, S("ACK "))))
            return 0;
        if (kind == PKT_DATA && !str_starts(s->in->data, S("shallow ")) &&
            !str_starts(s->in->data, S("unshallow ")))
            return err_set(err, ERR_FORMAT, "the server gave an answer that is none");
    }
}

/* --- one conversation --- */

static int fetch_pack(Session *s, const GitId *ids, size_t n, unsigned depth, Err *err)
{
    BandReader bands;

    TRY(s->v2 ? ask_v2(s, ids, n, depth, err) : ask_v0(s, ids, n, depth, err));
    bands = band_reader(s->in);
    return git_pack_read(s->into, s->side_band ? &bands.r : s->in->in, err);
}

static int no_such_ref(Session *s, Err *err)
{
    cleanup_buf Buf some = BUF_INIT(BUF_SMALL);
    unsigned n = 0;

    TRY(list_all_refs(s, err));
    vec_foreach(r, &s->refs)
        if (str_starts(r->name, S("refs/heads/")) && n++ < SUGGESTIONS)
            buf_addf(&some, "%s" STR_FMT, n > 1 ? ", " : "",
                     STR_ARG(str_skip(r->name, strlen("refs/heads/"))));
    if (n > SUGGESTIONS)
        buf_addf(&some, " and %u more", n - SUGGESTIONS);
    if (s->refs.n == 0)
        return err_set(err, ERR_USAGE, "the repository is empty");
    if (s->spec->ref.n == 0)
        return err_set(err, ERR_USAGE,
                       "the repository has no default branch: name one behind '#' (it has: %s)",
                       buf_z(&some));
    return err_set(err, ERR_USAGE, "it has no %s \"" STR_FMT "\" (branches: %s)",
                   s->spec->only_branch ? "branch"
                   : s->spec->only_tag  ? "tag"
                                        : "branch or tag",
                   STR_ARG(s->spec->ref), n ? buf_z(&some) : "none");
}

/* Everything that the server has a name for. */
static int fetch_history(Session *s, Err *err)
{
    VEC(GitId) ids = {0};
    int rc;

    TRY(list_all_refs(s, err));
    vec_foreach(r, &s->refs)
        if (str_starts(r->name, S("refs/heads/")) || str_starts(r->name, S("refs/tags/")))
            vec_push(&ids, r->id);
    rc = ids.n ? fetch_pack(s, ids.v, ids.n, 0, err)
               : err_set(err, ERR_USAGE, "the repository is empty");
    vec_done(&ids);
    return rc;
}

/* An annotated tag asked for by its id stands for a commit. */
static int peel(const GitObjects *o, GitId *id, Err *err)
{
    const GitObject *x;

    for (unsigned n = 0; (x = git_objects_find(o, id)) && x->type == GIT_TAG; n++) {
        cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
        Str line = {0}, rest;

        if (n == 10)
            return err_set(err, ERR_LIMIT, "tags of tags of tags");
        TRY(git_objects_get(o, id, GIT_TAG, &text, err));
        if (!str_cut(buf_str(&text), '\n', &line, &rest) || !str_starts(line, S("object ")) ||
            !git_id_parse(str_skip(line, strlen("object ")), id))
            return err_set(err, ERR_FORMAT, "the tag %s names no object", git_id_format(id).z);
    }
    if (!x)
        return err_set(err, ERR_USAGE, "it has no commit %s", git_id_format(id).z);
    if (x->type != GIT_COMMIT)
        return err_set(err, ERR_USAGE, "%s is not a commit", git_id_format(id).z);
    return 0;
}

bool git_known_commit(const GitSpec *spec, GitId *ret)
{
    if (spec->checkout.n)
        return git_id_parse(spec->checkout, ret);
    if (spec->ref.n)
        return !spec->only_branch && !spec->only_tag && git_id_parse(spec->ref, ret);
    return git_id_parse(spec->commit, ret);
}

static int check_commit(const GitSpec *spec, const GitId *id, Err *err)
{
    GitIdText text = git_id_format(id);

    if (str_starts(str_from(text.z), spec->commit))
        return 0;
    return err_set(err, ERR_DIGEST, "expected checksum to match " STR_FMT ", got %s",
                   STR_ARG(spec->commit), text.z);
}

static int converse(Session *s, GitFetched *ret, Err *err)
{
    const GitRef *ref = NULL;
    bool known = git_known_commit(s->spec, &ret->commit);

    ret->named = ret->commit;
    TRY(read_greeting(s, err));
    if (!known) {
        TRY(list_wanted_refs(s, err));
        ref = choose(s);
        if (!ref)
            return no_such_ref(s, err);
        ret->commit = ref->id;
        ret->named = ref->named;
        ret->ref = ref->name;
        TRY(check_commit(s->spec, &ref->id, err));
    }
    if (!s->into)
        return 0;
    TRY(s->history ? fetch_history(s, err) : fetch_pack(s, &ret->named, 1, s->depth, err));
    TRY(peel(s->into, &ret->commit, err));
    return check_commit(s->spec, &ret->commit, err);
}

static int fetch_once(Session *s, const GitWireOpts *o, GitFetched *ret, Err *err)
{
    cleanup_with(git_wire_free_at) GitWire *wire = NULL;
    int rc;

    TRY(git_wire_open(&s->spec->url, o, &wire, err));
    s->wire = wire;
    s->refs.n = s->listed = 0;
    s->v2 = s->can_deepen = s->side_band = s->has_format = false;
    ret->ref = S("");
    rc = converse(s, ret, err);
    if (rc < 0 && (err->kind == ERR_NET || err->kind == ERR_SYS))
        (void)wire->ops->explain(wire, err);
    return rc;
}

static int fetch_with_retries(Session *s, const GitWireOpts *o, GitFetched *ret, Err *err)
{
    GitId id;

    for (unsigned tries = 1;; tries++) {
        size_t before = git_objects_count(s->into);

        if (fetch_once(s, o, ret, err) == 0)
            return 0;
        if (err->kind == ERR_HTTP && !s->history && !err->http_status &&
            git_known_commit(s->spec, &id)) {
            log_debug("%s; asking for the whole history", err->msg);
            s->history = true;
            continue;
        }
        if (err->kind != ERR_NET || tries >= TRIES || git_objects_count(s->into) == before)
            return -1; /* what did not even begin was tried often enough by the wire */
        log_debug("%s; once more", err->msg);
        TRY(http_pause(http_backoff_ms(500, tries), NULL, err));
    }
}

/* With the repository's name, unless that is in it. */
static int end_session(Session *s, int rc, Err *err)
{
    vec_done(&s->refs);
    if (rc == 0 || str_contains(str_from(err->msg), s->spec->url.shown))
        return rc;
    return err_wrap(err, STR_FMT, STR_ARG(s->spec->url.shown));
}

int git_resolve(Arena *a, const GitSpec *spec, const GitWireOpts *o, GitFetched *ret, Err *err)
{
    cleanup_free PktReader *in = NEW(PktReader);
    Session s = {.a = a, .spec = spec, .in = in};

    return end_session(&s, fetch_once(&s, o, ret, err), err);
}

int git_fetch(Arena *a, const GitSpec *spec, unsigned depth, const GitWireOpts *o, GitObjects *into,
              GitFetched *ret, Err *err)
{
    cleanup_free PktReader *in = NEW(PktReader);
    Session s = {.a = a, .spec = spec, .depth = depth ? depth : 1, .into = into, .in = in};

    return end_session(&s, fetch_with_retries(&s, o, ret, err), err);
}
