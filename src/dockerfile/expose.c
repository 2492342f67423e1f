/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word is a publishing rule of `docker run -p`, of which an image keeps the container's side only. It is read from the
 * right, because an IPv6 address has colons of its own.
 */
#include "dockerfile/expose.h"

#include <arpa/inet.h>

#include "base/num.h"
#include "dockerfile/text.h"

enum {
    ADDRESS_MAX = 64, /* longer than any address as text */
};

typedef struct PortRange {
    uint32_t first, last;
} PortRange;

typedef struct PortWord {
    Str ip, host, port, proto;
} PortWord;

static PortWord split(Str word)
{
    PortWord w = {.port = word};
    Str head, tail;

    if (str_cut_last(word, ':', &head, &tail)) {
        w.port = tail;
        w.host = head;
        if (str_cut_last(head, ':', &head, &tail)) {
            w.ip = head;
            w.host = tail;
        }
    }
    if (str_cut(w.port, '/', &head, &tail)) {
        w.port = head;
        w.proto = tail;
    }
    return w;
}

static bool parse_range(Str s, PortRange *ret)
{
    Str first = s, last = s;
    uint64_t a, b;

    (void)str_cut(s, '-', &first, &last);
    if (!num_parse_u64(first, UINT16_MAX, &a) || !num_parse_u64(last, UINT16_MAX, &b) || b < a)
        return false;
    *ret = (PortRange){(uint32_t)a, (uint32_t)b};
    return true;
}

static bool is_address(Str s)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char z[ADDRESS_MAX];

    if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = (Str){s.p + 1, s.n - 2};
    if (s.n >= sizeof(z) || memchr(s.p, '\0', s.n))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(AF_INET, z, binary) == 1 || inet_pton(AF_INET6, z, binary) == 1;
}

static int check_host(const PortWord *w, const PortRange *port, Err *err)
{
    PortRange host;

    if (w->ip.n && !is_address(w->ip))
        return err_set(err, ERR_SYNTAX, "invalid IP address: " STR_FMT, STR_ARG(w->ip));
    if (w->host.n == 0)
        return 0;
    if (!parse_range(w->host, &host))
        return err_set(err, ERR_SYNTAX, "invalid hostPort: " STR_FMT, STR_ARG(w->host));
    if (port->first != port->last && port->last - port->first != host.last - host.first)
        return err_set(err, ERR_SYNTAX,
                       "invalid ranges specified for container and host Ports: " STR_FMT
                       " and " STR_FMT,
                       STR_ARG(w->port), STR_ARG(w->host));
    return 0;
}

static int check_proto(Arena *a, Str proto, Str *ret, Err *err)
{
    *ret = proto.n ? str_lower_in(a, proto) : S("tcp");
    if (str_eq(*ret, S("tcp")) || str_eq(*ret, S("udp")) || str_eq(*ret, S("sctp")))
        return 0;
    return err_set(err, ERR_SYNTAX, "invalid proto: " STR_FMT, STR_ARG(*ret));
}

static int parse(Arena *a, Str word, Str shown, StrVec *ret, Err *err)
{
    PortWord w = split(word);
    PortRange range;
    Str proto;

    if (w.port.n == 0)
        return err_set(err, ERR_SYNTAX, "no port specified: " STR_FMT "<empty>", STR_ARG(shown));
    if (!parse_range(w.port, &range))
        return err_set(err, ERR_SYNTAX, "invalid containerPort: " STR_FMT,
                       STR_ARG(text_clip(a, w.port)));
    TRY(check_host(&w, &range, err));
    TRY(check_proto(a, w.proto, &proto, err));
    if (ret->n + (range.last - range.first) >= EXPOSE_MAX_PORTS)
        return err_set(err, ERR_LIMIT, "EXPOSE of more than %d ports", EXPOSE_MAX_PORTS);
    for (uint32_t port = range.first; port <= range.last; port++)
        vec_push(ret, str_fmt_in(a, "%u/" STR_FMT, port, STR_ARG(proto)));
    return 0;
}

int expose_parse(Arena *a, Str word, StrVec *ret, Err *err)
{
    return parse(a, word, text_clip(a, word), ret, err);
}

void expose_look(Str word, Str *ret_proto, bool *ret_publishes)
{
    PortWord w = split(word);

    *ret_proto = w.proto;
    *ret_publishes = w.ip.n > 0 || w.host.n > 0;
}
