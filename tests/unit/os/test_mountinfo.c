/* SPDX-License-Identifier: Apache-2.0 */
#include "os/mountinfo.h"
#include "test.h"

static MountTable parse(Str text)
{
    MountTable t = {0};
    Err err;

    CHECK_OK(mountinfo_parse(text, &t, &err));
    return t;
}

TEST(takes_a_table_apart)
{
    cleanup_mount_table MountTable t = parse(S(
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=continue\n"
        "23 22 0:21 / /proc ro,nosuid shared:2 master:1 propagate_from:3 unbindable - proc proc rw\n"
        "41 22 0:33 /a/b /mnt rw - overlay overlay ro,lowerdir=/l1:/l2\n"
        "42 22 0:34 / /tmp rw,room - tmpfs none rw,size=10k"));

    CHECK(t.mounts.n == 4);
    CHECK_STR(t.mounts.v[0].point, S("/"));
    CHECK_STR(t.mounts.v[0].source, S("/dev/root"));
    CHECK_STR(t.mounts.v[0].options, S("rw,errors=continue"));
    CHECK(!t.mounts.v[0].read_only);
    CHECK_STR(t.mounts.v[1].type, S("proc"));
    CHECK(t.mounts.v[1].read_only); /* of the mount */
    CHECK_STR(t.mounts.v[2].root, S("/a/b"));
    CHECK(t.mounts.v[2].read_only); /* of the file system */
    CHECK(!t.mounts.v[3].read_only);
    CHECK_STR(t.mounts.v[3].point, S("/tmp"));
}

TEST(decodes_escapes)
{
    cleanup_mount_table MountTable t =
        parse(S("1 0 0:1 /a\\134b /with\\040space\\011tab\\012line\\043 rw - tmpfs s\\040rc rw\n"
                "2 0 0:1 / /odd\\04x\\400\\\\9\\1 rw - tmpfs none rw\n"));

    CHECK_STR(t.mounts.v[0].point, S("/with space\ttab\nline#"));
    CHECK_STR(t.mounts.v[0].root, S("/a\\b"));
    CHECK_STR(t.mounts.v[0].source, S("s rc"));
    CHECK_STR(t.mounts.v[1].point, S("/odd\\04x\\400\\\\9\\1")); /* no escapes, kept */
}

TEST(an_escape_ends_with_its_field)
{
    static const char text[] = "1 0 0:1 / / rw - tmpfs none rw\\0401";
    cleanup_mount_table MountTable t = parse((Str){text, sizeof(text) - 2});
    cleanup_mount_table MountTable cut = parse((Str){text, sizeof(text) - 3}); /* a digit follows */

    CHECK_STR(t.mounts.v[0].options, S("rw "));
    CHECK_STR(cut.mounts.v[0].options, S("rw\\04"));
}

TEST(an_empty_source_is_one)
{
    cleanup_mount_table MountTable t = parse(S("1 0 0:1 / /x rw - tmpfs  rw,ro\n"));

    CHECK_STR(t.mounts.v[0].type, S("tmpfs"));
    CHECK_STR(t.mounts.v[0].source, S(""));
    CHECK_STR(t.mounts.v[0].options, S("rw,ro"));
    CHECK(t.mounts.v[0].read_only);
}

TEST(nothing_is_an_empty_table)
{
    cleanup_mount_table MountTable t = parse(S(""));

    CHECK(t.mounts.n == 0);
}

TEST(malformed_lines_are_named)
{
    static const char *const bad[] = {
        "\n",
        "1",
        "1 0 0:1 / /x",
        "1 0 0:1 / /x rw",
        "1 0 0:1 / /x rw shared:1",
        "1 0 0:1 / /x rw -",
        "1 0 0:1 / /x rw - tmpfs",
        "1 0 0:1 / /x rw - tmpfs none",
        "1 0 0:1 /  rw - tmpfs none rw",
        "1 0 0:1 / /x rw -  none rw",
    };
    static const char good[] = "1 0 0:1 / / rw - tmpfs none rw\n";
    MountTable t = {0};
    Err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup_arena Arena a = ARENA_INIT;

        CHECK_ERR(mountinfo_parse(str_fmt_in(&a, "%s%s", good, bad[i]), &t, &err), ERR_FORMAT,
                  "line 2 is malformed");
        CHECK(t.mounts.n == 0 && t.mounts.v == NULL);
    }
}

TEST(reads_its_own)
{
    cleanup_mount_table MountTable t = {0};
    bool root = false;
    Err err;

    CHECK_OK(mountinfo_read(&t, &err));
    vec_foreach(m, &t.mounts) {
        root |= str_eq(m->point, S("/"));
    }
    CHECK(root);
}

TEST_MAIN(T(takes_a_table_apart), T(decodes_escapes), T(an_escape_ends_with_its_field),
          T(an_empty_source_is_one), T(nothing_is_an_empty_table), T(malformed_lines_are_named),
          T(reads_its_own))
