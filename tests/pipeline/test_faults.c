/*
 * Every named fault point, alone: the process kills itself there, is started
 * again, and afterwards every event that was answered 2xx is stored exactly
 * once, the incidents are those of a replay, and each was told.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/fault.h"
#include "tests/support/rig.h"

enum { HIT = 2, MAX_NONCES = 4096, LAST_NONCE = 4000, DEADLINE_MS = 90000,
       PADDING = 1000 };        /* so that a segment of the journal is full soon */

struct drive {
    struct chain *chain;
    unsigned next;                  /* nonce */
    unsigned char acked[MAX_NONCES];
};

static enum process
process_of(const char *point)
{
    for (int i = 0; i < PROCESSES; i++)
        if (strncmp(point, process_names[i], strlen(process_names[i])) == 0)
            return (enum process)i;
    fail_msg("%s: of no process", point);
    return INGEST;
}

static void
post_one(struct drive *drive)
{
    char body[256 + PADDING];
    unsigned nonce = drive->next++;
    int len = snprintf(body, sizeof(body),
                       "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.%u\","
                       "\"username\":\"u%u\",\"nonce\":%u,\"padding\":\"%0*d\"}",
                       nonce % 6, nonce % 5, nonce, PADDING, 0);

    if (chain_post(drive->chain, "/log", "application/json", body, (size_t)len, NULL) == 202)
        drive->acked[nonce] = 1;
}

/* A few events of other days, keyed: so that a write touches several day
 * files. Of a type that no rule counts, for their place in the journal cannot be
 * told from their id. */
static void
post_old(struct drive *drive)
{
    char body[4096];
    size_t len = 0;
    unsigned first = drive->next;

    for (int i = 0; i < 4; i++) {
        unsigned nonce = drive->next++;

        len += (size_t)snprintf(body + len, sizeof(body) - len,
                                "{\"event_type\":\"note\",\"source_ip\":\"192.0.2.9\","
                                "\"timestamp\":\"2026-0%d-01T00:00:00Z\",\"idempotency_key\":\"k%u\","
                                "\"nonce\":%u}\n",
                                1 + i, nonce, nonce);
    }
    if (chain_post(drive->chain, "/logs", "application/x-ndjson", body, len, NULL) == 202)
        memset(drive->acked + first, 1, 4);
}

static void
change_a_status(struct drive *drive)
{
    static const char change[] = "{\"status\":\"acknowledged\",\"by\":\"test\"}";
    json_t *list = chain_get(drive->chain, "/incidents");
    const char *id = json_string_value(
        json_object_get(json_array_get(json_object_get(list, "incidents"), 0), "id"));
    char path[128];

    if (id != NULL) {
        snprintf(path, sizeof(path), "/incidents/%s/status", id);
        chain_post_api(drive->chain, path, change, sizeof(change) - 1);
    }
    json_decref(list);
}

/* Work until the process has died at its point; then a little more. */
static void
drive_until_dead(struct drive *drive, enum process victim, const char *point)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (!chain_has_died(drive->chain, victim)) {
        if (drive->next >= LAST_NONCE || now_ms() > deadline)
            fail_msg("%s was never reached", point);
        post_one(drive);
        if (drive->next % 20 == 0)
            post_old(drive);
        if (victim == API)
            change_a_status(drive);
        if (victim == DETECTOR && drive->next % 8 == 0)
            chain_signal(drive->chain, DETECTOR, SIGHUP);       /* rules anew */
        wait_a_little();
    }
    chain_revive(drive->chain);
    chain_wait_ready(drive->chain, DEADLINE_MS);
    for (int i = 0; i < 40; i++)
        post_one(drive);
}

/* Who was killed before it could note that an incident was told may tell it again. */
static void
check(struct drive *drive, struct stub *slack, enum process victim)
{
    unsigned char seen[MAX_NONCES] = { 0 };
    json_t *events, *ev;
    size_t i;

    chain_wait_delivered(drive->chain, DEADLINE_MS);
    chain_check_balance(drive->chain);
    events = chain_all_events(drive->chain);
    json_array_foreach(events, i, ev) {
        json_int_t nonce = json_integer_value(json_object_get(ev, "nonce"));

        assert_in_range(nonce, 0, drive->next - 1);
        assert_int_equal(seen[nonce], 0);
        seen[nonce] = 1;
    }
    for (unsigned n = 0; n < drive->next; n++)
        if (drive->acked[n] && !seen[n])
            fail_msg("nonce %u was answered 2xx and is not stored", n);
    json_decref(events);
    load_check_incidents(drive->chain, DEADLINE_MS);
    load_check_told(drive->chain, slack, victim == NOTIFIER, DEADLINE_MS);
}

static void
try_point(const char *point)
{
    enum process victim = process_of(point);
    int64_t began_ms = now_ms();
    struct drive drive = { 0 };
    struct rig rig;
    char fault[128];

    printf("%s\n", point);
    snprintf(fault, sizeof(fault), "%s:%d", point, HIT);
    rig_open(&rig, NULL);
    drive.chain = rig.chain;
    chain_set(rig.chain, "BONGSU_JOURNAL_SEGMENT_BYTES", "64KiB");
    for (int i = 0; i < PROCESSES; i++)
        chain_start(rig.chain, (enum process)i, i == (int)victim ? fault : NULL);
    drive_until_dead(&drive, victim, point);
    check(&drive, rig.slack, victim);
    rig_close(&rig);
    printf("  %lld ms\n", (long long)(now_ms() - began_ms));
}

static void
survives_each_fault_point(void **state)
{
    const char *only = getenv("BONGSU_POINT");

    (void)state;
    for (size_t i = 0; i < fault_point_count; i++)
        if (only == NULL || strcmp(only, fault_points[i]) == 0)
            try_point(fault_points[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_each_fault_point),
    };

    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
