/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts differ in how they name and nest: skopeo writes one entry per image, named and without
 * platform; buildx an index below index.json; multi-platform exports several entries of one name.
 * So the choice has three steps:
 *
 *      pick      the entries of index.json that the selector means
 *      choose    one of them by platform, looking into nested indexes and, as a last resort, into
 *                configurations, where the platform is written when nothing else says it
 *      descend   from the chosen entry to a manifest
 *
 * A document can be read only with its digest in hand, so there are no cycles; a budget bounds how
 * many documents one question may open.
 */
#include "base/limits.h"
#include "oci/config.h"
#include "oci/descriptor.h"
#include "store/internal.h"
#include "store/layout.h"

enum {
    DEPTH_MAX = 8,      /* of indexes within indexes */
    BUDGET = 2000,      /* documents opened for one question */
    NAMES_IN_ERROR = 8, /* images that a message lists */
};

/* Digest -> Descriptor *, in the order of the index: two entries with one digest are one image under
   two names. */
typedef Map Entries;

typedef struct Search {
    Store *store;
    const Platform *platform;
    Arena *arena;
    unsigned budget;
} Search;

static int read_document(Search *q, const Descriptor *d, Buf *ret, MediaKind *ret_kind, Err *err)
{
    size_t before = ret->n;

    if (q->budget-- == 0) {
        q->budget = 0;
        return err_set(err, ERR_LIMIT, "more than %d documents to look into", BUDGET);
    }
    TRY(store_read_blob(q->store, &d->digest, ret, err));
    if (d->size != UINT64_MAX && ret->n - before != d->size)
        return err_set(err, ERR_DIGEST, "manifest %s is %zu bytes, its descriptor says %ju",
                       d->digest.text, ret->n - before, (uintmax_t)d->size);
    if (manifest_kind(str_skip(buf_str(ret), before), d->media_type, ret_kind, err) < 0)
        return err_wrap(err, "%s", d->digest.text);
    return 0;
}

/* The platform in the image's configuration; a layout without it still has an image to offer. */
static int config_platform(Search *q, Str manifest, Platform *ret, Err *err)
{
    cleanup_image_config ImageConfig c = {0};
    cleanup_buf Buf text = BUF_INIT(LIMIT_CONFIG);
    Manifest m;

    TRY(manifest_parse(q->arena, manifest, &m, err));
    *ret = (Platform){.os = S("linux"), .arch = S("amd64")};
    if (!store_has(q->store, &m.config.digest, NULL))
        return 0;
    TRY(store_read_blob(q->store, &m.config.digest, &text, err));
    TRY(image_config_parse(buf_str(&text), &c, err));
    *ret = (Platform){
        .os = str_dup_in(q->arena, c.platform.os),
        .arch = str_dup_in(q->arena, c.platform.arch),
        .variant = str_dup_in(q->arena, c.platform.variant),
        .os_version = str_dup_in(q->arena, c.platform.os_version),
    };
    return 0;
}

/* How well the image or index behind 'd' serves the platform asked for; 0 = not at all. */
static int entry_score(Search *q, const Descriptor *d, unsigned depth, unsigned *ret, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
    MediaKind kind;
    Platform p;
    Index x;
    unsigned best = 0;

    if (d->has_platform) {
        *ret = platform_match(q->platform, &d->platform);
        return 0;
    }
    if (depth >= DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "indexes nested deeper than %d", DEPTH_MAX);
    TRY(read_document(q, d, &text, &kind, err));
    if (kind == MEDIA_KIND_MANIFEST) {
        TRY(config_platform(q, buf_str(&text), &p, err));
        *ret = platform_match(q->platform, &p);
        return 0;
    }
    TRY(index_parse(q->arena, buf_str(&text), &x, err));
    for (size_t i = 0; i < x.n_manifests; i++) {
        unsigned score = 0;

        if (descriptor_is_image(&x.manifests[i]))
            TRY(entry_score(q, &x.manifests[i], depth + 1, &score, err));
        best = score > best ? score : best;
    }
    *ret = best;
    return 0;
}

static Str entry_name(const Descriptor *d)
{
    Str name = descriptor_annotation(d, ANNOTATION_REF_NAME);

    return name.n ? name : descriptor_annotation(d, "io.containerd.image.name");
}

static void list_entries(Buf *out, const Entries *v)
{
    size_t n = 0;

    map_foreach(e, v) {
        const Descriptor *d = e->value;
        Str name = entry_name(d);

        if (++n > NAMES_IN_ERROR)
            break;
        buf_add_z(out, n > 1 ? ", " : "");
        buf_add(out, name.n ? name : str_from(d->digest.text));
    }
    if (v->n > NAMES_IN_ERROR)
        buf_addf(out, " and %zu more", v->n - NAMES_IN_ERROR);
    if (v->n == 0)
        buf_add_z(out, "none");
}

/* The first one's name counts. */
static void add_entry(Entries *v, Descriptor *d)
{
    if (!map_find(v, digest_hex(&d->digest)))
        (void)map_set(v, digest_hex(&d->digest), d);
}

static int none_fits(Search *q, const Entries *v, Err *err)
{
    cleanup_buf Buf names = BUF_INIT(BUF_SMALL);
    Str wanted = platform_format(q->arena, q->platform);

    list_entries(&names, v);
    return err_set(err, ERR_NOT_FOUND, "no image for " STR_FMT " among %s", STR_ARG(wanted),
                   buf_z(&names));
}

static int several_fit(Search *q, const Entries *v, Err *err)
{
    cleanup_buf Buf names = BUF_INIT(BUF_SMALL);
    Str wanted = platform_format(q->arena, q->platform);

    list_entries(&names, v);
    return err_set(err, ERR_USAGE, "several images for " STR_FMT ", name one of %s",
                   STR_ARG(wanted), buf_z(&names));
}

static int choose_scored(Search *q, const Entries *v, Entries *best, Err *err)
{
    unsigned best_score = 0;

    map_foreach(e, v) {
        unsigned score;

        TRY(entry_score(q, e->value, 0, &score, err));
        if (score == 0 || score < best_score)
            continue;
        if (score > best_score)
            map_done(best);
        best_score = score;
        add_entry(best, e->value);
    }
    return 0;
}

/* The only entry, whatever its platform, or the one that serves the platform best. */
static int choose(Search *q, const Entries *v, const Descriptor **ret, Err *err)
{
    cleanup_map Entries best = {0};

    if (v->n != 1) {
        TRY(choose_scored(q, v, &best, err));
        if (best.n == 0)
            return none_fits(q, v, err);
        if (best.n > 1)
            return several_fit(q, &best, err);
        v = &best;
    }
    *ret = v->v[0].value;
    return 0;
}

static bool states_platform(const Index *x)
{
    for (size_t i = 0; i < x->n_manifests; i++)
        if (x->manifests[i].has_platform)
            return true;
    return false;
}

/* In an index proper the platforms decide; one that states none is a list like index.json. */
static int choose_nested(Search *q, const Index *x, const Descriptor **ret, Err *err)
{
    cleanup_map Entries all = {0};

    if (states_platform(x))
        return index_choose(x, q->platform, ret, err);
    for (size_t i = 0; i < x->n_manifests; i++)
        if (descriptor_is_image(&x->manifests[i]))
            add_entry(&all, &x->manifests[i]);
    return choose(q, &all, ret, err);
}

static int finish(Search *q, const Descriptor *d, Buf *text, Descriptor *ret, Buf *ret_json,
                  Err *err)
{
    Manifest m;

    TRY(manifest_parse(q->arena, buf_str(text), &m, err));
    buf_add(ret_json, buf_str(text));
    TRY(buf_check(ret_json, "manifest", err));
    *ret = *d;
    ret->size = text->n;
    if (media_kind(d->media_type) != MEDIA_KIND_MANIFEST)
        ret->media_type = m.media_type;
    return 0;
}

static int descend(Search *q, const Descriptor *d, Descriptor *ret, Buf *ret_json, Err *err)
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        cleanup_buf Buf text = BUF_INIT(LIMIT_MANIFEST);
        MediaKind kind;
        Index x;

        TRY(read_document(q, d, &text, &kind, err));
        if (kind == MEDIA_KIND_MANIFEST)
            return finish(q, d, &text, ret, ret_json, err);
        TRY(index_parse(q->arena, buf_str(&text), &x, err));
        TRY(choose_nested(q, &x, &d, err));
    }
    return err_set(err, ERR_LIMIT, "indexes nested deeper than %d", DEPTH_MAX);
}

/* 3: the selector is the whole name; 2: it is what follows a ':' in it; 1: any will do; 0: no. */
static unsigned pick_rank(const Descriptor *d, Str selector)
{
    Str name = descriptor_annotation(d, ANNOTATION_REF_NAME), head, tail;
    Str long_name = descriptor_annotation(d, "io.containerd.image.name");

    if (selector.n == 0)
        return 1;
    if (str_eq(name, selector) || str_eq(long_name, selector))
        return 3;
    if ((str_cut_last(name, ':', &head, &tail) && str_eq(tail, selector)) ||
        (str_cut_last(long_name, ':', &head, &tail) && str_eq(tail, selector)))
        return 2;
    return 0;
}

static void pick(const Index *x, Str selector, Entries *ret)
{
    unsigned best = 1;

    for (size_t i = 0; i < x->n_manifests; i++) {
        Descriptor *d = &x->manifests[i];
        unsigned rank = descriptor_is_image(d) ? pick_rank(d, selector) : 0;

        if (rank < best)
            continue;
        if (rank > best)
            map_done(ret);
        best = rank;
        add_entry(ret, d);
    }
}

static int not_there(const Index *x, Str selector, Err *err)
{
    cleanup_buf Buf names = BUF_INIT(BUF_SMALL);
    cleanup_map Entries all = {0};

    pick(x, S(""), &all);
    list_entries(&names, &all);
    if (selector.n == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no image in it");
    return err_set(err, ERR_NOT_FOUND, "no image \"" STR_FMT "\" in it; there is %s",
                   STR_ARG(selector), buf_z(&names));
}

/* A digest names any manifest among the blobs, listed or not. */
static Descriptor by_digest(const Index *x, const Digest *digest)
{
    for (size_t i = 0; i < x->n_manifests; i++)
        if (digest_eq(&x->manifests[i].digest, digest))
            return x->manifests[i];
    return (Descriptor){.media_type = S(""), .digest = *digest, .size = UINT64_MAX};
}

static int search(Search *q, Str selector, Descriptor *ret, Buf *ret_json, Err *err)
{
    cleanup_buf Buf text = BUF_INIT(LIMIT_INDEX);
    cleanup_map Entries entries = {0};
    const Descriptor *chosen = NULL;
    Descriptor named;
    Digest digest;
    Index x;
    Err no_digest;

    TRY(layout_read(q->store->fd, STORE_INDEX, &text, err));
    TRY(index_parse(q->arena, buf_str(&text), &x, err));
    if (digest_parse(selector, &digest, &no_digest) == 0) {
        named = by_digest(&x, &digest);
        return descend(q, &named, ret, ret_json, err);
    }
    pick(&x, selector, &entries);
    if (entries.n == 0)
        return not_there(&x, selector, err);
    TRY(choose(q, &entries, &chosen, err));
    return descend(q, chosen, ret, ret_json, err);
}

int layout_resolve(Store *s, Str selector, const Platform *platform, Descriptor *ret, Buf *ret_json,
                   Arena *a, Err *err)
{
    Search q = {.store = s, .platform = platform, .arena = a, .budget = BUDGET};

    if (search(&q, selector, ret, ret_json, err) < 0)
        return err_wrap(err, "layout %s", s->dir);
    return 0;
}
