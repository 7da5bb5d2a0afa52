#include "tests/support/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

enum { MAX_ARGS = 32, RUN_MS = 60000 };

struct command {
    pid_t pid;                  /* 0: has ended */
    int status;                 /* waitpid's, then */
    int output;
    char *text;
};

void
command_path(const char *program, char *out, size_t size)
{
    const char *build = getenv("BONGSU_BUILD");
    char here[PATH_MAX];

    if (build == NULL)
        build = "build/check";
    if (build[0] == '/')
        here[0] = '\0';
    else
        assert_non_null(getcwd(here, sizeof(here)));
    assert_true(snprintf(out, size, "%s%s%s/bin/%s", here, here[0] == '\0' ? "" : "/", build,
                         program) < (int)size);
}

static void
become(const struct command_spec *spec, const char *path, char **args, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
        (spec->net > 0 && setns(spec->net, CLONE_NEWNET) != 0) ||
        (spec->dir != NULL && chdir(spec->dir) != 0))
        _exit(127);
    for (size_t i = 0; spec->env != NULL && spec->env[i] != NULL; i++)
        putenv((char *)(uintptr_t)spec->env[i]);    /* "NAME" alone: unset (glibc) */
    execv(path, args);
    _exit(127);
}

/* A file without a name, so that it goes with its last reader. */
static int
open_output(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof(path), "%s/bongsu-output-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", path, strerror(errno));
    unlink(path);
    return fd;
}

struct command *
command_start(const struct command_spec *spec, const char *const *args)
{
    char path[PATH_MAX + 64], *copy[MAX_ARGS];
    struct command *command = calloc(1, sizeof(*command));
    size_t count = 0;

    assert_non_null(command);
    command_path(args[0], path, sizeof(path));
    for (; args[count] != NULL; count++) {
        assert_true(count < MAX_ARGS - 1);
        copy[count] = (char *)(uintptr_t)args[count];
    }
    copy[count] = NULL;
    command->output = open_output();
    command->pid = fork();
    assert_true(command->pid >= 0);
    if (command->pid == 0)
        become(spec, path, copy, command->output);
    return command;
}

int
command_has_ended(struct command *command)
{
    if (command->pid != 0 && waitpid(command->pid, &command->status, WNOHANG) != 0)
        command->pid = 0;
    return command->pid == 0;
}

int
command_wait(struct command *command, int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    while (!command_has_ended(command)) {
        if (now_ms() > deadline)
            fail_msg("the command does not end; it says:\n%s", command_output(command));
        wait_a_little();
    }
    return WIFEXITED(command->status) ? WEXITSTATUS(command->status)
                                      : 128 + WTERMSIG(command->status);
}

struct command *
command_run(const struct command_spec *spec, const char *const *args, int *ret_code)
{
    struct command *command = command_start(spec, args);

    *ret_code = command_wait(command, RUN_MS);
    return command;
}

void
command_signal(const struct command *command, int signo)
{
    assert_true(command->pid > 0);
    assert_int_equal(kill(command->pid, signo), 0);
}

pid_t
command_pid(const struct command *command)
{
    return command->pid;
}

const char *
command_output(struct command *command)
{
    struct stat st;
    ssize_t len;

    assert_int_equal(fstat(command->output, &st), 0);
    free(command->text);
    command->text = malloc((size_t)st.st_size + 1);
    assert_non_null(command->text);
    len = pread(command->output, command->text, (size_t)st.st_size, 0);
    command->text[len < 0 ? 0 : len] = '\0';
    return command->text;
}

void
command_expect(struct command *command, const char *text, int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    while (strstr(command_output(command), text) == NULL) {
        if (now_ms() > deadline || command_has_ended(command)) {
            if (strstr(command_output(command), text) != NULL)
                return;
            fail_msg("the command does not say \"%s\" but:\n%s", text, command->text);
        }
        wait_a_little();
    }
}

void
command_destroy(struct command **command)
{
    if (*command == NULL)
        return;
    if (!command_has_ended(*command)) {
        kill((*command)->pid, SIGKILL);
        waitpid((*command)->pid, NULL, 0);
    }
    close((*command)->output);
    free((*command)->text);
    free(*command);
    *command = NULL;
}

/* Name, state and parent of a process: 0, or -1 when there is none. */
static int
look_up(long pid, char name[32], char *ret_state, long *ret_parent)
{
    char path[64], line[512];
    const char *open, *close;
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return -1;
    len = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[len] = '\0';
    open = strchr(line, '(');
    close = strrchr(line, ')');
    if (open == NULL || close == NULL || close - open > 31 || close[1] == '\0')
        return -1;
    memcpy(name, open + 1, (size_t)(close - open - 1));
    name[close - open - 1] = '\0';
    *ret_state = close[2];
    *ret_parent = strtol(close + 3, NULL, 10);
    return 0;
}

pid_t
command_child(pid_t parent, const char *name)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    long newest = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10), its_parent;
        char its_name[32], state;

        if (pid > newest && look_up(pid, its_name, &state, &its_parent) == 0 &&
            its_parent == parent && state != 'Z' && strncmp(its_name, name, 15) == 0)
            newest = pid;
    }
    closedir(dir);
    return (pid_t)newest;
}

int
command_is_alive(pid_t pid)
{
    char name[32], state;
    long parent;

    return look_up(pid, name, &state, &parent) == 0 && state != 'Z' && state != 'X';
}

void
command_make_folder(char *out, size_t size)
{
    temp_dir_make(NULL, out, size);
}

void
command_remove_folder(const char *dir)
{
    if (getenv("BONGSU_KEEP") == NULL)
        temp_dir_remove(dir);
}
