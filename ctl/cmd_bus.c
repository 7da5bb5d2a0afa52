#include <stdio.h>

#include "ctl/complain.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/run/bus_keys.h"
#include "proto/run/daemon.h"

/* What each host needs of them is said at once: the rest should not leave this one. */
static void
print_made(const char *dir)
{
    printf("Made in %s. A process needs its own secret and the folder allowed, in its\n"
           "bus.curve_dir, and nothing else:\n", dir);
    for (size_t i = 0; i < BUS_ROLES; i++)
        printf("  %-9s %s.key_secret (mode 0600), allowed/\n", bus_roles[i], bus_roles[i]);
}

/* bongsu bus keys DIR: for hosts that do not share a folder; else the first process
 * to start makes them. */
int
bus_keys_run(struct call *call)
{
    const char *dir = call->args[0];
    json_t *answer;
    struct err err;
    int made = bus_keys_make(dir, &err);

    if (made < 0)
        return call_complain(call, EXIT_CONFIG, &err);
    if (call->json) {
        answer = json_pack("{s:s, s:s}", "dir", dir, "action", made ? "made" : "kept");
        screen_print_json(answer);
        json_decref(answer);
    } else if (made) {
        print_made(dir);
    } else {
        printf("There are keys in %s already; remove the folder for new ones\n", dir);
    }
    return EXIT_DONE;
}
