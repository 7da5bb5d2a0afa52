/*
 * send.h - bongsu send FILE|-...: log files into ingest, each line once
 */
#ifndef CTL_SEND_H
#define CTL_SEND_H

/* Send every file named (- is standard input) and report. Returns a send_exit
 * (send_post.h), or daemon.h's EXIT_USAGE. */
int send_main(int argc, char **argv);

#endif
