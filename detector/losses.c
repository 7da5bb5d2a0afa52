/*
 * What windows forget early is told: a rule that has forgotten may miss what it is there for.
 * The log has a line a second at most while it goes on, /readyz and /status a warning for a
 * minute, and /status how much each rule has lost.
 */
#include "detector/detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "detector/engine/engine.h"
#include "proto/base/clock.h"

enum { SHOWN_FOR_MS = 60000, MAX_SHOWN = 20 };

static uint64_t
weight(const struct engine_loss *loss)
{
    return loss->keys + loss->entries;
}

/* The rule that has lost most, and how many have lost something. */
static size_t
find_worst(const struct engine *engine, struct engine_loss *ret_worst)
{
    struct engine_loss loss;
    size_t count = 0;

    *ret_worst = (struct engine_loss){ 0 };
    for (size_t i = 0; engine_loss(engine, i, &loss); i++) {
        count += weight(&loss) > 0;
        if (weight(&loss) > weight(ret_worst))
            *ret_worst = loss;
    }
    return count;
}

/* Which bound it was. */
static const char *
option_of(const struct detector *det, const struct engine_numbers *now)
{
    const struct settings *settings = det->daemon->settings;

    if (now->keys_evicted == det->losses.keys && now->seen_evicted != det->losses.seen)
        return "detector.max_keys";
    if (now->keys_evicted == det->losses.keys)
        return now->entries_shortened == det->losses.shortened ? "detector.max_entries"
                                                               : "detector.max_total_entries";
    if (now->rule_keys_evicted - det->losses.rule_keys > (now->keys_evicted - det->losses.keys) / 2)
        return "detector.max_rule_share";
    return now->keys >= (size_t)settings->detector_max_keys ? "detector.max_keys"
                                                            : "detector.max_total_entries";
}

static void
tell(struct detector *det, const struct engine_numbers *now)
{
    const char *option = option_of(det, now);
    struct engine_loss worst;
    size_t rules = find_worst(det->engine, &worst);
    char text[256];

    if (rules == 0)             /* rows that are of no rule */
        snprintf(text, sizeof(text), "ids that clients gave, and what other logs told already, are"
                 " forgotten early (%s): what comes again may be counted again", option);
    else
        snprintf(text, sizeof(text), "windows forget early (%s): most of it is of \"%.80s\", %" PRIu64
                 " keys and %" PRIu64 " events since it is in force; rules concerned: %zu", option,
                 worst.title == NULL ? "" : worst.title, worst.keys, worst.entries, rules);
    log_warn_burst(&det->losses.burst, "windows forget early",
                   "option=%s keys=%" PRIu64 " entries=%" PRIu64 " rules=%zu most=%s most_keys=%" PRIu64
                   " most_entries=%" PRIu64, option,
                   now->keys_evicted - det->losses.keys + now->seen_evicted - det->losses.seen,
                   now->entries_evicted + now->entries_dropped - det->losses.entries, rules,
                   worst.id == NULL ? "" : worst.id, worst.keys, worst.entries);
    health_warn(det->daemon->health, "windows", text);
}

void
detector_note_losses(struct detector *det)
{
    struct engine_numbers now = engine_numbers(det->engine);
    uint64_t entries = now.entries_evicted + now.entries_dropped;
    int64_t now_ms = clock_steady_ms();

    if (now.keys_evicted != det->losses.keys || entries != det->losses.entries ||
        now.seen_evicted != det->losses.seen) {
        tell(det, &now);
        det->losses.seen_ms = now_ms;
        det->losses.keys = now.keys_evicted;
        det->losses.rule_keys = now.rule_keys_evicted;
        det->losses.entries = entries;
        det->losses.shortened = now.entries_shortened;
        det->losses.seen = now.seen_evicted;
    } else if (det->losses.seen_ms != 0 && now_ms - det->losses.seen_ms > SHOWN_FOR_MS) {
        health_warn(det->daemon->health, "windows", NULL);
        det->losses.seen_ms = 0;
    }
}

/* Put a rule among those that have lost most. */
static size_t
rank(struct engine_loss worst[MAX_SHOWN], size_t count, const struct engine_loss *loss)
{
    size_t at = count < MAX_SHOWN ? count : MAX_SHOWN - 1;

    if (count == MAX_SHOWN && weight(&worst[at]) >= weight(loss))
        return count;
    for (; at > 0 && weight(&worst[at - 1]) < weight(loss); at--)
        worst[at] = worst[at - 1];
    worst[at] = *loss;
    return count < MAX_SHOWN ? count + 1 : count;
}

void
detector_fill_losses(const struct detector *det, json_t *status)
{
    json_t *rules = json_array();
    struct engine_loss worst[MAX_SHOWN], loss;
    size_t count = 0;

    for (size_t i = 0; engine_loss(det->engine, i, &loss); i++)
        if (weight(&loss) > 0)
            count = rank(worst, count, &loss);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rules, json_pack("{s:s?, s:s?, s:I, s:I}", "id", worst[i].id, "title",
                                               worst[i].title, "keys", (json_int_t)worst[i].keys,
                                               "entries", (json_int_t)worst[i].entries));
    json_object_set_new(status, "rules_that_forget", rules);
}
