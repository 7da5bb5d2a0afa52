#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/endpoints.h"

static char listen_any[] = "0.0.0.0", listen_v6[] = "::1";
static char ingest_host[] = "ingest", detector_host[] = "detector";
static char dir[] = "/run/b";

static const struct settings over_tcp = {
    .bus_listen = listen_any, .ingest_host = ingest_host, .detector_host = detector_host,
};

static void
binds_and_connects_the_ports_of_the_design(void **state)
{
    static const struct {
        enum endpoint which;
        int slot;
        const char *bound, *connected;
    } cases[] = {
        { ENDPOINT_INDEX, 0, "tcp://0.0.0.0:5550", "tcp://ingest:5550" },
        { ENDPOINT_DETECT, 0, "tcp://0.0.0.0:5600", "tcp://ingest:5600" },
        { ENDPOINT_DETECT, 3, "tcp://0.0.0.0:5603", "tcp://ingest:5603" },
        { ENDPOINT_INGEST_REPORT, 0, "tcp://0.0.0.0:5559", "tcp://ingest:5559" },
        { ENDPOINT_INGEST_REPORT, 2, "tcp://0.0.0.0:5559", "tcp://ingest:5559" },
        { ENDPOINT_LIVE_EVENTS, 0, "tcp://0.0.0.0:5552", "tcp://ingest:5552" },
        { ENDPOINT_INCIDENTS, 0, "tcp://0.0.0.0:5561", "tcp://detector:5561" },
        { ENDPOINT_INCIDENTS, 2, "tcp://0.0.0.0:5581", "tcp://detector:5581" },
        { ENDPOINT_INCIDENT_REPORT, 1, "tcp://0.0.0.0:5579", "tcp://detector:5579" },
        { ENDPOINT_LIVE_INCIDENTS, 0, "tcp://0.0.0.0:5562", "tcp://detector:5562" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[ENDPOINT_LEN];

        assert_int_equal(
            endpoint_to_bind(&over_tcp, cases[i].which, cases[i].slot, out), 0);
        assert_string_equal(out, cases[i].bound);
        assert_int_equal(
            endpoint_to_connect(&over_tcp, cases[i].which, cases[i].slot, out), 0);
        assert_string_equal(out, cases[i].connected);
    }
}

static void
every_endpoint_of_a_folder_has_a_file_of_its_own(void **state)
{
    const struct settings over_ipc = { .bus_dir = dir };
    char all[ENDPOINT_COUNT][ENDPOINT_LEN], out[ENDPOINT_LEN];

    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        assert_int_equal(endpoint_to_bind(&over_ipc, (enum endpoint)i, 0, all[i]), 0);
        assert_int_equal(endpoint_to_connect(&over_ipc, (enum endpoint)i, 0, out), 0);
        assert_string_equal(out, all[i]);
        assert_int_equal(strncmp(out, "ipc:///run/b/", 13), 0);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
    }
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_DETECT, 1, out), 0);
    assert_string_not_equal(out, all[ENDPOINT_DETECT]);
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_INCIDENTS, 1, out), 0);
    assert_string_not_equal(out, all[ENDPOINT_INCIDENTS]);
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_INDEX, 1, out), 0);
    assert_string_equal(out, all[ENDPOINT_INDEX]);
}

static void
refuses_an_ipc_path_over_107_bytes(void **state)
{
    char folder[300], out[ENDPOINT_LEN];
    struct settings over_ipc = { .bus_dir = folder };
    size_t longest = 107 - strlen("/index");

    snprintf(folder, sizeof(folder), "/%0*d", (int)longest - 1, 0);
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_INDEX, 0, out), 0);
    assert_int_equal(strlen(out), strlen("ipc://") + 107);
    snprintf(folder, sizeof(folder), "/%0*d", (int)longest, 0);
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_INDEX, 0, out), -1);
    snprintf(folder, sizeof(folder), "/%0*d", 290, 0);
    assert_int_equal(endpoint_to_bind(&over_ipc, ENDPOINT_INDEX, 0, out), -1);
}

static void
puts_ipv6_addresses_into_brackets(void **state)
{
    const struct settings settings = { .bus_listen = listen_v6 };
    char out[ENDPOINT_LEN];

    assert_int_equal(endpoint_to_bind(&settings, ENDPOINT_INDEX, 0, out), 0);
    assert_string_equal(out, "tcp://[::1]:5550");
    assert_int_equal(endpoint_to_connect(&settings, ENDPOINT_INDEX, 0, out), -1);
}

static void
refuses_slots_that_have_no_port(void **state)
{
    char out[ENDPOINT_LEN];

    assert_int_equal(endpoint_to_bind(&over_tcp, ENDPOINT_DETECT, -1, out), -1);
    assert_int_equal(endpoint_to_bind(&over_tcp, ENDPOINT_DETECT, 60000, out), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_and_connects_the_ports_of_the_design),
        cmocka_unit_test(every_endpoint_of_a_folder_has_a_file_of_its_own),
        cmocka_unit_test(refuses_an_ipc_path_over_107_bytes),
        cmocka_unit_test(puts_ipv6_addresses_into_brackets),
        cmocka_unit_test(refuses_slots_that_have_no_port),
    };

    return cmocka_run_group_tests_name("endpoints", tests, NULL, NULL);
}
