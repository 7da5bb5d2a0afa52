/*
 * yaml_scalar.h - one YAML scalar as a jansson value
 *
 * jansson has one true, one false and one null for everybody, so their lines
 * could not be told apart; these have their own. They come from free lists
 * that are never given back to the system: a copy that outlives its file
 * still reads as what it was.
 */
#ifndef PROTO_BASE_YAML_SCALAR_H
#define PROTO_BASE_YAML_SCALAR_H

#include <jansson.h>
#include <stddef.h>

struct yaml_constant;

/* The value of a plain scalar by the YAML 1.2 core schema (section 10.3.2): null,
 * booleans, integers that fit in 64 bits, finite floats, else text. bytes end in
 * a NUL. Booleans and nulls are also put on *constants. NULL when out of memory
 * or when the bytes are no UTF-8. */
json_t *yaml_scalar_new(const char *bytes, size_t len, struct yaml_constant **constants);

/* A copy of a value that is neither array nor object. NULL when out of memory. */
json_t *yaml_scalar_copy(const json_t *value, struct yaml_constant **constants);

/* Put all constants of a file on the free lists; *constants is NULL then. */
void yaml_scalar_release(struct yaml_constant **constants);

#endif
