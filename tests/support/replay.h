/*
 * replay.h - the oracle for incidents: the engine run once over what is stored
 *
 * Reads all events of a chain's store, sorts them by their place in the
 * journal, judges them with the shipped rules in this process, and gives the
 * incidents that must be there.
 */
#ifndef TESTS_SUPPORT_REPLAY_H
#define TESTS_SUPPORT_REPLAY_H

#include <jansson.h>

/* {"<incident id>": {"rule":id, "key":{...}, "count":n, "evidence":[ids]}}; a new
 * reference. Fails the test when the store cannot be read. */
json_t *replay_incidents(const char *data_dir, const char *rules_dir);

/* The API's incidents in the same shape, to be compared. */
json_t *replay_shape(const json_t *api_incidents);

/* Print, for people, where two of these differ. */
void replay_print_difference(const json_t *expected, const json_t *found);

#endif
