/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are to Amazon, in the order of its own SDKs:
 *
 *      AWS_ACCESS_KEY_ID ...               variables
 *      AWS_WEB_IDENTITY_TOKEN_FILE         IRSA: STS gives keys for the pod's token
 *      the profile (AWS_PROFILE)           keys, role_arn with source_profile or credential_source,
 *                                          web_identity_token_file
 *      AWS_CONTAINER_CREDENTIALS_*         EKS Pod Identity, ECS
 *      instance metadata                   IMDSv2
 */
#include <fcntl.h>

#include "base/limits.h"
#include "base/log.h"
#include "cloud/internal.h"
#include "os/file.h"

enum {
    ROLES_MAX = 8, /* of a chain of source_profile */
};

/* --- what is read once --- */

static void read_ini(Cloud *c, const char *variable, const char *below_home, Ini *ret)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf text = BUF_INIT(LIMIT_AUTH_FILE);
    Str path = cloud_variable(c, variable), home = cloud_variable(c, "HOME");
    Err err;

    if (path.n == 0 && home.n == 0)
        return;
    if (path.n == 0)
        path = str_fmt_in(&a, STR_FMT "/%s", STR_ARG(home), below_home);
    if (file_read(AT_FDCWD, path.p, &text, &err) < 0) {
        if (err.kind != ERR_NOT_FOUND && !(err.kind == ERR_SYS && err.os_errno == ENOTDIR))
            c->aws.trouble = err;
        return;
    }
    if (ini_parse(buf_str(&text), path.p, ret, &err) < 0)
        c->aws.trouble = err;
}

static void open_profile_tokens(Cloud *c, const Ini *ini)
{
    vec_foreach(s, &ini->sections) {
        Str path = ini_value(s, "web_identity_token_file");

        if (path.n) {
            TokenFile *f = NEW(TokenFile);

            token_file_open(f, path);
            vec_push(&c->aws.profile_tokens, f);
        }
    }
}

void aws_load(Cloud *c)
{
    Aws *w = &c->aws;
    Str ca = cloud_variable(c, "AWS_CA_BUNDLE");

    kept_init(&w->keys);
    kept_init(&w->logins);
    read_ini(c, "AWS_CONFIG_FILE", ".aws/config", &w->config);
    read_ini(c, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &w->credentials);
    token_file_open(&w->web_identity, cloud_variable(c, "AWS_WEB_IDENTITY_TOKEN_FILE"));
    token_file_open(&w->container_token,
                    cloud_variable(c, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
    open_profile_tokens(c, &w->config);
    open_profile_tokens(c, &w->credentials);
    if (ca.n) {
        w->tls.ca_file = ca.p;
        if (http_load_tls(c->http, &w->tls, &w->trouble) < 0)
            (void)err_wrap(&w->trouble, "AWS_CA_BUNDLE");
    }
}

void aws_done(Aws *w)
{
    kept_done(&w->keys);
    kept_done(&w->logins);
    token_file_done(&w->web_identity);
    token_file_done(&w->container_token);
    vec_foreach(f, &w->profile_tokens) {
        token_file_done(*f);
        free(*f);
    }
    vec_done(&w->profile_tokens);
    ini_done(&w->config);
    ini_done(&w->credentials);
}

/* --- settings --- */

Str aws_profile_value(const Cloud *c, Str profile, const char *key)
{
    Str v = ini_value(ini_section(&c->aws.credentials, profile), key);

    return v.n ? v : ini_value(ini_section(&c->aws.config, profile), key);
}

static Str chosen_profile(const Cloud *c)
{
    Str name = cloud_variable(c, "AWS_PROFILE");

    if (name.n == 0)
        name = cloud_variable(c, "AWS_DEFAULT_PROFILE");
    return name.n ? name : S("default");
}

bool region_is_valid(Str region)
{
    for (size_t i = 0; i < region.n; i++)
        if (!(region.p[i] >= 'a' && region.p[i] <= 'z') &&
            !(region.p[i] >= '0' && region.p[i] <= '9') && region.p[i] != '-')
            return false;
    return region.n > 0 && region.n <= REGION_MAX;
}

Str aws_region(const Cloud *c)
{
    Str region = cloud_variable(c, "AWS_REGION");

    if (region.n == 0)
        region = cloud_variable(c, "AWS_DEFAULT_REGION");
    if (region.n == 0)
        region = aws_profile_value(c, chosen_profile(c), "region");
    return region_is_valid(region) ? region : S("");
}

Str aws_domain(Str region)
{
    static const struct {
        Str prefix, domain;
    } partitions[] = {
        {STR_LIT("cn-"), STR_LIT("amazonaws.com.cn")},
        {STR_LIT("us-iso-"), STR_LIT("c2s.ic.gov")},
        {STR_LIT("us-isob-"), STR_LIT("sc2s.sgov.gov")},
        {STR_LIT("eu-isoe-"), STR_LIT("cloud.adc-e.uk")},
        {STR_LIT("us-isof-"), STR_LIT("csp.hci.ic.gov")},
        {STR_LIT("eusc-"), STR_LIT("amazonaws.eu")},
    };

    for (size_t i = 0; i < ARRAY_LEN(partitions); i++)
        if (str_starts(region, partitions[i].prefix))
            return partitions[i].domain;
    return S("amazonaws.com");
}

Str aws_custom_endpoint(const Cloud *c, const char *service, Arena *a)
{
    Str v = cloud_variable(c, str_fmt_in(a, "AWS_ENDPOINT_URL_%s", service).p);

    if (str_eq(cloud_variable(c, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), S("true")))
        return S("");
    if (v.n == 0)
        v = cloud_variable(c, "AWS_ENDPOINT_URL");
    return v.n ? v : aws_profile_value(c, chosen_profile(c), "endpoint_url");
}

Str aws_endpoint(const Cloud *c, const char *service, Str default_host, Arena *a)
{
    Str v = aws_custom_endpoint(c, service, a);

    if (v.n == 0)
        return str_fmt_in(a, "https://" STR_FMT, STR_ARG(default_host));
    while (str_ends(v, S("/")))
        v.n--;
    return str_dup_in(a, v);
}

/* --- the chain --- */

typedef struct Chain {
    Cloud *c;
    Arena *a;
    Secret *ret;
} Chain;

static int fixed(const Chain *k, Str id, Str secret, Str session, Str source)
{
    *k->ret = (Secret){.id = id, .text = secret, .session = session, .source = source};
    return 1;
}

static int from_variables(const Chain *k, Err *err)
{
    const Cloud *c = k->c;
    Str id = cloud_variable(c, "AWS_ACCESS_KEY_ID"),
        secret = cloud_variable(c, "AWS_SECRET_ACCESS_KEY");

    if (id.n == 0 && secret.n == 0)
        return 0;
    if (id.n == 0 || secret.n == 0)
        return err_set(err, ERR_AUTH,
                       "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: "
                       "%s is not set",
                       id.n ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    return fixed(k, id, secret, cloud_variable(c, "AWS_SESSION_TOKEN"), S("AWS_ACCESS_KEY_ID"));
}

static Str or_else(Str s, Str other)
{
    return s.n ? s : other;
}

static Str sts_region(const Cloud *c, Str profile)
{
    Str own = aws_profile_value(c, profile, "region");

    return or_else(aws_region(c), region_is_valid(own) ? own : S(""));
}

static int from_web_identity(const Chain *k, Err *err)
{
    Cloud *c = k->c;
    Str role = cloud_variable(c, "AWS_ROLE_ARN");

    if (!c->aws.web_identity.path)
        return 0;
    if (role.n == 0)
        return err_set(err, ERR_AUTH,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    TRY(sts_web_identity(c, &c->aws.web_identity, role,
                         or_else(cloud_variable(c, "AWS_ROLE_SESSION_NAME"), S("kiln")),
                         sts_region(c, chosen_profile(c)), k->a, k->ret, err));
    return 1;
}

static int profile_keys(const Chain *k, Str profile, unsigned depth, Err *err);

static int from_surroundings(const Chain *k, Err *err)
{
    int r;

    TRY(r = container_keys(k->c, k->a, k->ret, err));
    return r ? r : instance_keys(k->c, k->a, k->ret, err);
}

/* credential_source = Environment | EcsContainer | Ec2InstanceMetadata */
static int from_named_source(const Chain *k, Str source, Err *err)
{
    if (str_eq(source, S("Environment")))
        return from_variables(k, err);
    if (str_eq(source, S("EcsContainer")))
        return container_keys(k->c, k->a, k->ret, err);
    if (str_eq(source, S("Ec2InstanceMetadata")))
        return instance_keys(k->c, k->a, k->ret, err);
    return err_set(err, ERR_FORMAT,
                   "credential_source is \"" STR_FMT
                   "\": use Environment, EcsContainer or Ec2InstanceMetadata",
                   STR_ARG(source));
}

/* The keys that may ask for the profile's role. */
static int role_source(const Chain *k, Str profile, unsigned depth, Err *err)
{
    const Cloud *c = k->c;
    Str source = aws_profile_value(c, profile, "source_profile"),
        named = aws_profile_value(c, profile, "credential_source");
    int r;

    if (named.n)
        TRY(r = from_named_source(k, named, err));
    else if (source.n == 0)
        return err_set(err, ERR_FORMAT, "role_arn without source_profile or credential_source");
    else if (depth >= ROLES_MAX)
        return err_set(err, ERR_LIMIT, "source_profile leads in a circle");
    else
        TRY(r = profile_keys(k, source, depth + 1, err));
    if (r == 0)
        return err_set(err, ERR_AUTH, "its source " STR_FMT " has no credentials",
                       STR_ARG(or_else(named, source)));
    return 1;
}

static int from_role(const Chain *k, Str profile, unsigned depth, Err *err)
{
    Cloud *c = k->c;
    AssumeRole r = {
        .role = aws_profile_value(c, profile, "role_arn"),
        .session_name = or_else(aws_profile_value(c, profile, "role_session_name"), S("kiln")),
        .external_id = aws_profile_value(c, profile, "external_id"),
        .region = sts_region(c, profile),
    };
    Secret with;
    Chain inner = {c, k->a, &with};

    if (aws_profile_value(c, profile, "mfa_serial").n)
        return err_set(err, ERR_UNSUPPORTED, "mfa_serial: nobody is there to type a code");
    TRY(role_source(&inner, profile, depth, err));
    TRY(sts_assume_role(c, &with, &r, k->a, k->ret, err));
    return 1;
}

static int from_profile_token(const Chain *k, Str profile, Str path, Err *err)
{
    Cloud *c = k->c;
    Str role = aws_profile_value(c, profile, "role_arn");

    if (role.n == 0)
        return err_set(err, ERR_FORMAT, "web_identity_token_file without role_arn");
    vec_foreach(f, &c->aws.profile_tokens) {
        if (!str_eq(str_from((*f)->path), path))
            continue;
        TRY(sts_web_identity(c, *f, role,
                             or_else(aws_profile_value(c, profile, "role_session_name"), S("kiln")),
                             sts_region(c, profile), k->a, k->ret, err));
        return 1;
    }
    return 0;
}

static bool profile_exists(const Cloud *c, Str profile)
{
    return ini_section(&c->aws.config, profile) || ini_section(&c->aws.credentials, profile);
}

/* 0 = the profile has nothing of its own to say. */
static int profile_keys_inner(const Chain *k, Str profile, unsigned depth, Err *err)
{
    const Cloud *c = k->c;
    Str id = aws_profile_value(c, profile, "aws_access_key_id"),
        secret = aws_profile_value(c, profile, "aws_secret_access_key"),
        token = aws_profile_value(c, profile, "web_identity_token_file");
    bool role = aws_profile_value(c, profile, "role_arn").n > 0;
    bool of_itself = depth > 0 && id.n; /* source_profile may name the profile itself */

    if (token.n)
        return from_profile_token(k, profile, token, err);
    if (role && !of_itself)
        return from_role(k, profile, depth, err);
    if (id.n && secret.n)
        return fixed(k, id, secret, aws_profile_value(c, profile, "aws_session_token"),
                     str_fmt_in(k->a, "the AWS profile " STR_FMT, STR_ARG(profile)));
    if (aws_profile_value(c, profile, "credential_process").n)
        return err_set(err, ERR_UNSUPPORTED,
                       "credential_process is not supported: use keys, a role "
                       "or a web identity");
    if (aws_profile_value(c, profile, "sso_account_id").n)
        return err_set(err, ERR_UNSUPPORTED,
                       "single sign-on is not supported: use keys, a role or a "
                       "web identity");
    return 0;
}

static int profile_keys(const Chain *k, Str profile, unsigned depth, Err *err)
{
    int r = profile_keys_inner(k, profile, depth, err);

    return r < 0 ? err_wrap(err, "AWS profile " STR_FMT, STR_ARG(profile)) : r;
}

static int from_profile(const Chain *k, Err *err)
{
    const Cloud *c = k->c;
    Str profile = chosen_profile(c);

    if (c->aws.trouble.kind != ERR_NONE) {
        *err = c->aws.trouble;
        return -1;
    }
    if (!profile_exists(c, profile) && !str_eq(profile, S("default")))
        return err_set(err, ERR_AUTH,
                       "AWS_PROFILE names " STR_FMT ", which neither ~/.aws/config "
                       "nor ~/.aws/credentials has",
                       STR_ARG(profile));
    return profile_keys(k, profile, 0, err);
}

static int make_keys(Cloud *c, Str key, Arena *a, Secret *ret, Err *err)
{
    static int (*const sources[])(const Chain *, Err *) = {from_variables, from_web_identity,
                                                           from_profile, from_surroundings};
    Chain k = {c, a, ret};

    (void)key;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        int r = sources[i](&k, err);

        if (r == 1)
            log_debug("amazon: credentials from " STR_FMT, STR_ARG(ret->source));
        if (r != 0)
            return r;
    }
    return 0;
}

int aws_keys(Cloud *c, Arena *a, Secret *ret, Err *err)
{
    return kept_get(&c->aws.keys, c, S(""), make_keys, a, ret, err);
}
