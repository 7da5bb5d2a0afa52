/*
 * test_openapi.c - ingest and the api do what their OpenAPI documents say
 *
 * schemathesis makes requests of the documents, right and wrong ones, and holds the
 * answers against them. Skipped where PyPI could not be had (scripts/setup test).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/instance.h"

static struct instance instance;

static int
start(void **state)
{
    (void)state;
    instance_prepare(&instance);
    instance_start_and_wait(&instance, NULL);
    for (int i = 0; i < 5; i++)
        instance_check_takes_a_line(&instance);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    instance_release(&instance);
    return 0;
}

static void
check_service(const char *address)
{
    char command[512], key[128], chunk[4096];
    FILE *out;
    int code;

    instance_key(&instance, key, sizeof(key));
    snprintf(command, sizeof(command), "API_KEY=%s tests/openapi/run http://%s 25 2>&1", key,
             address);
    out = popen(command, "r");
    assert_non_null(out);
    for (size_t got; (got = fread(chunk, 1, sizeof(chunk) - 1, out)) > 0;) {
        chunk[got] = '\0';
        print_message("%s", chunk);
    }
    code = pclose(out);
    if (WEXITSTATUS(code) == 77)
        skip();
    assert_int_equal(code, 0);
}

static void
ingest_does_what_its_document_says(void **state)
{
    (void)state;
    check_service(instance.ingest);
    instance_check_runs(&instance);
}

static void
the_api_does_what_its_document_says(void **state)
{
    (void)state;
    check_service(instance.api);
    instance_check_runs(&instance);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingest_does_what_its_document_says),
        cmocka_unit_test(the_api_does_what_its_document_says),
    };

    return cmocka_run_group_tests_name("openapi", tests, start, stop);
}
