/*
 * replay_print.h - what `bongsu rules replay` found, for people
 */
#ifndef CTL_REPLAY_PRINT_H
#define CTL_REPLAY_PRINT_H

#include <jansson.h>

void replay_print(const json_t *answer);

#endif
