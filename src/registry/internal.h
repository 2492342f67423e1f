/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/internal.h - what the files of registry/ share; nobody else includes it.
 *
 *      manifest.c pull.c push.c   the calls of registry.h; over several endpoints, with retries
 *      upload.c                   one blob on its way up
 *      session.c                  one request to one host: scheme, authorization
 *      token.c challenge.c creds*.c endpoint.c error.c
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "registry/challenge.h"
#include "registry/creds.h"
#include "registry/registry.h"

typedef enum EndpointUse {
    USE_PULL,
    USE_PUSH,
} EndpointUse;

/* Where a repository can be had: the registry itself or a mirror. */
typedef struct Endpoint {
    Str registry;   /* as people name it: "docker.io", "mirror.local:5000" */
    Str host;       /* to talk to: "registry-1.docker.io" */
    Str repository; /* a mirror's prefix included */
    bool may_http;
    EndpointUse use;
    HttpTls tls;
} Endpoint;

typedef VEC(Endpoint) EndpointVec;

typedef struct HostTls {
    Str registry;
    HttpTls tls;
} HostTls;

typedef enum AuthScheme {
    AUTH_NONE,
    AUTH_BASIC,
    AUTH_BEARER,
} AuthScheme;

/* A bearer token we hold; owns its texts. */
typedef struct Token {
    char *key; /* the scopes it was asked for, and by whom */
    char *text;
    int64_t good_until_ms; /* monotonic */
} Token;

/* The candidate of creds_find() that a host has let in, when it was not the first. */
typedef struct Admitted {
    char *repository; /* owned */
    const char *actions;
    unsigned nth;
} Admitted;

/* What has gone wrong under a lock: who waited for that meanwhile need not repeat it. */
typedef struct Failures {
    _Atomic unsigned all, patient; /* how many, and of those who had patience */
    Err last;                      /* under the lock */
} Failures;

/* What is known about one host under one set of security settings. */
typedef struct Host {
    char *key;
    Str name;
    EndpointUse use;
    HttpTls tls;
    atomic_bool known;      /* the first contact went well: */
    bool https;             /* does not change any more */
    VEC(Admitted) admitted; /* under the registry's lock */

    pthread_mutex_t contact_lock; /* held as long as a first contact takes */
    Failures contact;

    pthread_mutex_t lock; /* of what follows; held as long as it takes to ask for a token */
    AuthScheme scheme;
    char *realm, *service;
    VEC(Token) tokens;
    Failures token;
} Host;

/* A preferred endpoint, set when a mirror served a manifest. */
typedef struct Preferred {
    Str repository; /* "docker.io/library/debian" */
    size_t endpoint;
} Preferred;

/* The user knows that this place failed in this way. */
typedef struct Told {
    Str registry;
    ErrKind kind;
} Told;

/* A blob being downloaded right now. */
typedef struct Pulling {
    Digest digest;
    Store *store;
} Pulling;

/* What is learnt meanwhile. */
typedef struct RegistryShared {
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t pulled;
    VEC(Host *) hosts;
    VEC(Preferred) preferred;
    VEC(Told) told;
    Arena arena; /* texts of the two */
    VEC(Pulling) pulling;
} RegistryShared;

struct Registry {
    const RegistryOpts *opts;
    HttpClient *http;
    CredStore *creds;
    unsigned pause_ms;  /* bound of the first pause before something is tried again */
    Arena arena;        /* filled by registry_new() only */
    VEC(HostTls) certs; /* certificates by registry */
    RegistryShared *shared;

    bool is_second;       /* by registry_share(): all of the above is the first one's */
    unsigned patience_ms; /* 0: endless */
    atomic_bool hurry;
};

/* endpoint.c */

/*
 * Mirrors in their order, then the registry itself unless the options forbid it; for USE_PUSH only
 * the registry. Strings live as long as the arena or the reference.
 */
void endpoints_find(const Registry *r, const Reference *ref, EndpointUse use, Arena *a,
                    EndpointVec *ret);
/* What the options say of this host, and of no other. */
HttpTls tls_for(const Registry *r, Str registry, EndpointUse use);
bool host_is_loopback(Str host); /* localhost, 127.0.0.0/8, ::1; with or without a port */

/* session.c */

/* One request to a repository. */
typedef struct Call {
    const Endpoint *at;
    HttpRequest http;    /* url, headers of authorization and tls are filled in */
    Str path;            /* below /v2/REPOSITORY/: "blobs/sha256:..." */
    Str url;             /* absolute instead of path, from a Location; or "" */
    const char *actions; /* "pull" or "pull,push" */
    Str mount_from;      /* another repository to be read, or "" */
} Call;

/* The answer whatever its status; after a 401 once more with fresh authorization. */
int session_call(Registry *r, const Call *call, HttpAnswer *ret, Err *err) must_check;
/* A Location header of an answer, absolute and on a scheme we may use. */
int session_location(Registry *r, const Endpoint *at, const HttpAnswer *answer, Arena *a, Str *ret,
                     Err *err) must_check;
void host_free(Host *h);

/*
 * A request in the course of talking to host h; it may be for another host, a token endpoint or
 * where a Location leads. http->tls is filled in.
 */
int host_do(Registry *r, const Host *h, HttpRequest *http, HttpAnswer *ret, Err *err) must_check;

/* token.c; the caller holds host->lock. */

/* A token for the scopes (n of them) that we have, or NULL. Owned by caller. */
char *token_find(Host *h, const Credential *c, const Str *scopes, size_t n);
/* One from the token endpoint. Owned by caller. */
int token_get(Registry *r, Host *h, const Credential *c, const Str *scopes, size_t n, char **ret,
              Err *err) must_check;
void token_forget(Host *h, Str used); /* the server would not take it */
void tokens_done(Host *h);
int64_t registry_now_ms(void); /* monotonic */

/* error.c */

/* -1 with ERR_NOT_FOUND, ERR_AUTH or ERR_HTTP: "WHAT: HTTP 404: the registry's own words". */
int registry_fail(const Registry *r, const Endpoint *at, const HttpAnswer *answer, const char *what,
                  Err *err) must_check;
/* Do a registry's words mean that this tag may not be moved? */
bool words_say_immutable(Str words);
/* The words of an error body on one line; "" when there are none. */
Str error_words(Str body, Str content_type, Arena *a);

/* registry.c */

/* Is what is done with this handle tried as long as it may be of use? */
bool is_patient(const Registry *r);

/* Again up to 'extra' times while the error is one that passes: transport, 5xx, wrong digest. */
typedef int RegistryOp(void *arg, Err *err);
int registry_retry(const Registry *r, unsigned extra, RegistryOp *op, void *arg, Err *err)
    must_check;
bool error_may_pass(const Err *err);
/* What a blob's transfer is called for people; lives as long as the arena. */
Str transfer_name(const char *verb, const Endpoint *at, const Digest *d, Arena *a);
/* "REGISTRY/REPO: " in front of an error; -1. */
int registry_wrap(const Reference *ref, Err *err);

/* manifest.c */

/* registry_push_manifest(); *ret_subject_seen: the registry said that it has noted the subject. */
int manifest_push(Registry *r, const Reference *ref, Str media_type, Str json, const Digest *digest,
                  bool *ret_subject_seen, Err *err) must_check;

/* pull.c */

/* Ask this endpoint of endpoints_find() first for the repository's blobs. */
void endpoint_prefer(Registry *r, const Reference *ref, size_t endpoint);
/* May the next endpoint know better? Not after a full disk or a signal. */
bool error_is_of_endpoint(const Err *err);
/* One line for the user, once for each mirror and kind of error: the next endpoint is asked. */
void endpoint_tell(Registry *r, const Endpoint *at, const Endpoint *next, const Err *why);

/* upload.c */

/* An upload that is open. */
typedef struct UploadSession {
    Str location;   /* "" = none */
    uint64_t least; /* OCI-Chunk-Min-Length: bytes of every piece but the last; 0 = any */
} UploadSession;

/* 1 = the repository has the blob, 0 = it has not, or does not say. */
int blob_exists(Registry *r, const Endpoint *at, const Descriptor *d, Err *err) must_check;
/*
 * POST, with a mount when mount_from is not "". 1 = mounted, 0 = *ret is an open upload.
 */
int upload_start(Registry *r, const Endpoint *at, const Descriptor *d, Str mount_from, Arena *a,
                 UploadSession *ret, Err *err) must_check;
/* Send the blob through this session; resumes or restarts. */
int upload_run(Registry *r, const Endpoint *at, const Descriptor *d, const UploadSession *session,
               int fd, const RegistryEvents *ev, Err *err) must_check;
void upload_cancel(Registry *r, const Endpoint *at, Str location);
