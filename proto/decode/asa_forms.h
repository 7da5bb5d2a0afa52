/*
 * asa_forms.h - the messages of Cisco's firewalls whose meaning is known, by their number
 */
#ifndef PROTO_DECODE_ASA_FORMS_H
#define PROTO_DECODE_ASA_FORMS_H

#include "proto/base/text.h"
#include "proto/decode/form.h"
#include "proto/fields.h"

/* What a % of a form is. Of a connection that was built outbound the second end is
 * the one that began it. */
enum asa_slot {
    ASA_SKIP, ASA_ENDS_FIRST, ASA_ENDS_SECOND, ASA_TRANSPORT, ASA_DIRECTION,
    ASA_KEEP                    /* into fields[] */
};

struct asa_form {
    const char *code;
    const char *pattern;        /* of form.h */
    const char *event_type;
    const char *outcome;        /* NULL: not said */
    const char *transport;      /* NULL: not said, or in a slot */
    enum asa_slot slots[FORM_FIELDS_MAX];
    enum field fields[FORM_FIELDS_MAX];
};

/* The form of a message, and what stands for each %; NULL when none fits. */
const struct asa_form *asa_form_find(struct text code, struct text body,
                                     struct text ret_values[FORM_FIELDS_MAX]);

#endif
