/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a reference to the hosts to ask. Every security setting is looked up under the name of the
 * host that will be talked to: what is allowed for a registry is not thereby allowed for its mirror.
 */
#include <arpa/inet.h>

#include "registry/internal.h"

static bool is_hub(Str registry)
{
    return str_eq(registry, S("docker.io")) || str_eq(registry, S("index.docker.io")) ||
           str_eq(registry, S("registry-1.docker.io"));
}

static bool same_registry(Str a, Str b)
{
    return str_eq_nocase(a, b) || (is_hub(a) && is_hub(b));
}

static bool is_listed(const StrVec *list, Str registry)
{
    vec_foreach(s, list)
        if (same_registry(*s, registry))
            return true;
    return false;
}

/* Without the port: "[::1]:5000" -> "::1". */
static Str bare_host(Str host)
{
    Str head, tail;

    if (host.n && host.p[0] == '[')
        return str_cut(str_skip(host, 1), ']', &head, &tail) ? head : host;
    return str_cut(host, ':', &head, &tail) ? head : host;
}

bool host_is_loopback(Str host)
{
    Str bare = bare_host(host);
    cleanup_free char *z = str_dup(bare);
    struct in_addr v4;
    struct in6_addr v6;

    if (str_eq_nocase(bare, S("localhost")))
        return true;
    if (inet_pton(AF_INET, z, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, z, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

HttpTls tls_for(const Registry *r, Str registry, EndpointUse use)
{
    const RegistryOpts *o = r->opts;
    HttpTls tls = {0};

    vec_foreach(c, &r->certs) {
        if (!same_registry(c->registry, registry))
            continue;
        if (c->tls.ca_file)
            tls.ca_file = c->tls.ca_file;
        if (c->tls.client_cert) {
            tls.client_cert = c->tls.client_cert;
            tls.client_key = c->tls.client_key;
        }
    }
    tls.skip_verify = (use == USE_PUSH ? o->skip_tls_verify : o->skip_tls_verify_pull) ||
                      is_listed(&o->skip_tls_verify_registries, registry);
    return tls;
}

static Endpoint endpoint(const Registry *r, Str registry, Str host, Str repository, EndpointUse use)
{
    const RegistryOpts *o = r->opts;

    return (Endpoint){
        .registry = registry,
        .host = host,
        .repository = repository,
        .may_http = (use == USE_PUSH ? o->insecure_push : o->insecure_pull) ||
                    is_listed(&o->insecure_registries, registry) || host_is_loopback(host),
        .use = use,
        .tls = tls_for(r, registry, use),
    };
}

static Endpoint mirror_endpoint(const Registry *r, const RegistryMirror *m, const Reference *ref,
                                Arena *a)
{
    Str host, prefix, repository = ref->repository;
    Reference named;

    if (!str_cut(m->to, '/', &host, &prefix)) {
        host = m->to;
        prefix = S("");
    }
    while (str_ends(prefix, S("/")))
        prefix.n--;
    if (prefix.n)
        repository = str_fmt_in(a, STR_FMT "/" STR_FMT, STR_ARG(prefix), STR_ARG(repository));
    named = (Reference){.registry = is_hub(host) ? S("docker.io") : host};
    return endpoint(r, named.registry, reference_host(&named), repository, USE_PULL);
}

void endpoints_find(const Registry *r, const Reference *ref, EndpointUse use, Arena *a,
                    EndpointVec *ret)
{
    size_t before = ret->n;

    vec_foreach(m, &r->opts->mirrors)
        if (use == USE_PULL && same_registry(m->registry, ref->registry))
            vec_push(ret, mirror_endpoint(r, m, ref, a));
    if (ret->n == before || !r->opts->no_default_fallback)
        vec_push(ret, endpoint(r, ref->registry, reference_host(ref), ref->repository, use));
}
