#include "tests/support/rig.h"

#include <stddef.h>

enum { STORED_MS = 120000, INCIDENTS_MS = 60000 };

void
rig_open(struct rig *rig, const char *parent)
{
    *rig = (struct rig){ .slack = stub_new() };
    rig->chain = chain_new(parent, stub_url(rig->slack));
    chain_set(rig->chain, "BONGSU_PUBLIC_URL", "http://bongsu.example");
    chain_set(rig->chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
}

void
rig_close(struct rig *rig)
{
    load_destroy(&rig->load);
    chain_destroy(&rig->chain);
    stub_destroy(&rig->slack);
}

void
rig_check_nothing_lost(struct rig *rig, int64_t told_ms)
{
    load_stop(rig->load);
    load_check_stored(rig->load, STORED_MS);
    load_check_incidents(rig->chain, INCIDENTS_MS);
    load_check_told(rig->chain, rig->slack, 0, told_ms);
}
