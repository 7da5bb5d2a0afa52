#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"
#include "tests/support/temp_dir.h"

struct place {
    char dir[64];
    char path[96];
    char address[112];
};

static int
make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/a.sock", place->dir);
    snprintf(place->address, sizeof(place->address), "unix:%s", place->path);
    *state = place;
    return 0;
}

static int
remove_place(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    rmdir(place->dir);
    free(place);
    return 0;
}

static void
expect_refused(const char *address, const char *reason)
{
    struct http_socket sock;
    struct err err = { "" };

    assert_int_equal(http_listen(address, "--x-listen", &sock, &err), -1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", address, err.text, reason);
}

static void
a_taken_port_names_the_flag(void **state)
{
    struct http_socket first, second;
    struct err err = { "" };
    char expected[256];

    (void)state;
    assert_int_equal(http_listen("127.0.0.1:0", "--x-listen", &first, &err), 0);
    assert_int_equal(http_listen(first.address, "--x-listen", &second, &err), -1);
    assert_int_equal(errno, EADDRINUSE);
    snprintf(expected, sizeof(expected), "%s is in use; choose another with --x-listen",
             first.address);
    assert_string_equal(err.text, expected);
    http_listen_end(&first);
    assert_int_equal(http_listen(first.address, NULL, &second, &err), 0);
    http_listen_end(&second);
}

static void
what_is_no_address_is_refused_with_the_reason(void **state)
{
    (void)state;
    expect_refused("", "HOST:PORT");
    expect_refused("8000", "HOST:PORT");
    expect_refused(":8000", "HOST:PORT");
    expect_refused("[]:8000", "HOST:PORT");
    expect_refused("127.0.0.1:", "port must be a number");
    expect_refused("127.0.0.1:65536", "port must be a number");
    expect_refused("127.0.0.1:-1", "port must be a number");
    expect_refused("::1:8000", "brackets");
    expect_refused("[127.0.0.1]:0", "[127.0.0.1]:0");
    expect_refused("unix:relative", "absolute");
    expect_refused("192.0.2.1:0", "cannot listen");
}

static void
loopback_and_all_addresses_are_told_apart(void **state)
{
    static const struct {
        const char *address;
        int is_local;
    } cases[] = {
        { "127.0.0.1:0", 1 }, { "127.1.2.3:0", 1 }, { "localhost:0", 1 }, { "0.0.0.0:0", 0 },
        { "[::1]:0", 1 }, { "[::]:0", 0 },
    };
    struct http_socket sock;
    struct err err = { "" };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (http_listen(cases[i].address, NULL, &sock, &err) != 0) {
            /* a machine without IPv6 can only say so */
            assert_int_equal(cases[i].address[0], '[');
            assert_true(errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EINVAL);
            continue;
        }
        assert_int_equal(sock.is_local, cases[i].is_local);
        assert_string_not_equal(strrchr(sock.address, ':'), ":0");
        http_listen_end(&sock);
    }
}

static void
localhost_is_ipv4_first(void **state)
{
    struct http_socket sock;

    (void)state;
    assert_int_equal(http_listen("localhost:0", NULL, &sock, NULL), 0);
    assert_int_equal(strncmp(sock.address, "127.0.0.1:", 10), 0);
    http_listen_end(&sock);
}

static void
a_unix_socket_is_for_its_owner_alone(void **state)
{
    struct place *place = *state;
    struct http_socket sock;
    struct stat st;

    assert_int_equal(http_listen(place->address, NULL, &sock, NULL), 0);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(sock.is_local);
    http_listen_end(&sock);
    assert_int_equal(access(place->path, F_OK), -1);
}

static void
a_unix_socket_of_a_dead_process_is_replaced(void **state)
{
    struct place *place = *state;
    struct http_socket dead, sock;

    assert_int_equal(http_listen(place->address, NULL, &dead, NULL), 0);
    close(dead.fd);                 /* as a kill -9 leaves it */
    assert_int_equal(http_listen(place->address, NULL, &sock, NULL), 0);
    http_listen_end(&sock);
}

static void
a_unix_socket_in_use_is_left_alone(void **state)
{
    struct place *place = *state;
    struct http_socket first, second;
    struct err err = { "" };

    assert_int_equal(http_listen(place->address, NULL, &first, NULL), 0);
    assert_int_equal(http_listen(place->address, NULL, &second, &err), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_non_null(strstr(err.text, "in use by another process"));
    assert_int_equal(access(place->path, F_OK), 0);
    http_listen_end(&first);
}

static void
a_file_that_is_no_socket_is_not_removed(void **state)
{
    struct place *place = *state;
    int fd = open(place->path, O_CREAT | O_WRONLY, 0600);

    assert_true(fd >= 0);
    close(fd);
    expect_refused(place->address, "is no socket");
    assert_int_equal(access(place->path, F_OK), 0);
}

static void
a_server_answers_on_a_unix_socket_and_on_ipv6(void **state)
{
    struct place *place = *state;
    const char *addresses[] = { place->address, "[::1]:0" };
    struct http_fixture *f;
    void *fixture = NULL;

    for (size_t i = 0; i < 2; i++) {
        struct http_socket sock;

        if (http_listen(addresses[i], NULL, &sock, NULL) != 0)
            continue;                       /* no IPv6 here */
        http_listen_end(&sock);
        assert_int_equal(http_fixture_set_up(&fixture), 0);
        f = fixture;
        f->options.listen = addresses[i];
        assert_int_equal(http_get(http_fixture_start(f), "/read", ""), 200);
        assert_true(body_has(f->client, i == 0 ? "peer=unix;" : "peer=::1;"));
        http_fixture_tear_down(&fixture);
    }
}

#define PLACED(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taken_port_names_the_flag),
        cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
        cmocka_unit_test(loopback_and_all_addresses_are_told_apart),
        cmocka_unit_test(localhost_is_ipv4_first),
        PLACED(a_unix_socket_is_for_its_owner_alone),
        PLACED(a_unix_socket_of_a_dead_process_is_replaced),
        PLACED(a_unix_socket_in_use_is_left_alone),
        PLACED(a_file_that_is_no_socket_is_not_removed),
        PLACED(a_server_answers_on_a_unix_socket_and_on_ipv6),
    };

    return cmocka_run_group_tests_name("http_listen", tests, NULL, NULL);
}
