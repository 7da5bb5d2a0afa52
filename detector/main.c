#include <string.h>

#include "detector/detector.h"
#include "detector/watch/rule_settings.h"
#include "detector/tool/rules_tool.h"

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--rules") == 0)
        return rules_tool_main(argc - 2, argv + 2);
    rule_settings_remember(argc, argv);
    return daemon_main(argc, argv, &detector_spec);
}
