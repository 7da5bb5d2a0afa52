/*
 * The syslog that others write: util-linux's logger in both formats, and rsyslog over
 * UDP, TCP and TLS. rsyslog's part is skipped where set-up could not fetch it.
 */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>

#include "tests/support/free_port.h"
#include "tests/support/syslog_place.h"
#include "tests/support/tls_place.h"

enum { SOON_MS = 60000, LINES = 300 };

static struct syslog_place place;
static struct tls_place tls;

static int
open_place(void **state)
{
    (void)state;
    syslog_place_open(&place);
    return 0;
}

static int
close_place(void **state)
{
    (void)state;
    syslog_place_close(&place);
    return 0;
}

static void
expect(const json_t *ev, const char *name, const char *wanted)
{
    assert_non_null(json_object_get(ev, name));
    assert_string_equal(json_string_value(json_object_get(ev, name)), wanted);
}

/* --- logger --- */

static void
logger_says(int port, const char *transport, const char *format, const char *text,
            int is_counted)
{
    char number[16];
    const char *const args[] = {
        "logger", "-n", "127.0.0.1", "-P", number, transport, format, "-p", "auth.warning",
        "-t", "tester", text, is_counted ? "--octet-count" : NULL, NULL,
    };
    int status;
    pid_t pid;

    snprintf(number, sizeof(number), "%d", port);
    pid = syslog_run(&place, "logger.log", args, NULL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
logger_of_util_linux_is_understood_in_both_formats(void **state)
{
    static const char *const texts[] = { "old by udp", "new by udp", "old by tcp", "new by tcp",
                                         "new counted" };
    json_t *events;

    (void)state;
    chain_start_all(place.chain);
    logger_says(place.udp, "--udp", "--rfc3164", texts[0], 0);
    logger_says(place.udp, "--udp", "--rfc5424", texts[1], 0);
    logger_says(place.tcp, "--tcp", "--rfc3164", texts[2], 0);
    logger_says(place.tcp, "--tcp", "--rfc5424", texts[3], 0);
    logger_says(place.tcp, "--tcp", "--rfc5424", texts[4], 1);
    syslog_wait_messages(&place, "udp", 2);
    syslog_wait_messages(&place, "tcp", 3);
    chain_wait_delivered(place.chain, SOON_MS);
    events = chain_all_events(place.chain);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const json_t *ev = syslog_event(events, texts[i]);

        expect(ev, "description", texts[i]);
        expect(ev, "process.name", "tester");
        expect(ev, "received_from", "127.0.0.1");
        assert_int_equal(json_integer_value(json_object_get(ev, "log.syslog.priority")), 36);
    }
    assert_non_null(json_object_get(syslog_event(events, "new by tcp"),
                                    "log.syslog.structured_data.timeQuality.tzKnown"));
    json_decref(events);
    chain_stop_all(place.chain);
}

/* --- rsyslog --- */

/* The folder of its libraries, and that of its modules. 0, or -1: it is not here. */
static int
find_rsyslog(char *libraries, char *modules, size_t size)
{
    glob_t found;
    int rc = -1;

    if (glob("build/rsyslog/usr/lib/*/rsyslog", 0, NULL, &found) != 0)
        return -1;
    if (realpath(found.gl_pathv[0], modules) != NULL) {
        snprintf(libraries, size, "%s", modules);
        *strrchr(libraries, '/') = '\0';
        rc = 0;
    }
    globfree(&found);
    return rc;
}

static void
write_config(const char *path, const char *socket)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file,
        "global(workDirectory=\"%s\" defaultNetstreamDriverCAFile=\"%s\")\n"
        "module(load=\"imuxsock\" SysSock.Use=\"off\")\n"
        "input(type=\"imuxsock\" Socket=\"%s\" CreatePath=\"on\" RateLimit.Interval=\"0\")\n"
        "template(name=\"old\" type=\"string\" "
        "string=\"<%%PRI%%>%%TIMESTAMP%% %%HOSTNAME%% %%syslogtag%%%%msg%% by udp\")\n"
        "template(name=\"new\" type=\"string\" string=\"<%%PRI%%>1 %%TIMESTAMP:::date-rfc3339%% "
        "%%HOSTNAME%% %%APP-NAME%% %%PROCID%% - -%%msg%% by tcp\")\n"
        "template(name=\"tls\" type=\"string\" string=\"<%%PRI%%>1 %%TIMESTAMP:::date-rfc3339%% "
        "%%HOSTNAME%% %%APP-NAME%% %%PROCID%% - -%%msg%% by tls\")\n"
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"%d\" protocol=\"udp\" template=\"old\")\n"
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"%d\" protocol=\"tcp\" template=\"new\" "
        "TCP_Framing=\"octet-counted\")\n"
        "action(type=\"omfwd\" target=\"127.0.0.1\" port=\"%d\" protocol=\"tcp\" template=\"tls\" "
        "TCP_Framing=\"octet-counted\" StreamDriver=\"gtls\" StreamDriverMode=\"1\" "
        "StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"localhost\")\n",
        chain_dir(place.chain), tls.ca, socket, place.udp, place.tcp, place.tls);
    fclose(file);
}

static pid_t
start_rsyslog(const char *config)
{
    char libraries[4096], modules[4096], pid_file[600];
    const char *const args[] = {
        "build/rsyslog/usr/sbin/rsyslogd", "-n", "-f", config, "-i", pid_file, "-M", modules, NULL,
    };

    assert_int_equal(find_rsyslog(libraries, modules, sizeof(libraries)), 0);
    snprintf(pid_file, sizeof(pid_file), "%s/rsyslog.pid", chain_dir(place.chain));
    return syslog_run(&place, "rsyslog.log", args, libraries);
}

static void
set_tls(void)
{
    char value[64];

    tls_place_make(&tls);
    place.tls = free_port();
    snprintf(value, sizeof(value), "127.0.0.1:%d", place.tls);
    chain_set(place.chain, "BONGSU_SYSLOG_LISTEN_TLS", value);
    chain_set(place.chain, "BONGSU_TLS_CERTIFICATE", tls.certificate);
    chain_set(place.chain, "BONGSU_TLS_KEY", tls.key);
}

/* Lines to rsyslog's own socket, as programs log. */
static void
log_lines(const char *socket)
{
    char path[600];
    const char *const args[] = { "logger", "-u", socket, "-t", "tester", "-f", path, NULL };
    FILE *file;
    int status;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/lines", chain_dir(place.chain));
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < LINES; i++)
        fprintf(file, "line %03d of the test\n", i);
    fclose(file);
    pid = syslog_run(&place, "logger.log", args, NULL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
rsyslog_brings_every_line_over_udp_tcp_and_tls(void **state)
{
    int64_t deadline = now_ms() + SOON_MS;
    char config[600], socket[600], text[64], libraries[4096], modules[4096];
    json_t *events;
    pid_t pid;

    (void)state;
    if (find_rsyslog(libraries, modules, sizeof(libraries)) != 0) {
        print_message("[  SKIPPED ] build/rsyslog is not there: scripts/setup test fetches it\n");
        skip();
    }
    for (int i = INGEST + 1; i < PROCESSES; i++)
        chain_start(place.chain, (enum process)i, NULL);
    set_tls();                          /* of ingest alone: the api goes on without */
    chain_start(place.chain, INGEST, NULL);
    snprintf(config, sizeof(config), "%s/rsyslog.conf", chain_dir(place.chain));
    snprintf(socket, sizeof(socket), "%s/log", chain_dir(place.chain));
    write_config(config, socket);
    pid = start_rsyslog(config);
    while (access(socket, F_OK) != 0) {
        if (now_ms() > deadline)
            fail_msg("rsyslog does not start");
        wait_a_little();
    }
    log_lines(socket);
    syslog_wait_messages(&place, "udp", LINES);
    syslog_wait_messages(&place, "tcp", LINES);
    syslog_wait_messages(&place, "tls", LINES);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    chain_wait_delivered(place.chain, SOON_MS);
    events = chain_all_events(place.chain);
    for (int i = 0; i < LINES; i++)
        for (int by = 0; by < 3; by++) {
            snprintf(text, sizeof(text), "line %03d of the test by %s", i,
                     by == 0 ? "udp" : by == 1 ? "tcp" : "tls");
            expect(syslog_event(events, text), "process.name", "tester");
        }
    json_decref(events);
    tls_place_remove(&tls);
    chain_stop_all(place.chain);
}

/* --- TLS with clients that are none --- */

static void
what_is_no_tls_gets_no_further_than_the_handshake(void **state)
{
    int silent, fd;

    (void)state;
    set_tls();
    chain_start(place.chain, INGEST, NULL);
    silent = syslog_dial(place.tls, SOCK_STREAM, "127.0.0.1");
    fd = syslog_dial(place.tls, SOCK_STREAM, "127.0.0.1");
    syslog_say(fd, "<13>plain text at the wrong port\n");
    syslog_wait_end(fd, SOON_MS);
    assert_int_equal((int)syslog_number(&place, "refused_total{reason=\"handshake\"}"), 1);
    syslog_wait_end(silent, SOON_MS);               /* ten seconds later */
    assert_int_equal((int)syslog_number(&place, "refused_total{reason=\"late\"}"), 1);
    assert_int_equal((int)syslog_number(&place, "connections"), 0);
    assert_int_equal((int)syslog_number(&place, "messages_total"), 0);
    close(fd);
    close(silent);
    tls_place_remove(&tls);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

/* --- a client that is revoked under way --- */

enum { SOON_S = 9 * 24 * 3600 };

static gnutls_certificate_credentials_t credentials;

/* A session on fd that shows the certificate "ours". */
static gnutls_session_t
show_ours(int fd)
{
    gnutls_session_t session;
    char pem[700], key[700];

    snprintf(pem, sizeof(pem), "%s/ours.pem", tls.dir);
    snprintf(key, sizeof(key), "%s/ours.key", tls.dir);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    assert_int_equal(gnutls_certificate_set_x509_key_file(credentials, pem, key,
                                                          GNUTLS_X509_FMT_PEM), 0);
    assert_int_equal(gnutls_init(&session, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_set_default_priority(session), 0);
    assert_int_equal(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials), 0);
    gnutls_transport_set_int(session, fd);
    assert_int_equal(gnutls_handshake(session), 0);
    return session;
}

static void
who_is_revoked_is_not_heard_any_longer(void **state)
{
    static const char line[] = "<13>what he says\n";
    char list[700];
    gnutls_session_t session;
    int fd;

    (void)state;
    set_tls();
    tls_place_sign(&tls, "ours", 1, time(NULL) + SOON_S);
    tls_place_revoke(&tls, "list", NULL, time(NULL) + SOON_S, 0);
    snprintf(list, sizeof(list), "%s/list.crl", tls.dir);
    chain_set(place.chain, "BONGSU_TLS_CLIENT_CA", tls.ca);
    chain_set(place.chain, "BONGSU_TLS_CLIENT_CRL", list);
    chain_set(place.chain, "BONGSU_TLS_CLIENT_REQUIRED", "true");
    chain_start(place.chain, INGEST, NULL);
    fd = syslog_dial(place.tls, SOCK_STREAM, "127.0.0.1");
    session = show_ours(fd);
    assert_int_equal(gnutls_record_send(session, line, sizeof(line) - 1), sizeof(line) - 1);
    syslog_wait_messages(&place, "tls", 1);
    tls_place_revoke(&tls, "list", "ours", time(NULL) + SOON_S, 0);
    chain_wait_metric(place.chain, INGEST, "bongsu_tls_reloads_total", 1, SOON_MS);
    assert_int_equal(gnutls_record_send(session, line, sizeof(line) - 1), sizeof(line) - 1);
    syslog_wait_end(fd, SOON_MS);
    chain_wait_metric(place.chain, INGEST,
                      "bongsu_tls_clients_refused_total{reason=\"revoked\"}", 1, SOON_MS);
    assert_int_equal((int)syslog_number(&place, "connections"), 0);
    assert_int_equal((int)syslog_number(&place, "messages_total{transport=\"tls\"}"), 1);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    close(fd);
    tls_place_remove(&tls);
    assert_int_equal(chain_stop(place.chain, INGEST), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logger_of_util_linux_is_understood_in_both_formats),
        TEST(rsyslog_brings_every_line_over_udp_tcp_and_tls),
        TEST(what_is_no_tls_gets_no_further_than_the_handshake),
        TEST(who_is_revoked_is_not_heard_any_longer),
    };

    return cmocka_run_group_tests_name("syslog_peers", tests, NULL, NULL);
}
