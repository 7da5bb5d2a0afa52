/*
 * flight.h - events on their way to a store over the network
 *
 * A flight is one request and the events in it: whole batches of the queue.
 * Several are on their way at once. Its answer says of each event what became
 * of it (proto/store/store.h): stored and repeated ones are done, those to be
 * tried again stay and go once more after a pause, a refused one goes to the
 * dead letters. Nothing leaves a flight but by its answer; a batch is written
 * when none of its events is left in any.
 */
#ifndef INDEXER_FLIGHT_H
#define INDEXER_FLIGHT_H

struct err;
struct indexer;
struct flights;

/* NULL with the reason. */
struct flights *flights_new(struct indexer *ix, struct err *err);
void flights_destroy(struct flights **flights);

/* Send what of the queue is on no way yet, as far as there is room. */
void flights_launch(struct flights *flights);

/* 1 while the last answer of any said that the store cannot take it. NULL: 0. */
int flights_are_failing(const struct flights *flights);

/* For a process that ends: wait for answers that are due, so long at most. */
void flights_finish(struct flights *flights, int timeout_ms);

#endif
