/*
 * sigma_modifier.h - "contains", "re", "cidr" and the rest: what each does
 */
#ifndef DETECTOR_SIGMA_SIGMA_MODIFIER_H
#define DETECTOR_SIGMA_SIGMA_MODIFIER_H

#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

/* Note one modifier in item, in the order as written. -1 with the reason: not
 * known, or out of place. */
int sigma_modifier_apply(struct sigma_item *item, struct text name, struct err *err);

/* All modifiers are noted: do they make sense together? 0, or -1 with the reason. */
int sigma_modifiers_check(const struct sigma_item *item, struct err *err);

#endif
