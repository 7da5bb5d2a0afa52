/*
 * sigma_threshold.c - the condition of a correlation: {gte: 5, field: user}
 */
#include <math.h>
#include <string.h>

#include "detector/sigma/sigma_rule.h"
#include "proto/event.h"
#include "proto/incident.h"

/* What each type's condition may have. */
struct shape {
    const char *type;
    int has_steps;
    size_t max_fields;          /* 0: it takes none */
    int has_percentile;
    int is_signed;              /* what it measures may be below 0 */
};

static const struct shape shapes[] = {
    { "event_count",      0, 0,                 0, 0 },
    { "value_count",      0, INCIDENT_MAX_KEYS, 0, 0 },
    { "value_sum",        0, 1,                 0, 1 },
    { "value_avg",        0, 1,                 0, 1 },
    { "value_percentile", 0, 1,                 1, 1 },
    { "value_median",     0, 1,                 0, 1 },
    { "temporal",         1, 0,                 0, 0 },
    { "temporal_ordered", 1, 0,                 0, 0 },
};

static const double max_threshold = 1e12;

static const struct shape *
shape_of(const char *type)
{
    size_t i = 0;

    while (strcmp(shapes[i].type, type) != 0)
        i++;
    return &shapes[i];
}

static int
read_field(const struct sigma_source *src, json_t *value, const struct shape *shape,
           struct sigma_correlation *cor)
{
    if (shape->max_fields == 0)
        return sigma_refuse(src, value, "%s takes no field", shape->type);
    if (shape->max_fields == 1 && json_is_array(value) && json_array_size(value) > 1)
        return sigma_refuse(src, value, "%s takes one field, not several", shape->type);
    return sigma_names_read(src, value, "condition.field", shape->max_fields, &cor->fields,
                            &cor->field_count);
}

static int
read_percentile(const struct sigma_source *src, json_t *value, const struct shape *shape,
                struct sigma_correlation *cor)
{
    if (!shape->has_percentile)
        return sigma_refuse(src, value, "%s takes no percentile", shape->type);
    if (!json_is_number(value) || json_number_value(value) < 0 ||
        json_number_value(value) > 100)
        return sigma_refuse(src, value, "percentile must be a number from 0 to 100");
    cor->percentile = json_number_value(value);
    return 0;
}

static int
read_number(const struct sigma_source *src, const char *op, json_t *value, double *ret)
{
    if (!json_is_number(value) || fabs(json_number_value(value)) > max_threshold)
        return sigma_refuse(src, value, "%s needs a number up to 1e12", op);
    *ret = json_number_value(value);
    return 0;
}

static int
read_least(const struct sigma_source *src, const char *op, json_t *value,
           const struct shape *shape, struct sigma_correlation *cor)
{
    if (isfinite(cor->threshold))
        return sigma_refuse(src, value, "only one of gt, gte and eq");
    cor->is_strict = strcmp(op, "gt") == 0;
    if (read_number(src, op, value, &cor->threshold) != 0)
        return -1;
    if (!shape->is_signed && cor->threshold <= 0)
        return sigma_refuse(src, value, "%s needs a number above 0", op);
    return 0;
}

static int
read_most(const struct sigma_source *src, const char *op, json_t *value,
          const struct shape *shape, struct sigma_correlation *cor)
{
    (void)shape;
    if (isfinite(cor->most))
        return sigma_refuse(src, value, "only one of lt, lte and eq");
    cor->is_most_strict = strcmp(op, "lt") == 0;
    return read_number(src, op, value, &cor->most);
}

static int
read_equal(const struct sigma_source *src, const char *op, json_t *value,
           const struct shape *shape, struct sigma_correlation *cor)
{
    return read_least(src, op, value, shape, cor) != 0 ? -1
           : read_most(src, op, value, shape, cor);
}

static int
read_except(const struct sigma_source *src, const char *op, json_t *value,
            const struct shape *shape, struct sigma_correlation *cor)
{
    (void)shape;
    return read_number(src, op, value, &cor->except);
}

static const struct operator {
    const char *name;
    int (*read)(const struct sigma_source *src, const char *op, json_t *value,
                const struct shape *shape, struct sigma_correlation *cor);
} operators[] = {
    { "gt",  read_least }, { "gte", read_least }, { "lt",  read_most },
    { "lte", read_most },  { "eq",  read_equal }, { "neq", read_except },
};

static int
read_operator(const struct sigma_source *src, const char *op, json_t *value,
              const struct shape *shape, struct sigma_correlation *cor)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strcmp(operators[i].name, op) == 0)
            return operators[i].read(src, op, value, shape, cor);
    return sigma_refuse(src, value, "unknown condition \"%.40s\"", op);
}

/* A window ends with an event, and so has one: it can reach no less. What would
 * never be true, or always, is a mistake. */
static int
check_range(const struct sigma_source *src, const json_t *condition,
            const struct shape *shape, const struct sigma_correlation *cor)
{
    double least = cor->threshold, most = cor->most;
    int is_empty = least > most || (least >= most && (cor->is_strict || cor->is_most_strict));

    if (!shape->is_signed) {
        least = cor->is_strict ? floor(least) + 1 : ceil(least);
        most = cor->is_most_strict ? ceil(most) - 1 : floor(most);
        is_empty = most < 1 || least > most;
        if (is_empty && most < 1)
            return sigma_refuse(src, condition, "the condition never holds: a window ends"
                                " with an event, so it has one");
    }
    if (is_empty || (least >= most && least == cor->except))
        return sigma_refuse(src, condition, "the condition never holds");
    return 0;
}

/* How many of its rules must be there: all of them, unless a temporal one says less. */
static int
check_steps(const struct sigma_source *src, const json_t *condition,
            struct sigma_correlation *cor)
{
    double need = cor->is_strict ? floor(cor->threshold) + 1 : ceil(cor->threshold);

    if (need > (double)cor->rule_count)
        return sigma_refuse(src, condition, "the condition asks for %.15g of %zu rules",
                            need, cor->rule_count);
    if (cor->type == SIGMA_ORDERED && (need != (double)cor->rule_count || cor->is_waiting))
        return sigma_refuse(src, condition,
                            "temporal_ordered wants all of its rules, in their order");
    cor->threshold = need;
    cor->is_strict = 0;
    return 0;
}

static int
read_map(const struct sigma_source *src, json_t *condition, const struct shape *shape,
         struct sigma_correlation *cor)
{
    const char *name;
    json_t *value;

    cor->percentile = shape->has_percentile ? -1 : 50;
    json_object_foreach(condition, name, value) {
        int rc = strcmp(name, "field") == 0 ? read_field(src, value, shape, cor)
                 : strcmp(name, "percentile") == 0
                     ? read_percentile(src, value, shape, cor)
                     : read_operator(src, name, value, shape, cor);

        if (rc != 0)
            return -1;
    }
    cor->is_waiting = isfinite(cor->most) || isfinite(cor->except);
    if (!isfinite(cor->threshold) && !cor->is_waiting)
        return sigma_refuse(src, condition, "the condition needs gt, gte, lt, lte, eq or neq");
    if (shape->max_fields > 0 && cor->field_count == 0)
        return sigma_refuse(src, condition, "%s needs a field in its condition",
                            shape->type);
    if (cor->percentile < 0)
        return sigma_refuse(src, condition, "%s needs a percentile in its condition,"
                            " from 0 to 100", shape->type);
    if (check_range(src, condition, shape, cor) != 0)
        return -1;
    return shape->has_steps ? check_steps(src, condition, cor) : 0;
}

int
sigma_threshold_read(const struct sigma_source *src, json_t *correlation,
                     const char *type, struct sigma_correlation *cor)
{
    json_t *condition = json_object_get(correlation, "condition");
    const struct shape *shape = shape_of(type);

    cor->threshold = -INFINITY;
    cor->most = INFINITY;
    cor->except = NAN;
    if (shape->has_steps && condition == NULL) {
        cor->threshold = (double)cor->rule_count;       /* all of them */
        return 0;
    }
    if (json_is_string(condition))
        return sigma_terms_read(src, condition, cor);
    if (!json_is_object(condition))
        return sigma_refuse(src, condition == NULL ? correlation : condition,
                            "a correlation needs a condition like {gte: 5}");
    return read_map(src, condition, shape, cor);
}
