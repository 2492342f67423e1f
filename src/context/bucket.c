/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gs://, s3:// and the blobs of Azure: an archive in a bucket (cloud/object.h).
 */
#include "cloud/object.h"
#include "context/kinds.h"

typedef struct BucketBringer {
    Bringer b;
    HttpBringer by;
    Cloud *cloud;
    Object *object;
} BucketBringer;

/* What goes by is summed up. */
typedef struct Watch {
    Writer w;
    Object *object;
    Writer *to;
} Watch;

static int watch_write(Writer *self, const void *p, size_t n, Err *err)
{
    Watch *w = (Watch *)self;

    object_saw(w->object, p, n);
    return writer_write(w->to, p, n, err);
}

static int bring_once(BucketBringer *b, Writer *to, Err *err)
{
    cleanup_http_answer HttpAnswer answer = {0};
    HttpRequest req = object_request(b->object);
    Watch w = {{watch_write}, b->object, to};

    TRY(http_bring(&b->by, &req, &w.w, &answer, err));
    return object_conclude(b->object, &answer, err);
}

static int bring_object(Bringer *self, Writer *to, Err *err)
{
    BucketBringer *b = (BucketBringer *)self;
    int again;

    do {
        TRY(again = bring_once(b, to, err));
    } while (again);
    return 0;
}

static void free_object(Bringer *self)
{
    BucketBringer *b = (BucketBringer *)self;

    object_free(b->object);
    cloud_free(b->cloud);
    free(b);
}

int bucket_context_open(const char *spec, const char *rest, const ContextOpts *o, Context **ret,
                        Err *err)
{
    BucketBringer *b = NEW(BucketBringer);
    ArchiveOpts how = {0};

    (void)rest;
    b->b = (Bringer){bring_object, free_object};
    b->cloud = cloud_new();
    if (object_open(b->cloud, spec, &b->object, err) < 0) {
        free_object(&b->b);
        return -1;
    }
    how.name = object_name(b->object);
    b->by = (HttpBringer){o->http, str_from(how.name), o->progress};
    return archive_context_new(&b->b, &how, o, ret, err);
}
