/*
 * document_names.h - what a name in a shipper's document means to us
 */
#ifndef INGEST_INTAKE_DOCUMENT_NAMES_H
#define INGEST_INTAKE_DOCUMENT_NAMES_H

#include "proto/event.h"

enum document_role {
    ROLE_KEPT,          /* under its own name */
    ROLE_OWN,           /* the event's own field `own` */
    ROLE_RENAMED,       /* kept as `name` */
    ROLE_TIME,          /* @timestamp */
    ROLE_LINE,          /* the log line, or what it says; `rank`: the lower goes before */
    ROLE_SOURCE,        /* source.address: an address or a name */
    ROLE_HOST,          /* kept as `name` where it is a text and that one is absent */
    ROLE_ASIDE          /* set by us alone: kept under labels.<name> */
};

struct document_name {
    struct text sent;
    enum document_role role;
    enum event_field own;
    unsigned rank;
    struct text name;
};

/* Never NULL. Valid as long as the process. */
const struct document_name *document_name(struct text sent);

#endif
