#include "proto/event.h"

#include <arpa/inet.h>
#include <string.h>

#include "proto/base/timestamp.h"
#include "proto/names.h"

enum { COUNT_MAX = 1000000 };

/* 0000-01-01T00:00:00Z: before it there is no RFC 3339 time (nor a day to
 * store it under), but "0000-01-01T00:00:00+01:00" is meant to be there. */
#define FIRST_US (INT64_C(-62167219200) * 1000000)

/* Names that the API gives to what is no row of event_fields[]. */
static const char *const reserved[] = { "id", "received_at" };

static int
has_nul(struct text text)
{
    return text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL;
}

static int
check_text(const struct event_field_row *row, const struct value *value, struct err *err)
{
    if (value->kind != VALUE_TEXT) {
        err_set(err, "%s: must be a text", row->name);
        return -1;
    }
    if (has_nul(value->as.text)) {
        err_set(err, "%s: holds a NUL", row->name);
        return -1;
    }
    if ((row->flags & FIELD_REQUIRED) && value->as.text.len == 0) {
        err_set(err, "%s: must not be empty", row->name);
        return -1;
    }
    return 0;
}

static int
check_time(const struct event_field_row *row, const struct value *value, struct err *err)
{
    if (value->kind == VALUE_TEXT)
        return check_text(row, value, err);
    err_set(err, "%s: must be an RFC 3339 time as a text, such as "
            "\"2026-11-22T10:00:00Z\"", row->name);
    return -1;
}

static int
check_severity(const struct event_field_row *row, const struct value *value,
               struct err *err)
{
    if (value->kind == VALUE_TEXT && severity_parse(value->as.text) >= 0)
        return 0;
    err_set(err, "%s: must be low, medium, high or critical", row->name);
    return -1;
}

/* inet_pton takes no zone id ("fe80::1%eth0"): it would mean nothing here. */
static int
check_address(const struct event_field_row *row, const struct value *value,
              struct err *err)
{
    struct text text = value_get_text(value);
    char copy[INET6_ADDRSTRLEN], shown[NAME_SHOWN_LEN];
    unsigned char address[sizeof(struct in6_addr)];

    if (value->kind != VALUE_TEXT) {
        err_set(err, "%s: must be an IPv4 or IPv6 address as a text", row->name);
        return -1;
    }
    if (text.len > 0 && text.len < sizeof(copy) && !has_nul(text)) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        if (inet_pton(strchr(copy, ':') ? AF_INET6 : AF_INET, copy, address) == 1)
            return 0;
    }
    err_set(err, "%s: \"%s\" is no IPv4 or IPv6 address", row->name,
            name_show(text, shown));
    return -1;
}

static int
check_count(const struct event_field_row *row, const struct value *value, struct err *err)
{
    if (value->kind == VALUE_INT && value->as.integer >= 1 &&
        value->as.integer <= COUNT_MAX)
        return 0;
    err_set(err, "%s: must be an integer from 1 to %d", row->name, (int)COUNT_MAX);
    return -1;
}

typedef int check_fn(const struct event_field_row *, const struct value *, struct err *);

static check_fn *const checks[] = {
    [FIELD_TYPE_TEXT]     = check_text,
    [FIELD_TYPE_TIME]     = check_time,
    [FIELD_TYPE_SEVERITY] = check_severity,
    [FIELD_TYPE_ADDRESS]  = check_address,
    [FIELD_TYPE_COUNT]    = check_count,
};

/* 5.0 is an integer, too (JSON Schema 2020-12, section 6.1.1). */
static void
take_whole_number(struct value *value)
{
    if (value->kind == VALUE_REAL && value->as.real >= 1 && value->as.real <= COUNT_MAX &&
        value->as.real == (double)(int64_t)value->as.real)
        *value = value_int((int64_t)value->as.real);
}

static int
check_known(struct event *ev, struct err *err)
{
    for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
        const struct event_field_row *row = &event_fields[i];
        struct value *value = &ev->known[i];
        int is_missing = value->kind == VALUE_ABSENT || value->kind == VALUE_NULL;

        if (row->flags & FIELD_DERIVED)
            continue;
        if (!is_missing) {
            if (row->type == FIELD_TYPE_COUNT)
                take_whole_number(value);
            if (checks[row->type](row, value, err) != 0)
                return -1;
            continue;
        }
        if (row->flags & FIELD_REQUIRED) {
            err_set(err, "%s: %s", row->name,
                    value->kind == VALUE_NULL ? "must not be null" : "is missing");
            return -1;
        }
        value->kind = VALUE_ABSENT;
    }
    return 0;
}

static int
is_reserved(struct text name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (text_is(name, reserved[i]))
            return 1;
    return 0;
}

static int
check_extra(const struct extra *extra, struct err *err)
{
    char shown[NAME_SHOWN_LEN];

    name_show(extra->name, shown);
    if (extra->name.len == 0)
        err_set(err, "a field has an empty name");
    else if (extra->name.len > EVENT_MAX_NAME)
        err_set(err, "%s: a name of more than %d bytes", shown, (int)EVENT_MAX_NAME);
    else if (has_nul(extra->name))
        err_set(err, "%s: the name holds a NUL", shown);
    else if (is_reserved(extra->name))
        err_set(err, "%s: is set by Bongsu, not by who sends an event", shown);
    else if (event_field_find(extra->name) >= 0)
        err_set(err, "%s: given twice", shown);
    else if (extra->value.kind == VALUE_TEXT && has_nul(extra->value.as.text))
        err_set(err, "%s: holds a NUL", shown);
    else
        return 0;
    return -1;
}

/* Whether check_extra would say 0, without making a text to show. */
static int
is_plain(const struct extra *extra)
{
    return extra->name.len > 0 && extra->name.len <= EVENT_MAX_NAME &&
           !has_nul(extra->name) && !is_reserved(extra->name) &&
           event_field_find(extra->name) < 0 &&
           (extra->value.kind != VALUE_TEXT || !has_nul(extra->value.as.text));
}

static int
check_extras(const struct event *ev, struct err *err)
{
    struct text names[EVENT_MAX_EXTRAS];
    const struct text *repeated;
    char shown[NAME_SHOWN_LEN];

    for (size_t i = 0; i < ev->extra_count; i++) {
        if (!is_plain(&ev->extras[i]))
            return check_extra(&ev->extras[i], err);
        names[i] = ev->extras[i].name;
    }
    repeated = names_repeated(names, ev->extra_count);
    if (repeated == NULL)
        return 0;
    err_set(err, "%s: given twice", name_show(*repeated, shown));
    return -1;
}

static int
take_time(struct event *ev, int64_t now_us, char *time_space, struct err *err)
{
    struct value *value = &ev->known[EVENT_TIMESTAMP];
    const char *name = event_fields[EVENT_TIMESTAMP].name;
    char shown[NAME_SHOWN_LEN];

    if (value->kind == VALUE_ABSENT) {
        timestamp_format(now_us, time_space);
        *value = value_text(text_of(time_space));
        ev->at_us = now_us;
        return 0;
    }
    if (timestamp_parse(value->as.text, &ev->at_us, err) != 0) {
        err_add(err, "%s", name);
        return -1;
    }
    if (ev->at_us < FIRST_US) {
        err_set(err, "%s: %s is before the year 0000", name,
                name_show(value->as.text, shown));
        return -1;
    }
    if (ev->at_us > now_us + EVENT_MAX_AHEAD_US) {
        err_set(err, "%s: %s is more than 10 minutes ahead of the time of receipt", name,
                name_show(value->as.text, shown));
        return -1;
    }
    return 0;
}

int
event_check(struct event *ev, int64_t now_us, char *time_space, struct err *err)
{
    if (check_known(ev, err) != 0 || check_extras(ev, err) != 0 ||
        take_time(ev, now_us, time_space, err) != 0)
        return -1;
    if (ev->known[EVENT_SEVERITY].kind == VALUE_ABSENT)
        ev->known[EVENT_SEVERITY] = value_text(text_of(severity_name(SEVERITY_LOW)));
    if (ev->known[EVENT_COUNT].kind == VALUE_ABSENT)
        ev->known[EVENT_COUNT] = value_int(1);
    event_derive(ev);
    return 0;
}
