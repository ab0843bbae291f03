# SPDX-License-Identifier: MIT
# audited WHEN: the hypervisor recounts every reference of every frame, now.
audit() {
	xl dmesg -c >/dev/null
	xl debug-keys A
	xl dmesg | grep 'Audit' | tee /tmp/audit
	grep -q 'Audit: 0 frames' /tmp/audit
}
audited() { check "the audit finds nothing wrong $1" audit; }
