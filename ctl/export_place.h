/*
 * export_place.h - how far an export has come, in a file
 *
 * It is written anew (beside, and renamed) after each page that was written
 * out whole. A kill between the two makes one page come twice, never one be
 * missing; lines have ids.
 */
#ifndef CTL_EXPORT_PLACE_H
#define CTL_EXPORT_PLACE_H

#include <stdint.h>

#include "ctl/flags.h"
#include "proto/base/err.h"

struct export_place {
    char *asked;                /* the call's own filters, as they were typed */
    char *path;                 /* what the api is asked, with the span's times */
    char *cursor;               /* NULL: from the start */
    int is_done;
    uint64_t written;
};

/* A new place for path; or, with --resume and a file that is there, the file's,
 * which must be of the same call. 0, or -1 with the reason. */
int export_place_open(struct export_place *place, const struct call *call, const char *path,
                      struct err *err);

/* cursor: of the next page, NULL: it is done. 0, or -1 with the reason. */
int export_place_save(const struct export_place *place, const char *file, const char *cursor,
                      struct err *err);
void export_place_release(struct export_place *place);

#endif
