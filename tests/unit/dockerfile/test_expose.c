/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "dockerfile/expose.h"
#include "test.h"

static void check_ports(const char *word, const char *want)
{
    cleanup_arena Arena a = ARENA_INIT;
    cleanup_buf Buf got = BUF_INIT(BUF_SMALL);
    StrVec ports = {0};
    Err err;

    CHECK_OK(expose_parse(&a, str_from(word), &ports, &err));
    vec_foreach(p, &ports)
        buf_addf(&got, got.n ? " " STR_FMT : STR_FMT, STR_ARG(*p));
    vec_done(&ports);
    CHECK_STR(buf_str(&got), str_from(want));
}

TEST(ports)
{
    check_ports("80", "80/tcp");
    check_ports("80/TCP", "80/tcp");
    check_ports("53/udp", "53/udp");
    check_ports("9/Sctp", "9/sctp");
    check_ports("0", "0/tcp");
    check_ports("65535/tcp", "65535/tcp");
    check_ports("80/", "80/tcp");
    check_ports("90-92/udp", "90/udp 91/udp 92/udp");
    check_ports("7-7", "7/tcp");
    check_ports("8080:80", "80/tcp");
    check_ports(":80", "80/tcp");
    check_ports("8000-8002:80-82", "80/tcp 81/tcp 82/tcp");
    check_ports("8000-8009:80", "80/tcp");
    check_ports("127.0.0.1:8080:80/udp", "80/udp");
    check_ports("127.0.0.1::80", "80/tcp");
    check_ports("[::1]:8080:80", "80/tcp");
    check_ports("::1:8080:80", "80/tcp");
}

TEST(mistakes)
{
    static const char *const table[][2] = {
        {"", "no port specified: <empty>"},
        {"/tcp", "no port specified: /tcp<empty>"},
        {"80:", "no port specified: 80:<empty>"},
        {"x", "invalid containerPort: x"},
        {"80x", "invalid containerPort: 80x"},
        {"-1", "invalid containerPort: -1"},
        {"65536", "invalid containerPort: 65536"},
        {"90-80", "invalid containerPort: 90-80"},
        {"80-", "invalid containerPort: 80-"},
        {"80-90-100", "invalid containerPort: 80-90-100"},
        {"80/icmp", "invalid proto: icmp"},
        {"80/tcp/udp", "invalid proto: tcp/udp"},
        {"x:80", "invalid hostPort: x"},
        {"70000:80", "invalid hostPort: 70000"},
        {"8000-8001:80-82",
         "invalid ranges specified for container and host Ports: 80-82 and 8000-8001"},
        {"localhost:8080:80", "invalid IP address: localhost"},
        {"1.2.3:8080:80", "invalid IP address: 1.2.3"},
        {"[::1:8080:80", "invalid IP address: [::1"},
    };
    cleanup_arena Arena a = ARENA_INIT;
    StrVec ports = {0};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        CHECK_ERR(expose_parse(&a, str_from(table[i][0]), &ports, &err), ERR_SYNTAX, table[i][1]);
    CHECK(ports.n == 0);
}

TEST(limit)
{
    cleanup_arena Arena a = ARENA_INIT;
    StrVec ports = {0};
    Err err;

    CHECK_OK(expose_parse(&a, S("0-65535"), &ports, &err));
    CHECK_OK(expose_parse(&a, S("0-65535/udp"), &ports, &err));
    CHECK_OK(expose_parse(&a, S("0-65535/sctp"), &ports, &err));
    CHECK(ports.n == EXPOSE_MAX_PORTS);
    CHECK_ERR(expose_parse(&a, S("1"), &ports, &err), ERR_LIMIT, "EXPOSE of more than");
    vec_done(&ports);
}

TEST_MAIN(T(ports), T(mistakes), T(limit))
