#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detector/engine_internal.h"
#include "proto/base/hash.h"
#include "proto/wire.h"

/* [version, shape, touch, touched, number, window or nil, incidents]
 * window:   [adds, [[origin, clock, touched]...], entries]
 * entries:  bytes, ENTRY_BYTES each, numbers big-endian
 * incident: [id, opened, last, first, newest received, count, severity,
 *            incomplete, [[event id, day]...]] */
enum { VERSION = 1, ENTRY_BYTES = 46, FIELDS = 7, WINDOW_FIELDS = 3,
       INCIDENT_FIELDS = 9 };

static void
put64(unsigned char *at, uint64_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 8)
        at[i] = (unsigned char)number;
}

static uint64_t
get64(const unsigned char *at)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | at[i];
    return number;
}

static void
put_entry(unsigned char at[ENTRY_BYTES], const struct window_entry *entry)
{
    uint64_t value;

    memcpy(&value, &entry->as, sizeof(value));
    put64(at, (uint64_t)entry->at_us);
    put64(at + 8, (uint64_t)entry->received_us);
    put64(at + 16, value);
    at[24] = (unsigned char)(entry->is_keyed | entry->is_counted << 1);
    at[25] = entry->id.len;
    memcpy(at + 26, entry->id.bytes, sizeof(entry->id.bytes));
}

static int
is_time(int64_t us)
{
    return us > -(INT64_MAX / 4) && us < INT64_MAX / 4;
}

static int
get_entry(const unsigned char at[ENTRY_BYTES], enum window_kind kind,
          struct window_entry *ret)
{
    uint64_t value = get64(at + 16);

    *ret = (struct window_entry){ .at_us = (int64_t)get64(at),
                                  .received_us = (int64_t)get64(at + 8),
                                  .is_keyed = at[24] & 1, .is_counted = at[24] >> 1 & 1 };
    memcpy(&ret->as, &value, sizeof(value));
    ret->id.len = at[25];
    memcpy(ret->id.bytes, at + 26, sizeof(ret->id.bytes));
    if (!is_time(ret->at_us) || !is_time(ret->received_us) || at[24] > 3 ||
        (at[25] != 16 && at[25] != 20))
        return -1;
    return kind == WINDOW_SUM && !isfinite(ret->as.weight) ? -1 : 0;
}

static int
pack_window(msgpack_packer *pk, const struct window *win)
{
    unsigned char bytes[ENTRY_BYTES];
    int rc = msgpack_pack_array(pk, WINDOW_FIELDS);

    rc |= msgpack_pack_uint64(pk, win->adds);
    rc |= msgpack_pack_array(pk, win->clock_count);
    for (size_t i = 0; i < win->clock_count; i++) {
        rc |= msgpack_pack_array(pk, 3);
        rc |= msgpack_pack_uint64(pk, win->clocks[i].origin);
        rc |= msgpack_pack_int64(pk, win->clocks[i].at_us);
        rc |= msgpack_pack_uint64(pk, win->clocks[i].touched);
    }
    rc |= msgpack_pack_bin(pk, win->count * ENTRY_BYTES);
    for (size_t i = 0; i < win->count; i++) {
        put_entry(bytes, window_entry(win, i));
        rc |= msgpack_pack_bin_body(pk, bytes, sizeof(bytes));
    }
    return rc;
}

static int
pack_incident(msgpack_packer *pk, const struct open_incident *inc)
{
    int rc = msgpack_pack_array(pk, INCIDENT_FIELDS);

    rc |= wire_pack_text(pk, text_of(inc->id));
    rc |= msgpack_pack_int64(pk, inc->opened_us);
    rc |= msgpack_pack_int64(pk, inc->last_us);
    rc |= msgpack_pack_int64(pk, inc->first_us);
    rc |= msgpack_pack_int64(pk, inc->newest_received_us);
    rc |= msgpack_pack_uint64(pk, inc->count);
    rc |= msgpack_pack_int(pk, inc->severity);
    rc |= msgpack_pack_int(pk, inc->is_incomplete);
    rc |= msgpack_pack_array(pk, inc->evidence_count);
    for (size_t i = 0; i < inc->evidence_count; i++) {
        rc |= msgpack_pack_array(pk, 2);
        rc |= msgpack_pack_bin(pk, inc->evidence[i].id.len);
        rc |= msgpack_pack_bin_body(pk, inc->evidence[i].id.bytes,
                                    inc->evidence[i].id.len);
        rc |= msgpack_pack_int32(pk, inc->evidence[i].day);
    }
    return rc;
}

static uint64_t
shape_of(const struct engine *engine, const struct state *state)
{
    if (state->rule >= RULE_FORGOTTEN)
        return 0;
    return ruleset_rule(engine->rules, state->rule)->shape;
}

int
engine_pack_state(const struct engine *engine, const struct state *state, struct buf *out)
{
    msgpack_packer packer;
    size_t count = 0;
    int rc;

    for (const struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next)
        count++;
    wire_packer_init(&packer, out);
    rc = msgpack_pack_array(&packer, FIELDS);
    rc |= msgpack_pack_int(&packer, VERSION);
    rc |= msgpack_pack_uint64(&packer, shape_of(engine, state));
    rc |= msgpack_pack_uint64(&packer, state->touch);
    rc |= msgpack_pack_int64(&packer, state->touched_us);
    rc |= msgpack_pack_uint64(&packer, state->number);
    rc |= state->window == NULL ? msgpack_pack_nil(&packer)
                                : pack_window(&packer, state->window);
    rc |= msgpack_pack_array(&packer, count);
    for (const struct open_incident *inc = state->incidents; inc != NULL; inc = inc->next)
        rc |= pack_incident(&packer, inc);
    return rc == 0 ? 0 : -1;
}

/* An array's items; NULL when it is none, or has not `count` (-1: any, up to max). */
static const msgpack_object *
items_of(const msgpack_object *object, uint32_t min, uint32_t max)
{
    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < min ||
        object->via.array.size > max)
        return NULL;
    return object->via.array.size == 0 ? object : object->via.array.ptr;
}

static int
get_time(const msgpack_object *object, int64_t *ret_us)
{
    return wire_get_int(object, ret_us) == 0 && is_time(*ret_us) ? 0 : -1;
}

static int
unpack_clocks(const msgpack_object *object, struct window *win)
{
    const msgpack_object *clocks = items_of(object, 0, WINDOW_MAX_CLOCKS);

    if (clocks == NULL)
        return -1;
    for (uint32_t i = 0; i < object->via.array.size; i++) {
        const msgpack_object *clock = items_of(&clocks[i], 3, 3);
        struct window_clock *to = &win->clocks[i];

        if (clock == NULL || wire_get_uint(&clock[0], &to->origin) != 0 ||
            get_time(&clock[1], &to->at_us) != 0 ||
            wire_get_uint(&clock[2], &to->touched) != 0 || to->touched > win->adds)
            return -1;
        win->clock_count++;
    }
    return 0;
}

static int
unpack_window(const struct window_rule *rule, const msgpack_object *object,
              struct window *win)
{
    const msgpack_object *items = items_of(object, WINDOW_FIELDS, WINDOW_FIELDS);
    const unsigned char *at;
    struct text bytes;
    size_t count, from;

    if (items == NULL || wire_get_uint(&items[0], &win->adds) != 0 ||
        win->adds > UINT64_MAX / 2 || unpack_clocks(&items[1], win) != 0 ||
        wire_get_bytes(&items[2], &bytes) != 0 || bytes.len % ENTRY_BYTES != 0)
        return -1;
    count = bytes.len / ENTRY_BYTES;
    from = count > rule->max_entries ? count - rule->max_entries : 0;
    at = (const unsigned char *)bytes.ptr + from * ENTRY_BYTES;
    for (size_t i = from; i < count; i++, at += ENTRY_BYTES) {
        struct window_entry entry;

        if (get_entry(at, rule->kind, &entry) != 0 ||
            window_restore(win, rule, &entry) != 0)
            return -1;
    }
    return 0;
}

static int
unpack_evidence(const msgpack_object *object, struct open_incident *inc)
{
    const msgpack_object *items = items_of(object, 1, INCIDENT_MAX_EVIDENCE);

    if (items == NULL)
        return -1;
    inc->evidence = calloc(object->via.array.size, sizeof(inc->evidence[0]));
    if (inc->evidence == NULL)
        return -1;
    inc->evidence_cap = object->via.array.size;
    for (uint32_t i = 0; i < object->via.array.size; i++) {
        const msgpack_object *pair = items_of(&items[i], 2, 2);
        struct evidence *to = &inc->evidence[i];
        struct text id;
        int64_t day;

        if (pair == NULL || wire_get_bytes(&pair[0], &id) != 0 ||
            (id.len != 16 && id.len != 20) || wire_get_int(&pair[1], &day) != 0 ||
            day != (int32_t)day)
            return -1;
        to->id.len = (uint8_t)id.len;
        memcpy(to->id.bytes, id.ptr, id.len);
        to->day = (int32_t)day;
        inc->evidence_count++;
    }
    return 0;
}

static int
unpack_incident(const msgpack_object *object, struct open_incident *inc)
{
    const msgpack_object *items = items_of(object, INCIDENT_FIELDS, INCIDENT_FIELDS);
    unsigned char id[HASH_ID_LEN];
    struct text hex;
    int64_t severity, incomplete;

    if (items == NULL || wire_get_text(&items[0], &hex) != 0 ||
        hex.len != 2 * HASH_ID_LEN ||
        hash_from_hex(hex, id, sizeof(id)) != 0 ||
        get_time(&items[1], &inc->opened_us) != 0 ||
        get_time(&items[2], &inc->last_us) != 0 ||
        get_time(&items[3], &inc->first_us) != 0 ||
        get_time(&items[4], &inc->newest_received_us) != 0 ||
        wire_get_uint(&items[5], &inc->count) != 0 ||
        wire_get_int(&items[6], &severity) != 0 || severity < SEVERITY_LOW ||
        severity > SEVERITY_CRITICAL || wire_get_int(&items[7], &incomplete) != 0)
        return -1;
    memcpy(inc->id, hex.ptr, hex.len);
    inc->severity = (int)severity;
    inc->is_incomplete = incomplete != 0;
    return unpack_evidence(&items[8], inc);
}

/* Each is added at the end, so that their order stays. */
static int
unpack_incidents(const msgpack_object *object, struct state *state)
{
    const msgpack_object *items = items_of(object, 0, STATE_MAX_INCIDENTS);
    struct open_incident **at = &state->incidents;

    if (items == NULL || (object->via.array.size > 0 && state->rule >= RULE_FORGOTTEN))
        return -1;
    for (uint32_t i = 0; i < object->via.array.size; i++) {
        *at = calloc(1, sizeof(**at));
        if (*at == NULL || unpack_incident(&items[i], *at) != 0)
            return -1;
        at = &(*at)->next;
    }
    return 0;
}

static int
unpack_state(struct engine *engine, struct state *state, const msgpack_object *object)
{
    const msgpack_object *items = items_of(object, FIELDS, FIELDS);
    uint64_t version, shape;

    if (items == NULL || wire_get_uint(&items[0], &version) != 0 || version != VERSION ||
        wire_get_uint(&items[1], &shape) != 0 ||
        wire_get_uint(&items[2], &state->touch) != 0 ||
        state->touch > UINT64_MAX / 2 || get_time(&items[3], &state->touched_us) != 0 ||
        wire_get_uint(&items[4], &state->number) != 0)
        return -1;
    /* A rule that was changed begins with empty windows; its incidents go on. */
    if (items[5].type != MSGPACK_OBJECT_NIL && shape == shape_of(engine, state)) {
        if (state->rule >= RULE_FORGOTTEN)
            return -1;
        state->window = calloc(1, sizeof(*state->window));
        if (state->window == NULL ||
            unpack_window(&engine->plans[state->rule].window, &items[5],
                          state->window) != 0)
            return -1;
    }
    return unpack_incidents(&items[6], state);
}

int
engine_unpack_state(struct engine *engine, struct state *state, struct text bytes,
                    struct err *err)
{
    msgpack_unpacked unpacked;
    int rc;

    msgpack_unpacked_init(&unpacked);
    rc = wire_open(bytes.ptr, bytes.len, &unpacked, err);
    if (rc == 0 && (rc = unpack_state(engine, state, &unpacked.data)) != 0)
        err_set(err, "state: a row that is none of ours");
    msgpack_unpacked_destroy(&unpacked);
    return rc == 0 ? 0 : -1;
}
