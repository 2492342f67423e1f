/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud/internal.h - what the files of cloud/ share; nobody else includes it.
 *
 *      kept.c        secrets in memory until they must be renewed
 *      words.c       answers of services: their words, their XML
 *      when.c        times as the services write them
 *      token_file.c  files that somebody renews
 *      aws*.c sigv4.c ini.c    Amazon          google*.c    Google
 *      azure*.c shared_key.c   Microsoft       object*.c    buckets
 */
#pragma once

#include <pthread.h>

#include "base/vec.h"
#include "cloud/cloud.h"
#include "cloud/ini.h"
#include "codec/json.h"

enum {
    RENEW_BEFORE_S = 300, /* what is good for less than this is renewed when it is asked for */
    REGION_MAX = 64,
};

/* --- kept.c --- */

/* Something that lets us in. Which fields are used is the maker's business. */
typedef struct Secret {
    Str id;   /* key id, user name */
    Str text; /* secret key, password, token */
    Str session;
    Str source;      /* for messages */
    int64_t until_s; /* since the epoch; 0 = for ever */
} Secret;

typedef struct Kept {
    pthread_mutex_t lock;
    VEC(struct KeptSecret *) v;
} Kept;

void kept_init(Kept *k);
void kept_done(Kept *k);

/* 1 = *ret filled, its texts in 'a'; 0 = there is none; -1. */
typedef int SecretMaker(Cloud *c, Str key, Arena *a, Secret *ret, Err *err);

/*
 * The secret by this key, made anew when it is about to expire. When that fails and the old one is
 * still good, the old one it is. That there is none is remembered; a failure for some seconds.
 * Returns as the maker.
 */
int kept_get(Kept *k, Cloud *c, Str key, SecretMaker *make, Arena *a, Secret *ret, Err *err)
    must_check;

/* --- token_file.c --- */

/* A file whose content somebody renews. */
typedef struct TokenFile {
    char *path; /* NULL = there is none */
    int dir_fd; /* of its directory, wherever that is moved to */
    char *name;
    Buf last; /* what was read last */
    Err err;  /* why nothing could be read, or ERR_NONE */
    pthread_mutex_t lock;
} TokenFile;

void token_file_open(TokenFile *f, Str path); /* "" = none */
void token_file_done(TokenFile *f);
/* Its content now, without white space around; what was read last when it cannot be read. */
int token_file_read(TokenFile *f, Arena *a, Str *ret, Err *err) must_check;

/* --- words.c --- */

/* The text of the first element of that name, entities resolved; false when there is none. */
bool xml_text(Str xml, const char *element, Arena *a, Str *ret);
/* What a service says about its error, on one line; "" when nothing. */
Str answer_words(const HttpAnswer *answer, Arena *a);
/*
 * Of an answer that may be about who asks (400, 401, 403): "the clock of this machine is 12 minutes
 * slow: set it", as its Date tells; else "".
 */
const char *answer_clock(const HttpAnswer *answer, Arena *a);
/* -1: ERR_AUTH for 400, 401, 403, else ERR_HTTP: "WHAT: HTTP 403: its words; REMEDY". */
int answer_refused(const HttpAnswer *answer, const char *what, const char *remedy, Err *err)
    must_check;
void form_add(Buf *form, const char *name, Str value); /* name=value, escaped, & between */
bool host_is_below(Str host, Str domain);              /* or the same */

/* POST a form and get JSON. ERR_AUTH, ERR_HTTP as answer_refused(). The caller frees *ret. */
int post_form(Cloud *c, Str url, const Buf *form, const char *what, Json **ret, Err *err)
    must_check;
/* "access_token" and "expires_in" of an OAuth 2 answer, the numbers as numbers or as texts. */
int oauth_token(const Json *json, const char *what, Arena *a, Secret *ret, Err *err) must_check;

/* --- when.c --- */

int64_t now_s(void);
bool when_parse_iso(Str text, int64_t *ret_s); /* "2026-11-25T06:30:00Z", fractions cut */
/* "20150830T123600Z" and "Sun, 30 Aug 2015 12:36:00 GMT" */
Str when_basic(int64_t at_s, Arena *a);
Str when_http(int64_t at_s, Arena *a);
bool when_parse_http(Str text, int64_t *ret_s);

/* --- the clouds --- */

typedef struct Aws {
    Ini config, credentials; /* ~/.aws/config, ~/.aws/credentials */
    Err trouble;             /* with them, or ERR_NONE */
    TokenFile web_identity, container_token;
    VEC(TokenFile *) profile_tokens; /* web_identity_token_file of profiles, by their path */
    HttpTls tls;                     /* AWS_CA_BUNDLE */
    Kept keys, logins;
} Aws;

typedef struct Google {
    Str key_path; /* of the file below; "" = there is none */
    Json *key;    /* owned */
    Err trouble;
    TokenFile subject; /* of an external_account with a file */
    Kept tokens;
} Google;

typedef struct Azure {
    TokenFile federated;
    Kept tokens, logins;
} Azure;

struct Cloud {
    HttpClient *http;
    HttpClient *near; /* metadata services: they answer at once or not at all */
    Arena arena;
    KeyValueVec variables;
    Aws aws;
    Google google;
    Azure azure;
};

/* A variable as it was when the Cloud was made; "" when it was not set. */
Str cloud_variable(const Cloud *c, const char *name);

void aws_load(Cloud *c);
void aws_done(Aws *w);
void google_load(Cloud *c);
void google_done(Google *g);
void azure_load(Cloud *c);
void azure_done(Azure *z);

/* aws.c: id, text = the secret key, session. 1, 0 or -1. */
int aws_keys(Cloud *c, Arena *a, Secret *ret, Err *err) must_check;
/* AWS_REGION, AWS_DEFAULT_REGION, the profile's; "" when nothing says. Lives as long as c. */
Str aws_region(const Cloud *c);
/* amazonaws.com, amazonaws.com.cn, ... */
Str aws_domain(Str region);
/* AWS_ENDPOINT_URL_SERVICE, AWS_ENDPOINT_URL, the profile's endpoint_url; "" when none is set. */
Str aws_custom_endpoint(const Cloud *c, const char *service, Arena *a);
/* Where a service is: as above, else "https://DEFAULT_HOST". Without a slash at its end. */
Str aws_endpoint(const Cloud *c, const char *service, Str default_host, Arena *a);
bool region_is_valid(Str region);
Str aws_profile_value(const Cloud *c, Str profile, const char *key); /* "" = none */

/* aws_sts.c. Sources of credentials that one asks STS for. */
int sts_web_identity(Cloud *c, TokenFile *token, Str role, Str session_name, Str region, Arena *a,
                     Secret *ret, Err *err) must_check;
typedef struct AssumeRole {
    Str role, session_name, external_id, region;
} AssumeRole;
int sts_assume_role(Cloud *c, const Secret *with, const AssumeRole *r, Arena *a, Secret *ret,
                    Err *err) must_check;

/* aws_metadata.c. 1, 0 = there is no such service here, or it has no role for us; -1. */
int container_keys(Cloud *c, Arena *a, Secret *ret, Err *err) must_check;
int instance_keys(Cloud *c, Arena *a, Secret *ret, Err *err) must_check;

/* Logins of registries: SecretMakers by host, and whether it is theirs. */
bool ecr_is(Str host);
int ecr_login(Cloud *c, Str host, Arena *a, Secret *ret, Err *err) must_check;
bool acr_is(Str host);
int acr_login(Cloud *c, Str host, Arena *a, Secret *ret, Err *err) must_check;

/* google.c, azure.c: an access token in 'text'. 1, 0 or -1. */
int google_token(Cloud *c, Arena *a, Secret *ret, Err *err) must_check;
int azure_token(Cloud *c, Str resource, Arena *a, Secret *ret, Err *err) must_check;
/* google_external.c: workload identity federation. */
int google_external_token(Cloud *c, Arena *a, Secret *ret, Err *err) must_check;
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"
Str google_text(const Json *key, const char *name); /* "" when absent */
/* What a service account's key says to the token endpoint (RFC 7523). */
int google_jwt(const Json *key, Str audience, Buf *out, Err *err) must_check;
/* Trade a service account's name for a token of its own, by another token. */
int google_impersonate(Cloud *c, Str url, Str token, Arena *a, Secret *ret, Err *err) must_check;
