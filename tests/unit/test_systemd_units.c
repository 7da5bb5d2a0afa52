/*
 * The units for systemd: that they are whole, that systemd takes them, and how much
 * they leave open. What is not judged here is a running systemd.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/run/bus_keys.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

enum { UNITS = 6, MAX_EXPOSURE = 20 };      /* 2.0 of 10: "OK", in tenths */

static const char *const units[UNITS] = {
    "bongsu.service", "bongsu-ingest.service", "bongsu-detector@.service",
    "bongsu-indexer.service", "bongsu-notifier.service", "bongsu-api.service",
};

/* What every one of them has. */
static const char *const musts[] = {
    "\nUser=bongsu\n", "\nStateDirectory=bongsu\n", "\nProtectSystem=strict\n",
    "\nNoNewPrivileges=yes\n", "\nMemoryDenyWriteExecute=yes\n", "\nCapabilityBoundingSet=\n",
    "\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n",
    "\nSystemCallFilter=@system-service\n", "\nEnvironmentFile=-/etc/bongsu/bongsu.env\n",
    "\nRestart=always\n", "\nStartLimitIntervalSec=0\n", "\nKillSignal=SIGTERM\n",
    "\nTimeoutStopSec=30s\n", "\n[Install]\nWantedBy=",
};

/* Words of Debian 13's systemd that Debian 12's does not know, and skips. */
static const char *const newer[] = { "'RestartSteps'", "'RestartMaxDelaySec'" };

static char bin_dir[PATH_MAX], folder[128];

/* The folder beside the programs that are tested. */
static void
read_unit(const char *unit, struct buf *out)
{
    char path[PATH_MAX + 64], bytes[4096];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/../systemd/%s", bin_dir, unit);
    file = fopen(path, "re");
    if (file == NULL)
        fail_msg("%s is not there", path);
    while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(out, bytes, len);
    fclose(file);
}

/* The program of an ExecStart line, without its folder, and its arguments. */
static struct text
program_of(const struct buf *unit)
{
    const char *at = text_find(buf_text(unit), "\nExecStart=");
    struct text line;

    assert_non_null(at);
    line = text_of(at + strlen("\nExecStart="));
    line = text_split(&line, '\n');
    assert_true(text_starts_with(line, "/"));
    while (memchr(line.ptr, '/', line.len) != NULL)
        text_split(&line, '/');
    return line;
}

/* All units, with the programs that are tested instead of the installed ones. */
static int
write_units(void **state)
{
    (void)state;
    command_path("", bin_dir, sizeof(bin_dir));
    bin_dir[strlen(bin_dir) - 1] = '\0';
    temp_dir_make(NULL, folder, sizeof(folder));
    for (size_t i = 0; i <= UNITS; i++) {
        const char *name = i < UNITS ? units[i] : "bongsu.target";
        struct buf unit = { 0 };
        char path[256];
        struct text rest, line;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "we");
        assert_non_null(file);
        read_unit(name, &unit);
        for (rest = buf_text(&unit); rest.len > 0;) {
            line = text_split(&rest, '\n');
            if (text_starts_with(line, "ExecStart="))
                fprintf(file, "ExecStart=%s/%.*s\n", bin_dir, (int)program_of(&unit).len,
                        program_of(&unit).ptr);
            else
                fprintf(file, "%.*s\n", (int)line.len, line.ptr);
        }
        assert_int_equal(fclose(file), 0);
        buf_release(&unit);
    }
    return 0;
}

static int
remove_units(void **state)
{
    (void)state;
    return temp_dir_remove(folder);
}

/* What systemd-analyze says and ends with; skips where there is none. */
static char *
analyze(const char *args, int *ret_code)
{
    struct buf said = { 0 };
    char line[2048];
    FILE *pipe;

    if (access("/usr/bin/systemd-analyze", X_OK) != 0) {
        print_message("no systemd-analyze here (Debian's package systemd)\n");
        skip();
    }
    snprintf(line, sizeof(line), "cd %s && SYSTEMD_PAGER= systemd-analyze %s 2>&1", folder, args);
    pipe = popen(line, "re");
    assert_non_null(pipe);
    while (fgets(line, sizeof(line), pipe) != NULL)
        buf_append_str(&said, line);
    *ret_code = pclose(pipe);
    buf_append_str(&said, "");
    return buf_take(&said);
}

static void
every_unit_is_whole_and_confined(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNITS; i++) {
        struct buf unit = { 0 };

        read_unit(units[i], &unit);
        for (size_t k = 0; k < sizeof(musts) / sizeof(musts[0]); k++)
            if (text_find(buf_text(&unit), musts[k]) == NULL)
                fail_msg("%s has no %s", units[i], musts[k] + 1);
        assert_null(text_find(buf_text(&unit), "\n@"));
        assert_null(text_find(buf_text(&unit), "@bindir@"));
        buf_release(&unit);
    }
}

/* Which program a unit runs, and whose keys it does not see. */
static void
a_stage_runs_its_own_program_and_sees_no_other_secret_key(void **state)
{
    (void)state;
    for (size_t i = 1; i < UNITS; i++) {
        const char *role = bus_roles[i - 1];
        struct buf unit = { 0 };
        char expected[64];

        read_unit(units[i], &unit);
        snprintf(expected, sizeof(expected), "bongsu-%s", role);
        assert_true(text_is(program_of(&unit), expected));
        for (size_t k = 0; k < BUS_ROLES; k++) {
            snprintf(expected, sizeof(expected), "-/etc/bongsu/keys/%s.key_secret", bus_roles[k]);
            assert_int_equal(text_find(buf_text(&unit), expected) == NULL, k == i - 1);
        }
        buf_release(&unit);
    }
}

static void
systemd_takes_each_unit(void **state)
{
    struct text rest, line;
    char *said;
    int code;

    (void)state;
    said = analyze("verify --man=no bongsu.target bongsu.service bongsu-ingest.service "
                   "bongsu-detector@0.service bongsu-indexer.service bongsu-notifier.service "
                   "bongsu-api.service", &code);
    for (rest = text_of(said); rest.len > 0;) {
        line = text_split(&rest, '\n');
        if (line.len == 0)
            continue;
        for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++)
            if (text_find(line, newer[i]) != NULL)
                line.len = 0;
        if (text_find(line, folder) != NULL || text_find(line, "bongsu") != NULL)
            fail_msg("%.*s", (int)line.len, line.ptr);
    }
    assert_int_equal(code, 0);
    free(said);
}

static void
little_is_left_open(void **state)
{
    char args[192], *said;
    int code;

    (void)state;
    for (size_t i = 0; i < UNITS; i++) {
        snprintf(args, sizeof(args), "security --offline=true --no-pager --threshold=%d ./%s",
                 (int)MAX_EXPOSURE, units[i]);
        said = analyze(args, &code);
        if (strstr(said, "Overall exposure level") == NULL || code != 0)
            fail_msg("%s: %s", units[i], said);
        free(said);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_is_whole_and_confined),
        cmocka_unit_test(a_stage_runs_its_own_program_and_sees_no_other_secret_key),
        cmocka_unit_test(systemd_takes_each_unit),
        cmocka_unit_test(little_is_left_open),
    };

    return cmocka_run_group_tests_name("systemd_units", tests, write_units, remove_units);
}
