/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdio.h>

#include "base/num.h"

typedef enum OptionKind {
    OPTION_FLAG,  /* bool */
    OPTION_TEXT,  /* const char *; the last one counts */
    OPTION_LIST,  /* StrVec; repeatable */
    OPTION_NEVER, /* known, and refused for good; 'help' says why */
    /* accepted: kiln always does what it asks for, or what it tunes does not exist here */
    OPTION_NO_NEED, /* 'help' says why */
} OptionKind;

typedef struct Option {
    const char *group; /* heading that begins here in the help; NULL = same as above */
    unsigned fronts;
    const char *name;
    char letter; /* 0 = none */
    OptionKind kind;
    size_t field;     /* offset in Settings */
    const char *arg;  /* name of the value in the help */
    const char *help; /* NULL: an alias that the help leaves out */
} Option;

#define B     FRONT_BUILD
#define X     FRONT_EXECUTOR
#define P     FRONT_PUSH
#define N     FRONT_INDEX
#define I     FRONT_INSPECT
#define A     FRONT_ATTACH
#define M     FRONT_WARM
#define W     FRONT_WARMER
#define L     FRONT_LINT
#define LOGIN (FRONT_LOGIN | FRONT_LOGOUT)
#define PULLS (B | X | I | N | A | M | W)
#define SENDS (B | X | P | N | A)
#define HOSTS (PULLS | SENDS)
#define ALL   (HOSTS | LOGIN | FRONT_PRUNE)
#define ANY   (ALL | L)
#define AT(f) offsetof(Settings, f)

#define WHY_SNAPSHOT "there is one way of finding changes, and it is exact"
#define WHY_VAR_RUN  "what a step writes to /var/run is part of its layer, as with docker"
#define WHY_CLEAN    "the container's own files are put aside during a build and put back after it"

static const Option options[] = {
    {"What to fetch", M | W, "image", 'i', OPTION_LIST, AT(images), "REF",
     "this image; repeatable"},
    {NULL, M, "file", 'f', OPTION_TEXT, AT(dockerfile), "PATH",
     "the images of this Dockerfile, which may be a URL or -"},
    {NULL, W, "dockerfile", 'd', OPTION_TEXT, AT(dockerfile), "PATH",
     "the images of this Dockerfile, which may be a URL or -"},
    {NULL, M, "force", 0, OPTION_FLAG, AT(force), NULL, "fetch what is there, too"},
    {NULL, W, "force", 'f', OPTION_FLAG, AT(force), NULL, "fetch what is there, too"},

    {"What to build", B | L, "file", 'f', OPTION_TEXT, AT(dockerfile), "PATH",
     "the Dockerfile (default: CONTEXT/Dockerfile)"},
    {NULL, X, "dockerfile", 'f', OPTION_TEXT, AT(dockerfile), "PATH",
     "the Dockerfile (default: Dockerfile in the context)"},
    {NULL, X, "context", 'c', OPTION_TEXT, AT(context), "SRC",
     "the build context: a directory, tar://PATH, tar://stdin, https://...,\n"
     "gs://BUCKET/OBJECT, s3://BUCKET/KEY, a git repository (default: /workspace/)"},
    {NULL, X, "bucket", 'b', OPTION_TEXT, AT(bucket), "BUCKET", "as --context gs://BUCKET"},
    {NULL, X, "context-sub-path", 0, OPTION_TEXT, AT(context_sub_path), "DIR",
     "use this directory of the context"},
    {NULL, X, "git", 0, OPTION_LIST, AT(git), "K=V",
     "of a git context: branch, depth, single-branch, recurse-submodules,\n"
     "insecure-skip-tls"},
    {NULL, B, "target", 0, OPTION_TEXT, AT(target), "STAGE",
     "the stage to build (default: the last)"},
    {NULL, X, "target", 0, OPTION_LIST, AT(targets), "STAGE[,STAGE]",
     "the stages to build (default: the last); the first one is the image"},
    {NULL, B | I | M | L, "platform", 0, OPTION_TEXT, AT(platform), "OS/ARCH",
     "platform of the image (default: this machine's)"},
    {NULL, X, "custom-platform", 0, OPTION_TEXT, AT(platform), "OS/ARCH",
     "platform of the image (default: this machine's)"},
    {NULL, X, "customPlatform", 0, OPTION_TEXT, AT(platform), NULL, NULL},
    {NULL, W, "customPlatform", 0, OPTION_TEXT, AT(platform), "OS/ARCH",
     "platform of the images (default: this machine's)"},
    {NULL, B | X | M | W | L, "build-arg", 0, OPTION_LIST, AT(build_args), "K=V",
     "set an ARG; K alone takes the environment's value"},
    {NULL, B | X, "label", 0, OPTION_LIST, AT(labels), "K=V",
     "set a label, over the Dockerfile's own"},
    {NULL, B | X, "build-context", 0, OPTION_LIST, AT(build_contexts), "N=SRC",
     "use SRC (a context, oci-layout://DIR[:TAG], docker-image://REF) for the\n"
     "name N"},
    {NULL, B | X, "secret", 0, OPTION_LIST, AT(secrets), "SPEC",
     "id=NAME[,src=FILE|env=VAR]: a secret for RUN --mount=type=secret"},
    {NULL, B, "ssh", 0, OPTION_LIST, AT(ssh), "ID[=SOCKET]",
     "an ssh agent for RUN --mount=type=ssh (default: that of SSH_AUTH_SOCK)"},

    {"Where it goes", B | N, "tag", 't', OPTION_LIST, AT(tags), "REF",
     "name of the image; repeatable"},
    {NULL, X | P, "destination", 'd', OPTION_LIST, AT(tags), "REF",
     "push the image there; repeatable"},
    {NULL, B, "push", 0, OPTION_FLAG, AT(push), NULL,
     "push the image to the registries of its tags"},
    {NULL, B | X, "no-push", 0, OPTION_FLAG, AT(no_push), NULL, "build only"},
    {NULL, B, "output", 'o', OPTION_LIST, AT(outputs), "SPEC",
     "type=oci|docker-archive|registry,dest=PATH; oci is a directory, or a tar\n"
     "when PATH ends in .tar (or with tar=true)"},
    {NULL, B | X, "ignore-path", 0, OPTION_LIST, AT(ignored_paths), "PATH",
     "what steps change there, or below, is not in the image (components may be\npatterns)"},
    {NULL, B | X, "tar-path", 0, OPTION_TEXT, AT(tar_path), "PATH", "also write a docker archive"},
    {NULL, X, "tarPath", 0, OPTION_TEXT, AT(tar_path), NULL, NULL},
    {NULL, B | X | N, "oci-layout-path", 0, OPTION_TEXT, AT(oci_layout_path), "DIR",
     "also write an OCI image layout"},
    {NULL, B | X | P | N, "digest-file", 0, OPTION_TEXT, AT(digest_file), "PATH",
     "write the image's digest there"},
    {NULL, B | X | P | N, "image-name-with-digest-file", 0, OPTION_TEXT, AT(name_digest_file),
     "PATH", "write REPOSITORY@DIGEST of each destination there"},
    {NULL, B | X | P | N, "image-name-tag-with-digest-file", 0, OPTION_TEXT,
     AT(name_tag_digest_file), "PATH", "write REPOSITORY:TAG@DIGEST of each destination there"},
    {NULL, B, "iidfile", 0, OPTION_TEXT, AT(iid_file), "PATH", "write the image's id there"},
    {NULL, B | X | P | N, "metadata-file", 0, OPTION_TEXT, AT(metadata_file), "PATH",
     "write what was built there, as buildx does (JSON)"},
    {NULL, B | X | N | A, "annotation", 0, OPTION_LIST, AT(annotations), "K=V",
     "an annotation of the manifest; repeatable"},
    {NULL, B | X, "compression", 0, OPTION_TEXT, AT(compression), "KIND",
     "of new layers: gzip (default), zstd, none"},
    {NULL, B | X, "compression-level", 0, OPTION_TEXT, AT(compression_level), "N",
     "gzip 1-9, zstd 1-22 (default: the fastest)"},
    {NULL, B | X, "image-format", 0, OPTION_TEXT, AT(image_format), "KIND",
     "oci (default) or docker"},

    {"Who you are", LOGIN & ~FRONT_LOGOUT, "username", 'u', OPTION_TEXT, AT(username), "NAME",
     "of the account"},
    {NULL, LOGIN & ~FRONT_LOGOUT, "password", 'p', OPTION_TEXT, AT(password), "TEXT",
     "better not: others can see it, and the shell remembers it"},
    {NULL, LOGIN & ~FRONT_LOGOUT, "password-stdin", 0, OPTION_FLAG, AT(password_stdin), NULL,
     "read the password from standard input"},

    {"What to show", I, "raw", 0, OPTION_FLAG, AT(raw), NULL,
     "the document as it is, byte for byte"},
    {NULL, I, "config", 0, OPTION_FLAG, AT(show_config), NULL, "the image's config"},
    {NULL, I, "referrers", 0, OPTION_FLAG, AT(show_referrers), NULL, "what is attached to it"},

    {"What stays", FRONT_PRUNE, "keep-size", 0, OPTION_TEXT, AT(keep_size), "SIZE",
     "so much of it, what was used last (default: nothing)"},
    {NULL, FRONT_PRUNE, "unused", 0, OPTION_TEXT, AT(unused), "TIME",
     "what was used since then; without --keep-size only that counts"},

    {"What to attach", A, "artifact-type", 0, OPTION_TEXT, AT(artifact_type), "TYPE",
     "media type that says what it is"},

    {"Caches", B | X, "cache", 0, OPTION_FLAG, AT(cache), NULL,
     "take layers that were made before from a cache, and keep new ones there"},
    {NULL, B | X, "cache-repo", 0, OPTION_TEXT, AT(cache_repo), "REPO",
     "the cache: a repository, or oci:DIR (default: DESTINATION/cache;\n"
     "when nothing is pushed, the kiln directory)"},
    {NULL, B | X, "cache-from", 0, OPTION_LIST, AT(cache_from), "SPEC",
     "look there too: type=registry,ref=REPO[:TAG] or type=local,src=DIR"},
    {NULL, B | X, "cache-to", 0, OPTION_LIST, AT(cache_to), "SPEC",
     "keep layers there too: the same with dest=DIR; mode=max: of all stages"},
    {NULL, X, "cache-copy-layers", 0, OPTION_FLAG, AT(cache_copy_layers), NULL,
     "also layers of COPY and ADD"},
    {NULL, B | X, "cache-run-layers", 0, OPTION_FLAG, AT(cache_run_layers), NULL,
     "layers of RUN (default: true)"},
    {NULL, B | X, "no-push-cache", 0, OPTION_FLAG, AT(no_push_cache), NULL, "only read the cache"},
    {NULL, B | X, "cache-mounts", 0, OPTION_FLAG, AT(cache_mounts), NULL,
     "also keep the directories of RUN --mount=type=cache in the cache"},
    {NULL, B | X, "cache-mounts-limit", 0, OPTION_TEXT, AT(cache_mounts_limit), "SIZE",
     "do not keep those that are larger (default: 3GiB, at most 20GiB)"},
    {NULL, B | X, "keep-size", 0, OPTION_TEXT, AT(keep_size), "SIZE",
     "afterwards let the kiln directory hold no more than this, what was used\n"
     "last (KILN_KEEP_SIZE; not while another build uses it)"},
    {NULL, B | X, "explain-cache", 0, OPTION_FLAG, AT(explain_cache), NULL,
     "say of every step why it is, or is not, in the cache"},
    {NULL, B | X, "dryrun", 0, OPTION_FLAG, AT(dryrun), NULL, "only show what would be done"},

    {NULL, B | X, "reproducible", 0, OPTION_FLAG, AT(reproducible), NULL,
     "what is new gets the time 0, or that of SOURCE_DATE_EPOCH: the same\n"
     "inputs give the same bytes; base layers stay as they are"},

    {"Registries", SENDS, "insecure", 0, OPTION_FLAG, AT(insecure), NULL,
     "push may use plain http"},
    {NULL, PULLS, "insecure-pull", 0, OPTION_FLAG, AT(insecure_pull), NULL,
     "pull may use plain http"},
    {NULL, HOSTS, "insecure-registry", 0, OPTION_LIST, AT(insecure_registries), "HOST",
     "this registry may be used over plain http"},
    {NULL, SENDS, "skip-tls-verify", 0, OPTION_FLAG, AT(skip_tls), NULL,
     "do not verify certificates when pushing"},
    {NULL, PULLS, "skip-tls-verify-pull", 0, OPTION_FLAG, AT(skip_tls_pull), NULL,
     "do not verify certificates when pulling"},
    {NULL, HOSTS, "skip-tls-verify-registry", 0, OPTION_LIST, AT(skip_tls_registries), "HOST",
     "do not verify this registry's certificate"},
    {NULL, HOSTS, "registry-certificate", 0, OPTION_LIST, AT(certificates), "HOST=PEM",
     "also trust these roots, for this registry"},
    {NULL, HOSTS, "registry-client-cert", 0, OPTION_LIST, AT(client_certs), "HOST=CRT,KEY",
     "client certificate for this registry"},
    {NULL, PULLS, "registry-mirror", 0, OPTION_LIST, AT(mirrors), "HOST",
     "ask this mirror of Docker Hub first"},
    {NULL, PULLS, "registry-map", 0, OPTION_LIST, AT(maps), "A=B[/PREFIX]",
     "ask B for images of registry A first; pairs separated by ';'"},
    {NULL, PULLS, "skip-default-registry-fallback", 0, OPTION_FLAG, AT(no_default_fallback), NULL,
     "fail when all mirrors fail"},
    {NULL, HOSTS, "credential-helpers", 0, OPTION_LIST, AT(credential_helpers), "NAME",
     "ask only these beside config.json (default: all there are); \"\" = none"},
    {NULL, SENDS, "push-retry", 0, OPTION_TEXT, AT(push_retry), "N",
     "further attempts of a failed push"},
    {NULL, PULLS, "image-download-retry", 0, OPTION_TEXT, AT(pull_retry), "N",
     "further attempts of a failed pull"},
    {NULL, SENDS, "push-ignore-immutable-tag-errors", 0, OPTION_FLAG, AT(ignore_immutable), NULL,
     "a tag that may not be moved is no failure"},
    {NULL, B | X | P, "skip-push-permission-check", 0, OPTION_FLAG, AT(skip_push_check), NULL,
     "do not ask for permission before building"},

    {"Base images on a volume", B | X | M, "cache-dir", 0, OPTION_TEXT, AT(cache_dir), "DIR",
     "where 'kiln warm' keeps them (default of warm: /cache)"},
    {NULL, W, "cache-dir", 'c', OPTION_TEXT, AT(cache_dir), "DIR",
     "where they are kept (default: /cache)"},
    {NULL, B | X | M | W, "cache-ttl", 0, OPTION_TEXT, AT(cache_ttl), "TIME",
     "what is older does not count (default: 336h)"},

    {"Checking", B, "check", 0, OPTION_FLAG, AT(check), NULL,
     "report what the linter finds, and build nothing; exit status 1 when\n"
     "it finds something"},
    {NULL, B, "call", 0, OPTION_TEXT, AT(call), "check", "the same as --check; check,format=json"},
    {NULL, B | L, "format", 0, OPTION_TEXT, AT(format), "FORMAT",
     "of the report: text (default), json, sarif"},

    {"How", B | X, "isolation", 0, OPTION_TEXT, AT(isolation), "KIND",
     "of RUN: auto (default), namespaces, inplace"},
    {NULL, B | X | P | N | FRONT_PRUNE, "kiln-dir", 0, OPTION_TEXT, AT(kiln_dir), "DIR",
     "work directory and blob store (KILN_DIR)"},
    {NULL, X, "kaniko-dir", 0, OPTION_TEXT, AT(kiln_dir), NULL, NULL},
    {NULL, B | X, "force", 0, OPTION_FLAG, AT(force), NULL,
     "isolation inplace although no container was detected"},
    {NULL, ANY, "verbosity", 'v', OPTION_TEXT, AT(verbosity), "LEVEL",
     "error, warn, info (default), debug, trace"},
    {NULL, B | P | N | A, "quiet", 'q', OPTION_FLAG, AT(quiet), NULL,
     "print only the image's digest, on stdout"},
    {NULL, ANY, "help", 'h', OPTION_FLAG, AT(help), NULL, "this text"},

    /* accepted from kaniko; the last column says why there is nothing to do */
    {NULL, X, "snapshot-mode", 0, OPTION_NO_NEED, 0, "MODE", WHY_SNAPSHOT},
    {NULL, X, "snapshotMode", 0, OPTION_NO_NEED, 0, "MODE", WHY_SNAPSHOT},
    {NULL, X, "use-new-run", 0, OPTION_NO_NEED, 0, NULL, WHY_SNAPSHOT},
    {NULL, X, "single-snapshot", 0, OPTION_NO_NEED, 0, NULL,
     "every step's layer is written, since finding its changes costs next to nothing"},
    {NULL, X, "compressed-caching", 0, OPTION_NO_NEED, 0, NULL, "layers are never held in memory"},
    {NULL, X, "skip-unused-stages", 0, OPTION_NO_NEED, 0, NULL, "unused stages are always skipped"},
    {NULL, X, "force-build-metadata", 0, OPTION_NO_NEED, 0, NULL, "metadata never needs a layer"},
    {NULL, X, "image-fs-extract-retry", 0, OPTION_NO_NEED, 0, "N",
     "transfers are resumed by themselves (see --image-download-retry)"},
    {NULL, X, "ignore-var-run", 0, OPTION_NO_NEED, 0, NULL, WHY_VAR_RUN},
    {NULL, X, "whitelist-var-run", 0, OPTION_NO_NEED, 0, NULL, WHY_VAR_RUN},
    {NULL, X, "cleanup", 0, OPTION_NO_NEED, 0, NULL, WHY_CLEAN},
    {NULL, X, "pre-cleanup", 0, OPTION_NO_NEED, 0, NULL, WHY_CLEAN},
    {NULL, X, "preserve-context", 0, OPTION_NO_NEED, 0, NULL, WHY_CLEAN},
    {NULL, ALL, "log-format", 0, OPTION_TEXT, AT(log_format), NULL, NULL},
    {NULL, ALL, "log-timestamp", 0, OPTION_FLAG, AT(log_timestamp), NULL, NULL},

    {NULL, X, "materialize", 0, OPTION_NEVER, 0, NULL,
     "the container's own files are put back when a build ends"},
};

#undef B
#undef X
#undef L
#undef P
#undef N
#undef I
#undef A
#undef M
#undef W
#undef LOGIN
#undef PULLS
#undef SENDS
#undef HOSTS
#undef ALL
#undef ANY
#undef AT

void settings_done(Settings *s)
{
    StrVec *const lists[] = {&s->git,
                             &s->ignored_paths,
                             &s->targets,
                             &s->build_args,
                             &s->labels,
                             &s->build_contexts,
                             &s->secrets,
                             &s->ssh,
                             &s->tags,
                             &s->outputs,
                             &s->insecure_registries,
                             &s->skip_tls_registries,
                             &s->mirrors,
                             &s->maps,
                             &s->certificates,
                             &s->client_certs,
                             &s->credential_helpers,
                             &s->annotations,
                             &s->images,
                             &s->without_effect,
                             &s->cache_from,
                             &s->cache_to,
                             &s->positional};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        vec_done(lists[i]);
    arena_done(&s->arena);
}

static bool takes_value(const Option *o)
{
    switch (o->kind) {
    case OPTION_FLAG: return false;
    case OPTION_TEXT:
    case OPTION_LIST: return true;
    case OPTION_NEVER:
    case OPTION_NO_NEED: break;
    }
    return o->arg != NULL;
}

static const Option *find_option(Front front, Str name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if ((options[i].fronts & front) && str_eq(name, str_from(options[i].name)))
            return &options[i];
    return NULL;
}

static const Option *find_letter(Front front, char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if ((options[i].fronts & front) && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static int unknown_option(Front front, Str name, Err *err)
{
    const Option *best = NULL;
    unsigned distance = 3;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        unsigned d =
            options[i].fronts & front ? str_distance(name, str_from(options[i].name)) : UINT32_MAX;

        if (d < distance) {
            distance = d;
            best = &options[i];
        }
    }
    if (best)
        return err_set(err, ERR_USAGE, "unknown option --" STR_FMT " (did you mean --%s?)",
                       STR_ARG(name), best->name);
    return err_set(err, ERR_USAGE, "unknown option --" STR_FMT " (see --help)", STR_ARG(name));
}

static int set_flag(const Option *o, const char *value, bool *ret, Err *err)
{
    if (!value) {
        *ret = true;
        return 0;
    }
    if (!num_parse_bool(str_from(value), ret))
        return err_set(err, ERR_USAGE, "--%s=%s: expected true or false", o->name, value);
    return 0;
}

/* "--cleanup=false" needs no explanation. */
static void note_no_need(const Option *o, const char *value, Settings *s)
{
    bool on;

    if (!takes_value(o) && value && num_parse_bool(str_from(value), &on) && !on)
        return;
    vec_push(&s->without_effect, str_fmt_in(&s->arena, "--%s has no effect: %s", o->name, o->help));
}

static int apply(const Option *o, const char *value, Settings *s, Err *err)
{
    char *field = (char *)s + o->field;
    bool on;

    switch (o->kind) {
    case OPTION_FLAG: return set_flag(o, value, (bool *)(void *)field, err);
    case OPTION_TEXT: *(const char **)(void *)field = value; return 0;
    case OPTION_LIST: vec_push((StrVec *)(void *)field, str_from(value)); return 0;
    case OPTION_NEVER:
        /* "--materialize=false" asks for nothing. */
        if (!takes_value(o) && value && num_parse_bool(str_from(value), &on) && !on)
            return 0;
        return err_set(err, ERR_UNSUPPORTED, "--%s cannot be done: %s", o->name, o->help);
    case OPTION_NO_NEED: note_no_need(o, value, s); return 0;
    }
    return 0;
}

/*
 * 'inline_value': after '=' (or glued to a letter), NULL when there is none; may take the next
 * word.
 */
static int take(const Option *o, const char *inline_value, int argc, char **argv, int *i,
                Settings *s, Err *err)
{
    if (!takes_value(o) || inline_value)
        return apply(o, inline_value, s, err);
    if (*i + 1 >= argc)
        return err_set(err, ERR_USAGE, "--%s needs a value%s%s", o->name, o->arg ? ": " : "",
                       o->arg ? o->arg : "");
    return apply(o, argv[++*i], s, err);
}

static int take_long(Front front, int argc, char **argv, int *i, Settings *s, Err *err)
{
    Str word = str_from(argv[*i] + 2), name = word, value;
    bool has_value = str_cut(word, '=', &name, &value);
    const Option *o = find_option(front, name);

    if (!o)
        return unknown_option(front, name, err);
    return take(o, has_value ? value.p : NULL, argc, argv, i, s, err);
}

static int take_letters(Front front, int argc, char **argv, int *i, Settings *s, Err *err)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const Option *o = find_letter(front, *p);
        const char *rest = p[1] == '=' ? p + 2 : p + 1;

        if (!o)
            return err_set(err, ERR_USAGE, "unknown option -%c (see --help)", *p);
        if (takes_value(o) || p[1] == '=')
            return take(o, *rest ? rest : NULL, argc, argv, i, s, err);
        TRY(apply(o, NULL, s, err));
    }
    return 0;
}

int options_parse(Front front, int argc, char **argv, Settings *ret, Err *err)
{
    bool ended = false;

    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];

        if (ended || a[0] != '-' || a[1] == '\0')
            vec_push(&ret->positional, str_from(a));
        else if (strcmp(a, "--") == 0)
            ended = true;
        else if (a[1] == '-')
            TRY(take_long(front, argc, argv, &i, ret, err));
        else
            TRY(take_letters(front, argc, argv, &i, ret, err));
    }
    return 0;
}

static void print_option(const Option *o)
{
    char left[64];
    const char *line = o->help;

    (void)snprintf(left, sizeof(left), "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
                   o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
    for (const char *end = strchrnul(line, '\n');; line = end + 1, end = strchrnul(line, '\n')) {
        if (strlen(left) > 37) {
            (void)printf("%s\n", left);
            left[0] = '\0';
        }
        (void)printf("%-38s%.*s\n", left, (int)(end - line), line);
        left[0] = '\0';
        if (!*end)
            break;
    }
}

void options_print_help(Front front)
{
    const char *group = NULL, *printed = NULL;

    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].group)
            group = options[i].group;
        if (!(options[i].fronts & front) || !options[i].help || options[i].kind == OPTION_NO_NEED ||
            options[i].kind == OPTION_NEVER)
            continue;
        if (group != printed)
            (void)printf("%s%s:\n", printed ? "\n" : "", group);
        printed = group;
        print_option(&options[i]);
    }
}
