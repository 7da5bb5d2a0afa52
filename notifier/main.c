#include "notifier/notifier.h"

int
main(int argc, char **argv)
{
    return daemon_main(argc, argv, &notifier_spec);
}
