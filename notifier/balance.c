#include "notifier/balance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/timestamp.h"

#define HOUR_US (INT64_C(3600) * 1000000)

/* An hour is looked at when it has been over for this long: the stages were
 * not asked at one moment. */
static const int64_t settle_us = INT64_C(60) * 1000000;

/* A stage that counts what another has handed on. */
struct side {
    const char *stage;
    const char *consumer;               /* whose backlog is on the way */
    enum ledger_column done, not_done;
    const char *verb;
};

static const struct side sides[] = {
    { "the store", "index", LEDGER_STORED, LEDGER_NOT_STORED, "stored" },
    { "the detector", NULL, LEDGER_JUDGED, LEDGER_NOT_JUDGED, "judged" },
};

enum { SIDES = sizeof(sides) / sizeof(sides[0]) };

void
balance_take(struct balance *balance, const json_t *ingest, const json_t *detector)
{
    ledger_from_json(&balance->hours, json_object_get(ingest, "ledger"));
    ledger_from_json(&balance->hours, json_object_get(detector, "ledger"));
}

/* Everything received before this has reached the side's stage. */
static int64_t
reached_us(const json_t *ingest, const char *name, int64_t now_us)
{
    const json_t *consumer = json_object_get(json_object_get(ingest, "consumers"), name);

    if (consumer == NULL)
        return INT64_MIN;
    if (json_integer_value(json_object_get(consumer, "backlog_events")) == 0)
        return now_us;
    return now_us - json_integer_value(json_object_get(consumer, "oldest_age_ms")) * 1000;
}

/* "; the store has stored 90 and set aside 2: 8 missing" behind what is there. */
static void
tell_side(struct balance_off *off, const struct ledger_row *row, const struct side *side)
{
    uint64_t done = row->counts[side->done], not_done = row->counts[side->not_done];
    int64_t missing = (int64_t)(row->counts[LEDGER_ACCEPTED] - done - not_done);
    size_t len = strlen(off->text);

    snprintf(off->text + len, sizeof(off->text) - len, "; %s has %s %" PRIu64
             " and set aside %" PRIu64 ": %" PRId64 " %s", side->stage, side->verb, done,
             not_done, missing < 0 ? -missing : missing, missing < 0 ? "too many" : "missing");
}

static void
note_off(struct balance *balance, const struct ledger_row *row, const int *is_off)
{
    struct balance_off *off = &balance->off[balance->off_count];
    char hour[TIMESTAMP_LEN];

    if (balance->off_count == BALANCE_MAX_OFF)
        return;
    balance->off_count++;
    timestamp_format(row->hour * HOUR_US, hour);
    snprintf(off->hour, sizeof(off->hour), "%.31s", hour);
    snprintf(off->text, sizeof(off->text), "Of the hour from %s ingest accepted %" PRIu64
             " events", hour, row->counts[LEDGER_ACCEPTED]);
    for (int i = 0; i < SIDES; i++)
        if (is_off[i])
            tell_side(off, row, &sides[i]);
}

static void
check_row(struct balance *balance, const struct ledger_row *row, const int64_t *reached,
          int64_t now_us, int64_t detector_since_us)
{
    int64_t end_us = (row->hour + 1) * HOUR_US;
    int is_off[SIDES], is_any_off = 0;

    if (end_us + settle_us > now_us)
        return;
    for (int i = 0; i < SIDES; i++) {
        uint64_t got = row->counts[sides[i].done] + row->counts[sides[i].not_done];
        /* a detector that began later replays what is left: it cannot know */
        int is_asked = reached[i] >= end_us && (sides[i].done != LEDGER_JUDGED ||
                                                row->hour * HOUR_US >= detector_since_us);

        is_off[i] = is_asked && got != row->counts[LEDGER_ACCEPTED];
        is_any_off |= is_off[i];
    }
    if (is_any_off)
        note_off(balance, row, is_off);
    balance->closed += !is_any_off;
}

void
balance_check(struct balance *balance, const json_t *ingest, const json_t *detector,
              int64_t now_us)
{
    const char *hex = json_string_value(json_object_get(json_object_get(ingest, "journal"), "id"));
    int64_t since_us = detector == NULL ? INT64_MAX : (int64_t)json_integer_value(
                           json_object_get(detector, "ledger_since_us"));
    int64_t reached[SIDES];
    uint64_t journal;
    char judge[32];

    /* each of several detectors judges all events: we ask one */
    snprintf(judge, sizeof(judge), "detect/%d",
             (int)json_integer_value(json_object_get(detector, "slot")));
    balance->off_count = 0;
    balance->closed = 0;
    if (ledger_journal_read(hex, &journal) != 0)
        return;
    for (int i = 0; i < SIDES; i++)
        reached[i] = reached_us(ingest, sides[i].done == LEDGER_JUDGED ? judge
                                                                       : sides[i].consumer,
                                now_us);
    for (size_t i = 0; i < balance->hours.count; i++)
        if (balance->hours.rows[i].journal == journal)
            check_row(balance, &balance->hours.rows[i], reached, now_us, since_us);
}

void
balance_sum(const struct balance *balance, int64_t now_us, uint64_t ret[LEDGER_COLUMNS])
{
    int64_t from = ledger_hour(now_us) - 23;

    memset(ret, 0, LEDGER_COLUMNS * sizeof(*ret));
    for (size_t i = 0; i < balance->hours.count; i++) {
        const struct ledger_row *row = &balance->hours.rows[i];

        /* no hour of a clock that was wrong */
        for (int k = 0; k < LEDGER_COLUMNS && row->hour >= from && row->hour <= from + 24; k++)
            ret[k] += row->counts[k];
    }
}

json_t *
balance_to_json(const struct balance *balance, int64_t now_us)
{
    uint64_t sums[LEDGER_COLUMNS];
    json_t *json = json_object();
    int64_t waiting;

    balance_sum(balance, now_us, sums);
    for (int k = 0; k < LEDGER_COLUMNS && json != NULL; k++)
        json_object_set_new(json, ledger_names[k], json_integer((json_int_t)sums[k]));
    waiting = (int64_t)(sums[LEDGER_ACCEPTED] - sums[LEDGER_STORED] - sums[LEDGER_NOT_STORED]);
    json_object_set_new(json, "on_the_way", json_integer(waiting < 0 ? 0 : waiting));
    json_object_set_new(json, "hours_closed", json_integer((json_int_t)balance->closed));
    json_object_set_new(json, "hours_off", json_integer((json_int_t)balance->off_count));
    return json;
}
