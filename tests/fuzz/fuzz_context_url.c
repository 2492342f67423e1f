/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts in buckets and behind URLs: TEXT, or TEXT, a zero byte and a connection string of Azure. Whatever is asked for is at
 * the service that the scheme names (or at the end point of the connection string), and what messages show has no signature in it.
 */
#include <stdlib.h>

#include "cloud/internal.h"
#include "cloud/object.h"
#include "context/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Nothing of the machine at hand counts. */
static void forget_machine(void)
{
    int failed = setenv("HOME", "/nonexistent", 1) | setenv("AWS_REGION", "eu-west-1", 1) |
                 setenv("AWS_EC2_METADATA_DISABLED", "true", 1);

    if (failed)
        abort();
}

static bool is_where_it_should_be(Str spec, Str url, bool other_end)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str host = str_lower_in(&a, url_host(url));

    if (str_starts(spec, S("gs://")))
        return str_eq(host, S("storage.googleapis.com"));
    if (str_starts(spec, S("s3://")))
        return str_eq(host, S("s3.eu-west-1.amazonaws.com")) ||
               host_is_below(host, S("s3.eu-west-1.amazonaws.com"));
    return other_end || object_is_blob_url(url);
}

static void check_object(const char *spec, bool other_end)
{
    cleanup_with(cloud_free_at) Cloud *cloud = cloud_new();
    cleanup_with(object_free_at) Object *o = NULL;
    HttpRequest req;
    Err err;

    if (object_open(cloud, spec, &o, &err) < 0) {
        if (err.kind != ERR_USAGE)
            abort();
        return;
    }
    req = object_request(o);
    if (!is_where_it_should_be(str_from(spec), str_from(req.url), other_end))
        abort();
    if (strpbrk(object_name(o), "?#") && strstr(object_name(o), "://") == NULL)
        abort();
    if (str_contains(str_from(object_name(o)), S("sig=")) &&
        !str_contains(str_head(str_from(spec), strcspn(spec, "?#")), S("sig=")))
        abort();
}

static void check_url(Str text)
{
    cleanup_arena Arena a = ARENA_INIT;
    Str shown = url_for_people(&a, text), host = url_host(text), absolute;
    Err err;

    if (shown.n > text.n || (host.n && (host.p < text.p || host.p + host.n > text.p + text.n)))
        abort();
    (void)remote_kind(text);
    (void)url_is_machine_local(text);
    if (url_resolve(&a, S("https://host.example/a/b?c"), text, &absolute, &err) == 0 &&
        !str_starts(str_lower_in(&a, absolute), S("http")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cleanup_free char *spec = NEW_N(char, n + 1);
    size_t length;

    forget_machine();
    memcpy(spec, data, n);
    length = strlen(spec);
    if (length < n)
        (void)setenv("AZURE_STORAGE_CONNECTION_STRING", spec + length + 1, 1);
    else
        (void)unsetenv("AZURE_STORAGE_CONNECTION_STRING");
    check_url(str_from(spec));
    check_object(spec, length < n && strstr(spec + length + 1, "lob"));
    return 0;
}
