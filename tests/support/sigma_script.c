#include "tests/support/sigma_script.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 64 };

const char *
sigma_setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value != NULL ? value : otherwise;
}

int
sigma_script_run(const char *name, const char *const *words, FILE *out)
{
    const char *python = access("build/python/bin/python", X_OK) == 0
                         ? "build/python/bin/python" : "python3";
    char path[200], *argv[MAX_WORDS + 3];
    size_t count = 0;
    int status = 0;
    pid_t pid;

    snprintf(path, sizeof(path), "tests/sigma/%s", name);
    argv[count++] = (char *)(uintptr_t)python;
    argv[count++] = path;
    for (; *words != NULL && count < MAX_WORDS + 2; words++)
        argv[count++] = (char *)(uintptr_t)*words;
    argv[count] = NULL;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (out != NULL)
            dup2(fileno(out), STDOUT_FILENO);
        execvp(python, argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
sigma_script_rules(const json_t *documents, struct buf *text)
{
    for (size_t i = 0; i < json_array_size(documents); i++) {
        char *document = json_dumps(json_array_get(documents, i), 0);

        assert_int_equal(buf_printf(text, "%s%s\n", i > 0 ? "---\n" : "", document), 0);
        free(document);
    }
    assert_int_equal(buf_append_char(text, '\0'), 0);
}
