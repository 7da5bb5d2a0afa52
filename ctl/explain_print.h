/*
 * explain_print.h - what `bongsu rules explain` found, for people
 */
#ifndef CTL_EXPLAIN_PRINT_H
#define CTL_EXPLAIN_PRINT_H

#include <jansson.h>

/* The detector's answer. is_search: nobody named a rule. */
void explain_print(const json_t *answer, int is_search);

#endif
