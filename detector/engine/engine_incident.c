#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "detector/ruleset/summary.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"

/* The incident whose time, with the suppress time around it, the part touches. */
static struct open_incident **
incident_find(struct state *state, const struct incident_part *part, int64_t suppress_us)
{
    struct open_incident **at = &state->incidents;

    for (; *at != NULL; at = &(*at)->next)
        if (part->last_us >= (*at)->opened_us - suppress_us &&
            part->first_us <= (*at)->last_us + suppress_us)
            return at;
    return NULL;
}

/* Only the incidents last touched can grow on; the oldest is closed, and told
 * once more when it changed. */
static void
close_oldest(struct state *state)
{
    struct open_incident **at = &state->incidents, *old;
    size_t n = 0;

    while (*at != NULL && n++ < STATE_MAX_INCIDENTS)
        at = &(*at)->next;
    old = *at;
    if (old == NULL)
        return;
    *at = NULL;
    if (old->untold != UNTOLD_NOTHING) {
        old->next = state->closed;
        state->closed = old;
    } else {
        open_incidents_free(&old);
    }
}

static struct open_incident *
incident_open(struct engine *engine, struct state *state,
              const struct incident_part *part)
{
    const struct rule *rule = ruleset_rule(engine->rules, state->rule);
    const struct text parts[] = {
        text_of(rule->sigma.id),
        { state->key, state->key_len },
        { (const char *)part->opener->bytes, part->opener->len },
    };
    struct open_incident *inc = calloc(1, sizeof(*inc));

    if (inc == NULL)
        return NULL;
    hash_id(parts, sizeof(parts) / sizeof(parts[0]), inc->id);
    inc->opened_us = part->first_us;
    inc->last_us = part->last_us;
    inc->first_us = part->entry->at_us;
    inc->severity = (uint8_t)rule->sigma.severity;
    inc->next = state->incidents;
    inc->untold = UNTOLD_NEWS;
    state->incidents = inc;
    close_oldest(state);
    state_untold(&engine->table, state, UNTOLD_NEWS);
    engine->is_urgent = 1;
    ++*engine->counts.incidents;
    return inc;
}

/* 1 when there is room for an event of these steps: some is held free for each step
 * of the sequence that is not there yet. */
static int
has_room(const struct open_incident *inc, uint64_t steps, int step_count)
{
    int missing = 0;

    if (step_count > 0 && (steps & ~inc->steps) == 0)
        missing = step_count - __builtin_popcountll(inc->steps);
    return inc->evidence_count + missing < INCIDENT_MAX_EVIDENCE;
}

static int
evidence_add(struct open_incident *inc, const struct incident_part *part, int step_count)
{
    const struct window_entry *entry = part->entry;

    if (!has_room(inc, part->steps, step_count))
        return 0;
    if (inc->evidence_count == inc->evidence_cap) {
        size_t cap = inc->evidence_cap == 0 ? 1 : (size_t)inc->evidence_cap * 5;
        struct open_evidence *grown;

        cap = cap > INCIDENT_MAX_EVIDENCE ? INCIDENT_MAX_EVIDENCE : cap;
        grown = realloc(inc->evidence, cap * sizeof(*grown));
        if (grown == NULL)
            return -1;
        inc->evidence = grown;
        inc->evidence_cap = (uint8_t)cap;
    }
    /* as event_storage_day says */
    inc->evidence[inc->evidence_count++] = (struct open_evidence){
        entry->id, timestamp_utc_day(entry->is_keyed ? entry->at_us : entry->received_us),
        entry->is_keyed
    };
    inc->steps |= part->steps;
    return 0;
}

static struct open_incident *
incident_of(struct engine *engine, struct state *state, const struct incident_part *part)
{
    struct open_incident **at = incident_find(state, part,
                                              engine->plans[state->rule].suppress_us);
    struct open_incident *inc;

    if (at == NULL)
        return incident_open(engine, state, part);
    inc = *at;
    *at = inc->next;
    inc->next = state->incidents;
    state->incidents = inc;
    if (part->first_us < inc->opened_us)
        inc->opened_us = part->first_us;
    if (part->last_us > inc->last_us)
        inc->last_us = part->last_us;
    return inc;
}

int
engine_count(struct engine *engine, struct state *state, const struct incident_part *part)
{
    struct open_incident *inc = incident_of(engine, state, part);
    const struct window_entry *entry = part->entry;
    const struct rule_plan *plan = &engine->plans[state->rule];
    int severity = ruleset_rule(engine->rules, state->rule)->sigma.severity;
    int steps = plan->window.kind >= WINDOW_STEPS ? (int)plan->window.steps : 0;

    if (inc == NULL || evidence_add(inc, part, steps) != 0)
        return -1;
    inc->count += part->weight;
    if (entry->at_us < inc->first_us)
        inc->first_us = entry->at_us;
    if (entry->received_us > inc->newest_received_us)
        inc->newest_received_us = entry->received_us;
    if (entry->received_us < engine->incomplete_until_us)
        inc->is_incomplete = 1;
    if (severity > inc->severity) {
        inc->severity = (uint8_t)severity;
        inc->untold = UNTOLD_NEWS;
        engine->is_urgent = 1;
    }
    if (inc->untold == UNTOLD_NOTHING)
        inc->untold = UNTOLD_GROWTH;
    state_untold(&engine->table, state, inc->untold);
    return 0;
}

void
engine_prolong(struct engine *engine, struct state *state)
{
    const struct incident_part part = { .first_us = engine->match.first_us,
                                        .last_us = engine->match.last_us };
    struct open_incident **at = incident_find(state, &part,
                                              engine->plans[state->rule].suppress_us);

    if (at == NULL || (*at)->last_us >= part.last_us)
        return;
    (*at)->last_us = part.last_us;
    if ((*at)->untold == UNTOLD_NOTHING)
        (*at)->untold = UNTOLD_GROWTH;
    state_untold(&engine->table, state, (*at)->untold);
}

/* Memory for values is short long before that for windows is. */
enum { DETAILS_SHARE = 16 };

static int
has_room_for_details(const struct engine *engine)
{
    return engine->table.details < engine->options.max_total_entries / DETAILS_SHARE;
}

int
engine_note_details(struct engine *engine, struct state *state, int64_t at_us)
{
    struct field_table *fields = ruleset_fields(engine->rules);
    const struct rule *rule = ruleset_rule(engine->rules, state->rule);
    size_t before = details_size(state->details);
    int rc = 0;

    if (rule->sigma.detail_count == 0)
        return 0;
    state->is_detailed = 1;
    for (size_t i = 0; i < rule->sigma.detail_count && rc == 0; i++) {
        struct text value = field_table_text(fields, rule->detail_fields[i]);

        if (value.ptr == NULL)
            continue;
        if (state->details == NULL)     /* most of a flood's keys have none */
            state->details = details_new();
        if (state->details == NULL)
            rc = -1;
        else
            rc = detail_add(&state->details->fields[i], value, at_us,
                            has_room_for_details(engine));
    }
    engine->table.details += details_size(state->details) - before;
    return rc;
}

/* Where a rule tells of the field that another one tells of as its i-th, or -1. */
static int
detail_of(const struct sigma_rule *rule, const struct sigma_rule *other, size_t i)
{
    for (size_t at = 0; at < rule->detail_count; at++)
        if (text_equals(rule->details[at], other->details[i]))
            return (int)at;
    return -1;
}

int
engine_merge_details(struct engine *engine, struct state *state, const struct state *other)
{
    const struct sigma_rule *rule = &ruleset_rule(engine->rules, state->rule)->sigma;
    size_t before = details_size(state->details);
    int rc = 0;

    if (rule->detail_count == 0 || !other->is_detailed)
        return 0;
    state->is_detailed = 1;
    if (other->details == NULL)
        return 0;
    if (state->details == NULL)
        state->details = details_new();
    if (state->details == NULL)
        return -1;
    for (size_t i = 0; i < rule->detail_count && rc == 0; i++) {
        int from = detail_of(&ruleset_rule(engine->rules, other->rule)->sigma, rule, i);

        if (from >= 0)
            rc = detail_merge(&state->details->fields[i], &other->details->fields[from],
                              has_room_for_details(engine));
    }
    engine->table.details += details_size(state->details) - before;
    return rc;
}

/* A snapshot; its texts are lent by the rule, the arena and the buffer. */
static int
snapshot(struct engine *engine, const struct state *state,
         const struct open_incident *open,
         struct arena *arena, struct incident *inc)
{
    const struct rule *rule = ruleset_rule(engine->rules, state->rule);
    const struct sigma_rule *sigma = &rule->sigma;
    struct summary_times times = { open->first_us, open->last_us };

    memset(inc, 0, sizeof(*inc));
    hash_to_hex(open->id, sizeof(open->id), inc->id);
    inc->rule_id = (char *)(uintptr_t)sigma->id;
    inc->rule_title = (char *)(uintptr_t)sigma->title;
    inc->rule_level = (char *)(uintptr_t)sigma->level;
    inc->rule_author = (char *)(uintptr_t)sigma->author;
    inc->rule_references = (char *)(uintptr_t)sigma->references;
    inc->rule_tags = sigma->tags;
    inc->rule_tag_count = sigma->tag_count;
    inc->severity = open->severity;
    inc->opened_us = open->opened_us;
    inc->last_seen_us = open->last_us;
    inc->newest_received_us = open->newest_received_us;
    inc->count = open->count;
    inc->is_incomplete = open->is_incomplete;
    inc->evidence_count = open->evidence_count;
    for (size_t i = 0; i < open->evidence_count; i++) {
        const struct open_evidence *one = &open->evidence[i];

        inc->evidence[i].id = short_id_expand(&engine->journals, &one->id, one->is_keyed);
        inc->evidence[i].day = one->day;
    }
    buf_clear(&engine->summary);
    if (engine_key_read(rule, (struct text){ state->key, state->key_len }, arena,
                        inc) != 0 ||
        summary_write(sigma, inc, &times, state->details, &engine->summary) != 0)
        return -1;
    inc->summary = engine->summary.ptr;
    return 0;
}

struct teller {
    struct engine *engine;
    int (*visit)(void *ctx, const struct incident *inc);
    void *ctx;
};

static int
tell_list(const struct teller *teller, const struct state *state,
          const struct open_incident *open)
{
    struct arena arena = { 0 };
    struct incident inc;
    int rc = 0;

    for (; open != NULL && rc == 0; open = open->next) {
        if (open->untold == UNTOLD_NOTHING)
            continue;
        rc = snapshot(teller->engine, state, open, &arena, &inc);
        if (rc == 0)
            rc = teller->visit(teller->ctx, &inc);
        arena_clear(&arena);
    }
    arena_release(&arena);
    return rc;
}

static int
tell_row(void *ctx, const struct state *state)
{
    int rc = tell_list(ctx, state, state->closed);

    return rc != 0 ? rc : tell_list(ctx, state, state->incidents);
}

int
engine_incidents(struct engine *engine, size_t most_grown,
                 int (*visit)(void *ctx, const struct incident *inc), void *ctx)
{
    struct teller teller = { engine, visit, ctx };

    return state_tell(&engine->table, most_grown, tell_row, &teller);
}

size_t
engine_untold(const struct engine *engine)
{
    return engine->table.untold[UNTOLD_GROWTH].count + engine->table.untold[UNTOLD_NEWS].count;
}
