# SPDX-License-Identifier: MIT
# A minute and more of hard work on all CPUs.
. /wabe/check.sh
. /wabe/audit.sh
cpus=$(grep -c ^processor /proc/cpuinfo)
. /wabe/builds.sh
audited "after a minute of load"
STORM=100
. /wabe/storm.sh
. /wabe/hotplug.sh
audited "at the end"
. /wabe/tools.sh
