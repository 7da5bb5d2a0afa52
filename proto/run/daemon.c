#include "proto/run/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/log.h"
#include "proto/base/timestamp.h"
#include "proto/run/bus_guard.h"
#include "proto/run/run_dir.h"

enum {
    BEAT_MS = 1000,
    MAX_DESCRIPTORS = 65536,
    HEALTH_CONNECTIONS = 64,
    HEALTH_IDLE_S = 30
};

/* All that daemon_main opens, for the one way out. */
struct process {
    const struct daemon_spec *spec;
    struct settings settings;
    struct daemon daemon;
    void *self;                     /* the program's */
    struct bus_guard *guard;        /* NULL: none */
    int signal_fd;
};

void
daemon_die(enum exit_code code, const char *reason)
{
    log_error("stopped at once", "exit=%d reason=\"%s\"", (int)code, reason);
    _exit((int)code);
}

/* --- the command line --- */

static int
print_help(const struct daemon_spec *spec)
{
    struct buf out = { 0 };
    int rc = -1;

    if (buf_printf(&out,
                   "bongsu-%s - %s\n\n"
                   "Usage: bongsu-%s [OPTION...]\n\n"
                   "  -h, --help     this help\n"
                   "  --version      print the version\n"
                   "  -n             check the configuration and exit\n"
                   "  --config FILE  read options from this YAML file\n\n",
                   spec->name, spec->help, spec->name) == 0 &&
        options_help(settings_options, settings_option_count, &out) == 0 &&
        fwrite(out.ptr, 1, out.len, stdout) == out.len)
        rc = 0;
    buf_release(&out);
    return rc == 0 ? EXIT_DONE : EXIT_SOFTWARE;
}

/* 0: go on. 1: all is said, end with *ret_code. */
static int
read_options(struct process *process, int argc, char **argv, int *ret_is_check,
             int *ret_code)
{
    const char *name = process->spec->name;
    struct options_call call = { 0 };
    struct err err = { "" };
    int level;

    *ret_code = EXIT_DONE;
    if (settings_load(&process->settings, argc, argv, &call, &err) != 0) {
        fprintf(stderr, "bongsu-%s: %s\n", name, err.text);
        *ret_code = call.is_wrong ? EXIT_USAGE : EXIT_CONFIG;
        return 1;
    }
    *ret_is_check = call.wants_check;
    if (call.wants_help) {
        *ret_code = print_help(process->spec);
        return 1;
    }
    if (call.wants_version) {
        printf("bongsu-%s %s\n", name, BONGSU_VERSION);
        return 1;
    }
    level = log_level_parse(process->settings.log_level);
    if (call.arg_count > 0) {
        fprintf(stderr, "bongsu-%s: what is \"%s\"? Options start with --; see --help\n",
                name, call.args[0]);
        *ret_code = EXIT_USAGE;
    } else if (level < 0) {
        fprintf(stderr, "bongsu-%s: log.level: \"%s\" is no level\n", name,
                process->settings.log_level);
        *ret_code = EXIT_CONFIG;
    } else {
        log_open(name, (enum log_level)level);
    }
    return *ret_code != EXIT_DONE;
}

/* --- set-up --- */

static void
raise_descriptors(void)
{
    struct rlimit limit;
    rlim_t wanted;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    wanted = limit.rlim_max < MAX_DESCRIPTORS ? limit.rlim_max : MAX_DESCRIPTORS;
    if (limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("cannot raise the limit of open files", "error=\"%s\"", strerror(errno));
}

/* A core file would hold the keys; who needs one allows it with prlimit. */
static void
forbid_core(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_CORE, &limit) != 0)
        return;
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &limit);
}

static int
on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct process *process = arg;
    struct signalfd_siginfo info;
    sigset_t set;

    (void)loop;
    if (read(item->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    if (info.ssi_signo == SIGHUP) {
        if (process->spec->reload != NULL)
            process->spec->reload(process->self);
        return 0;
    }
    log_info("stopping", "signal=%s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    /* a second one has its usual effect: it ends the process at once */
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    health_set_draining(process->daemon.health);
    if (process->spec->drain != NULL)
        process->spec->drain(process->self);
    return -1;
}

/* Before any thread is started, so that none takes the signals. */
static int
open_signals(struct process *process, struct err *err)
{
    sigset_t set;

    zsys_handler_set(NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_DFL);       /* may have been inherited as ignored */
    signal(SIGINT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    process->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (process->signal_fd < 0) {
        err_set(err, "signalfd: %s", strerror(errno));
        return -1;
    }
    return 0;
}

static int
on_beat(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    health_beat(arg);
    return 0;
}

/* health.listen, or a unix socket in the run folder, "indexer.sock" and "indexer-1.sock" for
 * the next of its kind; NULL with the reason. */
static char *
health_address(const struct process *process, int number, struct err *err)
{
    const struct settings *settings = &process->settings;
    struct buf address = { 0 };
    char *dir = NULL, *path = NULL, *result = NULL, name[64];

    snprintf(name, sizeof(name), number == 0 ? "%s" : "%s-%d", process->spec->name, number);
    if (settings->health_listen != NULL) {
        buf_append_str(&address, settings->health_listen);
    } else {
        dir = run_dir(settings);
        path = run_dir_socket(settings, name);
        if (dir != NULL && path != NULL && daemon_make_dir(dir, err) != 0)
            goto done;
        if (path != NULL)
            buf_printf(&address, "unix:%s", path);
    }
    result = buf_take(&address);
    if (result == NULL || result[0] == '\0') {
        err_set(err, "out of memory");
        free(result);
        result = NULL;
    }

done:
    free(dir);
    free(path);
    return result;
}

static int
serve_health_as(struct process *process, int number, int *ret_code, struct err *err)
{
    const struct settings *settings = &process->settings;
    struct http_options options = {
        .flag = settings->health_listen != NULL ? "--health-listen" : "--data-dir",
        .keyring = process->daemon.keyring, .reader_key = settings->reader_key,
        .read_open = (int)settings->read_open, .public_url = settings->public_url,
        .allowed_hosts = settings->http_allowed_hosts, .max_connections = HEALTH_CONNECTIONS,
        .idle_timeout_s = HEALTH_IDLE_S,
    };
    char *address = health_address(process, number, err);

    if (address == NULL)
        return -1;
    options.listen = address;
    /* on the unix socket, mode 0600, whoever can connect may read */
    if (settings->health_listen == NULL)
        options.reader_key = NULL;
    else
        http_options_pace(&options, settings);
    process->daemon.server = http_server_new(process->daemon.loop, &options,
                                             process->daemon.metrics, err);
    if (process->daemon.server == NULL && errno == EADDRINUSE)
        *ret_code = EXIT_TAKEN;
    free(address);
    if (process->daemon.server == NULL)
        return -1;
    http_server_add_routes(process->daemon.server, health_routes, health_route_count,
                           process->daemon.health);
    return 0;
}

/* Several of a kind may share a data folder: each has the first socket that is free. */
static int
serve_health(struct process *process, int *ret_code, struct err *err)
{
    int most = process->settings.health_listen != NULL ? 1 : DAEMON_MAX_REPLICAS;

    for (int number = 0; number < most; number++) {
        if (serve_health_as(process, number, ret_code, err) == 0)
            return 0;
        if (*ret_code != EXIT_TAKEN)
            break;
        if (number + 1 < most)
            *ret_code = EXIT_CONFIG;
    }
    err_add(err, "health");
    return -1;
}

static int
set_up(struct process *process, int *ret_code, struct err *err)
{
    struct daemon *daemon = &process->daemon;
    zmq_pollitem_t item;

    if (daemon_make_dir(process->settings.data_dir, err) != 0 ||
        open_signals(process, err) != 0)
        return -1;
    raise_descriptors();
    daemon->loop = zloop_new();
    if (daemon->loop == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    zloop_set_nonstop(daemon->loop, true);
    item = (zmq_pollitem_t){ .fd = process->signal_fd, .events = ZMQ_POLLIN };
    if (zloop_poller(daemon->loop, &item, on_signal, process) != 0 ||
        zloop_timer(daemon->loop, BEAT_MS, 0, on_beat, daemon->health) < 0) {
        err_set(err, "cannot join the loop");
        return -1;
    }
    if (bus_guard_new(daemon->loop, &process->settings, process->spec->name, daemon->metrics,
                      &process->guard, err) != 0)
        return -1;
    daemon->keyring = keyring_open(daemon->loop, &process->settings, daemon->metrics, err);
    if (daemon->keyring == NULL)
        return -1;
    return serve_health(process, ret_code, err);
}

/* --- the whole --- */

/* What can be wrong without touching anything. */
static int
check(const struct process *process, struct err *err)
{
    if (bus_guard_check(&process->settings, process->spec->name, err) != 0)
        return -1;
    return keyring_check(&process->settings, err);
}

static int
run(struct process *process, int is_check)
{
    struct daemon *daemon = &process->daemon;
    struct err err = { "" };
    int code = EXIT_CONFIG;

    daemon->name = process->spec->name;
    daemon->settings = &process->settings;
    daemon->metrics = metrics_new();
    if (daemon->metrics != NULL)
        daemon->health = health_new(daemon->name, daemon->metrics);
    if (daemon->health == NULL)
        err_set(&err, "out of memory");
    else if (timestamp_init(&err) == 0 &&
             (is_check ? check(process, &err) : set_up(process, &code, &err)) == 0 &&
             process->spec->start(daemon, is_check, &process->self, &code, &err) == 0) {
        if (is_check) {
            puts("configuration OK");
            return EXIT_DONE;
        }
        log_info("started", "pid=%d version=%s zone=%s health=%s", (int)getpid(),
                 BONGSU_VERSION, timestamp_zone(), http_server_address(daemon->server));
        zloop_start(daemon->loop);
        log_info("stopped", "exit=%d", daemon->exit_code);
        return daemon->exit_code;
    }
    log_error("cannot start", "exit=%d reason=\"%s\"", code, err.text);
    return code;
}

static void
release(struct process *process)
{
    struct daemon *daemon = &process->daemon;

    if (process->self != NULL && process->spec->destroy != NULL)
        process->spec->destroy(&process->self);
    bus_guard_destroy(&process->guard);
    http_server_destroy(&daemon->server);
    keyring_destroy(&daemon->keyring);
    if (daemon->loop != NULL)
        zloop_destroy(&daemon->loop);
    if (process->signal_fd >= 0)
        close(process->signal_fd);
    health_destroy(&daemon->health);
    metrics_destroy(&daemon->metrics);
    settings_release(&process->settings);
}

int
daemon_main(int argc, char **argv, const struct daemon_spec *spec)
{
    struct process process = { .spec = spec, .signal_fd = -1 };
    int is_check = 0, code;

    umask(077);         /* what we write is for nobody else's eyes */
    forbid_core();
    if (read_options(&process, argc, argv, &is_check, &code) == 0) {
        if (options_placeholders_seen()[0] != '\0')
            log_warn("still as in .env.example, so taken as not set", "options=\"%s\"",
                     options_placeholders_seen());
        code = run(&process, is_check);
    }
    release(&process);
    return code;
}
