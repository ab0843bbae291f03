# SPDX-License-Identifier: MIT
# xl vcpu-list
linux_up
run xl vcpu-list linux
run xl vcpu-list Domain-0 linux
run xl vcpu-list nobody
check "their processors exist" sh -c "xl vcpu-list linux | awk 'NR > 1 && \$4 != \"-\" && \$4 >= $cpus {exit 1}'"
