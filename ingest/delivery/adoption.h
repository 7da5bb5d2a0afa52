/*
 * adoption.h - the journals that share a data folder: ours, and those of the gone
 *
 * "journal", "journal-1" and so on: whoever locks one has it. One that nobody
 * has held for five seconds is delivered by us, under its own id, until every
 * consumer is past it; then it lies free for the next ingest that starts.
 */
#ifndef INGEST_DELIVERY_ADOPTION_H
#define INGEST_DELIVERY_ADOPTION_H

#include "ingest/delivery/delivery.h"

struct adoption;

/* Lock the first journal folder that is free, made when missing, and open it (the caller
 * closes). options->dir is the first one's. NULL with the reason; *ret_is_taken: all are
 * held by others. */
struct journal *adoption_open_own(const struct journal_options *options, unsigned *ret_number,
                                  int *ret_is_taken, struct err *err);

/* Look for such journals, every two seconds. The delivery is lent. NULL with the
 * reason. */
struct adoption *adoption_new(struct daemon *daemon, struct delivery *delivery,
                              const struct journal_options *options, unsigned own,
                              struct err *err);

/* After the delivery was destroyed: close what was adopted. */
void adoption_destroy(struct adoption **adoption);

#endif
