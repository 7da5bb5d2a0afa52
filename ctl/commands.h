/*
 * commands.h - the subcommands of bongsu, one file each
 *
 * Each gets its own name as argv[0] and returns the exit code (daemon.h's
 * enum exit_code).
 */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

int up_main(int argc, char **argv);
int status_main(int argc, char **argv);
int notify_main(int argc, char **argv);
int config_main(int argc, char **argv);
int health_main(int argc, char **argv);

#endif
