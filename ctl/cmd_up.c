#include <czmq.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/env_file.h"
#include "ctl/key_file.h"
#include "ctl/local.h"
#include "ctl/subcommand.h"
#include "ctl/supervisor.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"
#include "proto/run/run_dir.h"

/* One that is stopped or hangs must not keep us from hearing a signal. */
enum { READY_MS = 15000, READY_CALL_MS = 250, LOOK_MS = 50 };

/* Everything that `up` passes on: its own flags, and where the sockets are. */
struct launch {
    struct settings *settings;
    struct supervisor supervisor;
    char folder[4096];              /* where the programs are */
    char paths[LOCAL_PROCESSES][4200];
    char *argvs[SUPERVISOR_MAX][64];
    char names[SUPERVISOR_MAX][32];
    char *bus_dir;
};

static int
find_programs(struct launch *launch, struct err *err)
{
    ssize_t len = readlink("/proc/self/exe", launch->folder, sizeof(launch->folder) - 1);
    char *slash;

    launch->folder[len < 0 ? 0 : len] = '\0';
    slash = strrchr(launch->folder, '/');
    if (slash == NULL) {
        err_set(err, "cannot tell where the programs are");
        return -1;
    }
    *slash = '\0';
    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        snprintf(launch->paths[i], sizeof(launch->paths[i]), "%s/bongsu-%s", launch->folder,
                 local_processes[i]);
        if (access(launch->paths[i], X_OK) != 0) {
            err_set(err, "%s: not there", launch->paths[i]);
            return -1;
        }
    }
    return 0;
}

/* The k-th of a kind, by the name of its socket. */
static void
plan_child(struct launch *launch, int process, int k, int argc, char **argv)
{
    int number = launch->supervisor.count++;
    char **out = launch->argvs[number];

    *out++ = launch->paths[process];
    for (int a = 1; a < argc; a++)
        *out++ = argv[a];
    *out++ = (char *)"--bus-dir";
    *out++ = launch->bus_dir;
    *out = NULL;
    snprintf(launch->names[number], sizeof(launch->names[number]), k == 0 ? "%s" : "%s-%d",
             local_processes[process], k);
    launch->supervisor.children[number] = (struct child){ .name = launch->names[number],
                                                          .argv = launch->argvs[number] };
}

/* Each child gets our own flags, and the folder of the sockets. */
static int
plan_children(struct launch *launch, int argc, char **argv, struct err *err)
{
    if (argc > 60) {
        err_set(err, "too many arguments");
        return -1;
    }
    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        int is_detector = strcmp(local_processes[i], "detector") == 0;

        for (int k = 0; k < (is_detector ? launch->settings->detector_slots : 1); k++)
            plan_child(launch, i, k, argc, argv);
    }
    launch->supervisor.signal_fd = -1;
    return 0;
}

/* No key yet: make one, so that the first run works and is not open to all. */
static int
make_api_key(struct settings *settings, struct err *err)
{
    char key[KEY_TEXT_LEN];

    if (settings->api_key != NULL)
        return 0;
    key_make(key);
    if (env_file_set(".env", "API_KEY", key, err) != 0)
        return -1;
    setenv("API_KEY", key, 1);
    settings->api_key = strdup(key);
    log_info("API_KEY was not set; one was made", "file=.env");
    return settings->api_key == NULL ? -1 : 0;
}

static int
prepare(struct launch *launch, int argc, char **argv, int *ret_code, struct err *err)
{
    char *lock = NULL;
    int rc = -1;

    *ret_code = EXIT_CONFIG;
    if (timestamp_init(err) != 0 || find_programs(launch, err) != 0 ||
        daemon_make_dir(launch->settings->data_dir, err) != 0)
        goto done;
    lock = settings_path(launch->settings, "bongsu.lock");
    launch->bus_dir = run_dir(launch->settings);
    if (lock == NULL || launch->bus_dir == NULL) {
        err_set(err, "out of memory");
        goto done;
    }
    if (daemon_lock(lock, err) < 0) {
        *ret_code = errno == EWOULDBLOCK ? EXIT_TAKEN : EXIT_CONFIG;
        err_add(err, "--data-dir %s", launch->settings->data_dir);
        goto done;
    }
    if (daemon_make_dir(launch->bus_dir, err) != 0 ||
        make_api_key(launch->settings, err) != 0 ||
        plan_children(launch, argc, argv, err) != 0)
        goto done;
    rc = 0;

done:
    free(lock);
    return rc;
}

/* How many answer that they are ready. */
static int
count_ready(struct launch *launch)
{
    int ready = 0;

    for (int i = 0; i < launch->supervisor.count; i++) {
        struct child *child = &launch->supervisor.children[i];
        json_t *body = NULL;
        struct err err;

        if (!child->was_ready)
            child->was_ready = local_call(launch->settings, child->name, "/readyz", NULL,
                                          READY_CALL_MS, &body, &err) == 200;
        ready += child->was_ready;
        json_decref(body);
    }
    return ready;
}

/* The header that reading takes where it is not open; one too many does no harm. */
static const char *
reading_header(const struct settings *settings)
{
    static const char *const loopback[] = { "127.", "localhost:", "[::1]:" };

    if (settings->reader_key != NULL)
        return " -H \"X-API-Key: $READER_KEY\"";
    if (settings->read_open)
        return "";
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++)
        if (strncmp(settings->api_listen, loopback[i], strlen(loopback[i])) == 0)
            return "";
    return " -H \"X-API-Key: $API_KEY\"";
}

static void
suggest(const struct settings *settings)
{
    char *ingest = url_of(settings, NULL, settings->ingest_listen);
    char *api = url_of(settings, NULL, settings->api_listen);

    if (ingest != NULL && api != NULL)
        printf("\nTry it:\n\n"
               "  . ./.env; curl -s %s/log -H \"X-API-Key: $API_KEY\" \\\n"
               "    -H 'Content-Type: application/json' \\\n"
               "    -d '{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"username\":\"root\",\"count\":5}'\n\n"
               "  curl -s %s/incidents%s\n\n",
               ingest, api, reading_header(settings));
    free(ingest);
    free(api);
}

static void
greet(const struct launch *launch)
{
    const struct settings *settings = launch->settings;
    const char *seen = options_placeholders_seen();
    const char *scheme = settings->tls_certificate == NULL ? "http" : "https";

    printf("\nBongsu %s is up. Ctrl-C stops it.\n\n"
           "  send events to  %s://%s   (header X-API-Key)\n"
           "  look at         %s://%s/dashboard   (all paths: /docs)\n"
           "  API key         in .env (API_KEY)\n"
           "  data            %s\n",
           BONGSU_VERSION, scheme, settings->ingest_listen, scheme, settings->api_listen,
           settings->data_dir);
    if (settings->store_url != NULL)
        printf("  store           %s (Elasticsearch)\n", settings->store_url);
    printf("  time zone       %s\n"
           "  Slack           %s\n",
           timestamp_zone(),
           settings->slack_webhook_url != NULL ? "on" : "off (SLACK_WEBHOOK_URL is not set; incidents go to this log)");
    if (seen[0] != '\0')
        printf("  not set yet     %s (still as in .env.example)\n", seen);
    suggest(settings);
    fflush(stdout);
}

/* Run until told to stop. */
static int
run(struct launch *launch)
{
    int64_t asked_ms = clock_steady_ms();
    int is_greeted = 0, code = 0, signo;
    const char *name = NULL;

    for (;;) {
        signo = supervisor_run(&launch->supervisor, is_greeted ? 3600000 : LOOK_MS, &code, &name);
        if (signo != 0)
            break;
        if (!is_greeted && count_ready(launch) == launch->supervisor.count) {
            is_greeted = 1;
            greet(launch);
        } else if (!is_greeted && clock_steady_ms() - asked_ms > READY_MS) {
            asked_ms = clock_steady_ms();
            log_warn("not all processes are ready yet; bongsu status says why", "");
        }
    }
    if (signo < 0) {
        log_error("cannot start; see its message above", "process=%s exit=%d", name, code);
        supervisor_stop(&launch->supervisor);
        return code == 127 ? EXIT_SOFTWARE : code;
    }
    log_info("stopping", "signal=%d", signo);
    supervisor_stop(&launch->supervisor);
    log_info("stopped", "");
    return EXIT_DONE;
}

/* -n: each process checks what it would run with. The first code that is not 0. */
static int
check_all(struct launch *launch, char **argv)
{
    struct err err;
    int code = EXIT_DONE;

    if (find_programs(launch, &err) != 0) {
        fprintf(stderr, "bongsu up: %s\n", err.text);
        return EXIT_SOFTWARE;
    }
    for (int i = 0; i < LOCAL_PROCESSES && code == EXIT_DONE; i++) {
        pid_t pid = fork();
        int status = 0;

        argv[0] = launch->paths[i];
        if (pid == 0) {
            execv(launch->paths[i], argv);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
            code = EXIT_SOFTWARE;
        else
            code = WEXITSTATUS(status);
    }
    return code;
}

int
up_run(struct call *call)
{
    static struct launch launch;
    struct err err;
    int code = EXIT_SOFTWARE;

    umask(077);         /* what we write is for nobody else's eyes */
    launch.settings = &call->settings;
    log_open("bongsu", (enum log_level)log_level_parse(call->settings.log_level));
    if (call->options.wants_check) {
        code = check_all(&launch, call->argv);
    } else if (prepare(&launch, call->argc, call->argv, &code, &err) != 0) {
        fprintf(stderr, "bongsu up: %s\n", err.text);
    } else if (supervisor_start(&launch.supervisor, &err) != 0) {
        fprintf(stderr, "bongsu up: %s\n", err.text);
        code = EXIT_SOFTWARE;
    } else {
        code = run(&launch);
    }
    free(launch.bus_dir);
    return code;
}
