/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "make.h"
#include "tar/sparse.h"

/* A map out of text that stands where the data of a 1.0 file begins. */
static int read_map(Str text, uint64_t stored, TarRuns *to, uint64_t *ret_left, Err *err)
{
    MemReader m = mem_reader(text);
    TarInput in;
    int r;

    to->n = 0;
    tar_input_init(&in, &m.r);
    r = sparse_read_map(&in, &stored, to, err);
    tar_input_done(&in);
    *ret_left = stored;
    return r;
}

TEST(maps_in_the_data)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    TarRuns runs = {0};
    uint64_t left;
    Err err;

    make_data(&text, S("2\n0\n512\n4096\n100\n"));
    CHECK_OK(read_map(buf_str(&text), 512 + 612, &runs, &left, &err));
    CHECK(runs.n == 2 && left == 612);
    CHECK(runs.v[1].at == 4096 && runs.v[1].n == 100);
    buf_truncate(&text, 0);
    make_data(&text, S("0\n"));
    CHECK_OK(read_map(buf_str(&text), 512, &runs, &left, &err));
    CHECK(runs.n == 0 && left == 0);
    vec_done(&runs);
}

TEST(maps_over_many_blocks)
{
    cleanup_buf Buf text = BUF_INIT(BUF_SMALL);
    TarRuns map = {0}, runs = {0};
    uint64_t left;
    Err err;

    for (uint64_t i = 0; i < 1000; i++)
        CHECK_OK(sparse_add(&map, i * 1000000, i, &err));
    sparse_format_map(&map, &text);
    CHECK(text.n % TAR_BLOCK == 0);
    CHECK_OK(read_map(buf_str(&text), text.n + 5, &runs, &left, &err));
    CHECK(left == 5 && runs.n == map.n);
    CHECK(memcmp(runs.v, map.v, map.n * sizeof(*map.v)) == 0);
    vec_done(&map);
    vec_done(&runs);
}

TEST(maps_that_are_none)
{
    static const struct {
        const char *text;
        uint64_t stored;
        ErrKind kind;
        const char *part;
    } bad[] = {
        {"1\n0\n5\n", 511, ERR_FORMAT, "longer than the file"},
        {"2\n0\n5\n", 512, ERR_FORMAT, "invalid number"}, /* NULs where a line should be */
        {"x\n", 512, ERR_FORMAT, "invalid number"},
        {"-1\n", 512, ERR_FORMAT, "invalid number"},
        {"\n", 512, ERR_FORMAT, "invalid number"},
        {"1 \n0\n1\n", 512, ERR_FORMAT, "invalid number"},
        {"1\n0\n18446744073709551616\n", 512, ERR_FORMAT, "invalid number"},
        {"000000000000000000000000001\n0\n1\n", 512, ERR_FORMAT, "invalid number"},
        {"1000001\n", 512, ERR_LIMIT, "1000000 parts"},
    };
    TarRuns runs = {0};
    uint64_t left;
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_buf Buf text = BUF_INIT(BUF_SMALL);

        make_data(&text, str_from(bad[i].text));
        CHECK_ERR(read_map(buf_str(&text), bad[i].stored, &runs, &left, &err), bad[i].kind,
                  bad[i].part);
    }
    CHECK_ERR(read_map(S("1\n0"), 512, &runs, &left, &err), ERR_FORMAT, "archive ends");
    CHECK_ERR(read_map(S(""), 512, &runs, &left, &err), ERR_FORMAT, "archive ends");
    vec_done(&runs);
}

TEST(lists)
{
    static const char *const bad[] = {"1", "1,2,3", ",", "1,2,", "1,x", "1;2", "-1,2", " 1,2"};
    TarRuns runs = {0};
    Err err;

    CHECK_OK(sparse_parse_list(S("0,5,10,20"), &runs, &err));
    CHECK(runs.n == 2 && runs.v[1].at == 10 && runs.v[1].n == 20);
    runs.n = 0;
    CHECK_OK(sparse_parse_list(S(""), &runs, &err));
    CHECK(runs.n == 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_ERR(sparse_parse_list(str_from(bad[i]), &runs, &err), ERR_FORMAT, "list of pairs");
    vec_done(&runs);
}

static void put_run(TarBlockRun *r, uint64_t at, uint64_t n)
{
    CHECK(tar_number_put(r->at, sizeof(r->at), at));
    CHECK(tar_number_put(r->n, sizeof(r->n), n));
}

static int read_old(const TarBlock *b, Str more, TarRuns *to, uint64_t *ret_size, Err *err)
{
    MemReader m = mem_reader(more);
    TarInput in;
    int r;

    to->n = 0;
    tar_input_init(&in, &m.r);
    r = sparse_read_old(b, &in, to, ret_size, err);
    tar_input_done(&in);
    return r;
}

TEST(old_gnu_maps)
{
    TarBlock b = make_gnu_block('S', "f", 0);
    TarBlockRuns more[2] = {0};
    TarRuns runs = {0};
    uint64_t size;
    Err err;

    CHECK(tar_number_put(b.tail.gnu.real_size, 12, 1 << 20));
    put_run(&b.tail.gnu.runs[0], 0, 512);
    put_run(&b.tail.gnu.runs[1], 4096, 10);
    CHECK_OK(read_old(&b, S(""), &runs, &size, &err));
    CHECK(size == 1 << 20 && runs.n == 2 && runs.v[1].at == 4096 && runs.v[1].n == 10);

    put_run(&b.tail.gnu.runs[2], 8192, 512);
    b.tail.gnu.runs[2].at[0] = '\0'; /* either way, a pair that is not used */
    CHECK_OK(read_old(&b, S(""), &runs, &size, &err));
    CHECK(runs.n == 2);
    put_run(&b.tail.gnu.runs[2], 8192, 512);
    b.tail.gnu.runs[2].n[0] = '\0';
    CHECK_OK(read_old(&b, S(""), &runs, &size, &err));
    CHECK(runs.n == 2);

    put_run(&b.tail.gnu.runs[2], 8192, 512);
    put_run(&b.tail.gnu.runs[3], 16384, 512);
    b.tail.gnu.extended = 1;
    for (size_t i = 0; i < 21; i++)
        put_run(&more[0].runs[i], 32768 + i * 1024, 512);
    more[0].extended = 1;
    put_run(&more[1].runs[0], 100000, 1);
    CHECK_OK(read_old(&b, (Str){(char *)more, sizeof(more)}, &runs, &size, &err));
    CHECK(runs.n == 4 + 21 + 1 && runs.v[25].at == 100000);
    CHECK_ERR(read_old(&b, (Str){(char *)more, 512}, &runs, &size, &err), ERR_FORMAT,
              "archive ends");
    vec_done(&runs);
}

TEST(old_gnu_maps_that_are_none)
{
    TarBlock b = make_gnu_block('S', "f", 0);
    TarRuns runs = {0};
    uint64_t size;
    Err err;

    memcpy(b.tail.gnu.real_size, "x", 1);
    CHECK_ERR(read_old(&b, S(""), &runs, &size, &err), ERR_FORMAT, "size");
    make_base256(b.tail.gnu.real_size, 12, -1);
    CHECK_ERR(read_old(&b, S(""), &runs, &size, &err), ERR_FORMAT, "size");
    make_base256(b.tail.gnu.real_size, 12, (int64_t)LIMIT_FILE_SIZE + 1);
    CHECK_ERR(read_old(&b, S(""), &runs, &size, &err), ERR_LIMIT, "size");
    CHECK(tar_number_put(b.tail.gnu.real_size, 12, 100));
    put_run(&b.tail.gnu.runs[0], 0, 5);
    make_base256(b.tail.gnu.runs[0].at, 12, -5);
    CHECK_ERR(read_old(&b, S(""), &runs, &size, &err), ERR_FORMAT, "invalid number");
    put_run(&b.tail.gnu.runs[0], 0, 5);
    b.tail.gnu.runs[0].n[3] = '9';
    CHECK_ERR(read_old(&b, S(""), &runs, &size, &err), ERR_FORMAT, "invalid number");
    vec_done(&runs);
}

TEST(runs_are_checked)
{
    TarRun in_order[] = {{0, 5}, {5, 5}, {10, 0}, {10, 0}, {20, 10}};
    TarRun overlap[] = {{0, 5}, {4, 1}};
    TarRun back[] = {{10, 5}, {0, 5}};
    TarRun wrap[] = {{10, UINT64_MAX - 4}};
    TarRun far[] = {{UINT64_MAX, 1}};
    TarRuns runs = {.v = in_order, .n = ARRAY_LEN(in_order)};
    Err err;

    CHECK_OK(sparse_check(in_order, ARRAY_LEN(in_order), 30, &err));
    CHECK_ERR(sparse_check(in_order, ARRAY_LEN(in_order), 29, &err), ERR_FORMAT, "beyond its end");
    CHECK_ERR(sparse_check(overlap, 2, 30, &err), ERR_FORMAT, "overlap");
    CHECK_ERR(sparse_check(back, 2, 30, &err), ERR_FORMAT, "overlap");
    CHECK_ERR(sparse_check(wrap, 1, 30, &err), ERR_FORMAT, "beyond its end");
    CHECK_ERR(sparse_check(far, 1, 30, &err), ERR_FORMAT, "beyond its end");
    CHECK_OK(sparse_check_stored(&runs, 20, &err));
    CHECK_ERR(sparse_check_stored(&runs, 21, &err), ERR_FORMAT, "does not fit");
}

/* What a layout must be, for any runs: see sparse.c. */
static void check_layout(const TarRun *in, size_t n_in, uint64_t size)
{
    TarRuns map = {0};
    SparsePieces pieces = {0};
    uint64_t stored = 0, data = 0, in_map = 0;
    Err err;

    CHECK_OK(sparse_lay_out(in, n_in, size, &map, &pieces, &err));
    CHECK_OK(sparse_check(map.v, map.n, size, &err));
    for (size_t i = 0; i < map.n; i++) {
        in_map += map.v[i].n;
        CHECK(map.v[i].n % TAR_BLOCK == 0 || map.v[i].at + map.v[i].n == size);
    }
    vec_foreach(p, &pieces) {
        CHECK(p->data > 0 && p->zeros < TAR_BLOCK);
        stored += p->data + p->zeros;
        data += p->data;
    }
    CHECK(stored == in_map);
    for (size_t i = 0; i < n_in; i++)
        data -= in[i].n;
    CHECK(data == 0);
    CHECK(map.v[map.n - 1].at + map.v[map.n - 1].n == size);
    vec_done(&map);
    vec_done(&pieces);
}

TEST(layouts)
{
    static const TarRun odd[] = {{1, 1}, {600, 100}, {1024, 5}, {5000, 1}, {5511, 1}, {9999, 1}};
    static const TarRun tail[] = {{4096, 904}};
    static const TarRun empty[] = {{0, 0}, {10, 0}, {500, 0}};

    check_layout(NULL, 0, 0);
    check_layout(NULL, 0, 1000000);
    check_layout(empty, ARRAY_LEN(empty), 500);
    for (size_t n = 1; n <= ARRAY_LEN(odd); n++) {
        check_layout(odd, n, 10000);
        check_layout(odd, n, odd[n - 1].at + odd[n - 1].n);
    }
    check_layout(tail, 1, 5000);
    check_layout(tail, 1, 5001);
}

TEST(a_layout_of_bad_runs)
{
    static const TarRun back[] = {{10, 5}, {0, 5}};
    TarRuns map = {0};
    SparsePieces pieces = {0};
    Err err;

    CHECK_ERR(sparse_lay_out(back, 2, 100, &map, &pieces, &err), ERR_FORMAT, "overlap");
    CHECK(map.n == 0);
}

TEST(too_many_parts)
{
    TarRun *runs = NEW_N(TarRun, LIMIT_SPARSE_PARTS + 1);
    TarRuns map = {0};
    SparsePieces pieces = {0};
    Err err;

    for (size_t i = 0; i <= LIMIT_SPARSE_PARTS; i++)
        runs[i] = (TarRun){.at = i * 1024, .n = 512};
    CHECK_ERR(sparse_lay_out(runs, LIMIT_SPARSE_PARTS + 1, LIMIT_FILE_SIZE, &map, &pieces, &err),
              ERR_LIMIT, "1000000 parts");
    free(runs);
    vec_done(&map);
    vec_done(&pieces);
}

TEST_MAIN(T(maps_in_the_data), T(maps_over_many_blocks), T(maps_that_are_none), T(lists),
          T(old_gnu_maps), T(old_gnu_maps_that_are_none), T(runs_are_checked), T(layouts),
          T(a_layout_of_bad_runs), T(too_many_parts))
