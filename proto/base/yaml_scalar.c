#include "proto/base/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct yaml_constant {
    json_t json;                /* first: the one is the other */
    struct yaml_constant *next;
};

/* For all threads: the detector reads rules beside its loop. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct yaml_constant *free_constants[3];     /* true, false, null */

static struct yaml_constant **
free_list(json_type type)
{
    return &free_constants[type == JSON_TRUE ? 0 : type == JSON_FALSE ? 1 : 2];
}

static json_t *
constant_new(json_type type, struct yaml_constant **constants)
{
    struct yaml_constant **list = free_list(type), *constant;

    pthread_mutex_lock(&lock);
    constant = *list;
    if (constant != NULL)
        *list = constant->next;
    pthread_mutex_unlock(&lock);
    if (constant == NULL)
        constant = malloc(sizeof(*constant));
    if (constant == NULL)
        return NULL;
    constant->json.type = type;
    constant->json.refcount = (size_t)-1;   /* as jansson's own: never counted */
    constant->next = *constants;
    *constants = constant;
    return &constant->json;
}

void
yaml_scalar_release(struct yaml_constant **constants)
{
    pthread_mutex_lock(&lock);
    while (*constants != NULL) {
        struct yaml_constant *constant = *constants;
        struct yaml_constant **list = free_list(constant->json.type);

        *constants = constant->next;
        constant->next = *list;
        *list = constant;
    }
    pthread_mutex_unlock(&lock);
}

static const struct {
    const char *word;
    json_type type;
} words[] = {
    { "",     JSON_NULL },  { "~",     JSON_NULL },
    { "null", JSON_NULL },  { "Null",  JSON_NULL },  { "NULL",  JSON_NULL },
    { "true", JSON_TRUE },  { "True",  JSON_TRUE },  { "TRUE",  JSON_TRUE },
    { "false", JSON_FALSE }, { "False", JSON_FALSE }, { "FALSE", JSON_FALSE },
};

/* [-+]?[0-9]+, 0o[0-7]+ or 0x[0-9a-fA-F]+, within 64 bits */
static int
is_integer(const char *str, json_int_t *ret_number)
{
    int base = strncmp(str, "0o", 2) == 0 ? 8 : strncmp(str, "0x", 2) == 0 ? 16 : 10;
    const char *digits = base != 10 ? str + 2 : str + (str[0] == '-' || str[0] == '+');
    const char *set = base == 8 ? "01234567"
                      : base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    long long number;

    if (digits[0] == '\0' || digits[strspn(digits, set)] != '\0')
        return 0;
    errno = 0;
    number = strtoll(base == 10 ? str : digits, NULL, base);
    *ret_number = number;
    return errno == 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static int
is_float(const char *str, double *ret_number)
{
    static const char digits[] = "0123456789";
    const char *at = str + (str[0] == '-' || str[0] == '+');
    size_t whole = strspn(at, digits), fraction = 0;

    at += whole;
    if (*at == '.') {
        fraction = strspn(at + 1, digits);
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return 0;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (strspn(at, digits) == 0)
            return 0;
        at += strspn(at, digits);
    }
    if (*at != '\0')
        return 0;
    *ret_number = strtod(str, NULL);
    return isfinite(*ret_number);
}

json_t *
yaml_scalar_new(const char *bytes, size_t len, struct yaml_constant **constants)
{
    json_int_t integer;
    double real;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(bytes, words[i].word) == 0)
            return constant_new(words[i].type, constants);
    if (is_integer(bytes, &integer))
        return json_integer(integer);
    if (is_float(bytes, &real) && strspn(bytes, "+-0123456789") != len)
        return json_real(real);
    return json_stringn(bytes, len);
}

json_t *
yaml_scalar_copy(const json_t *value, struct yaml_constant **constants)
{
    switch (json_typeof(value)) {
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return constant_new(json_typeof(value), constants);
    default:
        return json_copy((json_t *)value);
    }
}
