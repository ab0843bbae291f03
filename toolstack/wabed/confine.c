// SPDX-License-Identifier: MIT
// What the worker may do once it runs: serve descriptors it is given. No file
// can be opened, no process made, no other user's or process's thing touched,
// and of device calls only those named here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <linux/if_tun.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "worker.h"

static void die(const char *what)
{
	worker_log("cannot confine myself: %s: %s", what, strerror(errno));
	exit(1);
}

static const int plain_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fdatasync),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(futex),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(getrandom),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__
    // A build with sanitizers (SANITIZE=1), never installed: reports need
    // files, the search for leaks a process that stops this one's threads.
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(getdents),
    SCMP_SYS(readlink),
    SCMP_SYS(stat),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(clone),
    SCMP_SYS(prctl),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(getppid),
    SCMP_SYS(getdents64),
    SCMP_SYS(dup),
#endif
};

static const unsigned long device_calls[] = {
    IOCTL_EVTCHN_BIND_INTERDOMAIN,
    IOCTL_EVTCHN_UNBIND,
    IOCTL_EVTCHN_NOTIFY,
    IOCTL_EVTCHN_RESET,
    IOCTL_GNTDEV_MAP_GRANT_REF,
    IOCTL_GNTDEV_UNMAP_GRANT_REF,
    IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
    IOCTL_GNTDEV_GRANT_COPY,
    TUNSETOFFLOAD,
};

static const int file_calls[] = {F_GETFD, F_GETFL, F_SETFL};

static void filter_install(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int error = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < sizeof(plain_calls) / sizeof(int);
	     i++) {
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);
	}
	for (size_t i = 0; !error && i < sizeof(device_calls) / sizeof(long);
	     i++) {
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, device_calls[i]));
	}
	// Whether to wait, but not who is to be sent signals.
	for (size_t i = 0; !error && i < sizeof(file_calls) / sizeof(int);
	     i++) {
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
		    SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)file_calls[i]));
	}
	// Its own threads: other workers run as the same user.
	if (!error) {
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	}
	// Memory, but never code.
	if (!error) {
		error =
		    seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	}
	if (!error) {
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	}
	// fstat, which stdio may do; and a thread's files are the others' too.
	if (!error) {
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
					 SCMP_SYS(newfstatat), 0);
	}
	if (!error) {
		error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	}
	if (!error) {
		error = seccomp_load(filter);
	}
	if (error) {
		errno = -error;
		die("the system call filter");
	}
	seccomp_release(filter);
}

void rights_drop(unsigned uid, unsigned gid)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (geteuid() == 0) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid)) {
			die("the user");
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		die("no new privileges");
	}
#ifndef __SANITIZE_ADDRESS__ // see plain_calls
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

void confine(void)
{
	filter_install();
}
