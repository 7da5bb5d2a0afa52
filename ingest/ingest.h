/*
 * ingest.h - the ingest process: accept, check, number, journal, deliver
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "proto/run/daemon.h"

extern const struct daemon_spec ingest_spec;

#endif
