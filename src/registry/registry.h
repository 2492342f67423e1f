/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry/registry.h - the distribution API (OCI distribution-spec 1.1): manifests and blobs of
 * one repository at a time.
 *
 * Threads      a Registry may be used by many threads; every call blocks.
 * Retries      transport errors and 429/5xx are retried inside (net/http.h); a blob whose transfer
 *              breaks is resumed with a range request or restarted.
 * Verification every blob and manifest is checked against its digest and size before a call returns
 * it.
 * Errors       ERR_NOT_FOUND, ERR_AUTH (says whether credentials were sent and from where they
 *              came), ERR_HTTP with the registry's own words, ERR_NET, ERR_DIGEST, ERR_LIMIT;
 *              always "REGISTRY/REPO: ...", never a token.
 */
#pragma once

#include "net/http.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "store/store.h"

typedef struct RegistryMirror {
    Str registry; /* "docker.io" */
    Str to;       /* "mirror.local:5000" or "mirror.local/prefix" */
} RegistryMirror;

typedef struct RegistryOpts {
    bool insecure_push, insecure_pull; /* may use http */
    StrVec insecure_registries;
    bool skip_tls_verify, skip_tls_verify_pull;
    StrVec skip_tls_verify_registries;
    VEC(RegistryMirror) mirrors;
    bool no_default_fallback;
    KeyValueVec certificates;            /* registry -> PEM path */
    KeyValueVec client_certificates;     /* registry -> "cert,key" */
    unsigned push_retries, pull_retries; /* extra attempts of whole operations */
    bool chosen_helpers;                 /* credential_helpers says which are asked */
    StrVec credential_helpers;           /* names of sources, see registry/creds.h */
    void (*warn)(Str text);              /* for the user; from any thread; NULL = nobody reads it */
    TransferFn progress;                 /* of every blob; NULL = nobody reads it */
} RegistryOpts;                          /* borrowed for the life of the Registry */

typedef struct Registry Registry;

/*
 * Reads the credential files and variables once, here. Hosts localhost, 127.0.0.0/8 and ::1 may use
 * http when https does not answer.
 */
int registry_new(const RegistryOpts *opts, Registry **ret, Err *err) must_check;
void registry_free(Registry *r);
CLEANUP_DEFINE(Registry, registry_free);

/*
 * A second handle of the same registries, with the first one's connections, credentials and
 * tokens; it is freed before the first. Its patience is its own: a request is hurried after
 * patience_ms (0 = never), and then whole operations are tried once.
 */
Registry *registry_share(const Registry *r, unsigned patience_ms);
/*
 * From now on nobody wants to wait for what is done with this handle, calls under way included:
 * short pauses, few tries (HttpRequest.hurry), no further attempts of whole operations. Or, not
 * 'on', it is worth waiting again.
 */
void registry_hurry(Registry *r, bool on);

/*
 * Ask now for the credentials of this repository, its mirrors included when it is pulled from: a
 * credential helper may not be there any more when they are needed. Never fails; who has no
 * credentials goes without.
 */
void registry_prepare(Registry *r, const Reference *ref, bool for_push);
/*
 * First contact with the registry of this repository, unless that went well before: 0 when it or a
 * mirror answers. For what is not worth waiting for: nothing is tried long, a time-out is short.
 */
int registry_contact(Registry *r, const Reference *ref, bool for_push, Err *err) must_check;

/* While sealed no program is run and no file is read for credentials: "/" is not our own. */
void registry_seal(Registry *r, bool sealed);

/* Progress of transfers, called from any thread; any may be NULL. */
typedef struct RegistryEvents {
    /*
     * A download begins in this file (borrowed), or begins anew: what came before does not count.
     */
    void (*begin)(void *ctx, const Digest *blob, int fd);
    void (*bytes)(void *ctx, const Digest *blob, uint64_t done, uint64_t total);
    void *ctx;
} RegistryEvents;

/*
 * Resolve a reference to the manifest of one platform, following indexes. The bytes go to *ret_json
 * (verified against the digest when the reference or index names one); *ret describes it. When a
 * mirror served it, later blob calls with the same Reference ask that mirror first.
 */
int registry_resolve(Registry *r, const Reference *ref, const Platform *platform, Descriptor *ret,
                     Buf *ret_json, Arena *a, Err *err) must_check;

/* The document that the reference names as it is, an index not followed. */
int registry_fetch(Registry *r, const Reference *ref, Descriptor *ret, Buf *ret_json, Arena *a,
                   Err *err) must_check;

/*
 * Download into the store unless it is there; concurrent calls for one digest share one download.
 */
int registry_pull_blob(Registry *r, const Reference *ref, const Descriptor *d, Store *s,
                       const RegistryEvents *ev, Err *err) must_check;

/*
 * Make sure the repository has the blob: HEAD, else mount from 'mount_from' (a repository of the
 * same registry, or ""), else upload from the store. Returns what was done.
 */
typedef enum PushOutcome {
    PUSH_EXISTED,
    PUSH_MOUNTED,
    PUSH_UPLOADED
} PushOutcome;
int registry_push_blob(Registry *r, const Reference *ref, const Descriptor *d, Str mount_from,
                       Store *s, const RegistryEvents *ev, PushOutcome *ret, Err *err) must_check;

/*
 * HEAD, else mount, without any upload: 1 = the repository has it now, 0 = it must be uploaded, -1
 * error. For layers that are not in the store.
 */
int registry_mount_blob(Registry *r, const Reference *ref, const Descriptor *d, Str mount_from,
                        Err *err) must_check;

/*
 * PUT a manifest under ref's tag (or digest). Skipped when the tag already points there (HEAD).
 * ERR_IMMUTABLE when the tag exists and may not be moved.
 */
int registry_push_manifest(Registry *r, const Reference *ref, Str media_type, Str json,
                           const Digest *digest, Err *err) must_check;

/*
 * 1: the repository (of ref, whose tag does not matter) has this manifest, and so every blob that
 * it names; 0: it has not, or does not say.
 */
int registry_has_manifest(Registry *r, const Reference *ref, const Digest *digest, Err *err)
    must_check;

/* May we push there? Starts an upload and cancels it. ERR_AUTH says what to do. */
int registry_check_push(Registry *r, const Reference *ref, Err *err) must_check;

/*
 * Everything that 'root' (in the store) refers to, and then root itself under to's tag: blobs
 * before the manifest that names them, manifests before their index. What the store lacks comes
 * from the repository 'from' (NULL = nowhere), by mounting where that is on the same registry.
 */
int registry_push_tree(Registry *r, const Reference *to, const Descriptor *root, Store *s,
                       const Reference *from, Err *err) must_check;
/* All that 'root' refers to, itself included, from a repository into the store. */
int registry_pull_tree(Registry *r, const Reference *from, const Descriptor *root, Store *s,
                       Err *err) must_check;

/*
 * What is attached to a manifest (referrers API; where the registry has none, the index under the
 * tag sha256-HEX). *ret lives in the arena; nothing attached is an empty index.
 */
int registry_referrers(Registry *r, const Reference *ref, const Digest *subject, Index *ret,
                       Arena *a, Err *err) must_check;
/*
 * Push a manifest that has a subject, by its digest, and see to it that it is among the subject's
 * referrers. 'self' describes it, artifact_type and annotations included.
 */
int registry_push_referrer(Registry *r, const Reference *ref, Str json, const Descriptor *self,
                           const Digest *subject, Err *err) must_check;
