/*
 * decode_asa.c - Cisco's ASA and FTD: "%ASA-6-302013: Built inbound TCP connection ..."
 *
 * The number says what the message is; a table of forms has those that are about
 * connections, logins, VPN sessions, accounts and commands. Of one attempt to log in
 * the firewall writes two lines: what the AAA server said (113005, 113015), and what
 * became of the session (605004, 716039). Both are login_failed; "Brute force" counts
 * the longer of the two.
 */
#include <string.h>

#include "proto/decode/asa_forms.h"
#include "proto/decode/decode.h"
#include "proto/decode/decoded.h"
#include "proto/decode/form.h"
#include "proto/decode/json_fields.h"
#include "proto/decode/take.h"

enum { CODE_AT = 7, CODE_LEN = 6, BODY_AT = 15 };   /* of "%ASA-6-302013: " */

struct endpoint {
    struct text interface, address, port;
};

/* "outside:203.0.113.5/54321", "203.0.113.5/54321", "outside/203.0.113.5(54321)", each
 * perhaps with "(LOCAL\alice)" behind it; IPv6 addresses have colons of their own. */
static struct endpoint
read_endpoint(struct text text)
{
    struct endpoint end = { .address = text };
    const char *mark = text.len == 0 ? NULL : memchr(text.ptr, '(', text.len);
    struct text inside = { NULL, 0 };

    if (mark != NULL) {
        inside = from_to(mark + 1, end_of(text));
        text = from_to(text.ptr, mark);
    }
    mark = text.len == 0 ? NULL : memrchr(text.ptr, '/', text.len);
    end.address = text;
    if (mark != NULL && decoded_is_address(from_to(mark + 1, end_of(text)))) {
        end.interface = from_to(text.ptr, mark);        /* "outside/203.0.113.5" */
        end.address = from_to(mark + 1, end_of(text));
        if (inside.len > 1)
            end.port = text_split(&inside, ')');
        return end;
    }
    if (mark != NULL) {
        end.port = from_to(mark + 1, end_of(text));
        end.address = from_to(text.ptr, mark);
    }
    mark = end.address.len == 0 ? NULL : memchr(end.address.ptr, ':', end.address.len);
    if (mark != NULL && !decoded_is_address(end.address)) {
        end.interface = from_to(end.address.ptr, mark);
        end.address = from_to(mark + 1, end_of(end.address));
    }
    return end;
}

static void
put_endpoint(struct event *ev, const struct asa_form *form, struct text text, int is_source)
{
    struct endpoint end = read_endpoint(text);

    if (!decoded_is_address(end.address))
        return;
    if (form->transport != NULL && strcmp(form->transport, "icmp") == 0)
        end.port = (struct text){ NULL, 0 };    /* it is a type, or an identifier */
    if (is_source) {
        decoded_source(ev, end.address);
        json_fields_keep(ev, FIELD_SOURCE_PORT, end.port);
        form_keep(ev, FIELD_OBSERVER_INGRESS_INTERFACE_NAME, end.interface);
    } else {
        decoded_text(ev, EVENT_DESTINATION_IP, end.address);
        json_fields_keep(ev, FIELD_DESTINATION_PORT, end.port);
        form_keep(ev, FIELD_OBSERVER_EGRESS_INTERFACE_NAME, end.interface);
    }
}

/* "TCP" is tcp, "icmp" is as it is. */
static void
put_transport(struct event *ev, struct text said)
{
    static const char *const keywords[] = { "tcp", "udp", "icmp" };

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (text_equals_nocase(said, text_of(keywords[i])))
            said = text_of(keywords[i]);
    form_keep(ev, FIELD_NETWORK_TRANSPORT, said);
}

static void
put_slot(struct event *ev, const struct asa_form *form, size_t slot, struct text value,
         int is_outbound)
{
    switch (form->slots[slot]) {
    case ASA_ENDS_FIRST:
        put_endpoint(ev, form, value, !is_outbound);
        break;
    case ASA_ENDS_SECOND:
        put_endpoint(ev, form, value, is_outbound);
        break;
    case ASA_TRANSPORT:
        put_transport(ev, value);
        break;
    case ASA_DIRECTION:
        form_keep(ev, FIELD_NETWORK_DIRECTION, value);
        break;
    case ASA_KEEP:
        /* what the firewall writes for a name that it does not know, or hides */
        if (form->fields[slot] == FIELD_USERNAME && text_is(value, "*****"))
            break;
        json_fields_keep(ev, form->fields[slot], value);
        break;
    default:
        break;
    }
}

static void
put_form(struct event *ev, const struct asa_form *form, const struct text *values)
{
    int is_outbound = 0;

    decoded_text(ev, EVENT_TYPE, text_of(form->event_type));
    form_keep(ev, FIELD_EVENT_OUTCOME, text_of(form->outcome));
    form_keep(ev, FIELD_NETWORK_TRANSPORT, text_of(form->transport));
    for (size_t i = 0; i < FORM_FIELDS_MAX; i++)
        if (form->slots[i] == ASA_DIRECTION)
            is_outbound = text_is(values[i], "outbound");
    for (size_t i = 0; i < FORM_FIELDS_MAX; i++)
        put_slot(ev, form, i, values[i], is_outbound);
}

static int
decode_asa(const struct log_line *line, struct arena *arena, struct event *ev)
{
    struct text text = line->message, code, body, values[FORM_FIELDS_MAX];
    const struct asa_form *form;

    (void)arena;
    if (text.len <= BODY_AT || *text.ptr != '%' || text.ptr[4] != '-' || text.ptr[6] != '-' ||
        text.ptr[CODE_AT + CODE_LEN] != ':' ||
        (memcmp(text.ptr, "%ASA", 4) != 0 && memcmp(text.ptr, "%FTD", 4) != 0 &&
         memcmp(text.ptr, "%PIX", 4) != 0))
        return 0;
    code = (struct text){ text.ptr + CODE_AT, CODE_LEN };
    body = text_trim(drop(text, CODE_AT + CODE_LEN + 1));

    form_keep(ev, FIELD_EVENT_CODE, code);
    form_keep(ev, FIELD_OBSERVER_PRODUCT, text_of("asa"));
    form_keep(ev, FIELD_SERVICE_NAME, text_of("asa"));
    json_fields_keep(ev, FIELD_EVENT_ORIGINAL_SEVERITY, (struct text){ text.ptr + 5, 1 });
    form = asa_form_find(code, body, values);
    if (form != NULL)
        put_form(ev, form, values);
    decoded_text(ev, EVENT_TYPE, text_of("asa"));
    decoded_text(ev, EVENT_DESCRIPTION, body);
    return 1;
}

const struct decoder decoder_asa = { "asa", NULL, decode_asa, "", "%" };
