/*
 * file_look.h - a number that differs once a file is not what it was
 *
 * For files that are read anew when they change. The file's status is looked at and not
 * its bytes: size, inode, and both of its times, since rsync and cp -p put back the one
 * that they may, and a file that is made readable changes in nothing but the other.
 */
#ifndef PROTO_BASE_FILE_LOOK_H
#define PROTO_BASE_FILE_LOOK_H

#include <stdint.h>
#include <sys/stat.h>

/* How the file of a path stands now; 0: there is none. One that cannot be looked at has a
 * number too, of the reason. */
uint64_t file_look(const char *path);

/* The same of one whose status is known. */
uint64_t file_look_of(const char *path, const struct stat *st);

#endif
