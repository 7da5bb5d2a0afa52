#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine/engine_internal.h"
#include "detector/engine/engine_row.h"
#include "detector/text/packing.h"
#include "proto/base/hash.h"

/* Whole numbers up to this are exact in a double. */
#define MAX_WHOLE ((double)(INT64_C(1) << 53))

static uint64_t
bits_of(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static int
is_whole(double weight)
{
    return weight >= -MAX_WHOLE && weight <= MAX_WHOLE && weight == floor(weight);
}

static void
pack_entry(struct packer *packer, enum window_kind kind, const struct window_entry *entry,
           struct steps *from)
{
    int whole = window_has_weight(kind) && is_whole(entry->as.weight);
    uint64_t others = kind == WINDOW_DISTINCT ? entry->as.others : 0;
    uint8_t page = pack_page(packer, &entry->id, entry->is_keyed);

    pack_byte(packer, (uint8_t)(page | (entry->is_counted ? ENTRY_COUNTED : 0) |
                                (whole ? ENTRY_WHOLE : 0) |
                                (others > 0 ? ENTRY_OTHERS : 0)));
    pack_signed(packer, entry->at_us - from->at_us);
    pack_signed(packer, entry->received_us - from->received_us);
    *from = (struct steps){ entry->at_us, entry->received_us };
    if (whole)
        pack_signed(packer, (int64_t)entry->as.weight);
    else if (window_has_weight(kind))
        pack_fixed(packer, bits_of(entry->as.weight), 8);
    else if (kind >= WINDOW_DISTINCT)
        pack_fixed(packer, entry->as.value, VALUE_BYTES);
    if (others > 0)
        pack_number(packer, others);
    pack_id(packer, &entry->id, page);
}

/* A moment that need not be. */
static void
pack_moment(struct packer *packer, int64_t at_us, int64_t touched_us)
{
    int is_some = at_us > -ENGINE_MAX_TIME && at_us < ENGINE_MAX_TIME;

    pack_byte(packer, (uint8_t)is_some);
    if (is_some)
        pack_signed(packer, at_us - touched_us);
}

static void
pack_wait(struct packer *packer, const struct window *win, int64_t touched_us)
{
    pack_moment(packer, win->wait->final_us, touched_us);
    pack_moment(packer, win->wait->lost_us, touched_us);
    for (size_t i = 0; i < win->clock_count; i++)
        pack_signed(packer, win->wait->seen_us[i] - touched_us);
}

static void
pack_window(struct packer *packer, const struct window_rule *rule, struct window *win,
            int64_t touched_us)
{
    struct steps from = { touched_us, touched_us };

    pack_number(packer, win->adds);
    pack_number(packer, win->clock_count);
    for (size_t i = 0; i < win->clock_count; i++) {
        const struct window_clock *clock = window_clock(win, i);

        pack_fixed(packer, clock->origin, 8);
        pack_signed(packer, clock->at_us - touched_us);
        pack_number(packer, win->adds - clock->touched);
    }
    pack_number(packer, win->tidy_at);
    if (window_has_sum(rule->kind))
        pack_fixed(packer, bits_of(win->sum), 8);
    if (window_sum_rest(win) != 0)
        pack_fixed(packer, bits_of(win->sum_rest), 8);
    if (rule->is_waiting)
        pack_wait(packer, win, touched_us);
    pack_number(packer, win->count);
    for (size_t i = 0; i < win->count; i++)
        pack_entry(packer, rule->kind, window_entry(win, i), &from);
}

static void
pack_incident(struct packer *packer, const struct open_incident *inc, uint8_t flags,
              int64_t touched_us, int is_told)
{
    int is_untold = inc->untold != UNTOLD_NOTHING && !is_told;
    int32_t day = 0;

    pack_bytes(packer, inc->id, sizeof(inc->id));
    pack_signed(packer, inc->opened_us - touched_us);
    pack_signed(packer, inc->last_us - inc->opened_us);
    pack_signed(packer, inc->first_us - inc->opened_us);
    pack_signed(packer, inc->newest_received_us - inc->opened_us);
    pack_number(packer, inc->count);
    if (flags & FLAG_STEPS)
        pack_number(packer, inc->steps);
    pack_byte(packer, (uint8_t)inc->severity);
    pack_byte(packer, (uint8_t)((inc->is_incomplete ? INCIDENT_INCOMPLETE : 0) |
                                (is_untold ? INCIDENT_UNTOLD : 0)));
    pack_number(packer, inc->evidence_count);
    for (size_t i = 0; i < inc->evidence_count; i++) {
        const struct open_evidence *one = &inc->evidence[i];

        uint8_t page = pack_page(packer, &one->id, one->is_keyed);

        pack_byte(packer, (uint8_t)(page | (one->day != day ? EVIDENCE_NEXT_DAY : 0)));
        if (one->day != day)
            pack_signed(packer, (int64_t)one->day - day);
        day = one->day;
        pack_id(packer, &one->id, page);
    }
}

uint64_t
engine_shape_of(const struct engine *engine, const struct state *state)
{
    if (state->rule >= RULE_FORGOTTEN)
        return 0;
    return ruleset_rule(engine->rules, state->rule)->shape;
}

int
engine_pack_state(const struct engine *engine, const struct state *state, struct buf *out)
{
    struct packer packer = { .out = out, .journals = &engine->journals };
    uint8_t flags = (uint8_t)((state->window != NULL ? FLAG_WINDOW : 0) |
                              (state->is_known ? FLAG_KNOWN : 0) |
                              (state->is_detailed ? FLAG_DETAILS : 0) |
                              (state->window != NULL && window_sum_rest(state->window) != 0
                                   ? FLAG_REST : 0));
    size_t count = 0;

    for (const struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next) {
        flags |= inc->steps != 0 ? FLAG_STEPS : 0;
        count++;
    }
    pack_byte(&packer, PACK_VERSION);
    pack_fixed(&packer, engine_shape_of(engine, state), 8);
    pack_number(&packer, state->touch);
    pack_signed(&packer, state->touched_us);
    pack_byte(&packer, flags);
    pack_number(&packer, state->number);
    pack_number(&packer, count);
    for (const struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next)
        pack_incident(&packer, inc, flags, state->touched_us,
                      state_is_told(&engine->table, state));
    if (state->is_detailed) {
        pack_fixed(&packer, ruleset_rule(engine->rules, state->rule)->detail_shape, 8);
        details_pack(state->details, state->touched_us, &packer);
    }
    if (state->window != NULL)
        pack_window(&packer, &engine->plans[state->rule].window, state->window,
                    state->touched_us);
    return packer.is_failed ? -1 : 0;
}
