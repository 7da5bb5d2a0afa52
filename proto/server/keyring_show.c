#include "proto/server/keyring_parts.h"

#include "proto/base/timestamp.h"

static json_t *
time_or_null(int64_t us)
{
    char text[TIMESTAMP_LEN];

    if (us == 0)
        return json_null();
    timestamp_format(us, text);
    return json_string(text);
}

static json_t *
show_holder(const struct key_holder *holder)
{
    json_t *refused = json_object();

    for (int why = KEY_EXPIRED; why < KEY_REFUSALS; why++)
        json_object_set_new(refused, key_refusal_names[why],
                            json_integer((json_int_t)*holder->refused[why]));
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "id", holder->entry.id, "name",
                     holder->entry.name, "scope", key_scope_name(holder->entry.scope),
                     "expires", time_or_null(holder->entry.expires_us), "used",
                     time_or_null(holder->used_us), "events",
                     (json_int_t)*holder->events_total, "refused", refused);
}

void
keyring_show(void *self, json_t *status)
{
    const struct keyring *ring = self;
    json_t *keys = json_array(), *warnings = json_object_get(status, "warnings");

    for (size_t i = 0; i < ring->count; i++)
        if (ring->holders[i].is_in_force)
            json_array_append_new(keys, show_holder(&ring->holders[i]));
    json_object_set_new(status, "keys", keys);
    if (ring->problem[0] == '\0')
        return;
    if (warnings == NULL) {
        warnings = json_array();
        json_object_set_new(status, "warnings", warnings);
        warnings = json_object_get(status, "warnings");
    }
    json_array_append_new(warnings, json_sprintf("keys: %s; the last good ones are in force",
                                                 ring->problem));
}
