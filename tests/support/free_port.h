/*
 * free_port.h - ports for what tests start
 */
#ifndef TESTS_SUPPORT_FREE_PORT_H
#define TESTS_SUPPORT_FREE_PORT_H

/* A free port of 127.0.0.1, kept from other tests until this one ends. Fails the
 * test when there is none. */
int free_port(void);

#endif
