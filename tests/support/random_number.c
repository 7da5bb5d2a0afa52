#include "tests/support/random_number.h"

uint64_t random_seed = 1;

uint64_t
random_number(uint64_t below)
{
    random_seed ^= random_seed << 13;
    random_seed ^= random_seed >> 7;
    random_seed ^= random_seed << 17;
    return random_seed % below;
}
