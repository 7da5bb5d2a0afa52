#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "detector/engine/engine_row.h"
#include "detector/text/packing.h"

static double
double_of(uint64_t bits)
{
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* A time that is `step` from another; broken when it is one of no real clock. */
static int64_t
unpack_time(struct unpacker *from, int64_t start_us)
{
    int64_t step = unpack_signed(from), us = 0;

    if (__builtin_add_overflow(start_us, step, &us) || us <= -ENGINE_MAX_TIME ||
        us >= ENGINE_MAX_TIME) {
        from->is_broken = 1;
        return 0;
    }
    return us;
}

static void
unpack_clocks(struct unpacker *from, struct window *win, int64_t touched_us)
{
    uint64_t count = unpack_number(from);

    for (uint64_t i = 0; i < count && !from->is_broken; i++) {
        struct window_clock *clock = window_clock_add(win);
        uint64_t since;

        if (clock == NULL) {
            from->is_broken = 1;
            return;
        }
        clock->origin = unpack_fixed(from, 8);
        clock->at_us = unpack_time(from, touched_us);
        since = unpack_number(from);
        if (since > win->adds)
            from->is_broken = 1;
        clock->touched = win->adds - since;
    }
}

static struct window_entry
unpack_entry(struct unpacker *from, enum window_kind kind, struct steps *steps)
{
    struct window_entry entry = { 0 };
    uint64_t others = 0;
    uint8_t flags = unpack_byte(from), page = flags & (uint8_t)~PACKING_LOW;

    steps->at_us = unpack_time(from, steps->at_us);
    steps->received_us = unpack_time(from, steps->received_us);
    entry.at_us = steps->at_us;
    entry.received_us = steps->received_us;
    entry.is_keyed = page == PACKING_KEYED;
    entry.is_counted = flags & ENTRY_COUNTED;
    if (window_has_weight(kind))
        entry.as.weight = flags & ENTRY_WHOLE ? (double)unpack_signed(from)
                                              : double_of(unpack_fixed(from, 8));
    else if (kind >= WINDOW_DISTINCT)
        entry.as.value = unpack_fixed(from, VALUE_BYTES);
    if (kind == WINDOW_DISTINCT && flags & ENTRY_OTHERS)
        others = unpack_number(from);
    if (others > UINT16_MAX)
        from->is_broken = 1;
    else if (others > 0)
        entry.as.others = others;
    entry.id = unpack_id(from, page);
    if (window_has_weight(kind) && !isfinite(entry.as.weight))
        from->is_broken = 1;
    return entry;
}

static int64_t
unpack_moment(struct unpacker *from, int64_t touched_us)
{
    switch (unpack_byte(from)) {
    case 0:
        return INT64_MIN;
    case 1:
        return unpack_time(from, touched_us);
    default:
        from->is_broken = 1;
        return INT64_MIN;
    }
}

static int
unpack_wait(struct unpacker *from, struct window *win, int64_t touched_us)
{
    if (window_wait_init(win) != 0)
        return -1;
    win->wait->final_us = unpack_moment(from, touched_us);
    win->wait->lost_us = unpack_moment(from, touched_us);
    for (size_t i = 0; i < win->clock_count; i++)
        win->wait->seen_us[i] = unpack_time(from, touched_us);
    return 0;
}

static int
unpack_window(struct unpacker *from, const struct window_rule *rule, uint8_t flags,
              int64_t touched_us, struct window *win)
{
    struct steps steps = { touched_us, touched_us };
    uint64_t count, tidy_at;
    double sum = 0, rest = 0;

    win->adds = unpack_number(from);
    if (win->adds > UINT64_MAX / 2)
        return -1;
    unpack_clocks(from, win, touched_us);
    tidy_at = unpack_number(from);
    if (window_has_sum(rule->kind))
        sum = double_of(unpack_fixed(from, 8));
    if (flags & FLAG_REST)
        rest = double_of(unpack_fixed(from, 8));
    if (rule->is_waiting && unpack_wait(from, win, touched_us) != 0)
        return -1;
    count = unpack_number(from);
    for (uint64_t i = 0; i < count && !from->is_broken; i++) {
        struct window_entry entry = unpack_entry(from, rule->kind, &steps);

        if (from->is_broken || window_restore(win, rule, &entry) != 0)
            return -1;
    }
    if (from->is_broken || tidy_at > UINT32_MAX || !isfinite(sum) || !isfinite(rest))
        return -1;
    win->tidy_at = (uint32_t)tidy_at;
    if (window_has_sum(rule->kind)) {
        win->sum = sum;         /* as it was rounded, not as it is added up anew */
        win->sum_rest = rest;
    }
    return 0;
}

static int
unpack_evidence(struct unpacker *from, struct open_incident *inc)
{
    uint64_t count = unpack_number(from);
    int64_t day = 0;

    if (count == 0 || count > INCIDENT_MAX_EVIDENCE)
        return -1;
    inc->evidence = calloc(count, sizeof(inc->evidence[0]));
    if (inc->evidence == NULL)
        return -1;
    inc->evidence_cap = (uint8_t)count;
    for (uint64_t i = 0; i < count; i++) {
        struct open_evidence *to = &inc->evidence[i];
        uint8_t flags = unpack_byte(from), page = flags & (uint8_t)~PACKING_LOW;

        if (flags & EVIDENCE_NEXT_DAY)
            day += unpack_signed(from) % ENGINE_MAX_TIME;
        to->is_keyed = page == PACKING_KEYED;
        to->id = unpack_id(from, page);
        if (from->is_broken || day > ENGINE_MAX_DAY || day < -ENGINE_MAX_DAY)
            return -1;
        to->day = (int32_t)day;
        inc->evidence_count++;
    }
    return 0;
}

static int
unpack_incident(struct unpacker *from, uint8_t flags, int64_t touched_us,
                struct open_incident *inc)
{
    uint8_t now;

    unpack_bytes(from, inc->id, sizeof(inc->id));
    inc->opened_us = unpack_time(from, touched_us);
    inc->last_us = unpack_time(from, inc->opened_us);
    inc->first_us = unpack_time(from, inc->opened_us);
    inc->newest_received_us = unpack_time(from, inc->opened_us);
    inc->count = unpack_number(from);
    inc->steps = flags & FLAG_STEPS ? unpack_number(from) : 0;
    inc->severity = unpack_byte(from);
    now = unpack_byte(from);
    inc->is_incomplete = (now & INCIDENT_INCOMPLETE) != 0;
    inc->untold = now & INCIDENT_UNTOLD ? UNTOLD_GROWTH : UNTOLD_NOTHING;
    if (from->is_broken || inc->severity > SEVERITY_CRITICAL || (now & ~INCIDENT_FLAGS) != 0)
        return -1;
    return unpack_evidence(from, inc);
}

/* Each is added at the end, so that their order stays. */
static int
unpack_incidents(struct unpacker *from, uint8_t flags, struct state *state)
{
    struct open_incident **at = &state->incidents;
    uint64_t count = unpack_number(from);

    if (count > STATE_MAX_INCIDENTS || (count > 0 && state->rule >= RULE_FORGOTTEN))
        return -1;
    for (uint64_t i = 0; i < count; i++) {
        *at = calloc(1, sizeof(**at));
        if (*at == NULL || unpack_incident(from, flags, state->touched_us, *at) != 0)
            return -1;
        at = &(*at)->next;
    }
    return 0;
}

/* The window stands last: that of a rule that was changed since is not read, and
 * the rule begins with empty windows. Its incidents go on. */
static int
unpack_own_window(struct engine *engine, struct unpacker *from, uint8_t flags,
                  struct state *state)
{
    if (state->rule >= RULE_FORGOTTEN)
        return -1;
    if (state_open_window(state) == NULL ||
        unpack_window(from, &engine->plans[state->rule].window, flags,
                      state->touched_us, state->window) != 0)
        return -1;
    if (engine->plans[state->rule].window.is_waiting &&
        due_put(&engine->table.due, state,
                window_due(state->window, &engine->plans[state->rule].window)) != 0)
        return -1;
    return from->at == from->end ? 0 : -1;
}

/* Those of other fields than the rule names now are read and dropped. */
static int
unpack_details(struct engine *engine, struct unpacker *from, struct state *state)
{
    uint64_t shape = unpack_fixed(from, 8);

    if (state->rule >= RULE_FORGOTTEN)
        return -1;
    state->details = details_unpack(state->touched_us, from);
    if (state->details == NULL)
        return -1;
    if (shape != ruleset_rule(engine->rules, state->rule)->detail_shape)
        details_destroy(&state->details);
    state->is_detailed = state->details != NULL;
    engine->table.details += details_size(state->details);
    return 0;
}

static int
unpack_state(struct engine *engine, struct unpacker *from, struct state *state)
{
    uint64_t shape;
    uint8_t flags;

    if (unpack_byte(from) != PACK_VERSION)
        return -1;
    shape = unpack_fixed(from, 8);
    state->touch = unpack_number(from);
    state->touched_us = unpack_time(from, 0);
    flags = unpack_byte(from);
    state->number = unpack_number(from);
    if (state->touch > UINT64_MAX / 2 || flags > FLAG_MAX ||
        unpack_incidents(from, flags, state) != 0 || from->is_broken)
        return -1;
    if (flags & FLAG_KNOWN)
        state_know(&engine->table, state);
    if ((flags & FLAG_DETAILS) && unpack_details(engine, from, state) != 0)
        return -1;
    if (state->rule < RULE_FORGOTTEN &&
        ruleset_rule(engine->rules, state->rule)->sigma.seen_us > 0)
        engine_restore_seen(engine, state, shape == engine_shape_of(engine, state));
    if (!(flags & FLAG_WINDOW))
        return from->at == from->end ? 0 : -1;
    return shape == engine_shape_of(engine, state)
           ? unpack_own_window(engine, from, flags, state) : 0;
}

int
engine_unpack_state(struct engine *engine, struct state *state, struct text bytes,
                    struct err *err)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    struct unpacker from = { .at = at, .end = at + bytes.len,
                             .journals = &engine->journals };

    if (unpack_state(engine, &from, state) == 0) {
        state_note_entries(&engine->table, state, 0, window_size(state->window));
        return 0;
    }
    if (bytes.len > 0 && at[0] != PACK_VERSION)
        err_set(err, "state: a row of version %d, not %d", at[0], (int)PACK_VERSION);
    else
        err_set(err, "state: a row that is none of ours");
    due_remove(&engine->table.due, state);
    state_close_window(state);
    return -1;
}

int
engine_unpack_number(struct engine *engine, struct text bytes, int64_t *ret_touched_us,
                     uint64_t *ret_number, struct err *err)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    struct unpacker from = { .at = at, .end = at + bytes.len,
                             .journals = &engine->journals };
    uint8_t version = unpack_byte(&from);
    int64_t touched_us;
    uint64_t number;

    (void)unpack_fixed(&from, 8);
    (void)unpack_number(&from);
    touched_us = unpack_time(&from, 0);
    (void)unpack_byte(&from);
    number = unpack_number(&from);
    if (version != PACK_VERSION || from.is_broken) {
        err_set(err, "state: a row that is none of ours");
        return -1;
    }
    *ret_touched_us = touched_us;
    *ret_number = number;
    return 0;
}
