/*
 * test_networks.c - addresses and the networks that hold them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/networks.h"

static void
add(struct networks *networks, const char *text, uint32_t owner)
{
    struct network network;
    struct err err = { "" };

    if (network_parse(text_of(text), &network, &err) != 0)
        fail_msg("%s", err.text);
    network.owner = owner;
    assert_int_equal(networks_add(networks, &network), 0);
}

static void
note(void *ctx, uint32_t owner)
{
    *(uint64_t *)ctx |= UINT64_C(1) << owner;
}

/* The owners found, as bits. */
static uint64_t
find(const struct networks *networks, const char *address)
{
    uint64_t found = 0;

    networks_find(networks, text_of(address), note, &found);
    return found;
}

static void
address_is_found_in_each_network_that_holds_it(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.129", "192.0.2.129/32",
        "::/0", "2001:db8::/32", "2001:db8::1", "::ffff:198.51.100.0/120", "10.0.0.0/7",
    };
    static const struct { const char *address; uint64_t found; } rows[] = {
        { "192.0.2.129",         1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 },
        { "::ffff:192.0.2.129",  1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 },
        { "192.0.2.127",         1 << 0 | 1 << 1 },
        { "192.0.3.0",           1 << 0 },
        { "198.51.100.7",        1 << 0 | 1 << 8 },
        { "198.51.101.7",        1 << 0 },
        { "11.255.255.255",      1 << 0 | 1 << 9 },
        { "12.0.0.0",            1 << 0 },
        { "2001:db8::1",         1 << 5 | 1 << 6 | 1 << 7 },
        { "2001:0DB8:0:0::1",    1 << 5 | 1 << 6 | 1 << 7 },
        { "2001:db9::",          1 << 5 },
        { "web1.example",        0 },
        { "",                    0 },
        { "192.0.2.129 ",        0 },
        { "fe80::1%eth0",        0 },
    };
    struct networks networks = { 0 };

    (void)state;
    for (uint32_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        add(&networks, texts[i], i);
    networks_sort(&networks);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(find(&networks, rows[i].address), rows[i].found);
    networks_release(&networks);
    assert_int_equal(find(&networks, "192.0.2.1"), 0);
}

static void
what_is_no_network_is_refused(void **state)
{
    static const struct { const char *text, *reason; } rows[] = {
        { "", "no address" },           { "192.0.2", "no address" },
        { "192.0.2.0/33", "no network" }, { "192.0.2.0/", "no network" },
        { "192.0.2.0/x", "no network" }, { "192.0.2.0/-1", "no network" },
        { "192.0.2.0/24/8", "no network" }, { "2001:db8::/129", "no network" },
        { "192.0.2.1/24", "beyond its prefix" }, { "2001:db8::1/32", "beyond its prefix" },
        { "::ffff:192.0.2.1/120", "beyond its prefix" },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", "no address" },
    };
    struct network network;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = { "" };

        assert_int_equal(network_parse(text_of(rows[i].text), &network, &err), -1);
        if (strstr(err.text, rows[i].reason) == NULL)
            fail_msg("%s: %s", rows[i].text, err.text);
    }
}

/* Against looking at each network in turn. */
static void
table_finds_what_a_search_of_all_finds(void **state)
{
    struct networks networks = { 0 };
    uint32_t nets[60], masks[60], seed = 7;
    size_t hits = 0;
    char text[64];

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        unsigned bits = (seed = seed * 1664525 + 1013904223) >> 16 & 31;

        masks[i] = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
        seed = seed * 1664525 + 1013904223;
        nets[i] = (seed & 0x0F0F0F0F) & masks[i];
        snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", nets[i] >> 24, nets[i] >> 16 & 255,
                 nets[i] >> 8 & 255, nets[i] & 255, bits);
        add(&networks, text, i);
    }
    networks_sort(&networks);
    for (int n = 0; n < 5000; n++) {
        uint32_t address = (seed = seed * 1664525 + 1013904223) & 0x0F0F0F0F;
        uint64_t expected = 0;

        for (uint32_t i = 0; i < 60; i++)
            expected |= (uint64_t)((address & masks[i]) == nets[i]) << i;
        snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                 address >> 8 & 255, address & 255);
        assert_int_equal(find(&networks, text), expected);
        hits += expected != 0;
    }
    assert_true(hits > 1000);
    networks_release(&networks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_found_in_each_network_that_holds_it),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(table_finds_what_a_search_of_all_finds),
    };

    return cmocka_run_group_tests_name("networks", tests, NULL, NULL);
}
