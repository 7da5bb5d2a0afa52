/*
 * bulk.h - the lines of Elasticsearch's _bulk: what to do, and with which document
 *
 * An action line and, but for delete, a document line after it. Documents are
 * pieces of the body; nothing of them is copied or parsed here.
 */
#ifndef INGEST_WIRE_BULK_H
#define INGEST_WIRE_BULK_H

#include <stddef.h>

#include "proto/base/err.h"
#include "proto/base/text.h"

enum bulk_op { BULK_CREATE, BULK_INDEX, BULK_UPDATE, BULK_DELETE, BULK_OPS };

/* "create" ... */
extern const char *const bulk_op_names[BULK_OPS];

/* An action line over this is refused; an _id over that is none to Elasticsearch. */
enum { BULK_MAX_ACTION = 8 * 1024, BULK_MAX_ID = 512, BULK_MAX_INDEX = 255 };

/* Texts are borrowed: of the body, and of the reader until its next item. */
struct bulk_item {
    enum bulk_op op;
    struct text index;          /* _index, else the path's; ptr NULL: none */
    struct text id;             /* _id; ptr NULL: none */
    struct text document;       /* of delete: empty */
};

struct bulk_reader;

/* NULL when out of memory. One serves for any number of bodies. */
struct bulk_reader *bulk_reader_new(void);
void bulk_reader_destroy(struct bulk_reader **reader);

/* Begin with a body; index is that of the path, or ptr NULL. */
void bulk_reader_open(struct bulk_reader *reader, struct text body, struct text index);

/* The next item: 1; 0 at the end; -1 with the reason when a line is no action, or its
 * document is missing: then nothing of the body may be kept. */
int bulk_next(struct bulk_reader *reader, struct bulk_item *ret_item, struct err *err);

#endif
