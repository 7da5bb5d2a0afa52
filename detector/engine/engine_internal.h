/*
 * engine_internal.h - what the engine's own files share
 */
#ifndef DETECTOR_ENGINE_ENGINE_INTERNAL_H
#define DETECTOR_ENGINE_ENGINE_INTERNAL_H

#include "detector/match/allow_list.h"
#include "detector/engine/engine.h"
#include "detector/memory/state_table.h"
#include "detector/engine/id_memory.h"
#include "detector/ruleset/ruleset.h"
#include "detector/window/short_id.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"

/* What the engine says of its work on /metrics. */
struct engine_counts {
    uint64_t *matches, *incidents, *late, *no_key, *no_value, *repeats, *keys_evicted,
             *rule_keys_evicted, *entries_dropped, *entries_shortened, *entries_evicted, *regex_limits, *routes, *keys, *entries,
             *untold, *learnt, *memory_evicted, *yielded, *echoed;
};

/* Times that a sum could carry out of 64 bits come from no real clock. */
#define ENGINE_MAX_TIME (INT64_MAX / 4)
/* Values are told apart by so many bits of their hash: two of a thousand are
 * taken for one with a chance of 2^-29. */
#define ENGINE_VALUE_MASK ((UINT64_C(1) << 48) - 1)

#define ENGINE_MAX_DAY (ENGINE_MAX_TIME / (INT64_C(86400) * 1000000))

/* What a rule needs while events are judged. */
struct rule_plan {
    struct window_rule window;  /* correlations */
    size_t max_entries, tight_entries;  /* of a key; when memory is short */
    int64_t suppress_us;
    uint32_t rank;              /* of a correlation, as its rule has it */
    uint64_t fed_in;            /* event number: fed by the event that is judged, */
    uint64_t steps;             /* as these of its steps; those over 63 count as 0 */
    int64_t start_us;           /* first_seen with learn: of the stream, for this rule */
    int is_started;
    uint64_t lost_keys, lost_entries;   /* forgotten early */
};

/* What a correlation that holds hands to another: entries of this key. */
struct chain_hit {
    uint32_t rule;
    uint32_t from_rule;         /* who hands it on: that rule's row, by its own key */
    uint64_t from_hash;
    size_t from_at, from_len;
    size_t key_at, key_len;
    size_t entry_at, entry_count;
};

/* The correlations that the event feeds, by rank, and what they hand on. */
struct chain {
    uint32_t *rules;            /* room for all */
    size_t rule_count;
    struct chain_hit *hits;
    size_t hit_count, hit_cap;
    struct window_entry *entries;
    size_t entry_count, entry_cap;
    struct buf keys;
};

/* The allow list in force, and what its entries ate. */
struct allowing {
    struct allow_list *list;    /* NULL: none */
    struct metrics *metrics;
    struct allow_use {
        uint64_t *total;        /* on /metrics */
        uint64_t counted_in;    /* event number: an event counts once */
        int has_rule;           /* that it is for */
    } *uses;                    /* one for each entry */
    uint64_t asked_in;          /* event number that the list was asked for */
    int host_field;
    int is_noted;               /* its entries have their rows */
};

/* What the filters of the rules took. */
struct filtering_counts {
    uint64_t **taken;           /* of each filter, on /metrics */
    uint64_t *expired;          /* how many are past their time, by */
    int64_t next_us;            /* the stream's time, until then; the next one ends */
};

/* A rule's id and number; sorted by id. */
struct rule_by_id {
    const char *id;
    uint32_t number;
};
/* How far a journal's stream has come, and how far all had when it last went on. */
struct stream_time {
    uint64_t origin;
    int64_t at_us, heard_us;
};

enum { ENGINE_MAX_STREAMS = 16 };

/* engine_expect.c: coming events, and what is guessed of them. */
enum { EXPECT_MOST = ENGINE_AHEAD + 1, EXPECT_MOST_STEPS = 4,
       EXPECT_LEAST_ROWS = 16384 };

struct expected_step {
    uint32_t rule;
    unsigned step;
};

struct expected_key {
    uint32_t rule;
    size_t at, len;             /* in the event's text */
    uint64_t hash;
};

struct expected {
    const struct event *ev;
    struct expected_key keys[EXPECT_MOST_STEPS];
    size_t key_count;
    struct buf text;
};

struct expecting {
    struct expected events[EXPECT_MOST], *now;  /* now: the one that is judged */
    size_t first, count;
    struct expected_step steps[EXPECT_MOST_STEPS], fed[EXPECT_MOST_STEPS];
    size_t step_count, fed_count;       /* fed: by the event that is judged */
    unsigned idle;              /* events in a row that fed nothing */
    size_t least_rows;          /* fewer are near the processor anyway */
};

/* engine_leave.c: rows of rules that are no more, whose number here is state->number. */
struct leaving {
    struct state *first;        /* by next_in_bucket */
    char **rules;               /* ids */
    size_t rule_count;
};
void leaving_release(struct leaving *leaving);
int leaving_add_rule(struct leaving *leaving, const char *id, uint32_t *ret_at);  /* 0 or -1 */
void leaving_add_row(struct leaving *leaving, struct state *state, uint32_t rule);    /* given */

struct engine {
    struct engine_options options;
    struct share share;
    struct ruleset *rules;
    struct rule_by_id *by_id;   /* one for each rule */
    struct rule_plan *plans;    /* one for each rule */
    struct state_table table;
    struct journals journals;
    struct id_memory keyed;     /* ids that clients gave, of events that rules match */
    int64_t stream_us;          /* largest time of receipt */
    struct stream_time streams[ENGINE_MAX_STREAMS];
    size_t stream_count;
    int64_t incomplete_until_us;
    uint64_t event_number;
    struct window_match match;
    struct chain chain;
    struct expecting expecting;
    struct allowing allowing;
    struct filtering_counts filters;
    struct leaving leaving;
    size_t unstarted;           /* rules that have yet to note where the stream starts */
    struct buf key, other_key, pack, summary;
    struct engine_counts counts;
    uint64_t limits_before;     /* regular expressions given up by rules before these */
    int needs_sort;             /* rows were given back since the last event */
    int is_urgent, was_visited;
};

/* Count an event (or a window's entry) into the incident of its key that it
 * belongs to; the condition held from first_us to last_us, opener is the event
 * that is judged. 0, or -1 when out of memory. */
struct incident_part {
    int64_t first_us, last_us;
    const struct event_id *opener;
    const struct window_entry *entry;
    uint64_t weight;
    uint64_t steps;             /* that the event is, of a sequence */
};
int engine_count(struct engine *engine, struct state *state,
                 const struct incident_part *part);

/* The condition holds (engine->match) with nothing but what the row's incident has
 * already: it goes on until then. */
void engine_prolong(struct engine *engine, struct state *state);

/* Note what the rule's details are in the event at hand, a match of the key. 0,
 * or -1 when out of memory. */
int engine_note_details(struct engine *engine, struct state *state, int64_t at_us);

/* The row's condition holds (engine->match), found by this event or an earlier one: its
 * incident, and what refers to it (ev: the event at hand). 0, or -1 when out of memory. */
int engine_count_match(struct engine *engine, struct state *state,
                       const struct event_id *opener, const struct event *ev);

/* Judge what a row that waits has waited for by now; and all rows that are due. 0, or -1
 * when out of memory. */
int engine_settle_row(struct engine *engine, struct state *state);
int engine_settle_due(struct engine *engine);

/* A journal's stream has come so far; engine->stream_us was moved before. */
void engine_note_stream(struct engine *engine, uint64_t origin, int64_t at_us);

/* What another row's events were like is told of this row's too, as far as both
 * rules tell of the same fields. 0, or -1 when out of memory. */
int engine_merge_details(struct engine *engine, struct state *state,
                         const struct state *other);

/* 1 when this engine's slot owns the hash. */
int engine_is_ours(const struct engine *engine, uint64_t hash);

/* The number of the rule of this id, or -1. */
int64_t engine_rule_number(const struct engine *engine, struct text id);

/* The row as a checkpoint names it, without its state; its texts are lent. */
struct engine_row engine_row_of(const struct engine *engine, const struct state *state);

/* On /metrics: how many rules and filters there are. */
void engine_show_rules(const struct engine *engine);

/* Plan for each rule, and what its rows may take. */
void engine_plan(struct engine *engine, const struct ruleset *rules);

/* How many rows may remember what was seen, of all rules. */
size_t engine_memory_limit(const struct engine *engine);

/* The row of a key, made when new; the one untouched longest makes room, of the same rule
 * when that has its share. NULL: out of memory. */
struct state *engine_state_of(struct engine *engine, uint32_t rule, struct text key,
                              uint64_t hash);

/* Tell a few of the rows that leave as gone. */
void engine_leave_some(struct engine *engine);

/* A row of a checkpoint that no rule wants is to be told as gone. 0, or -1 when out of
 * memory. */
int engine_forget_row(struct engine *engine, const struct engine_row *row);

/* Let go of a row before its time, and count that: for all rows, or for its rule's. */
enum engine_bound { ENGINE_BOUND, ENGINE_RULE_BOUND };
void engine_evict(struct engine *engine, struct state *state, enum engine_bound bound);

/* The row, or NULL: also when it was held long enough and only waits to be dropped; then
 * it is. What was forgotten must not depend on how many events came since. */
struct state *engine_find(struct engine *engine, uint32_t rule, struct text key, uint64_t hash);

/* The event as a window's entry. 0, or -1 when out of memory. */
int engine_entry_init(struct engine *engine, struct window_entry *entry,
                      const struct event *ev);

/* What the rule counts of the event at hand, into the entry: its number, its value or
 * these steps. 0; 1 when the event lacks it; -1 when out of memory. */
int engine_measure(struct engine *engine, const struct rule *rule, uint64_t steps,
                   struct window_entry *entry);

/* The event matches this rule: its correlations are to be judged; then judge all
 * that are. *is_late is set when the event came too late for a window. 0, or -1
 * when out of memory. */
int engine_feed(struct engine *engine, const struct rule *rule, const struct event *ev);
int engine_correlate(struct engine *engine, const struct event *ev, uint64_t origin,
                     int *is_late);

/* The row's condition holds (engine->match): hand what it found to a correlation
 * that refers to it, unless the event is allowed there. 0, or -1 when out of memory. */
int engine_hand_on(struct engine *engine, const struct state *state,
                   const struct rule_feed *feed, const struct event *ev);
void chain_release(struct chain *chain);

/* The weight of an event that comes as these steps, less what another log has told
 * of the same already; owner is the hash that decides the key's slot. -1 when out of
 * memory. The key is in engine->key. */
int engine_weigh_echo(struct engine *engine, uint32_t number, uint64_t steps,
                      uint64_t owner, struct window_entry *entry);

/* A rule with first_seen matches the event: 1 when it is the first of its kind, and
 * counted into the incident; 0 when not; -1 when out of memory. */
int engine_judge_first(struct engine *engine, uint32_t number, const struct event *ev);

/* The stream starts here for rules that learn and have no start yet. 0 or -1. */
int engine_start_learning(struct engine *engine, const struct event *ev);

/* An event is judged, feeds a step of a correlation, has been judged; and the hash of
 * engine->key. */
void engine_expect_begin(struct engine *engine, const struct event *ev);
void engine_expect_fed(struct engine *engine, uint32_t rule, unsigned step);
void engine_expect_end(struct engine *engine);
uint64_t engine_key_hash(const struct engine *engine);
void engine_expect_release(struct engine *engine);

/* A row of a first_seen rule was given back. */
void engine_restore_seen(struct engine *engine, struct state *state, int is_same_shape);

/* 1 when an entry of the allow list takes the event from this rule; it is counted.
 * -1: out of memory. Asked only when there is a list. */
int engine_is_allowed(struct engine *engine, const struct rule *rule,
                      const struct event *ev);

/* See that the entries of a new list have their rows, before an event. 0 or -1. */
int engine_note_allow(struct engine *engine);
int engine_open_allow(struct engine *engine, struct metrics *metrics);
void engine_release_allow(struct engine *engine);

/* engine_filter.c: count what filters took of the event that the matcher judged last.
 * 0, or -1 when out of memory. */
int engine_count_filtered(struct engine *engine, const struct event *ev);
void engine_count_expired(struct engine *engine);      /* whenever the stream's time rose */
int engine_open_filters(struct engine *engine, struct metrics *metrics);

/* `name="value"`, with backslashes where Prometheus wants them. 0, or -1 when out of
 * memory. */
int engine_label(struct buf *out, const char *name, const char *value);

/* A row as bytes, appended; and back into a row that was just added. -1 with
 * the reason when it makes no sense or memory is out. */
int engine_pack_state(const struct engine *engine, const struct state *state,
                      struct buf *out);
int engine_unpack_state(struct engine *engine, struct state *state, struct text bytes,
                        struct err *err);

/* Of a row as bytes: when it was touched last, and its number. 0, or -1. */
int engine_unpack_number(struct engine *engine, struct text bytes, int64_t *ret_touched_us,
                         uint64_t *ret_number, struct err *err);

/* Key texts. Of a group: the value of each field, folded, as "<length>:<value>".
 * -1: out of memory; 1: the event lacks a field of the group. */
int engine_group_key(struct engine *engine, const int *fields, size_t count,
                     struct buf *out);

/* One part of such a key, appended. 0, or -1 when out of memory. */
int engine_key_append(struct buf *out, struct text value);

/* The key of these parts of another's key, appended. 0, or -1 when it has not so
 * many or memory is out. */
int engine_key_parts(struct text key, const int *parts, size_t count, struct buf *out);

/* Which slot a correlation's key belongs to, as a hash. hash is the key's own.
 * 0, or -1 when out of memory. */
int engine_key_owner(struct engine *engine, const struct rule *rule, struct text key,
                     uint64_t hash, uint64_t *ret_owner);

/* Of a rule without a window: "s" source address, else "u" user, else "*".
 * The hash is of the bare value. -1: out of memory. */
int engine_lone_key(const struct event *ev, struct buf *out, uint64_t *ret_hash);

/* The fields and values of a key into inc, lent by the arena. 0, or -1 when the key
 * does not fit the rule or memory is out. */
int engine_key_read(const struct rule *rule, struct text key, struct arena *arena,
                    struct incident *inc);

#endif
