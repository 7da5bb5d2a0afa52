/*
 * Syslog into ingest alone: lines a second over TCP (lines, and octets counted), and UDP
 * at a steady rate, with what the kernel dropped. What counts is on disk. rsyslog takes the
 * same bytes into a file, in turn, where scripts/setup has fetched it.
 *
 *   bench_syslog [lines [UDP messages a second]]
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

#include "proto/base/buf.h"
#include "tests/support/free_port.h"
#include "tests/support/syslog_place.h"

enum { BLOCK = 5000, UDP_SECONDS = 10, ROUNDS = 3, PATIENCE_MS = 300000, TICK_NS = 1000000 };

static unsigned total = 2000000, rate = 100000;

/* --- what is sent --- */

static void
add_line(struct buf *out, unsigned n, int is_counted)
{
    static const char *const forms[] = {
        "<38>Nov 22 10:00:%02u web1 sshd[%u]: Failed password for invalid user admin from "
            "203.0.113.%u port %u ssh2",
        "<86>Nov 22 10:00:%02u web1 sshd[%u]: Accepted publickey for deploy from 10.0.0.%u port "
            "%u ssh2: RSA SHA256:abc",
        "<78>Nov 22 10:00:%02u web2 CRON[%u]: (root) CMD (test -x /usr/sbin/job%u && job %u)",
        "<30>Nov 22 10:00:%02u web2 systemd[%u]: Started session-%u.scope - Session %u of User "
            "root.",
        "<165>1 2026-11-22T10:00:%02u.003Z db1.example.com app %u ID47 "
            "[exampleSDID@32473 iut=\"3\" eventSource=\"Application\"] request %u took %u ms",
    };
    char line[256];
    int len;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    len = snprintf(line, sizeof(line), forms[n % 5], n % 60, 1000 + n % 30000, n % 250,
                   1024 + n % 60000);
#pragma GCC diagnostic pop
    assert_int_equal(is_counted ? buf_printf(out, "%d %s", len, line)
                                : buf_printf(out, "%s\n", line), 0);
}

static void
make_block(struct buf *block, int is_counted)
{
    buf_clear(block);
    for (unsigned n = 0; n < BLOCK; n++)
        add_line(block, n, is_counted);
}

static double
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
cpu_s(pid_t pid)
{
    unsigned long user = 0, system = 0;
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file != NULL &&
        fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        user = system = 0;
    if (file != NULL)
        fclose(file);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static pid_t
start_sender(int port, const struct buf *block)
{
    pid_t pid = fork();
    int fd;

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    fd = syslog_dial(port, SOCK_STREAM, "127.0.0.1");
    for (unsigned n = 0; n < total; n += BLOCK)
        if (syslog_send(fd, block->ptr, block->len) != 0)
            _exit(1);
    close(fd);
    _exit(0);
}

static void
say(const char *what, double seconds, double cpu, size_t bytes)
{
    printf("%-44s %8.0f lines/s  %6.1f MB/s  %.2f us of CPU a line\n", what, total / seconds,
           (double)bytes * (total / BLOCK) / seconds / 1e6, cpu / total * 1e6);
    fflush(stdout);
}

/* --- Bongsu --- */

static void
bench_tcp(const char *what, int is_counted)
{
    struct syslog_place place;
    struct buf block = { 0 };
    double begun, cpu;
    pid_t sender;

    syslog_place_open(&place);
    chain_start(place.chain, INGEST, NULL);
    chain_wait_metric(place.chain, INGEST, "bongsu_syslog_connections", 0, PATIENCE_MS);
    make_block(&block, is_counted);
    cpu = cpu_s((pid_t)chain_pid(place.chain, INGEST));
    begun = now_s();
    sender = start_sender(place.tcp, &block);
    chain_wait_metric(place.chain, INGEST, "bongsu_syslog_messages_total{transport=\"tcp\"}", total,
                      PATIENCE_MS);
    say(what, now_s() - begun, cpu_s((pid_t)chain_pid(place.chain, INGEST)) - cpu, block.len);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    printf("%-44s %8ld KiB resident\n", "", chain_resident_kib(place.chain, INGEST));
    chain_kill(place.chain, INGEST);
    syslog_place_close(&place);
    buf_release(&block);
}

/* So many each millisecond, from one socket. */
static void
send_steadily(int port, unsigned count)
{
    int fd = syslog_dial(port, SOCK_DGRAM, "127.0.0.1");
    struct buf line = { 0 };
    const double begun = now_s();

    for (unsigned sent = 0; sent < count;) {
        unsigned due = (unsigned)((now_s() - begun) * rate);

        if (sent >= due) {
            const struct timespec tick = { .tv_nsec = TICK_NS };

            clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);   /* the sender's own pace */
            continue;
        }
        for (; sent < due && sent < count; sent++) {
            buf_clear(&line);
            add_line(&line, sent, 0);
            if (send(fd, line.ptr, line.len, 0) < 0)
                _exit(1);
        }
    }
    _exit(0);
}

static void
bench_udp(void)
{
    const unsigned count = rate * UDP_SECONDS;
    struct syslog_place place;
    double begun, taken, dropped, done;
    pid_t sender;

    syslog_place_open(&place);
    chain_start(place.chain, INGEST, NULL);
    chain_wait_metric(place.chain, INGEST, "bongsu_syslog_connections", 0, PATIENCE_MS);
    begun = now_s();
    sender = fork();
    assert_true(sender >= 0);
    if (sender == 0)
        send_steadily(place.udp, count);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    done = now_s() - begun;
    do {
        wait_a_little();
        taken = chain_metric(place.chain, INGEST, "bongsu_syslog_messages_total{transport=\"udp\"}");
        dropped = chain_metric(place.chain, INGEST, "bongsu_syslog_dropped_total");
    } while (taken + dropped < count && now_s() - begun < done + 10);
    printf("%-44s %8.0f/s sent for %.1f s, %.0f of %u taken, %.0f dropped\n", "syslog, UDP",
           count / done, done, taken, count, dropped);
    chain_kill(place.chain, INGEST);
    syslog_place_close(&place);
}

/* --- rsyslog --- */

/* Until the file has all lines. */
static void
wait_for_lines(const char *path)
{
    FILE *file = NULL;
    unsigned lines = 0;
    char bytes[65536];
    size_t len;

    while (lines < total) {
        if (file == NULL)
            file = fopen(path, "r");
        len = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes), file);
        for (const char *pos = bytes; (pos = memchr(pos, '\n', (size_t)(bytes + len - pos))) != NULL;
             pos++)
            lines++;
        if (len == 0 && file != NULL)
            clearerr(file);
        if (len == 0)
            wait_a_little();
    }
    fclose(file);
}

static void
bench_rsyslog(void)
{
    char config[600], libraries[4096], modules[4096], out[600], pid_file[600];
    const char *const args[] = { "build/rsyslog/usr/sbin/rsyslogd", "-n", "-f", config, "-i",
                                 pid_file, "-M", modules, NULL };
    struct syslog_place place;
    struct buf block = { 0 };
    double begun, cpu;
    pid_t pid, sender;
    glob_t found;
    FILE *file;

    if (glob("build/rsyslog/usr/lib/*/rsyslog", 0, NULL, &found) != 0) {
        printf("rsyslog is not here (scripts/setup bench fetches it)\n");
        return;
    }
    assert_non_null(realpath(found.gl_pathv[0], modules));
    globfree(&found);
    snprintf(libraries, sizeof(libraries), "%s", modules);
    *strrchr(libraries, '/') = '\0';
    syslog_place_open(&place);
    snprintf(config, sizeof(config), "%s/rsyslog.conf", chain_dir(place.chain));
    snprintf(out, sizeof(out), "%s/out.log", chain_dir(place.chain));
    snprintf(pid_file, sizeof(pid_file), "%s/rsyslog.pid", chain_dir(place.chain));
    file = fopen(config, "w");
    assert_non_null(file);
    fprintf(file, "module(load=\"imptcp\")\ninput(type=\"imptcp\" address=\"127.0.0.1\" port=\"%d\")\n"
            "action(type=\"omfile\" file=\"%s\" template=\"RSYSLOG_FileFormat\" ioBufferSize=\"64k\" "
            "asyncWriting=\"off\")\n", place.tcp, out);
    fclose(file);
    make_block(&block, 0);
    pid = syslog_run(&place, "rsyslog.log", args, libraries);
    close(syslog_dial(place.tcp, SOCK_STREAM, "127.0.0.1"));
    cpu = cpu_s(pid);
    begun = now_s();
    sender = start_sender(place.tcp, &block);
    assert_int_equal(waitpid(sender, NULL, 0), sender);
    wait_for_lines(out);
    say("rsyslog, TCP lines to a file, not synced", now_s() - begun, cpu_s(pid) - cpu, block.len);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    syslog_place_close(&place);
    buf_release(&block);
}

static void
bench(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        bench_tcp("syslog, TCP lines, decoded and on disk", 0);
        bench_rsyslog();
    }
    bench_tcp("syslog, TCP octets counted", 1);
    bench_udp();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

    if (argc > 1)
        total = (unsigned)strtoul(argv[1], NULL, 10) / BLOCK * BLOCK;
    if (argc > 2)
        rate = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests_name("bench_syslog", tests, NULL, NULL);
}
