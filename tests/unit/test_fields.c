/* The one table of field names, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/event.h"
#include "proto/fields.h"

static void
each_name_is_found_as_its_own_row(void **state)
{
    (void)state;
    for (int i = 0; i < FIELD_NUMBERS; i++)
        assert_ptr_equal(field_find(text_of(field_rows[i].name)), &field_rows[i]);
    assert_null(field_find(text_of("")));
    assert_null(field_find(text_of("no.such.field")));
    assert_null(field_find(text_of("src_port SourcePort")));
}

/* A name of Elasticsearch that were ours for something else would lead a rule astray. */
static void
no_schema_calls_by_our_name_what_is_another_field(void **state)
{
    (void)state;
    for (int i = 0; i < FIELD_NUMBERS; i++) {
        const struct field_row *found = field_find(text_of(field_rows[i].ecs));

        if (found != &field_rows[i])
            fail_msg("%s is %s's in ECS and %s's here", field_rows[i].ecs, field_rows[i].name,
                     found->name);
    }
}

static void
finds_what_rules_of_sigma_and_ecs_call_a_field(void **state)
{
    (void)state;
    assert_string_equal(field_find(text_of("cs-uri-query"))->name, "url.query");
    assert_string_equal(field_find(text_of("c-useragent"))->name, "user_agent.original");
    assert_string_equal(field_find(text_of("source.ip"))->name, "source_ip");
    assert_string_equal(field_find(text_of("@timestamp"))->name, "timestamp");
}

static void
the_events_own_fields_are_all_there_and_marked(void **state)
{
    int own = 0;

    (void)state;
    for (int i = 0; i < FIELD_NUMBERS; i++) {
        own += field_rows[i].is_own;
        assert_int_equal(field_rows[i].is_own, event_field_find(text_of(field_rows[i].name)) >= 0);
    }
    assert_int_equal(own, EVENT_FIELD_COUNT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_is_found_as_its_own_row),
        cmocka_unit_test(no_schema_calls_by_our_name_what_is_another_field),
        cmocka_unit_test(finds_what_rules_of_sigma_and_ecs_call_a_field),
        cmocka_unit_test(the_events_own_fields_are_all_there_and_marked),
    };

    return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
