/*
 * sigma_modifier.h - what follows the bars in "field|contains|all", one table
 */
#ifndef DETECTOR_SIGMA_SIGMA_MODIFIER_H
#define DETECTOR_SIGMA_SIGMA_MODIFIER_H

#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

/* Apply the modifier `name` to an item whose earlier modifiers are applied.
 * -1 with the reason (without file and line) when it is unknown, not
 * supported or makes no sense there. */
int sigma_modifier_apply(struct sigma_item *item, struct text name, struct err *err);

#endif
