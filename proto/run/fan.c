#include "proto/run/fan.h"

#include <stdlib.h>

struct fan {
    struct links **links;
    size_t count;
};

static struct links *
open_links(zloop_t *loop, const struct fan_spec *spec, int host, int slot,
           struct metrics *metrics, struct err *err)
{
    char data[ENDPOINT_LEN], report[ENDPOINT_LEN];
    const struct links_spec links = {
        .data = data, .report = report, .server = endpoint_server(spec->data),
        .is_live = spec->data == spec->report,
        .on_batch = spec->on_batch, .self = spec->self,
    };

    if (endpoint_to_host(spec->settings, spec->data, host, slot, data) != 0 ||
        endpoint_to_host(spec->settings, spec->report, host, slot, report) != 0) {
        err_set(err, "bus.dir or a host's name is too long for a socket's address");
        return NULL;
    }
    return links_new(loop, &links, metrics, err);
}

struct fan *
fan_new(zloop_t *loop, const struct fan_spec *spec, struct metrics *metrics, struct err *err)
{
    struct fan *fan = calloc(1, sizeof(*fan));
    int hosts = endpoint_hosts(spec->settings, spec->data);

    if (fan != NULL)
        fan->links = calloc((size_t)hosts * (size_t)spec->slots, sizeof(*fan->links));
    if (fan == NULL || fan->links == NULL) {
        err_set(err, "links: out of memory");
        fan_destroy(&fan);
        return NULL;
    }
    for (int host = 0; host < hosts; host++)
        for (int slot = 0; slot < spec->slots; slot++) {
            fan->links[fan->count] = open_links(loop, spec, host, spec->first_slot + slot,
                                                metrics, err);
            if (fan->links[fan->count] == NULL) {
                fan_destroy(&fan);
                return NULL;
            }
            fan->count++;
        }
    return fan;
}

void
fan_destroy(struct fan **fan)
{
    if (*fan == NULL)
        return;
    for (size_t i = 0; i < (*fan)->count; i++)
        links_destroy(&(*fan)->links[i]);
    free((*fan)->links);
    free(*fan);
    *fan = NULL;
}

void
fan_pause(struct fan *fan, int is_paused)
{
    for (size_t i = 0; i < fan->count; i++)
        links_pause(fan->links[i], is_paused);
}

void
fan_report(struct fan *fan, const struct report *report)
{
    for (size_t i = 0; i < fan->count; i++)
        links_report(fan->links[i], report);
}

void
fan_each(struct fan *fan, void (*each)(void *ctx, struct link *link), void *ctx)
{
    for (size_t i = 0; i < fan->count; i++)
        links_each(fan->links[i], each, ctx);
}

unsigned
fan_alive(const struct fan *fan, int64_t now_ms)
{
    unsigned alive = 0;

    for (size_t i = 0; i < fan->count; i++)
        alive += links_alive(fan->links[i], now_ms);
    return alive;
}
