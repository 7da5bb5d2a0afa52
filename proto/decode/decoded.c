#include "proto/decode/decoded.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/base/timestamp.h"

#define FIELD_NAME(id, name, ecs, type, sigma, own) { name, sizeof name - 1 },
static const struct text names[FIELD_NUMBERS] = { FIELD_TABLE(FIELD_NAME) };
#undef FIELD_NAME

void
decoded_text(struct event *ev, enum event_field field, struct text text)
{
    if (text.ptr != NULL && ev->known[field].kind == VALUE_ABSENT)
        ev->known[field] = value_text(text);
}

void
decoded_number(struct event *ev, enum event_field field, int64_t number)
{
    if (ev->known[field].kind == VALUE_ABSENT)
        ev->known[field] = value_int(number);
}

int
decoded_time(struct event *ev, int64_t at_us, struct arena *arena)
{
    char formatted[TIMESTAMP_LEN];
    struct text copy;

    if (ev->known[EVENT_TIMESTAMP].kind != VALUE_ABSENT)
        return 0;
    timestamp_format(at_us, formatted);
    copy = arena_copy(arena, text_of(formatted));
    decoded_text(ev, EVENT_TIMESTAMP, copy);
    return copy.ptr == NULL ? -1 : 0;
}

/* event_get, but for names that are none of the event's own. */
static int
has_extra(const struct event *ev, struct text name)
{
    for (size_t i = 0; i < ev->extra_count; i++)
        if (ev->extras[i].name.len == name.len &&
            memcmp(ev->extras[i].name.ptr, name.ptr, name.len) == 0)
            return 1;
    return 0;
}

/* No room means that the client's own fields fill the event; raw_log still
 * says what would have stood here. */
void
decoded_put(struct event *ev, enum field field, struct value value)
{
    struct text name = names[field];

    if (field_rows[field].is_own ? event_get(ev, name) == NULL : !has_extra(ev, name))
        (void)event_add_extra(ev, name, value);
}

void
decoded_put_text(struct event *ev, enum field field, struct text text)
{
    if (text.ptr != NULL)
        decoded_put(ev, field, value_text(text));
}

void
decoded_put_named(struct event *ev, struct text name, struct text text)
{
    if (name.len > 0 && name.len < EVENT_MAX_NAME && text.ptr != NULL &&
        event_field_find(name) < 0 && !has_extra(ev, name))
        (void)event_add_extra(ev, name, value_text(text));
}

void
decoded_put_number(struct event *ev, enum field field, int64_t number)
{
    decoded_put(ev, field, value_int(number));
}

void
decoded_put_flag(struct event *ev, enum field field)
{
    decoded_put(ev, field, (struct value){ .kind = VALUE_BOOL, .as.boolean = 1 });
}

int
decoded_is_address(struct text text)
{
    char copy[INET6_ADDRSTRLEN + 1];
    unsigned char bytes[16];

    if (text.len == 0 || text.len >= sizeof copy)
        return 0;

    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';

    return strlen(copy) == text.len && (inet_pton(AF_INET, copy, bytes) == 1 ||
                                        inet_pton(AF_INET6, copy, bytes) == 1);
}

void
decoded_source(struct event *ev, struct text address)
{
    /* One of the two, even when the client has said the other. */
    if (ev->known[EVENT_SOURCE_IP].kind != VALUE_ABSENT ||
        ev->known[EVENT_SOURCE_HOST].kind != VALUE_ABSENT || address.len == 0)
        return;

    if (text_starts_with(address, "::ffff:")) {
        struct text tail = { address.ptr + 7, address.len - 7 };

        if (memchr(tail.ptr, '.', tail.len) != NULL && decoded_is_address(tail))
            address = tail;
    }
    if (decoded_is_address(address))
        decoded_text(ev, EVENT_SOURCE_IP, address);
    else if (!text_is(address, "UNKNOWN") && !text_is(address, "-") &&
             !text_is(address, "?"))
        decoded_text(ev, EVENT_SOURCE_HOST, address);
}

int
decoded_endpoint(struct event *ev, struct text endpoint)
{
    const char *colon = endpoint.len == 0 ? NULL
                                          : memrchr(endpoint.ptr, ':', endpoint.len);
    struct text address = endpoint;
    int64_t port = 0;

    if (colon != NULL) {
        struct text after = { colon + 1, (size_t)(endpoint.ptr + endpoint.len - colon - 1) };
        struct text before = { endpoint.ptr, (size_t)(colon - endpoint.ptr) };

        if (text_starts_with(before, "[") && text_ends_with(before, "]"))
            before = (struct text){ before.ptr + 1, before.len - 2 };
        if (decoded_is_address(before) && text_to_int(after, 0, 65535, &port) == 0)
            address = before;
    }
    if (!decoded_is_address(address))
        return 0;
    decoded_source(ev, address);
    if (port > 0)
        decoded_put_number(ev, FIELD_SOURCE_PORT, port);
    return 1;
}
