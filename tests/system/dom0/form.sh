# SPDX-License-Identifier: MIT
# A machine of some form: CPUs go and come, forks, files, then all of tools.sh.
. /wabe/check.sh
. /wabe/audit.sh
. /wabe/hotplug.sh
STORM=30
. /wabe/storm.sh
audited "after the storms"
. /wabe/tools.sh
