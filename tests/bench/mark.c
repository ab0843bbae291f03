// SPDX-License-Identifier: MIT
// mark CMD...: run a command, with the plugin's "begin" before it is started
// and "end" when it has ended. Exit status: the command's.
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status = 0;
	pid_t child;

	asm volatile("nopl 0x57414201(%rax)");
	child = vfork();
	if (!child) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	waitpid(child, &status, 0);
	asm volatile("nopl 0x57414202(%rax)");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
