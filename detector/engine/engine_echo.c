/*
 * engine_echo.c - two logs that tell of the same thing count once
 *
 * vsftpd writes a failed login into its own log, and PAM another line about it
 * into the system's; which of them a site sends, or both, nobody knows before.
 * So both are counted, and of each key and service the row says by how much one
 * log is ahead of the other: an event only adds what its log has more than the
 * other one told. Whatever the order of the two, the sum is that of the longer
 * one, and neither can hide what the other has. A pause ends the comparison.
 */
#include <math.h>
#include <stdlib.h>

#include "detector/engine/engine_internal.h"
#include "proto/base/hash.h"

#define SECOND_US INT64_C(1000000)

/* A row's number: the second of its newest event, and the lead, moved by half. */
enum { LEAD_BITS = 21, LEAD_HALF = 1 << (LEAD_BITS - 1), LEAD_MAX = LEAD_HALF - 1 };
#define TIME_HALF (INT64_C(1) << 42)

struct lead {
    int64_t at_s;
    int64_t count;              /* over 0: the echo is behind */
};

static struct lead
lead_read(uint64_t number)
{
    return (struct lead){ (int64_t)(number >> LEAD_BITS) - TIME_HALF,
                          (int64_t)(number & ((1 << LEAD_BITS) - 1)) - LEAD_HALF };
}

static uint64_t
lead_write(const struct lead *lead)
{
    return (uint64_t)(lead->at_s + TIME_HALF) << LEAD_BITS |
           (uint64_t)(lead->count + LEAD_HALF);
}

static int64_t
limited(int64_t count)
{
    return count > LEAD_MAX ? LEAD_MAX : count < -LEAD_MAX ? -LEAD_MAX : count;
}

/* Name the row by rule, key and what both logs have in common: 0, 1 when the event
 * lacks that, -1 without memory. */
static int
row_name(struct engine *engine, const struct rule *rule, char out[HASH_ID_LEN * 2 + 1])
{
    uint8_t id[HASH_ID_LEN];
    int rc = engine_group_key(engine, rule->echo_fields, rule->sigma.echo.field_count,
                              &engine->other_key);

    if (rc == 0) {
        const struct text parts[] = { text_of(rule->sigma.id), buf_text(&engine->key),
                                      buf_text(&engine->other_key) };

        hash_id(parts, sizeof(parts) / sizeof(parts[0]), id);
        hash_to_hex(id, sizeof(id), out);
    }
    return rc;
}

int
engine_weigh_echo(struct engine *engine, uint32_t number, uint64_t steps, uint64_t owner,
                  struct window_entry *entry)
{
    const struct rule *rule = ruleset_rule(engine->rules, number);
    int is_echo = (steps & rule->echo_steps) != 0;
    int64_t at_s = entry->at_us / SECOND_US, count, behind;
    char name[HASH_ID_LEN * 2 + 1];
    struct state *state;
    struct lead lead;
    int rc = entry->as.weight > 0 ? row_name(engine, rule, name) : 1;

    if (rc != 0)
        return rc < 0 ? -1 : 0;
    state = engine_state_of(engine, RULE_TOLD, text_of(name), owner);
    if (state == NULL)
        return -1;
    lead = lead_read(state->number);
    if (llabs(at_s - lead.at_s) * SECOND_US > rule->sigma.echo.within_us ||
        state->number == 0)
        lead = (struct lead){ at_s, 0 };
    count = entry->as.weight < LEAD_MAX ? llround(entry->as.weight) : LEAD_MAX;
    behind = is_echo ? lead.count : -lead.count;
    if (behind > 0) {
        ++*engine->counts.echoed;
        entry->as.weight -= (double)(behind < count ? behind : count);
    }
    lead.count = limited(lead.count + (is_echo ? -count : count));
    lead.at_s = at_s > lead.at_s ? at_s : lead.at_s;
    state->number = lead_write(&lead);
    return 0;
}
