/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https://HOST/PATH: an archive behind a URL, or a Dockerfile alone. User name and password may
 * stand in the URL.
 */
#include "cloud/object.h"
#include "context/kinds.h"

typedef struct UrlBringer {
    Bringer b;
    HttpBringer by;
    Arena arena;
    const char *url;
} UrlBringer;

static int bring_url(Bringer *self, Writer *to, Err *err)
{
    UrlBringer *b = (UrlBringer *)self;
    cleanup_http_answer HttpAnswer answer = {0};
    HttpRequest req = {.method = "GET", .url = b->url};

    TRY(http_bring(&b->by, &req, to, &answer, err));
    b->b.time_ns = http_date_ns(http_header(&answer, "last-modified"));
    return answer.status == 200 || answer.status == 206 ? 0 : http_fail(b->url, &answer, err);
}

static void free_url(Bringer *self)
{
    UrlBringer *b = (UrlBringer *)self;

    arena_done(&b->arena);
    free(b);
}

int http_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                      Err *err)
{
    cleanup_arena Arena a = ARENA_INIT;
    ArchiveOpts how = {.name = url_for_people(&a, str_from(spec)).p,
                       .maybe_dockerfile = true,
                       .no_ignore = true};
    UrlBringer *b;

    if (object_is_blob_url(str_from(spec)))
        return bucket_context_open(spec, rest, o, ret, err);
    if (*rest == '\0')
        return err_set(err, ERR_USAGE, "the context %s has no host", spec);
    b = NEW(UrlBringer);
    b->b = (Bringer){.bring = bring_url, .free = free_url};
    b->url = str_dup_in(&b->arena, str_from(spec)).p;
    b->by = (HttpBringer){o->http, url_for_people(&b->arena, str_from(b->url)), o->progress};
    return archive_context_new(&b->b, &how, o, ret, err);
}
