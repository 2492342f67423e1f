/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of services. Amazon's older ones and all object stores speak XML, and all that is ever
 * wanted of it is the text of an element that occurs once: no parser is needed for that, and none
 * can be attacked.
 */
#include "base/limits.h"
#include "base/num.h"
#include "cloud/internal.h"

enum {
    WORDS_MAX = 400, /* bytes of a service's prose */
    SKEW_S = 240,    /* clouds take five or fifteen minutes */
};

/* --- XML --- */

typedef struct Entity {
    Str name, text;
} Entity;

static const Entity entities[] = {{STR_LIT("lt"), STR_LIT("<")},
                                  {STR_LIT("gt"), STR_LIT(">")},
                                  {STR_LIT("amp"), STR_LIT("&")},
                                  {STR_LIT("quot"), STR_LIT("\"")},
                                  {STR_LIT("apos"), STR_LIT("'")}};

/* "#38" is the only other kind that is met, for ASCII. */
static void add_entity(Buf *out, Str name)
{
    uint64_t code;

    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (str_eq(entities[i].name, name))
            buf_add(out, entities[i].text);
    if (name.n > 1 && name.p[0] == '#' && num_parse_u64(str_skip(name, 1), 127, &code))
        buf_add_char(out, (char)code);
}

static Str resolve(Str s, Arena *a)
{
    cleanup_buf Buf out = BUF_INIT(LIMIT_TOKEN_BODY);

    for (size_t i = 0; i < s.n; i++) {
        Str name, rest;

        if (s.p[i] == '&' && str_cut(str_skip(s, i + 1), ';', &name, &rest) && name.n < 8) {
            add_entity(&out, name);
            i += name.n + 1;
        } else {
            buf_add_char(&out, s.p[i]);
        }
    }
    return str_dup_in(a, buf_str(&out));
}

bool xml_text(Str xml, const char *element, Arena *a, Str *ret)
{
    size_t n = strlen(element);

    for (size_t i = 0; i + n + 2 <= xml.n; i++) {
        Str text, rest;

        if (xml.p[i] != '<' || memcmp(xml.p + i + 1, element, n) != 0 || xml.p[i + 1 + n] != '>')
            continue;
        if (!str_cut(str_skip(xml, i + n + 2), '<', &text, &rest))
            return false;
        *ret = resolve(str_trim(text), a);
        return true;
    }
    return false;
}

/* --- errors --- */

/* Printable, on one line, not too long. */
static void add_words(Buf *out, Str s)
{
    size_t n;

    while (str_ends(s, S(".")))
        s.n--;
    n = s.n < WORDS_MAX ? s.n : WORDS_MAX;
    if (out->n && n)
        buf_add_z(out, ": ");
    for (size_t i = 0; i < n; i++) {
        bool plain = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;

        buf_add_char(out, s.p[i] == '\r' || !plain ? ' ' : s.p[i]);
    }
    if (n < s.n)
        buf_add_z(out, "...");
}

static void add_member(Buf *out, const Json *j, const char *name)
{
    Str s;

    if (json_get_text(json_find(j, name), &s))
        add_words(out, str_trim(s));
}

/* {"error": {"message"}}, {"error", "error_description"}, {"__type", "message"} and the like. */
static bool json_words(Str body, Buf *out)
{
    static const char *const members[] = {
        "__type", "code", "Code", "error", "message", "Message", "error_description"};
    cleanup_with(json_free_at) Json *j = NULL;
    const Json *inner;
    Err ignored;

    if (json_parse(body, "error", &j, &ignored) < 0)
        return false;
    inner = json_find(j, "error");
    if (json_type(inner) == JSON_MAP)
        add_member(out, inner, "message");
    for (size_t i = 0; i < ARRAY_LEN(members) && json_type(inner) != JSON_MAP; i++)
        add_member(out, j, members[i]);
    return true;
}

static Str first_line(Str s)
{
    Str line, rest;

    return str_cut(s, '\n', &line, &rest) ? str_trim(line) : s;
}

Str answer_words(const HttpAnswer *answer, Arena *a)
{
    cleanup_buf Buf out = BUF_INIT(BUF_SMALL);
    Str body = str_trim(buf_str(&answer->body)), text;

    if (json_words(body, &out))
        return str_dup_in(a, buf_str(&out));
    if (str_starts(body, S("<"))) {
        if (xml_text(body, "Code", a, &text))
            add_words(&out, text);
        if (xml_text(body, "Message", a, &text))
            add_words(&out, first_line(text)); /* Azure's go on with numbers of the request */
    } else if (body.n < WORDS_MAX) {
        add_words(&out, body);
    }
    return str_dup_in(a, buf_str(&out));
}

static bool is_denial(int status)
{
    return status == 400 || status == 401 || status == 403;
}

const char *answer_clock(const HttpAnswer *answer, Arena *a)
{
    int64_t there, off;

    if (!is_denial(answer->status) || !when_parse_http(http_header(answer, "date"), &there))
        return "";
    off = now_s() - there;
    if (off > -SKEW_S && off < SKEW_S)
        return "";
    return str_fmt_in(a, "the clock of this machine is %lld minutes %s: set it",
                      (long long)(off < 0 ? -off : off) / 60, off < 0 ? "slow" : "fast")
        .p;
}

int answer_refused(const HttpAnswer *answer, const char *what, const char *remedy, Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str words = answer_words(answer, &a);
    const char *clock = answer_clock(answer, &a);
    bool denied = is_denial(answer->status);

    if (*clock)
        remedy = clock;
    (void)err_set(err, denied ? ERR_AUTH : ERR_HTTP, "%s: HTTP %d%s" STR_FMT "%s%s", what,
                  answer->status, words.n ? ": " : "", STR_ARG(words), *remedy ? "; " : "", remedy);
    err->http_status = answer->status;
    return -1;
}

/* --- requests --- */

void form_add(Buf *form, const char *name, Str value)
{
    buf_addf(form, "%s%s=", form->n ? "&" : "", name);
    url_escape(value, form);
}

bool host_is_below(Str host, Str domain)
{
    return str_eq(host, domain) ||
           (host.n > domain.n && str_ends(host, domain) && host.p[host.n - domain.n - 1] == '.');
}

int post_form(Cloud *c, Str url, const Buf *form, const char *what, Json **ret, Err *err)
{
    static const HttpHeader header = {STR_LIT("Content-Type"),
                                      STR_LIT("application/x-www-form-urlencoded")};
    cleanup_http_answer HttpAnswer answer = {0};
    cleanup_free char *z = str_dup(url);

    TRY(buf_check(form, "the token request", err));
    if (http_do(c->http,
                &(HttpRequest){.method = "POST",
                               .url = z,
                               .headers = &header,
                               .n_headers = 1,
                               .body = buf_str(form),
                               .retry_post = true,
                               .max_body = LIMIT_TOKEN_BODY},
                &answer, err) < 0)
        return err_wrap(err, "%s", what);
    if (answer.status != 200)
        return answer_refused(&answer, what, "", err);
    return json_parse(buf_str(&answer.body), what, ret, err);
}

static int64_t seconds_of(const Json *j)
{
    double seconds;
    uint64_t whole;
    Str text;

    if (json_get_number(j, &seconds) && seconds > 0 && seconds < 1e9)
        return (int64_t)seconds;
    if (json_get_text(j, &text) && num_parse_u64(text, 1000000000, &whole))
        return (int64_t)whole;
    return 0;
}

int oauth_token(const Json *json, const char *what, Arena *a, Secret *ret, Err *err)
{
    int64_t life = seconds_of(json_find(json, "expires_in"));
    Str text;

    if (!json_get_text(json_find(json, "access_token"), &text) || text.n == 0)
        return err_set(err, ERR_FORMAT, "%s: there is no access_token in the answer", what);
    *ret = (Secret){.id = S(""),
                    .text = str_dup_in(a, text),
                    .session = S(""),
                    .source = S(""),
                    .until_s = now_s() + (life ? life : RENEW_BEFORE_S)};
    return 1;
}
