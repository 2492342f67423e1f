/* SPDX-License-Identifier: Apache-2.0 */
/* Whose registry it is; who only looks like it gets nothing. */
#include "cloud/internal.h"
#include "test.h"

typedef struct Case {
    const char *host;
    CloudKind kind;
} Case;

static const Case hosts[] = {
    {"gcr.io", CLOUD_GOOGLE},
    {"eu.gcr.io", CLOUD_GOOGLE},
    {"europe-west1-docker.pkg.dev", CLOUD_GOOGLE},
    {"xgcr.io", CLOUD_NONE},
    {"gcr.io.example.com", CLOUD_NONE},
    {"pkg.dev.evil", CLOUD_NONE},
    {"gcr.io:5000", CLOUD_NONE},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com", CLOUD_AMAZON},
    {"123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", CLOUD_AMAZON},
    {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", CLOUD_AMAZON},
    {"123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", CLOUD_AMAZON},
    {"123456789012.dkr-ecr.eu-west-1.on.aws", CLOUD_AMAZON},
    {"public.ecr.aws", CLOUD_AMAZON},
    {"ecr-public.aws.com", CLOUD_AMAZON},
    {"123456789012.dkr.ecr.cn-north-1.amazonaws.com", CLOUD_NONE},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.org", CLOUD_NONE},
    {"123456789012.dkr.ecr.us-east-1.amazonaws.com.cn", CLOUD_NONE},
    {"123456789012.dkr.ecr.us-east-1.evil.com", CLOUD_NONE},
    {"12345678901.dkr.ecr.us-east-1.amazonaws.com", CLOUD_NONE},
    {"x23456789012.dkr.ecr.us-east-1.amazonaws.com", CLOUD_NONE},
    {"123456789012.dkr.ecr..amazonaws.com", CLOUD_NONE},
    {"123456789012.dkr.ecr.us/east.amazonaws.com", CLOUD_NONE},
    {"a.public.ecr.aws", CLOUD_NONE},
    {"reg.azurecr.io", CLOUD_MICROSOFT},
    {"reg.azurecr.cn", CLOUD_MICROSOFT},
    {"reg.azurecr.us", CLOUD_MICROSOFT},
    {"azurecr.io", CLOUD_NONE},
    {"reg.azurecr.io.evil.com", CLOUD_NONE},
    {"regazurecr.io", CLOUD_NONE},
    {"docker.io", CLOUD_NONE},
    {"localhost:5000", CLOUD_NONE},
    {"", CLOUD_NONE},
};

TEST(labels_count)
{
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        CHECK(cloud_of_registry(str_from(hosts[i].host)) == hosts[i].kind);
    }
}

TEST_MAIN(T(labels_count))
