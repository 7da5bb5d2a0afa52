#include "ingest/ingest.h"

int
main(int argc, char **argv)
{
    return daemon_main(argc, argv, &ingest_spec);
}
