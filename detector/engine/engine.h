/*
 * engine.h - rules over events, in event time: events in, incidents out
 *
 * Pure: no clock, no socket, no file. What it knows is a function of the
 * rows it was given back (engine_restore) and of the events since, in order;
 * so a replay gives the same incidents. State is kept in rows, one per rule
 * and key, so that a checkpoint writes only what changed.
 */
#ifndef DETECTOR_ENGINE_ENGINE_H
#define DETECTOR_ENGINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/engine/share.h"
#include "proto/base/err.h"
#include "proto/base/metrics.h"
#include "proto/event.h"
#include "proto/incident.h"

struct allow_entry;
struct allow_list;
struct engine;
struct ruleset;

struct engine_options {
    int64_t lateness_us;        /* events later than this are not counted into windows */
    size_t max_keys;            /* state rows in memory; the oldest goes first */
    size_t max_entries;         /* events one key's window holds */
    size_t max_total_entries;   /* events all windows hold, 40 bytes each; 0: any */
    unsigned rule_share;        /* percent of keys and of entries that one rule may hold, and
                                 * of what is remembered; 0: all */
    unsigned slots, slot;       /* this engine judges what hashes to its slot */
};

/* An engine for these rules (given: the engine destroys them). NULL with the
 * reason. Counters go to metrics (bongsu_detector_*). */
struct engine *engine_new(const struct engine_options *options, struct ruleset **rules,
                          struct metrics *metrics, struct err *err);
void engine_destroy(struct engine **engine);

/* Destroy it, but give its rules back, for another one. */
struct ruleset *engine_end(struct engine **engine);

/* Judge by these rules (given) from the next event on, with all that is known: windows and
 * incidents of a rule that is as it was go on; a changed one's incidents do, and its
 * windows are empty. The same as if what is known were given back to a new engine.
 * Changes up to now must be on disk (engine_settle). 0; or -1 with the reason: then the
 * old rules stay. */
int engine_swap(struct engine **engine, struct ruleset **rules, struct err *err);

/* The rules in force, borrowed until they are swapped. */
const struct ruleset *engine_rules(const struct engine *engine);

/* State was lost: incidents whose newest event was journalled before this are
 * marked incomplete, for events before the loss may be missing from them. */
void engine_set_incomplete_until(struct engine *engine, int64_t until_us);

/* From the next event on: whose keys are ours (instead of the options' slot). */
void engine_set_share(struct engine *engine, const struct share *share);

/* Judge one event by every rule. origin is the journal it came from (each
 * has its own clock). 0, or -1 when out of memory. */
int engine_judge(struct engine *engine, const struct event *ev, uint64_t origin,
                 struct err *err);

/* This event is to be judged soon, after those that were expected before: what it may
 * need is fetched meanwhile. May be left out, and so may the judging: no answer depends
 * on it. Of use for so many events in advance. */
enum { ENGINE_AHEAD = 3 };
void engine_expect(struct engine *engine, const struct event *ev);

/* A journal's stream has come to at_us without an event: all that was received before
 * is judged. What waits for events that do not come may be told for it. 1 when something
 * was waited for long enough, 0, or -1 when out of memory. */
int engine_pass(struct engine *engine, uint64_t origin, int64_t at_us, struct err *err);

/* One row of state, as the checkpoint keeps it: state.ptr NULL means that the
 * row is gone. hash decides its slot. */
struct engine_row {
    struct text rule;           /* rule id, or a name of the engine's own */
    struct text key;
    uint64_t hash;
    struct text state;
    int is_extra;               /* restoring: no checkpoint has it under this key yet, and
                                 * there may be others of the key; they become one */
};

/* What becomes of a rule's rows when the slots are divided anew: each goes to the slot
 * that its hash names; or so, and those of one key are summed up; or to every slot. */
enum engine_division { ENGINE_BY_HASH, ENGINE_SUMMED, ENGINE_EVERYWHERE };
enum engine_division engine_division(const struct ruleset *rules, struct text rule,
                                     struct text key);

/* Give a kept row back, before the first event. A row of a rule that is no
 * longer there is dropped (0); -1 with the reason when it makes no sense. */
int engine_restore(struct engine *engine, const struct engine_row *row, struct err *err);

/* Call visit for each row that changed since the last engine_settle. Rows are
 * borrowed until the engine is used again. visit returns 0 to go on. Rows that
 * are gone come first. 0, what visit returned, or -1 when out of memory: then
 * nothing of it may be committed. */
int engine_changes(struct engine *engine,
                   int (*visit)(void *ctx, const struct engine_row *row),
                   void *ctx);

/* How many rows that are: a commit takes as long as it has rows to write, so that its
 * owner does not let them become too many. */
size_t engine_changed(const struct engine *engine);

/* Call visit for each incident that is to be told, as a snapshot without rev (borrowed
 * during the call): those that opened or became worse, and of the rows with incidents
 * that only grew most_grown, those first that wait longest. A row that engine_changes
 * gives after this says that it was told; engine_settle then forgets it, else the
 * next call tells the same. */
int engine_incidents(struct engine *engine, size_t most_grown,
                     int (*visit)(void *ctx, const struct incident *inc), void *ctx);

/* How many rows have incidents to be told. */
size_t engine_untold(const struct engine *engine);

/* 1 when an incident opened or its severity rose since engine_settle: commit at once. */
int engine_is_urgent(const struct engine *engine);

/* Changes up to now are on disk: forget what changed. */
void engine_settle(struct engine *engine);

/* What the engine holds and has lost of its windows, for status. */
struct engine_numbers {
    size_t rules, rules_refused;
    size_t keys, entries;
    uint64_t keys_evicted, rule_keys_evicted, entries_evicted, entries_dropped;
    uint64_t entries_shortened;     /* of those dropped: since room was short for all */
    uint64_t seen_evicted;          /* things that first_seen rules forgot */
};
struct engine_numbers engine_numbers(const struct engine *engine);

/* What the i-th rule's windows have forgotten early, since the rule is in force; 0: there
 * are no so many rules. */
struct engine_loss {
    const char *id, *title;
    uint64_t keys, entries;
};
int engine_loss(const struct engine *engine, size_t i, struct engine_loss *ret);

/* Judge by this allow list from the next event on (given; NULL: by none). What its
 * entries ate before is in the state. 0, or -1 when out of memory: the list in force
 * stays, and this one is the caller's still. */
int engine_set_allow(struct engine *engine, struct allow_list **list);

/* What becomes of the i-th entry of the list in force (0: there is no such entry).
 * Days are the site's; the time is that of the newest event received. */
enum allow_state { ALLOW_ACTIVE, ALLOW_EXPIRED, ALLOW_UNUSED, ALLOW_NO_RULE, ALLOW_BROAD };
struct engine_allowed {
    const struct allow_entry *entry;
    uint64_t total, today;      /* events that it ate */
    int64_t last_us;            /* when it ate the last one, by receipt; 0: none yet */
    enum allow_state state;     /* unused: it ate nothing for 30 days; broad: it takes
                                 * nearly everything from every rule */
};
int engine_allowed(const struct engine *engine, size_t i, struct engine_allowed *ret);

/* Call visit with each day on which an entry ate events, of those kept (31 days),
 * in no order. */
void engine_allowed_days(const struct engine *engine, const struct allow_entry *entry,
                         void (*visit)(void *ctx, const char *day, uint64_t events),
                         void *ctx);

/* What became of the i-th filter of the rules (0: there is no such filter). */
struct engine_filtered {
    const char *id, *title, *file, *expires;    /* expires: NULL when it has no end */
    int line, is_expired;       /* by the newest event's time of receipt */
    int64_t expires_us;
    size_t rules;               /* that it narrows */
    uint64_t taken;             /* hits of rules that it took, since start */
};
int engine_filter(const struct engine *engine, size_t i, struct engine_filtered *ret);

/* Late events per source, for status: the sources with most, at most 20. */
struct engine_late { struct text source; uint64_t events; };
size_t engine_late_sources(const struct engine *engine, struct engine_late *ret,
                           size_t max);

#endif
