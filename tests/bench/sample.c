// SPDX-License-Identifier: MIT
// Marks for tests/bench/plugin.c around whole commands, in dom0:
//   sample run CMD...   a sample: from before the command starts to its end
//   sample row NAME     the row of the samples since the last ends; says its
//                       name, as the plugin's rows have none
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK(n) asm volatile("nopl 0x5741420" #n "(%%rax)" ::: "memory")

static int run(char **command)
{
	int status = 0;
	pid_t child;

	MARK(1);
	child = vfork();
	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	waitpid(child, &status, 0);
	MARK(2);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "run") == 0) {
		return run(argv + 2);
	}
	if (argc == 3 && strcmp(argv[1], "row") == 0) {
		MARK(3);
		return printf("xl %s\n", argv[2]) < 0;
	}
	return 2;
}
