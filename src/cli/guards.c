/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The release binary is static, and still the C library and OpenSSL look for files by themselves:
 * which name services there are (nsswitch.conf may name a module to be loaded), what to configure
 * TLS with (openssl.cnf may name a provider to be loaded). With `inplace` those files are the base
 * image's, made by strangers, in a process that holds registry credentials. So the answers are
 * given before anybody asks. What a user has set in the environment stays as it is.
 */
#include "cli/guards.h"

#ifdef KILN_RELEASE

#include <nss.h>
#include <stdlib.h>

#include "net/http.h"

#define NOWHERE   "/kiln/none" /* does not exist, and RUN steps are not told of it */
#define CA_BUNDLE "/kaniko/ssl/certs/ca-certificates.crt"

static void guard_names(void)
{
    /* built into the C library; a failure would mean that it has no such database */
    (void)__nss_configure_lookup("hosts", "files dns");
    (void)__nss_configure_lookup("passwd", "files");
    (void)__nss_configure_lookup("group", "files");
}

static void guard_tls(void)
{
    (void)setenv("OPENSSL_CONF", NOWHERE, 0);
    (void)setenv("OPENSSL_MODULES", NOWHERE, 0);
    (void)setenv("OPENSSL_ENGINES", NOWHERE, 0);
    http_set_default_ca(CA_BUNDLE);
}

void guards_install(void)
{
    (void)setenv("TZ", "UTC0",
                 1); /* no local time is ever printed: do not look for /etc/localtime */
    guard_names();
    guard_tls();
}

#else

void guards_install(void)
{
}

#endif
