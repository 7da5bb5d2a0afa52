/*
 * rules_tool_route.h - which rules an event's logsource leaves
 *
 * A rule is passed over when it and the event both name a product (category,
 * service) and the two differ; what either does not say restricts nothing.
 */
#ifndef DETECTOR_RULES_TOOL_ROUTE_H
#define DETECTOR_RULES_TOOL_ROUTE_H

#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

enum { ROUTE_PRODUCT, ROUTE_CATEGORY, ROUTE_SERVICE, ROUTE_PARTS };

/* Three texts, len 0 where nothing is said: values, or names of fields. */
struct route {
    struct text parts[ROUTE_PARTS];
};

/* "product=linux,service=sshd" (it must live on); an empty text says nothing.
 * -1 with the reason. */
int route_parse(struct text text, struct route *ret_route, struct err *err);

int route_is_empty(const struct route *route);

/* 1 when an event of this logsource may be this rule's. Case makes no difference. */
int route_leaves(const struct route *route, const struct sigma_rule *rule);

#endif
