#include "proto/incident.h"

#include <stdlib.h>
#include <string.h>

#include "proto/incident_rows.h"
#include "proto/wire.h"

enum { LINE_ITEMS = 5 };        /* at, by, from, to, note */

int
incident_pack_history(const struct incident *inc, struct buf *out)
{
    size_t start = out->len;
    msgpack_packer packer;
    int rc;

    wire_packer_init(&packer, out);
    rc = msgpack_pack_array(&packer, inc->history_count);
    for (size_t i = 0; i < inc->history_count; i++) {
        const struct incident_change *line = &inc->history[i];

        rc |= msgpack_pack_array(&packer, LINE_ITEMS);
        rc |= msgpack_pack_int64(&packer, line->at_us);
        rc |= wire_pack_text(&packer, text_of(line->by));
        rc |= msgpack_pack_int(&packer, line->from);
        rc |= msgpack_pack_int(&packer, line->to);
        rc |= wire_pack_text(&packer, text_of(line->note));
    }
    if (rc == 0)
        return 0;
    out->len = start;
    return -1;
}

/* A text or nil: a copy in *ret_str, NULL for nil. */
static int
copy_string(const msgpack_object *object, char **ret_str)
{
    struct text text;

    if (object->type == MSGPACK_OBJECT_NIL)
        return 0;
    if (wire_get_text(object, &text) != 0)
        return -1;
    *ret_str = text_dup(text);
    return *ret_str != NULL ? 0 : -1;
}

static int
get_status(const msgpack_object *object, int *ret_status)
{
    int64_t number;

    if (wire_get_int(object, &number) != 0 || number < 0 || number >= STATUS_COUNT)
        return -1;
    *ret_status = (int)number;
    return 0;
}

static int
take_line(const msgpack_object *object, struct incident *inc)
{
    const msgpack_object *items = object->via.array.ptr;
    char *by = NULL, *note = NULL;
    int64_t at_us;
    int from, to, rc = -1;

    if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size < LINE_ITEMS)
        return -1;
    if (wire_get_int(&items[0], &at_us) != 0 || copy_string(&items[1], &by) != 0 ||
        get_status(&items[2], &from) != 0 || get_status(&items[3], &to) != 0 ||
        copy_string(&items[4], &note) != 0)
        goto done;
    rc = incident_add_history(inc, at_us, by, from, to, note);

done:
    free(by);
    free(note);
    return rc;
}

int
incident_unpack_history(const void *bytes, size_t len, struct incident *inc,
                        struct err *err)
{
    msgpack_unpacked unpacked;
    int rc = -1;

    msgpack_unpacked_init(&unpacked);
    if (wire_open(bytes, len, &unpacked, err) != 0) {
        err_add(err, "history");
        goto done;
    }
    if (unpacked.data.type != MSGPACK_OBJECT_ARRAY) {
        err_set(err, "history: %zu bytes that are no msgpack array", len);
        goto done;
    }
    for (uint32_t i = 0; i < unpacked.data.via.array.size; i++) {
        if (take_line(&unpacked.data.via.array.ptr[i], inc) != 0) {
            err_set(err, "history: line %u is broken, or one too many", i + 1);
            goto done;
        }
    }
    rc = 0;

done:
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

int
incident_ended_by_us(const struct incident *inc)
{
    const struct incident_change *last;

    if (inc->status != STATUS_RESOLVED || inc->history_count == 0)
        return 0;
    last = &inc->history[inc->history_count - 1];
    return last->by != NULL && strcmp(last->by, INCIDENT_BY_US) == 0;
}
