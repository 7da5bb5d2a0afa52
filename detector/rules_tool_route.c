#include "detector/rules_tool_route.h"

#include <string.h>

static const char *const names[ROUTE_PARTS] = { "product", "category", "service" };

static int
take(struct text piece, struct route *route, struct err *err)
{
    struct text value = piece, name = text_trim(text_split(&value, '='));

    value = text_trim(value);
    for (int i = 0; i < ROUTE_PARTS; i++) {
        if (!text_is(name, names[i]))
            continue;
        if (value.len == 0)
            err_set(err, "%s: of what? %s=VALUE", names[i], names[i]);
        else if (route->parts[i].len > 0)
            err_set(err, "%s: given twice", names[i]);
        else
            route->parts[i] = value;
        return value.len > 0 && route->parts[i].ptr == value.ptr ? 0 : -1;
    }
    err_set(err, "\"%.*s\": a logsource has product, category and service", (int)name.len,
            name.ptr);
    return -1;
}

int
route_parse(struct text text, struct route *ret_route, struct err *err)
{
    struct route route = { 0 };

    while (text.len > 0)
        if (take(text_split(&text, ','), &route, err) != 0)
            return -1;
    *ret_route = route;
    return 0;
}

int
route_is_empty(const struct route *route)
{
    for (int i = 0; i < ROUTE_PARTS; i++)
        if (route->parts[i].len > 0)
            return 0;
    return 1;
}

int
route_leaves(const struct route *route, const struct sigma_rule *rule)
{
    const struct text of_rule[ROUTE_PARTS] = { rule->logsource.product, rule->logsource.category,
                                               rule->logsource.service };

    for (int i = 0; i < ROUTE_PARTS; i++)
        if (route->parts[i].len > 0 && of_rule[i].len > 0 &&
            !text_equals_nocase(route->parts[i], of_rule[i]))
            return 0;
    return 1;
}
