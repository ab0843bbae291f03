# SPDX-License-Identifier: MIT
# audited WHEN: the hypervisor recounts every reference of every frame, now.
audit() {
	xl debug-keys A && xl dmesg | grep 'Audit' | tail -n 1 | tee /tmp/audit
	grep -q 'Audit: 0 frames' /tmp/audit
}
audited() { check "the audit finds nothing wrong $1" audit; }
