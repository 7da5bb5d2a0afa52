/*
 * sigma_transform.h - modifiers that make other values of a value
 *
 * windash, wide and its kin, base64, base64offset, expand: each takes the texts that
 * the one before it made, and makes others of them, any of which may be there. Sigma
 * 2.1.0, appendix on modifiers; where that leaves something open, pySigma decides.
 */
#ifndef DETECTOR_SIGMA_SIGMA_TRANSFORM_H
#define DETECTOR_SIGMA_SIGMA_TRANSFORM_H

#include <stddef.h>

#include "detector/sigma/placeholders.h"
#include "detector/text/pattern.h"
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

enum sigma_transform {
    TRANSFORM_WINDASH, TRANSFORM_UTF16LE, TRANSFORM_UTF16BE, TRANSFORM_UTF16,
    TRANSFORM_BASE64, TRANSFORM_BASE64OFFSET, TRANSFORM_EXPAND
};

/* How many modifiers of this kind an item may have; how many texts one value may become
 * (five dashes are 3,125); and how large the arena may grow by them. */
enum { SIGMA_MAX_TRANSFORMS = 6, SIGMA_MAX_EXPANSION = 10000,
       SIGMA_MAX_MEMORY = 256 * 1024 * 1024 };

/* What a value became. */
struct sigma_texts {
    struct pattern_tokens *texts;
    size_t count, cap;
};

struct sigma_transforms {
    struct arena *arena;
    const struct placeholders *placeholders;    /* NULL: there are none */
    struct err *err;
};

/* Apply one. Memory is the arena's. 0, or -1 with the reason (no file or line): a
 * wildcard where bytes are needed, a placeholder that is not known, too many texts. */
int sigma_transform_apply(const struct sigma_transforms *with, enum sigma_transform kind,
                          struct sigma_texts *texts);

#endif
