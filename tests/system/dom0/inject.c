// SPDX-License-Identifier: MIT
// inject WHAT N PID CMD...: run CMD, and do something to process PID ("self":
// CMD itself) at its N-th system call since then: WHAT is "kill", or "fail":
// the call is not made and returns ENOMEM. Counted are, for "kill", all calls
// but waits; for "fail", those that take something: memory, files, device and
// hypervisor calls, processes. Exit status: 0 it was done, 3 there were not so
// many calls, 1 something is wrong here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static bool fail;
static long wanted, seen;

static bool counts(long call)
{
	static const long taking[] = {
	    SYS_mmap,	  SYS_openat,	  SYS_ioctl, SYS_socket,      SYS_clone,
	    SYS_clone3,	  SYS_fork,	  SYS_write, SYS_rename,      SYS_mkdir,
	    SYS_pwrite64, SYS_socketpair, SYS_pipe2, SYS_memfd_create};

	if (!fail) {
		return call != SYS_poll && call != SYS_clock_gettime &&
		       call != SYS_wait4 && call != SYS_restart_syscall;
	}
	for (size_t i = 0; i < sizeof(taking) / sizeof(*taking); i++) {
		if (call == taking[i]) {
			return true;
		}
	}
	return false;
}

// At the entry of a call. True: it is the one, and it is done.
static bool entry(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	if (!counts((long)regs.orig_rax) || ++seen != wanted) {
		return false;
	}
	if (!fail) {
		kill(pid, SIGKILL);
		return true;
	}
	regs.orig_rax = ~0ull;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	ptrace(PTRACE_SYSCALL, pid, 0, 0); // to its exit
	waitpid(pid, &status, __WALL);
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = (unsigned long long)-ENOMEM;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	return true;
}

static pid_t start(char **argv, bool traced)
{
	pid_t pid = fork();

	if (!pid) {
		if (traced) {
			raise(SIGSTOP);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static bool attach(pid_t pid, bool self)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, (void *)(long)PTRACE_O_TRACESYSGOOD)) {
		return false;
	}
	if (self) {
		kill(pid, SIGCONT);
	} else if (ptrace(PTRACE_INTERRUPT, pid, 0, 0)) {
		return false;
	}
	if (waitpid(pid, &status, __WALL) != pid) {
		return false;
	}
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return true;
}

// One stop of the traced process; true: all that was wanted is done.
static bool stopped(pid_t pid, int status)
{
	static bool inside;
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80)) {
		inside = !inside;
		if (inside && entry(pid)) {
			return true;
		}
		signal = 0;
	} else if (status >> 16) { // ours: attached, exec
		signal = 0;
	}
	ptrace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal);
	return false;
}

int main(int argc, char **argv)
{
	bool self = argc > 4 && !strcmp(argv[3], "self"), done = false;
	pid_t command, traced, pid;
	int status;

	if (argc < 5) {
		return 1;
	}
	fail = !strcmp(argv[1], "fail");
	wanted = atol(argv[2]);
	if (self) {
		command = traced = start(argv + 4, true);
		waitpid(traced, &status, WUNTRACED);
	} else {
		traced = (pid_t)atol(argv[3]);
	}
	if (!attach(traced, self)) {
		perror("inject");
		return 1;
	}
	if (!self) {
		command = start(argv + 4, false);
	}
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (pid == traced && WIFSTOPPED(status) && !done) {
			done = stopped(pid, status);
			if (done) {
				ptrace(PTRACE_DETACH, pid, 0, 0);
			}
		} else if (pid == command && !WIFSTOPPED(status)) {
			break; // what is traced goes on when we are gone
		}
	}
	return done ? 0 : 3;
}
