#include "proto/run/bus_guard.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/bus.h"
#include "proto/run/bus_keys.h"
#include "proto/run/bus_monitor.h"

enum {
    READS_PER_TURN = 32,
    READ_AGAIN_MS = 1000,       /* allowed, when somebody knocks */
    MAX_BOUND = 64
};

/* What stands in a request of ZAP 1.0, in this order; with CURVE one credential. */
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY,
       ZAP_FRAMES };

/* Of a bound socket: it outlives the guard's user, for libzmq waits for whom it tells. */
struct gate {
    struct bus_guard *guard;
    struct bus_monitor *monitor;
    char endpoint[256];
};

struct bus_guard {
    zloop_t *loop;
    const char *dir;                        /* the settings' */
    char public_key[BUS_KEY_SIZE], secret_key[BUS_KEY_SIZE], server_key[BUS_KEY_SIZE];
    struct bus_curve curve;
    struct bus_allowed allowed;
    int64_t read_ms;
    zsock_t *zap;
    struct gate gates[MAX_BOUND];
    size_t gate_count;
    struct log_burst key_burst, handshake_burst, files_burst;
    uint64_t *refused_keys, *refused_handshakes;
};

/* --- the handler --- */

/* A file that is not right lets nobody in; the others still count. */
static void
read_allowed(struct bus_guard *guard)
{
    int64_t now_ms = clock_steady_ms();
    struct err err = { "" };

    if (now_ms - guard->read_ms < READ_AGAIN_MS)
        return;
    guard->read_ms = now_ms;
    if (bus_allowed_read(&guard->allowed, guard->dir, &err) != 0)
        log_warn_burst(&guard->files_burst, "key not allowed", "reason=\"%s\"", err.text);
}

static int
is_allowed(struct bus_guard *guard, zframe_t *const frames[ZAP_FRAMES])
{
    char address[64] = "";
    size_t len = zframe_size(frames[ZAP_ADDRESS]);

    read_allowed(guard);
    if (zframe_streq(frames[ZAP_MECHANISM], "CURVE") &&
        bus_allowed_has(&guard->allowed, zframe_data(frames[ZAP_KEY]),
                        zframe_size(frames[ZAP_KEY])))
        return 1;
    memcpy(address, zframe_data(frames[ZAP_ADDRESS]),
           len < sizeof(address) ? len : sizeof(address) - 1);
    ++*guard->refused_keys;
    log_warn_burst(&guard->key_burst, "peer refused",
                   "address=%s reason=\"its key is not in %s/allowed\"", address, guard->dir);
    return 0;
}

static void
answer(struct bus_guard *guard, zmsg_t *request)
{
    zframe_t *frames[ZAP_FRAMES];
    zmsg_t *reply = zmsg_new();
    int is_in;

    frames[0] = zmsg_first(request);
    for (int i = 1; i < ZAP_FRAMES; i++)
        frames[i] = zmsg_next(request);
    is_in = is_allowed(guard, frames);
    zmsg_addstr(reply, "1.0");
    zmsg_addmem(reply, zframe_data(frames[ZAP_ID]), zframe_size(frames[ZAP_ID]));
    zmsg_addstr(reply, is_in ? "200" : "400");
    zmsg_addstr(reply, is_in ? "OK" : "not allowed");
    zmsg_addstr(reply, "");
    zmsg_addstr(reply, "");
    zmsg_send(&reply, guard->zap);
    zmsg_destroy(&reply);
}

static int
on_request(zloop_t *loop, zsock_t *zap, void *self)
{
    struct bus_guard *guard = self;

    (void)loop;
    for (int i = 0; i < READS_PER_TURN && (zsock_events(zap) & ZMQ_POLLIN); i++) {
        zmsg_t *request = zmsg_recv(zap);

        /* libzmq's own words; without an answer the peer waits in vain */
        if (request != NULL && zmsg_size(request) == ZAP_FRAMES)
            answer(guard, request);
        zmsg_destroy(&request);
    }
    return 0;
}

static int
open_zap(struct bus_guard *guard, struct err *err)
{
    guard->zap = zsock_new(ZMQ_REP);
    if (guard->zap == NULL || zsock_bind(guard->zap, "inproc://zeromq.zap.01") != 0 ||
        zloop_reader(guard->loop, guard->zap, on_request, guard) != 0) {
        err_set(err, "the ZAP handler: %s", zmq_strerror(errno));
        return -1;
    }
    zloop_reader_set_tolerant(guard->loop, guard->zap);
    return 0;
}

/* --- what bus.h asks --- */

static const char *
key_of(void *self, const char *role, struct err *err)
{
    struct bus_guard *guard = self;

    if (bus_keys_load_public(guard->dir, role, guard->server_key, err) != 0)
        return NULL;
    return guard->server_key;
}

static void
on_failed(void *self, int event)
{
    struct gate *gate = self;

    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return;         /* the handler's own doing, counted there */
    ++*gate->guard->refused_handshakes;
    log_warn_burst(&gate->guard->handshake_burst, "peer refused", "at=%s reason=\"%s\"",
                   gate->endpoint,
                   event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                       ? "it speaks no CURVE, or to another server's key"
                       : "it hung up before it had shown its key, or was too slow");
}

static const char *
monitor_of(void *self, const char *endpoint, struct err *err)
{
    struct bus_guard *guard = self;
    struct gate *gate = &guard->gates[guard->gate_count];

    if (guard->gate_count == MAX_BOUND) {
        err_set(err, "%s: more than %d bound sockets", endpoint, (int)MAX_BOUND);
        return NULL;
    }
    gate->guard = guard;
    snprintf(gate->endpoint, sizeof(gate->endpoint), "%s", endpoint);
    gate->monitor = bus_monitor_new(guard->loop, on_failed, gate, err);
    if (gate->monitor == NULL)
        return NULL;
    guard->gate_count++;
    return bus_monitor_address(gate->monitor);
}

/* --- the whole --- */

static int
is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "[::1]") == 0 || strcmp(host, "localhost") == 0;
}

static const char *const binders[] = { "ingest", "detector" };

static void
warn_of_open_bus(const struct settings *settings, const char *role)
{
    if (settings->bus_dir != NULL || is_loopback(settings->bus_listen))
        return;
    for (size_t i = 0; i < sizeof(binders) / sizeof(binders[0]); i++)
        if (strcmp(role, binders[i]) == 0)
            log_warn("the bus is open to whoever reaches it: set bus.curve_dir", "listen=%s",
                     settings->bus_listen);
}

static int
is_wanted(const struct settings *settings)
{
    return settings->bus_dir == NULL && settings->bus_curve_dir != NULL;
}

static int
load_files(struct bus_guard *guard, const char *role, struct err *err)
{
    if (bus_keys_load(guard->dir, role, guard->public_key, guard->secret_key, err) != 0 ||
        bus_allowed_read(&guard->allowed, guard->dir, err) != 0) {
        err_add(err, "bus.curve_dir");
        return -1;
    }
    return 0;
}

static void
ask_metrics(struct bus_guard *guard, struct metrics *metrics)
{
    static const char name[] = "bongsu_bus_refused_peers_total";
    static const char help[] = "connections to this process's tcp sockets that were refused";

    guard->refused_keys = metrics_number(metrics, METRIC_COUNTER, name, "reason=\"key\"", help);
    guard->refused_handshakes = metrics_number(metrics, METRIC_COUNTER, name,
                                               "reason=\"handshake\"", help);
}

int
bus_guard_new(zloop_t *loop, const struct settings *settings, const char *role,
              struct metrics *metrics, struct bus_guard **ret_guard, struct err *err)
{
    struct bus_guard *guard;
    int made;

    if (!is_wanted(settings)) {
        warn_of_open_bus(settings, role);
        return 0;
    }
    guard = calloc(1, sizeof(*guard));
    if (guard == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    guard->loop = loop;
    guard->dir = settings->bus_curve_dir;
    ask_metrics(guard, metrics);
    made = bus_keys_make(guard->dir, err);
    if (made == 1)
        log_info("keys made", "dir=%s", guard->dir);
    if (made < 0)
        err_add(err, "bus.curve_dir");
    if (made < 0 || load_files(guard, role, err) != 0 || open_zap(guard, err) != 0) {
        bus_guard_destroy(&guard);
        return -1;
    }
    guard->curve = (struct bus_curve){ guard->public_key, guard->secret_key, key_of,
                                       monitor_of, guard };
    bus_use_curve(&guard->curve);
    *ret_guard = guard;
    return 0;
}

void
bus_guard_destroy(struct bus_guard **ref)
{
    struct bus_guard *guard = *ref;

    if (guard == NULL)
        return;
    bus_use_curve(NULL);
    for (size_t i = 0; i < guard->gate_count; i++)
        bus_monitor_destroy(&guard->gates[i].monitor);
    if (guard->zap != NULL)
        zloop_reader_end(guard->loop, guard->zap);
    zsock_destroy(&guard->zap);
    explicit_bzero(guard->secret_key, sizeof(guard->secret_key));
    free(guard);
    *ref = NULL;
}

int
bus_guard_check(const struct settings *settings, const char *role, struct err *err)
{
    struct bus_guard *guard;
    int rc;

    if (!is_wanted(settings) || !bus_keys_exist(settings->bus_curve_dir))
        return 0;
    guard = calloc(1, sizeof(*guard));
    if (guard == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    guard->dir = settings->bus_curve_dir;
    rc = load_files(guard, role, err);
    bus_guard_destroy(&guard);
    return rc;
}
