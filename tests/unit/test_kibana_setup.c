/*
 * compose/kibana/setup against one server that speaks both Elasticsearch's and Kibana's
 * side of the conversation: it ends with 0 only when all of it is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/http_stub.h"

#define SETUP "compose/kibana/setup"
#define PASSWORD "a \\\"quoted\\\" password"         /* in the shell's double quotes */
#define AVAILABLE "{\"status\":{\"overall\":{\"level\":\"available\"}}}"
#define DEGRADED "{\"status\":{\"overall\":{\"level\":\"degraded\"}}}"

static struct stub *stub;
static struct buf output;

static int
open_stub(void **state)
{
    stub = stub_new();
    return stub == NULL;
}

static int
close_stub(void **state)
{
    stub_destroy(&stub);
    buf_release(&output);
    return 0;
}

/* The exit code; what it said is in output. */
static int
run(const struct stub_answer *answers, size_t count, const char *wait_s)
{
    char command[1024], some[4096];
    FILE *pipe;
    size_t len;
    int status;

    if (access("/usr/bin/curl", X_OK) != 0)
        skip();
    stub_script(stub, answers, count);
    stub_set_usual(stub, &(struct stub_answer){ .status = 500, .body = "more than was expected" });
    snprintf(command, sizeof(command), "ELASTIC_PASSWORD=\"" PASSWORD "\" ELASTICSEARCH_URL=%s KIBANA_URL=%s "
             "WAIT_S=%s sh " SETUP " 2>&1", stub_url(stub), stub_url(stub), wait_s);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    buf_clear(&output);
    while ((len = fread(some, 1, sizeof(some), pipe)) > 0)
        assert_int_equal(buf_append(&output, some, len), 0);
    assert_int_equal(buf_append_str(&output, ""), 0);
    status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
says(const char *text)
{
    if (strstr(output.ptr == NULL ? "" : output.ptr, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", output.ptr, text);
}

/* A line of the file is an object. */
static size_t
object_count(void)
{
    FILE *file = fopen("compose/kibana/bongsu.ndjson", "r");
    size_t count = 0;
    int c;

    assert_non_null(file);
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static const char *
imported(size_t count, const char *success, const char *more)
{
    static char body[512];

    snprintf(body, sizeof(body), "{\"successCount\":%zu,\"success\":%s,\"warnings\":[]%s}", count, success, more);
    return body;
}

static void
sets_the_password_and_imports_all(void **state)
{
    const struct stub_answer answers[] = {
        { .status = 503, .body = "{}" }, { .body = "{}" }, { .status = 503, .body = DEGRADED },
        { .body = DEGRADED }, { .body = AVAILABLE }, { .status = 503, .body = "Kibana server is not ready yet" },
        { .body = imported(object_count(), "true", "") },
    };
    const struct stub_request *request;
    char header[256];

    assert_int_equal(run(answers, sizeof(answers) / sizeof(answers[0]), "60"), 0);
    assert_int_equal(stub_count(stub), sizeof(answers) / sizeof(answers[0]));
    request = stub_request(stub, 1);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/_security/user/kibana_system/_password");
    assert_string_equal(request->body, "{\"password\":\"a \\\"quoted\\\" password\"}");
    assert_int_equal(stub_header(request, "Authorization", header, sizeof(header)), 1);
    assert_string_equal(header, "Basic ZWxhc3RpYzphICJxdW90ZWQiIHBhc3N3b3Jk");
    assert_string_equal(stub_request(stub, 2)->path, "/api/status");
    request = stub_request(stub, 6);
    assert_string_equal(request->path, "/api/saved_objects/_import?overwrite=true");
    assert_int_equal(stub_header(request, "kbn-xsrf", header, sizeof(header)), 1);
    assert_non_null(strstr(request->body, "name=\"file\"; filename=\"bongsu.ndjson\""));
    assert_non_null(strstr(request->body, "\"bongsu-overview\""));
}

/* The status of each is 200. */
static void
an_import_that_is_not_whole_is_a_failure(void **state)
{
    static const struct { size_t lacks; const char *success, *more; } rows[] = {
        { 8, "false", "" },
        { 1, "false", ",\"errors\":[{\"id\":\"bongsu-overview\",\"type\":\"dashboard\",\"error\":{\"type\":"
                      "\"missing_references\"}}]" },
        { 1, "true", "" },
        { 0, "true", ",\"errors\":[{\"id\":\"x\"}]" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct stub_answer answers[] = {
            { .body = "{}" }, { .body = AVAILABLE },
            { .body = imported(object_count() - rows[i].lacks, rows[i].success, rows[i].more) },
        };

        assert_int_equal(run(answers, 3, "60"), 1);
        says("import: not all");
        says(rows[i].more[0] != '\0' ? "errors" : "successCount");
    }
}

static void
what_will_not_change_by_itself_is_not_waited_for(void **state)
{
    const struct { int status; const char *says; } rows[] = {
        { 401, "password of elastic is refused" }, { 400, "400" }, { 404, "404" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct stub_answer answers[] = {
            { .body = "{}" }, { .body = AVAILABLE }, { .status = rows[i].status, .body = "what it says" },
        };

        stub_forget(stub);
        assert_int_equal(run(&answers[2], 1, "600"), 1);        /* the password */
        says(rows[i].says);
        assert_int_equal(run(answers, 3, "600"), 1);            /* the import */
        says(rows[i].says);
        assert_int_equal(stub_count(stub), 4);
    }
}

static void
who_never_becomes_ready_is_given_up(void **state)
{
    assert_int_equal(run(NULL, 0, "1"), 1);
    says("password of kibana_system: 500");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_stub, close_stub)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sets_the_password_and_imports_all),
        TEST(an_import_that_is_not_whole_is_a_failure),
        TEST(what_will_not_change_by_itself_is_not_waited_for),
        TEST(who_never_becomes_ready_is_given_up),
    };

    return cmocka_run_group_tests_name("kibana_setup", tests, NULL, NULL);
}
