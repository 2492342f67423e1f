/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/registry_opts.h"

#include "base/log.h"
#include "cli/transfers.h"
#include "cli/values.h"
#include "registry/creds.h"

static const char *const map_variables[] = {"KILN_REGISTRY_MAP", "KANIKO_REGISTRY_MAP"};
static const char *const mirror_variables[] = {"KILN_REGISTRY_MIRROR", "KANIKO_REGISTRY_MIRROR"};

static void copy_list(const StrVec *from, StrVec *to)
{
    vec_foreach(s, from)
        vec_push(to, *s);
}

static int add_map(RegistryOpts *o, Str pairs, Err *err)
{
    for (Str rest = pairs, pair; str_next(&rest, ';', &pair);) {
        RegistryMirror m;

        if (pair.n == 0)
            continue;
        if (!str_cut(pair, '=', &m.registry, &m.to) || m.registry.n == 0 || m.to.n == 0)
            return err_set(err, ERR_USAGE,
                           "--registry-map " STR_FMT ": expected REGISTRY=HOST[/PREFIX]",
                           STR_ARG(pair));
        if (str_eq(m.registry, S("index.docker.io")))
            m.registry = S("docker.io");
        vec_push(&o->mirrors, m);
    }
    return 0;
}

static void add_mirror(RegistryOpts *o, Str host)
{
    RegistryMirror m = {S("docker.io"), host};

    if (host.n)
        vec_push(&o->mirrors, m);
}

/* As kaniko: a name that nobody knows is a warning, one empty name asks for none. */
static void fill_helpers(const Settings *s, RegistryOpts *o)
{
    cleanup_arena Arena a = ARENA_INIT;

    vec_foreach(list, &s->credential_helpers) {
        o->chosen_helpers = true;
        for (Str rest = *list, name; str_next(&rest, ',', &name);) {
            if (name.n && !creds_source_known(name))
                log_line(LOG_WARN,
                         "--credential-helpers: there is no " STR_FMT " (there are " STR_FMT ")",
                         STR_ARG(name), STR_ARG(creds_source_names(&a)));
            else if (name.n)
                vec_push(&o->credential_helpers, name);
        }
    }
}

static void warn(Str text)
{
    log_line(LOG_WARN, STR_FMT, STR_ARG(text));
}

int registry_opts_fill(const Settings *s, Arena *a, RegistryOpts *ret, Err *err)
{
    RegistryOpts *o = ret;

    o->insecure_push = s->insecure;
    o->insecure_pull = s->insecure_pull;
    o->skip_tls_verify = s->skip_tls;
    o->skip_tls_verify_pull = s->skip_tls_pull;
    o->no_default_fallback = s->no_default_fallback;
    copy_list(&s->insecure_registries, &o->insecure_registries);
    copy_list(&s->skip_tls_registries, &o->skip_tls_verify_registries);
    o->warn = warn;
    o->progress = s->quiet ? NULL : transfers_told;
    fill_helpers(s, o);
    vec_foreach(m, &s->maps)
        TRY(add_map(o, *m, err));
    vec_foreach(m, &s->mirrors)
        add_mirror(o, *m);
    for (size_t i = 0; i < ARRAY_LEN(map_variables); i++)
        TRY(add_map(o, str_from(getenv(map_variables[i])), err));
    for (size_t i = 0; i < ARRAY_LEN(mirror_variables); i++)
        add_mirror(o, str_from(getenv(mirror_variables[i])));
    TRY(parse_pairs(a, &s->certificates, "--registry-certificate", LONE_WRONG, &o->certificates,
                    err));
    TRY(parse_pairs(a, &s->client_certs, "--registry-client-cert", LONE_WRONG,
                    &o->client_certificates, err));
    TRY(parse_count(s->push_retry, "--push-retry", &o->push_retries, err));
    return parse_count(s->pull_retry, "--image-download-retry", &o->pull_retries, err);
}

void registry_opts_done(RegistryOpts *o)
{
    vec_done(&o->insecure_registries);
    vec_done(&o->skip_tls_verify_registries);
    vec_done(&o->mirrors);
    vec_done(&o->certificates);
    vec_done(&o->client_certificates);
    vec_done(&o->credential_helpers);
}
