/* TLS at a server: who gets in with what, and certificates that change under way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "tests/support/http_fixture.h"
#include "tests/support/tls_place.h"

enum { PATIENCE_MS = 20000, SOON_S = 9 * 24 * 3600 };

struct place {
    struct http_fixture *f;
    struct tls_place files;
    struct tls *tls;
    CURLM *multi;
};

/* A call by libcurl on the server's own loop, so that both make progress. */
struct visit {
    struct place *place;
    CURL *curl;
    struct buf body;
    int is_done;
    CURLcode how;
    long status;
};

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    tls_place_make(&place->files);
    http_fixture_set_up((void **)&place->f);
    place->multi = curl_multi_init();
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;
    struct http_fixture *f = place->f;

    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    tls_destroy(&place->tls);
    http_fixture_tear_down((void **)&f);
    curl_multi_cleanup(place->multi);
    tls_place_remove(&place->files);
    free(place);
    return 0;
}

static struct tls_spec
spec_of(const struct place *place)
{
    return (struct tls_spec){ .certificate = place->files.certificate, .key = place->files.key };
}

static void
start(struct place *place, const struct tls_spec *spec)
{
    struct err err = { "" };

    place->tls = tls_new(place->f->loop, spec, place->f->metrics, &err);
    if (place->tls == NULL)
        fail_msg("%s", err.text);
    place->f->options.tls = place->tls;
    http_fixture_start(place->f);
}

static size_t
take(char *bytes, size_t size, size_t count, void *ctx)
{
    struct visit *visit = ctx;

    assert_int_equal(buf_append(&visit->body, bytes, size * count), 0);
    return size * count;
}

static int
is_done(void *ctx)
{
    struct visit *visit = ctx;
    int running, left;
    CURLMsg *msg;

    curl_multi_perform(visit->place->multi, &running);
    while ((msg = curl_multi_info_read(visit->place->multi, &left)) != NULL)
        if (msg->msg == CURLMSG_DONE && msg->easy_handle == visit->curl) {
            visit->how = msg->data.result;
            visit->is_done = 1;
        }
    return visit->is_done;
}

static void
open_visit(struct place *place, struct visit *visit, const char *path)
{
    char url[200];

    *visit = (struct visit){ .place = place, .curl = curl_easy_init() };
    snprintf(url, sizeof(url), "https://%s%s", http_server_address(place->f->server), path);
    curl_easy_setopt(visit->curl, CURLOPT_URL, url);
    curl_easy_setopt(visit->curl, CURLOPT_CAINFO, place->files.ca);
    curl_easy_setopt(visit->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(visit->curl, CURLOPT_WRITEDATA, visit);
    curl_easy_setopt(visit->curl, CURLOPT_CERTINFO, 1L);
}

/* A connection of its own, that nobody uses afterwards, begun from nothing. */
static void
stay_alone(struct visit *visit)
{
    curl_easy_setopt(visit->curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(visit->curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(visit->curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static void
run_visit(struct visit *visit)
{
    visit->is_done = 0;
    curl_multi_add_handle(visit->place->multi, visit->curl);
    assert_true(loop_until(visit->place->f->loop, is_done, visit, PATIENCE_MS));
    curl_easy_getinfo(visit->curl, CURLINFO_RESPONSE_CODE, &visit->status);
    curl_multi_remove_handle(visit->place->multi, visit->curl);
}

static void
close_visit(struct visit *visit)
{
    curl_easy_cleanup(visit->curl);
    buf_release(&visit->body);
}

static void
show_certificate(struct visit *visit, const char *name)
{
    static char certificate[700], key[700];

    snprintf(certificate, sizeof(certificate), "%s/%s.pem", visit->place->files.dir, name);
    snprintf(key, sizeof(key), "%s/%s.key", visit->place->files.dir, name);
    curl_easy_setopt(visit->curl, CURLOPT_SSLCERT, certificate);
    curl_easy_setopt(visit->curl, CURLOPT_SSLKEY, key);
}

/* The status of GET /open by a new connection, 0 when TLS lets it not through. */
static long
ask(struct place *place, const char *certificate)
{
    struct visit visit;
    long status;

    open_visit(place, &visit, "/open");
    stay_alone(&visit);
    if (certificate != NULL)
        show_certificate(&visit, certificate);
    run_visit(&visit);
    status = visit.how == CURLE_OK ? visit.status : 0;
    close_visit(&visit);
    return status;
}

/* The expiry of the certificate that a new connection is shown. */
static void
ask_expiry(struct place *place, char *out, size_t size)
{
    struct curl_certinfo *info = NULL;
    struct visit visit;

    out[0] = '\0';
    open_visit(place, &visit, "/open");
    stay_alone(&visit);
    run_visit(&visit);
    assert_int_equal(visit.how, CURLE_OK);
    curl_easy_getinfo(visit.curl, CURLINFO_CERTINFO, &info);
    assert_true(info->num_of_certs > 0);
    for (struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
        if (strncmp(line->data, "Expire date:", 12) == 0)
            snprintf(out, size, "%s", line->data);
    close_visit(&visit);
}

static void
requests_and_long_bodies_come_through(void **state)
{
    static char body[MAX_BODY + 1];
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    struct visit visit;

    start(place, &spec);
    memset(body, 'a', MAX_BODY);
    open_visit(place, &visit, "/count");
    curl_easy_setopt(visit.curl, CURLOPT_POSTFIELDS, body);
    for (int i = 0; i < 3; i++) {
        run_visit(&visit);
        assert_int_equal(visit.how, CURLE_OK);
        assert_int_equal(visit.status, 202);
    }
    close_visit(&visit);
    open_visit(place, &visit, "/large");
    run_visit(&visit);
    assert_int_equal(visit.status, 200);
    assert_int_equal(visit.body.len, LARGE_ANSWER);
    close_visit(&visit);
}

static void
a_deferred_answer_comes_through(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    struct visit visit;

    start(place, &spec);
    open_visit(place, &visit, "/wait");
    curl_easy_setopt(visit.curl, CURLOPT_POSTFIELDS, "x");
    run_visit(&visit);
    assert_int_equal(visit.status, 202);
    close_visit(&visit);
}

static void
older_than_tls_1_2_is_turned_away(void **state)
{
    static const struct { long version; int is_good; } cases[] = {
        { CURL_SSLVERSION_MAX_TLSv1_1 | CURL_SSLVERSION_TLSv1_0, 0 },
        { CURL_SSLVERSION_MAX_TLSv1_2 | CURL_SSLVERSION_TLSv1_2, 1 },
        { CURL_SSLVERSION_MAX_TLSv1_3 | CURL_SSLVERSION_TLSv1_3, 1 },
    };
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    struct visit visit;

    start(place, &spec);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_visit(place, &visit, "/open");
        curl_easy_setopt(visit.curl, CURLOPT_SSLVERSION, cases[i].version);
        /* OpenSSL offers 1.1 only to those who ask for its lowest level */
        curl_easy_setopt(visit.curl, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:@SECLEVEL=0");
        run_visit(&visit);
        assert_int_equal(visit.how == CURLE_OK, cases[i].is_good);
        close_visit(&visit);
    }
    assert_int_equal(number(place->f, "bongsu_http_tls_silent_total", ""), 1);
}

static void
plain_http_is_turned_away_and_counted(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);

    start(place, &spec);
    assert_int_equal(http_get(place->f->client, "/open", ""), 0);
    assert_int_equal(place->f->handled, 0);
    assert_int_equal(number(place->f, "bongsu_http_tls_silent_total", ""), 1);
    assert_int_equal(ask(place, NULL), 200);
}

static void
a_client_certificate_may_be_shown_and_must_be_good(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);

    tls_place_sign(&place->files, "good", 1, time(NULL) + SOON_S);
    tls_place_sign(&place->files, "old", 1, time(NULL) - 60);
    tls_place_sign(&place->files, "other", 0, time(NULL) + SOON_S);
    spec.client_ca = place->files.ca;
    start(place, &spec);
    assert_int_equal(ask(place, NULL), 200);
    assert_int_equal(ask(place, "good"), 200);
    assert_int_equal(ask(place, "old"), 0);
    assert_int_equal(ask(place, "other"), 0);       /* a server's is no client's */
    assert_int_equal(place->f->handled, 2);
}

static void
where_one_is_required_nobody_comes_in_without(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);

    tls_place_sign(&place->files, "good", 1, time(NULL) + SOON_S);
    spec.client_ca = place->files.ca;
    spec.client_required = 1;
    start(place, &spec);
    assert_int_equal(ask(place, NULL), 0);
    assert_int_equal(ask(place, "good"), 200);
    assert_int_equal(place->f->handled, 1);
}

static json_t *
status_of(struct place *place)
{
    json_t *status = json_object();

    tls_show(place->tls, status);
    return status;
}

/* Signs "good" and "lost", and revokes the second in list.crl. */
static struct tls_spec
revoking_spec(struct place *place, const char *revoked)
{
    static char list[700];
    struct tls_spec spec = spec_of(place);

    tls_place_sign(&place->files, "good", 1, time(NULL) + SOON_S);
    tls_place_sign(&place->files, "lost", 1, time(NULL) + SOON_S);
    tls_place_revoke(&place->files, "list", revoked, time(NULL) + SOON_S, 0);
    snprintf(list, sizeof(list), "%s", tls_place_path(&place->files, "list.crl"));
    spec.client_ca = place->files.ca;
    spec.client_crl = list;
    return spec;
}

static double
refused_clients(struct place *place, const char *reason)
{
    return number(place->f, "bongsu_tls_clients_refused_total", reason);
}

static void
a_revoked_client_certificate_is_refused_and_counted(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = revoking_spec(place, "lost");

    tls_place_sign(&place->files, "old", 1, time(NULL) - 60);
    start(place, &spec);
    assert_int_equal(ask(place, "good"), 200);
    assert_int_equal(ask(place, NULL), 200);
    assert_int_equal(refused_clients(place, "reason=\"revoked\""), 0);
    assert_int_equal(ask(place, "lost"), 0);
    assert_int_equal(refused_clients(place, "reason=\"revoked\""), 1);
    assert_int_equal(ask(place, "old"), 0);
    assert_int_equal(refused_clients(place, "reason=\"other\""), 1);
    assert_int_equal(place->f->handled, 2);
}

/* A shipper keeps its connection for days. */
static void
who_is_revoked_under_way_loses_his_connection_and_others_keep_theirs(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = revoking_spec(place, NULL);
    struct visit good, lost;
    long connects = 1;

    start(place, &spec);
    open_visit(place, &good, "/open");
    show_certificate(&good, "good");
    run_visit(&good);
    open_visit(place, &lost, "/open");
    show_certificate(&lost, "lost");
    run_visit(&lost);
    assert_int_equal(lost.status, 200);
    tls_place_revoke(&place->files, "list", "lost", time(NULL) + SOON_S, 0);
    tls_look(place->tls);
    run_visit(&lost);
    assert_int_equal(lost.status, 403);
    curl_easy_getinfo(lost.curl, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 0);
    assert_int_equal(number(place->f, "bongsu_http_refused_total", "reason=\"certificate\""), 1);
    run_visit(&lost);                               /* by a new one */
    assert_int_not_equal(lost.how, CURLE_OK);
    for (int i = 0; i < 2; i++) {
        run_visit(&good);
        assert_int_equal(good.status, 200);
        curl_easy_getinfo(good.curl, CURLINFO_NUM_CONNECTS, &connects);
        assert_int_equal(connects, 0);
    }
    assert_int_equal(refused_clients(place, "reason=\"revoked\""), 2);
    assert_int_equal(place->f->handled, 4);
    close_visit(&good);
    close_visit(&lost);
}

static void
a_list_that_is_no_list_of_the_authorities_is_refused_with_its_name(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = revoking_spec(place, "lost");
    struct err err = { "" };

    assert_int_equal(tls_check(&spec, &err), 0);
    tls_place_revoke(&place->files, "list", "lost", time(NULL) + SOON_S, 1);
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, "/list.crl: list 1 is not signed by an authority of"));
    spec.client_crl = place->files.ca;
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, "holds no list of revoked certificates (CRL) in PEM"));
    spec.client_crl = "/nowhere/at/all";
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
}

/* A broken list under way: who was revoked stays so. */
static void
an_old_list_stays_in_force_and_is_warned_of(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = revoking_spec(place, "lost");
    json_t *status, *warnings;

    tls_place_sign(&place->files, "server", 0, time(NULL) + SOON_S * 3);
    start(place, &spec);
    tls_place_revoke(&place->files, "list", NULL, time(NULL) + SOON_S, 1);
    tls_look(place->tls);
    assert_int_equal(ask(place, "lost"), 0);
    status = status_of(place);
    warnings = json_object_get(status, "warnings");
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "is not signed by"));
    json_decref(status);
    tls_place_revoke(&place->files, "list", "lost", time(NULL) - 60, 0);
    tls_look(place->tls);
    assert_int_equal(ask(place, "lost"), 0);
    assert_int_equal(ask(place, "good"), 200);
    status = status_of(place);
    warnings = json_object_get(status, "warnings");
    assert_int_equal(json_array_size(warnings), 1);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "was to come at"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(status, "tls"),
                                                        "revoked")), 1);
    json_decref(status);
}

static void
a_new_certificate_counts_for_new_connections_and_open_ones_go_on(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    char before[200], after[200];
    struct visit open_one;
    long connects = 1;

    start(place, &spec);
    ask_expiry(place, before, sizeof(before));
    open_visit(place, &open_one, "/open");
    run_visit(&open_one);
    tls_place_sign(&place->files, "server", 0, time(NULL) + SOON_S / 2);
    tls_look(place->tls);
    ask_expiry(place, after, sizeof(after));
    assert_string_not_equal(before, after);
    run_visit(&open_one);
    assert_int_equal(open_one.status, 200);
    curl_easy_getinfo(open_one.curl, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 0);
    assert_int_equal(number(place->f, "bongsu_tls_reloads_total", ""), 1);
    close_visit(&open_one);
}

static void
files_that_do_not_fit_change_nothing_and_show(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    char kept[700];
    json_t *status;

    start(place, &spec);
    snprintf(kept, sizeof(kept), "%s/kept", place->files.dir);
    assert_int_equal(rename(place->files.key, kept), 0);
    tls_place_sign(&place->files, "server", 0, time(NULL) + SOON_S);
    assert_int_equal(rename(kept, place->files.key), 0);
    tls_look(place->tls);
    assert_int_equal(ask(place, NULL), 200);
    status = status_of(place);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(status, "warnings"),
                                                            0)), "is not the key of"));
    json_decref(status);
    tls_place_sign(&place->files, "server", 0, time(NULL) + SOON_S * 3);
    tls_look(place->tls);
    status = status_of(place);
    assert_int_equal(json_array_size(json_object_get(status, "warnings")), 0);
    json_decref(status);
}

static void
an_expired_certificate_is_taken_and_warned_of(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    json_t *status;

    tls_place_sign(&place->files, "server", 0, time(NULL) - 60);
    start(place, &spec);
    status = status_of(place);
    assert_non_null(strstr(json_string_value(json_array_get(json_object_get(status, "warnings"),
                                                            0)), "expired at"));
    json_decref(status);
}

static void
write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
what_is_wrong_with_a_file_is_said_with_its_name(void **state)
{
    struct place *place = *state;
    struct tls_spec spec = spec_of(place);
    const char *junk = tls_place_path(&place->files, "junk");
    struct err err = { "" };

    assert_int_equal(tls_check(&spec, &err), 0);
    write_text(junk, "junk");
    spec.certificate = junk;
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, "/junk: holds no certificate in PEM"));
    spec = spec_of(place);
    spec.key = junk;
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, "/junk: is no private key in PEM"));
    spec.key = "/nowhere/at/all";
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    spec = spec_of(place);
    spec.client_ca = junk;
    assert_int_equal(tls_check(&spec, &err), -1);
    assert_non_null(strstr(err.text, "/junk: holds no certificate in PEM"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_and_long_bodies_come_through),
        TEST(a_deferred_answer_comes_through),
        TEST(older_than_tls_1_2_is_turned_away),
        TEST(plain_http_is_turned_away_and_counted),
        TEST(a_client_certificate_may_be_shown_and_must_be_good),
        TEST(where_one_is_required_nobody_comes_in_without),
        TEST(a_revoked_client_certificate_is_refused_and_counted),
        TEST(who_is_revoked_under_way_loses_his_connection_and_others_keep_theirs),
        TEST(a_list_that_is_no_list_of_the_authorities_is_refused_with_its_name),
        TEST(an_old_list_stays_in_force_and_is_warned_of),
        TEST(a_new_certificate_counts_for_new_connections_and_open_ones_go_on),
        TEST(files_that_do_not_fit_change_nothing_and_show),
        TEST(an_expired_certificate_is_taken_and_warned_of),
        TEST(what_is_wrong_with_a_file_is_said_with_its_name),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
