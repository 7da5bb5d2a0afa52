#include "detector/engine/share.h"

int
share_owns(const struct share *share, uint64_t hash)
{
    if (share->slots > 1 && hash % share->slots != share->slot)
        return 0;
    for (size_t i = 0; i < share->former_count; i++)
        if (share->formers[i].judged >> hash % share->formers[i].slots & 1)
            return 0;
    return 1;
}
