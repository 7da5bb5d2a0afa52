/*
 * test_client_certificates.c - where every client must show a certificate, `bongsu` shows
 * its own, until it is revoked
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/run/daemon.h"
#include "tests/support/instance.h"
#include "tests/support/tls_place.h"

enum { SOON_S = 9 * 24 * 3600, IN_FORCE_MS = 20000 };

static struct instance instance;
static struct tls_place tls;

static void
write_config(void)
{
    char text[4096];

    snprintf(text, sizeof(text),
             "tls:\n  certificate: \"%s\"\n  key: \"%s\"\n  client_ca: \"%s\"\n"
             "  client_crl: \"%s/list.crl\"\n  client_required: true\n"
             "  client_certificate: \"%s/ours.pem\"\n  client_key: \"%s/ours.key\"\n",
             tls.certificate, tls.key, tls.ca, tls.dir, tls.dir, tls.dir);
    instance_write(&instance, "bongsu.yml", text);
}

static int
start(void **state)
{
    (void)state;
    tls_place_make(&tls);
    tls_place_sign(&tls, "ours", 1, time(NULL) + SOON_S);
    tls_place_sign(&tls, "other", 1, time(NULL) + SOON_S);
    tls_place_revoke(&tls, "list", "other", time(NULL) + SOON_S, 0);
    instance_prepare(&instance);
    write_config();
    instance_write(&instance, "a.log", "one line\n");
    instance_start_and_wait(&instance, NULL);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    instance_release(&instance);
    tls_place_remove(&tls);
    return 0;
}

/* `bongsu send`, or `bongsu incidents list`, which ends with EXIT_PARTLY since there is none;
 * certificate: of a name, NULL: the configuration's. */
static int
run(int is_to_send, const char *certificate)
{
    static const char *const none[] = { "API_KEY", "READER_KEY", NULL };
    const struct command_spec spec = { .dir = instance.dir, .env = none };
    const char *args[12] = { "bongsu" };
    char pem[700], key[700];
    struct command *command;
    size_t n = 1;
    int code;

    args[n++] = is_to_send ? "send" : "incidents";
    if (!is_to_send)
        args[n++] = "list";
    args[n++] = is_to_send ? "--ingest-listen" : "--api-listen";
    args[n++] = is_to_send ? instance.ingest : instance.api;
    if (certificate != NULL) {
        snprintf(pem, sizeof(pem), "%s/%s.pem", tls.dir, certificate);
        snprintf(key, sizeof(key), "%s/%s.key", tls.dir, certificate);
        args[n++] = "--tls-client-certificate";
        args[n++] = pem;
        args[n++] = "--tls-client-key";
        args[n++] = key;
    }
    if (is_to_send) {
        args[n++] = "--give-up";
        args[n++] = "1s";
        args[n++] = "a.log";
    }
    args[n] = NULL;
    command = command_run(&spec, args, &code);
    print_message("%s %s: %d: %s\n", args[1], certificate == NULL ? "" : certificate, code,
                  command_output(command));
    command_destroy(&command);
    return code;
}

static void
the_command_line_shows_its_own_to_ingest_and_api(void **state)
{
    (void)state;
    assert_int_equal(run(1, NULL), EXIT_DONE);
    assert_int_equal(run(0, NULL), EXIT_PARTLY);
    instance_check_runs(&instance);
}

static void
another_that_was_revoked_does_not_come_in(void **state)
{
    (void)state;
    assert_int_not_equal(run(1, "other"), EXIT_DONE);
    assert_int_equal(run(0, "other"), EXIT_UNREACHABLE);
}

static void
a_certificate_without_its_key_is_said(void **state)
{
    static const char *const none[] = { "API_KEY", NULL };
    const struct command_spec spec = { .dir = instance.dir, .env = none };
    const char *args[] = { "bongsu", "incidents", "list", "--api-listen", instance.api,
                           "--tls-client-key", tls.key, NULL };
    struct command *command;
    int code;

    (void)state;
    command = command_run(&spec, args, &code);
    assert_int_equal(code, EXIT_UNREACHABLE);
    assert_non_null(strstr(command_output(command), "our own certificate, or its key"));
    command_destroy(&command);
}

static void
revoked_while_they_run_it_is_turned_away(void **state)
{
    int64_t deadline = clock_steady_ms() + IN_FORCE_MS;

    (void)state;
    tls_place_revoke(&tls, "list", "ours", time(NULL) + SOON_S, 0);
    while (run(0, NULL) == EXIT_PARTLY)
        assert_true(clock_steady_ms() < deadline);
    assert_int_equal(run(0, "other"), EXIT_PARTLY);     /* which is on the list no more */
    instance_check_runs(&instance);                     /* by its socket, as ever */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_line_shows_its_own_to_ingest_and_api),
        cmocka_unit_test(another_that_was_revoked_does_not_come_in),
        cmocka_unit_test(a_certificate_without_its_key_is_said),
        cmocka_unit_test(revoked_while_they_run_it_is_turned_away),
    };

    return cmocka_run_group_tests_name("client certificates", tests, start, stop);
}
