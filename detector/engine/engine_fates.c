#include "detector/engine/engine_fates.h"

#include <stdlib.h>
#include <string.h>

static int
has_same_owner(const struct rule *was, const struct rule *is)
{
    return was->owner == is->owner && was->owner_count == is->owner_count &&
           memcmp(was->owner_parts, is->owner_parts,
                  was->owner_count * sizeof(was->owner_parts[0])) == 0;
}

/* Of a rule that is there still. */
static struct fate
fate_of(const struct rule *was, const struct rule *is, uint32_t number)
{
    const struct sigma_correlation *before = &was->sigma.correlation, *now = &is->sigma.correlation;
    struct fate fate = { .outcome = MOVE, .number = number,
                         .is_bare = was->shape != is->shape || before->type != now->type,
                         .is_undetailed = was->detail_shape != is->detail_shape };

    if ((before->type == SIGMA_NONE) != (now->type == SIGMA_NONE) ||
        was->sigma.seen_us != is->sigma.seen_us || !has_same_owner(was, is))
        fate.outcome = RESTORE;
    else if (was->sigma.seen_us > 0 && (fate.is_bare || fate.is_undetailed))
        fate.outcome = RESTORE; /* what was seen depends on the shape, too */
    else if (before->group_count != now->group_count)
        fate.outcome = LEAVE;
    return fate;
}

int
fates_find(struct fates *fates, struct engine *from, const struct engine *to)
{
    size_t count = ruleset_count(from->rules);

    fates->rules = calloc(count + 1, sizeof(fates->rules[0]));
    if (fates->rules == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct rule *was = ruleset_rule(from->rules, i);
        int64_t now = engine_rule_number(to, text_of(was->sigma.id));
        struct fate *fate = &fates->rules[i];

        *fate = now < 0 ? (struct fate){ .outcome = LEAVE }
                        : fate_of(was, ruleset_rule(to->rules, (size_t)now), (uint32_t)now);
        if (fate->outcome == LEAVE &&
            leaving_add_rule(&from->leaving, was->sigma.id, &fate->number) != 0)
            return -1;
        fates->has_changed |= fate->outcome != MOVE;
        fates->has_restored |= fate->outcome == RESTORE;
    }
    return 0;
}
