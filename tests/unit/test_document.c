/* What becomes of the documents that shippers send. */
#include "ingest/intake/document.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/base/timestamp.h"

struct place {
    struct json_reader *reader;
    struct arena arena;
    struct event event;
    struct text read_at;
    struct err err;
};

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct err err;

    assert_non_null(place);
    setenv("TZ", "Asia/Seoul", 1);
    assert_int_equal(timestamp_init(&err), 0);
    place->reader = json_reader_new(1024 * 1024);
    assert_non_null(place->reader);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    json_reader_destroy(&place->reader);
    arena_release(&place->arena);
    event_release(&place->event);
    free(place);
    return 0;
}

static int
read_document(struct place *place, struct text json)
{
    arena_clear(&place->arena);
    place->err.text[0] = '\0';
    return document_read(place->reader, json, &place->arena, &place->event,
                         &place->read_at, &place->err);
}

/* The document, with ' for ", becomes an event with just these fields. */
static void
becomes(struct place *place, const char *document, const char *expected)
{
    static const char *const ours[] = { "id", "received_at", "source_address" };
    char *json = strdup(document), *fields = strdup(expected), *shown;
    json_t *wanted, *got;

    for (char *at = json; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    for (char *at = fields; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    if (read_document(place, text_of(json)) != 0)
        fail_msg("%s: %s", document, place->err.text);
    got = event_to_json(&place->event);
    wanted = json_loads(fields, 0, NULL);
    assert_non_null(wanted);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        json_object_del(got, ours[i]);
    shown = json_dumps(got, JSON_COMPACT);
    if (!json_equal(got, wanted))
        fail_msg("%s\n  became %s\n  and not %s", json, shown, fields);
    free(shown);
    json_decref(got);
    json_decref(wanted);
    free(json);
    free(fields);
}

static void
is_refused(struct place *place, const char *document, const char *reason)
{
    char *json = strdup(document);

    for (char *at = json; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    assert_int_equal(read_document(place, text_of(json)), -1);
    if (strstr(place->err.text, reason) == NULL)
        fail_msg("%s: \"%s\" and not \"%s\"", document, place->err.text, reason);
    free(json);
}

static void
ecs_names_become_ours_nested_or_dotted(void **state)
{
    static const char expected[] =
        "{'timestamp':'2026-11-22T10:00:00Z','event_type':'ssh_login','source_ip':'192.0.2.1',"
        "'destination_ip':'2001:db8::1','username':'bob','severity':'high','count':3,"
        "'source.port':22,'process.tty':'pts0','log.file.offset':7,'host.os.name':'Debian'}";

    becomes(*state,
            "{'@timestamp':'2026-11-22T10:00:00Z','event':{'action':'ssh_login'},"
            "'source':{'ip':'192.0.2.1','port':22},'destination':{'ip':'2001:db8::1'},"
            "'user':{'name':'bob'},'bongsu':{'severity':'high','count':3},"
            "'process':{'tty':{'name':'pts0'}},'log':{'offset':7},"
            "'host':{'os':{'name':'Debian'}}}", expected);
    becomes(*state,
            "{'@timestamp':'2026-11-22T10:00:00Z','event.action':'ssh_login',"
            "'source.ip':'192.0.2.1','source.port':22,'destination.ip':'2001:db8::1',"
            "'user.name':'bob','bongsu.severity':'high','bongsu.count':3,"
            "'process.tty.name':'pts0','log.offset':7,'host.os':{'name':'Debian'}}", expected);
    becomes(*state,
            "{'timestamp':'2026-11-22T10:00:00Z','event_type':'ssh_login',"
            "'source_ip':'192.0.2.1','source.port':22,'destination_ip':'2001:db8::1',"
            "'username':'bob','severity':'high','count':3,'process.tty':'pts0',"
            "'log.file.offset':7,'host.os.name':'Debian'}", expected);
}

/* event_type stays absent: intake then asks the decoders. */
static void
the_line_is_what_no_type_was_given_for(void **state)
{
    becomes(*state, "{'message':'a line'}", "{'raw_log':'a line'}");
    becomes(*state, "{'log':'a line'}", "{'raw_log':'a line'}");
    becomes(*state, "{'MESSAGE':'a line'}", "{'raw_log':'a line'}");
    becomes(*state, "{'event':{'original':'a line'}}", "{'raw_log':'a line'}");
    becomes(*state, "{'raw_log':'a line'}", "{'raw_log':'a line'}");
    becomes(*state, "{'event.original':'a line','message':'a line'}", "{'raw_log':'a line'}");
    becomes(*state, "{'message':'says','event':{'original':'a line'}}",
            "{'raw_log':'a line','description':'says'}");
    becomes(*state, "{'message':'says','event.action':'x'}",
            "{'event_type':'x','description':'says'}");
    becomes(*state, "{'message':'one','log':'two','MESSAGE':'three'}",
            "{'raw_log':'one','description':'two','MESSAGE':'three'}");
    becomes(*state, "{'message':'m','description':'d','raw_log':'r','event_type':'t'}",
            "{'raw_log':'r','description':'d','event_type':'t','message':'m'}");
}

static void
a_document_without_line_and_type_has_one_of_its_dataset(void **state)
{
    becomes(*state, "{}", "{'event_type':'log'}");
    becomes(*state, "{'message':''}", "{'event_type':'log'}");
    becomes(*state, "{'event':{'dataset':'aws.s3'}}",
            "{'event_type':'aws.s3','event.dataset':'aws.s3'}");
    becomes(*state, "{'data_stream':{'dataset':'x'}}",
            "{'event_type':'x','data_stream.dataset':'x'}");
}

static void
a_login_by_ecs_categories_is_one_of_ours(void **state)
{
    becomes(*state, "{'event':{'category':['authentication'],'outcome':'failure'}}",
            "{'event_type':'login_failed','event.category':['authentication'],"
            "'event.outcome':'failure'}");
    becomes(*state, "{'event':{'category':'authentication','outcome':'success',"
            "'type':['start']}}",
            "{'event_type':'login_success','event.category':'authentication',"
            "'event.outcome':'success','event.type':['start']}");
    becomes(*state, "{'event':{'category':'authentication','outcome':'success',"
            "'type':['end']}}",
            "{'event_type':'log','event.category':'authentication',"
            "'event.outcome':'success','event.type':['end']}");
    becomes(*state, "{'event':{'category':['authentication'],'outcome':'failure',"
            "'action':'own'}}",
            "{'event_type':'own','event.category':['authentication'],"
            "'event.outcome':'failure'}");
}

static void
what_does_not_fit_its_field_is_kept_beside_it(void **state)
{
    becomes(*state, "{'event.action':'x','severity':'warning'}",
            "{'event_type':'x','log.level':'warning'}");
    becomes(*state, "{'event.action':'x','severity':'warning','log':{'level':'info'}}",
            "{'event_type':'x','log.level':'info','labels.severity':'warning'}");
    becomes(*state, "{'event.action':'x','severity':5,'count':-1}",
            "{'event_type':'x','labels.severity':5,'labels.count':-1}");
    becomes(*state, "{'event.action':'x','source_ip':'web.example'}",
            "{'event_type':'x','source_host':'web.example'}");
    becomes(*state, "{'event.action':'x','destination':{'ip':'db.example'}}",
            "{'event_type':'x','destination.ip':'db.example'}");
    becomes(*state, "{'event.action':'x','user':{'name':1000}}",
            "{'event_type':'x','username':'1000'}");
    becomes(*state, "{'event.action':'x','user':{'name':['a']}}",
            "{'event_type':'x','username':'a'}");
    becomes(*state, "{'event.action':'x','user.name':['a','b'],'username':null}",
            "{'event_type':'x','user.name':['a','b']}");
    becomes(*state, "{'event.action':'x','id':7,'received_at':'t','received_from':'me'}",
            "{'event_type':'x','labels.id':7,'labels.received_at':'t',"
            "'labels.received_from':'me'}");
    becomes(*state, "{'event.action':'x','username':'a','user.name':'a'}",
            "{'event_type':'x','username':'a'}");
    becomes(*state, "{'event.action':'x','username':'a','user.name':'b'}",
            "{'event_type':'x','username':'a','user.name':'b'}");
    becomes(*state, "{'event.action':'x','user.name':'b','username':'a'}",
            "{'event_type':'x','username':'b','labels.username':'a'}");
}

static void
the_source_is_an_address_or_a_name(void **state)
{
    becomes(*state, "{'event.action':'x','source':{'address':'192.0.2.1'}}",
            "{'event_type':'x','source_ip':'192.0.2.1'}");
    becomes(*state, "{'event.action':'x','source':{'address':'web','ip':'192.0.2.1'}}",
            "{'event_type':'x','source_ip':'192.0.2.1','source_host':'web'}");
    becomes(*state, "{'event.action':'x','source':{'address':'web','domain':'web'}}",
            "{'event_type':'x','source_host':'web'}");
    becomes(*state, "{'event.action':'x','source.address':'192.0.2.2','source.ip':'192.0.2.1'}",
            "{'event_type':'x','source_ip':'192.0.2.1','source.address':'192.0.2.2'}");
}

static void
host_and_program_of_plain_shippers_have_ecs_names(void **state)
{
    becomes(*state, "{'message':'m','host':'web1','appname':'sshd'}",
            "{'raw_log':'m','host.name':'web1','process.name':'sshd'}");
    becomes(*state, "{'message':'m','host':{'hostname':'h','name':'n'},'hostname':'o'}",
            "{'raw_log':'m','host.hostname':'h','host.name':'n','hostname':'o'}");
    becomes(*state, "{'message':'m','host':['a','b']}",
            "{'raw_log':'m','host':['a','b']}");
}

static void
times_are_read_as_elasticsearch_reads_them(void **state)
{
    static const struct { const char *sent, *time; } cases[] = {
        { "'@timestamp':'2026-11-22T10:00:00.123+09:00'", "2026-11-22T10:00:00.123+09:00" },
        { "'@timestamp':'2026-11-22T10:00:00.123'", "2026-11-22T10:00:00.123Z" },
        { "'@timestamp':'2026-11-22T10:00'", "2026-11-22T10:00Z" },
        { "'@timestamp':'2026-11-22'", "2026-11-22T00:00:00Z" },
        { "'@timestamp':1795341600123", "2026-11-22T10:00:00.123Z" },
        { "'@timestamp':1795341600123.0", "2026-11-22T10:00:00.123Z" },
        { "'@timestamp':'1795341600123'", "2026-11-22T10:00:00.123Z" },
        { "'@timestamp':['2026-11-22T10:00:00Z']", "2026-11-22T10:00:00Z" },
        { "'timestamp':'2026-11-22T10:00:00'", "2026-11-22T10:00:00" },    /* the site's */
        { "'@timestamp':null,'timestamp':'2026-11-22T10:00:00'", "2026-11-22T10:00:00" },
        { "'timestamp':'2026-11-22T10:00:00Z','@timestamp':'2026-11-22T10:00:00Z'",
          "2026-11-22T10:00:00Z" },
    };
    char document[256], expected[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(document, sizeof(document), "{'event.action':'x',%s}", cases[i].sent);
        snprintf(expected, sizeof(expected), "{'event_type':'x','timestamp':'%s'}",
                 cases[i].time);
        becomes(*state, document, expected);
    }
    becomes(*state, "{'event.action':'x','@timestamp':1795341600123,"
            "'timestamp':'10/Oct/2000:13:55:36 -0700'}",
            "{'event_type':'x','timestamp':'2026-11-22T10:00:00.123Z',"
            "'labels.timestamp':'10/Oct/2000:13:55:36 -0700'}");
}

/* The site is in Seoul. */
static void
a_line_of_the_sites_zone_has_its_own_time(void **state)
{
    static const char *const ours[] = { "+09:00", "Asia/Seoul" };
    static const char *const others[] = { "+00:00", "UTC", "KST", "-09:00", "" };
    struct place *place = *state;
    char document[256], expected[256];

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        snprintf(document, sizeof(document), "{'message':'m','@timestamp':1795341600123,"
                 "'event':{'timezone':'%s'}}", ours[i]);
        snprintf(expected, sizeof(expected), "{'raw_log':'m','event.timezone':'%s'}", ours[i]);
        becomes(place, document, expected);
        assert_true(text_is(place->read_at, "2026-11-22T10:00:00.123Z"));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(document, sizeof(document), "{'message':'m','@timestamp':1795341600123,"
                 "'event':{'timezone':'%s'}}", others[i]);
        snprintf(expected, sizeof(expected), "{'raw_log':'m','event.timezone':'%s',"
                 "'timestamp':'2026-11-22T10:00:00.123Z'}", others[i]);
        becomes(place, document, expected);
        assert_null(place->read_at.ptr);
    }
    becomes(place, "{'event.action':'x','@timestamp':1795341600123,"
            "'event.timezone':'+09:00'}",
            "{'event_type':'x','timestamp':'2026-11-22T10:00:00.123Z',"
            "'event.timezone':'+09:00'}");
}

/* A NUL would else have the document refused, and its line not seen. */
/* Winlogbeat's word for the task is no type; its number and data are. */
static void
an_event_of_windows_is_what_its_number_says(void **state)
{
    becomes(*state,
            "{'@timestamp':'2026-11-22T01:00:00Z','event':{'action':'Logon','code':'4625','outcome':'failure'},"
            "'message':'An account failed to log on.','host':{'name':'dc1'},"
            "'winlog':{'event_id':'4625','provider_name':'Microsoft-Windows-Security-Auditing','task':'Logon',"
            "'event_data':{'TargetUserName':'bob','SubStatus':'0xc000006a','LogonType':3,'IpAddress':'192.0.2.9',"
            "'IpPort':'5000'}}}",
            "{'timestamp':'2026-11-22T01:00:00Z','event_type':'login_failed','username':'bob',"
            "'source_ip':'192.0.2.9','source.port':5000,'event.code':'4625','event.outcome':'failure',"
            "'event.reason':'wrong password','description':'An account failed to log on.','host.name':'dc1',"
            "'winlog.event_id':'4625','winlog.provider_name':'Microsoft-Windows-Security-Auditing',"
            "'winlog.task':'Logon','winlog.event_data.TargetUserName':'bob',"
            "'winlog.event_data.SubStatus':'0xc000006a','winlog.event_data.LogonType':3,"
            "'winlog.event_data.IpAddress':'192.0.2.9','winlog.event_data.IpPort':'5000'}");
    becomes(*state,
            "{'@timestamp':'2026-11-22T01:00:00Z','event':{'action':'None'},'winlog':{'event_id':9,"
            "'provider_name':'Unknown','event_data':{'TargetUserName':'bob'}}}",
            "{'timestamp':'2026-11-22T01:00:00Z','event_type':'None','winlog.event_id':9,'event.code':'9',"
            "'winlog.provider_name':'Unknown','winlog.event_data.TargetUserName':'bob'}");
}

static void
who_acted_is_told_of_every_event_of_windows(void **state)
{
    becomes(*state,
            "{'@timestamp':'2026-11-22T01:00:00Z','event':{'action':'Image loaded','code':'7'},'winlog':{'event_id':'7',"
            "'provider_name':'Microsoft-Windows-Sysmon','user':{'name':'SYSTEM'},'event_data':{"
            "'User':'CORP\\\\bob','Image':'C:\\\\a.exe'}}}",
            "{'timestamp':'2026-11-22T01:00:00Z','event_type':'Image loaded','event.code':'7','winlog.event_id':'7',"
            "'winlog.provider_name':'Microsoft-Windows-Sysmon','winlog.user.name':'SYSTEM',"
            "'winlog.event_data.User':'CORP\\\\bob','winlog.event_data.Image':'C:\\\\a.exe','username':'bob',"
            "'user.domain':'CORP','process.executable':'C:\\\\a.exe','process.name':'a.exe'}");
    becomes(*state,
            "{'@timestamp':'2026-11-22T01:00:00Z','event':{'action':'Execute','code':'4104'},'winlog':{"
            "'event_id':'4104','provider_name':'Microsoft-Windows-PowerShell','user':{'name':'eve','domain':'CORP',"
            "'identifier':'S-1-5-21-7'},'event_data':{'ScriptBlockText':'iex'}}}",
            "{'timestamp':'2026-11-22T01:00:00Z','event_type':'Execute','event.code':'4104','winlog.event_id':'4104',"
            "'winlog.provider_name':'Microsoft-Windows-PowerShell','winlog.user.name':'eve','username':'eve',"
            "'winlog.user.domain':'CORP','winlog.user.identifier':'S-1-5-21-7','user.domain':'CORP',"
            "'user.id':'S-1-5-21-7','winlog.event_data.ScriptBlockText':'iex'}");
    becomes(*state,
            "{'@timestamp':'2026-11-22T01:00:00Z','winlog':{'event_id':'4723','keywords':['Audit Failure'],"
            "'provider_name':'Microsoft-Windows-Security-Auditing'}}",
            "{'timestamp':'2026-11-22T01:00:00Z','event_type':'auth_detail','event.code':'4723','winlog.event_id':'4723',"
            "'winlog.keywords':['Audit Failure'],'winlog.provider_name':'Microsoft-Windows-Security-Auditing'}");
}

static void
a_nul_in_a_text_is_written_out(void **state)
{
    becomes(*state, "{'message':'a\\u0000b'}", "{'raw_log':'a\\\\x00b'}");
    becomes(*state, "{'event.action':'x','a':{'b':'\\u0000'},'user.name':'\\u0000root'}",
            "{'event_type':'x','a.b':'\\\\x00','username':'\\\\x00root'}");
}

static void
what_cannot_be_kept_is_refused_with_its_name(void **state)
{
    is_refused(*state, "", "not JSON: empty");
    is_refused(*state, "[]", "must be a JSON object");
    is_refused(*state, "{'a':", "not JSON");
    is_refused(*state, "{'a':1e999}", "a number too large");
    is_refused(*state, "{'@timestamp':'x','@timestamp':'y'}", "@timestamp: given twice");
    is_refused(*state, "{'message':'x','message':'y'}", "message: given twice");
    is_refused(*state, "{'':1}", "empty name");
    is_refused(*state, "{'a':{'':1}}", "a: a field has an empty name");
    is_refused(*state, "{'a\\u0000b':1}", "the name holds a NUL");
    is_refused(*state, "{'a':[{'b':1,'b':2}]}", "given twice inside");
}

static void
what_is_too_much_is_refused(void **state)
{
    struct place *place = *state;
    struct buf json = { 0 };

    for (int depth = 0; depth < 40; depth++)
        buf_append_str(&json, "{\"a\":");
    buf_append_str(&json, "1");
    for (int depth = 0; depth < 40; depth++)
        buf_append_str(&json, "}");
    assert_int_equal(read_document(place, buf_text(&json)), -1);
    assert_non_null(strstr(place->err.text, "nested deeper than 32"));

    buf_clear(&json);
    buf_append_str(&json, "{");
    for (int i = 0; i <= EVENT_MAX_EXTRAS; i++)
        buf_printf(&json, "%s\"f%d\":1", i == 0 ? "" : ",", i);
    buf_append_str(&json, "}");
    assert_int_equal(read_document(place, buf_text(&json)), -1);
    assert_non_null(strstr(place->err.text, "too many fields"));

    buf_clear(&json);                       /* names that are joined grow */
    buf_append_str(&json, "{\"a\":{\"");
    for (int i = 0; i < EVENT_MAX_NAME - 1; i++)
        buf_append_char(&json, 'b');
    buf_append_str(&json, "\":1}}");
    assert_int_equal(read_document(place, buf_text(&json)), -1);
    assert_non_null(strstr(place->err.text, "more than 256 bytes"));
    buf_release(&json);
}

/* Bytes of good documents changed, moved and cut: whatever comes of it is refused with
 * a reason, or an event that has no NUL and no field over the limits. */
static void
mutated_documents_are_refused_or_fit_for_the_wire(void **state)
{
    static const char *const seeds[] = {
        "{\"@timestamp\":1795341600123,\"source\":{\"ip\":\"192.0.2.1\",\"address\":[\"a\"]},"
        "\"message\":\"a\\u0041b\",\"log\":{\"offset\":1,\"level\":\"x\"},\"host\":\"h\",\"severity\":\"low\"}",
        "{\"event\":{\"category\":[\"authentication\"],\"outcome\":\"failure\",\"timezone\":\"+09:00\"},"
        "\"source_type\":\"syslog\",\"source_ip\":\"1.2.3.4\",\"message\":\"m\",\"a\":[[{\"b\":null}]],\"id\":1.5}",
    };
    static const char spice[] = "{}[]\",:\\u00.-e19 \0\xff\n";
    struct place *place = *state;
    unsigned random = 7;
    char bytes[512];
    int accepted = 0;

    for (int round = 0; round < 100000; round++) {
        const char *seed = seeds[round % 2];
        size_t len = strlen(seed);

        memcpy(bytes, seed, len);
        for (int i = 0; i < 1 + round % 4; i++) {
            random = random * 1103515245u + 12345u;
            bytes[(random >> 8) % len] = spice[(random >> 20) % (sizeof(spice) - 1)];
        }
        if (round % 16 == 0)
            len = (random >> 8) % len;
        if (read_document(place, (struct text){ bytes, len }) != 0) {
            assert_true(place->err.text[0] != '\0');
            continue;
        }
        accepted++;
        for (int i = 0; i < EVENT_FIELD_COUNT; i++) {
            struct text text = value_get_text(&place->event.known[i]);

            assert_true(text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
        }
        for (size_t i = 0; i < place->event.extra_count; i++)
            assert_true(place->event.extras[i].name.len <= EVENT_MAX_NAME + 8);
    }
    assert_true(accepted > 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ecs_names_become_ours_nested_or_dotted),
        TEST(the_line_is_what_no_type_was_given_for),
        TEST(a_document_without_line_and_type_has_one_of_its_dataset),
        TEST(a_login_by_ecs_categories_is_one_of_ours),
        TEST(what_does_not_fit_its_field_is_kept_beside_it),
        TEST(the_source_is_an_address_or_a_name),
        TEST(host_and_program_of_plain_shippers_have_ecs_names),
        TEST(times_are_read_as_elasticsearch_reads_them),
        TEST(a_line_of_the_sites_zone_has_its_own_time),
        TEST(an_event_of_windows_is_what_its_number_says),
        TEST(who_acted_is_told_of_every_event_of_windows),
        TEST(a_nul_in_a_text_is_written_out),
        TEST(what_cannot_be_kept_is_refused_with_its_name),
        TEST(what_is_too_much_is_refused),
        TEST(mutated_documents_are_refused_or_fit_for_the_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
