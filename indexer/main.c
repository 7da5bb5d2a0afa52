#include "indexer/indexer.h"

int
main(int argc, char **argv)
{
    return daemon_main(argc, argv, &indexer_spec);
}
