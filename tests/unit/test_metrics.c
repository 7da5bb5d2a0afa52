#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "proto/base/metrics.h"

static void
the_same_name_and_labels_give_the_same_number(void **state)
{
    struct metrics *metrics = metrics_new();
    uint64_t *first = metrics_number(metrics, METRIC_COUNTER, "a_total", "", "a");
    uint64_t *other = metrics_number(metrics, METRIC_COUNTER, "a_total", "x=\"1\"", "a");

    *first += 2;
    assert_ptr_not_equal(first, other);
    assert_ptr_equal(metrics_number(metrics, METRIC_COUNTER, "a_total", "", "a"), first);
    assert_int_equal(*other, 0);
    metrics_destroy(&metrics);
    assert_null(metrics);
    metrics_destroy(&metrics);
}

static void
numbers_stay_where_they_are_when_more_are_added(void **state)
{
    struct metrics *metrics = metrics_new();
    uint64_t *first = metrics_number(metrics, METRIC_GAUGE, "first", "", "f");
    char labels[32];

    for (int i = 0; i < 500; i++) {
        snprintf(labels, sizeof(labels), "slot=\"%d\"", i);
        *metrics_number(metrics, METRIC_GAUGE, "many", labels, "m") = (uint64_t)i;
    }
    *first = 9;
    assert_int_equal(*metrics_number(metrics, METRIC_GAUGE, "first", "", "f"), 9);
    assert_int_equal(*metrics_number(metrics, METRIC_GAUGE, "many", "slot=\"77\"", "m"),
                     77);
    metrics_destroy(&metrics);
}

static void
a_family_stands_together_under_one_head(void **state)
{
    struct metrics *metrics = metrics_new();
    struct buf out = { NULL, 0, 0 };

    *metrics_number(metrics, METRIC_COUNTER, "refused_total", "reason=\"bad_json\"",
                    "Events refused.") = 3;
    *metrics_number(metrics, METRIC_GAUGE, "backlog", "", "Rows \\ not\nacked.") = 7;
    *metrics_number(metrics, METRIC_COUNTER, "refused_total", "reason=\"too_big\"",
                    "Events refused.") = UINT64_MAX;
    assert_int_equal(metrics_render(metrics, &out), 0);
    assert_string_equal(out.ptr,
                        "# HELP refused_total Events refused.\n"
                        "# TYPE refused_total counter\n"
                        "refused_total{reason=\"bad_json\"} 3\n"
                        "refused_total{reason=\"too_big\"} 18446744073709551615\n"
                        "# HELP backlog Rows \\\\ not\\nacked.\n"
                        "# TYPE backlog gauge\n"
                        "backlog 7\n");
    buf_release(&out);
    metrics_destroy(&metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_give_the_same_number),
        cmocka_unit_test(numbers_stay_where_they_are_when_more_are_added),
        cmocka_unit_test(a_family_stands_together_under_one_head),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
