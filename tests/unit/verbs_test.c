// SPDX-License-Identifier: MIT
// The command `wabe` before a creator that answers as each test says: what it
// asks, what it tells its user, its exit status.
#define _GNU_SOURCE
#include "creator_proto.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

typedef void answer_fn(const struct creator_request *q,
		       struct creator_reply *reply);

static char folder[] = "/tmp/wabe-verbs-XXXXXX";
static struct sockaddr_un at = {.sun_family = AF_UNIX};
static unsigned int *asked; // [verb]: how often
static char said[4096];

// --- the creator -------------------------------------------------------------

static void client_serve(int fd, answer_fn *answer)
{
	struct creator_request q;
	int console[2];

	while (recv(fd, &q, sizeof(q), 0) >= (ssize_t)sizeof(q)) {
		struct creator_reply reply = {.version = CREATOR_VERSION};

		asked[q.verb]++;
		strcpy(reply.info.name, q.name);
		answer(&q, &reply);
		if (q.verb == CREATOR_CONSOLE) {
			socketpair(AF_UNIX, SOCK_STREAM, 0, console);
		}
		if (packet_send(fd, &reply, sizeof(reply), NULL, 0, console + 1,
				q.verb == CREATOR_CONSOLE) < 0) {
			break;
		}
	}
	close(fd);
}

static pid_t creator_start(answer_fn *answer)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	memset(asked, 0, CREATOR_VERBS * sizeof(*asked));
	unlink(at.sun_path);
	assert_int_equal(bind(listener, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			client_serve(accept(listener, NULL, NULL), answer);
		}
	}
	close(listener);
	return pid;
}

static void no(struct creator_reply *reply, int code, const char *text)
{
	reply->status = -1;
	reply->error.code = code;
	strcpy(reply->error.text, text);
}

// --- the command -------------------------------------------------------------

// Started with its words (a NULL behind the last); its output goes to `out`.
static pid_t wabe_start(int *out, const char *const *words)
{
	int pipe_fds[2];
	pid_t pid;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(20);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(pipe_fds[1], 1);
		dup2(pipe_fds[1], 2);
		execv(WABE_PROGRAM, (char *const *)words);
		_exit(99);
	}
	close(pipe_fds[1]);
	*out = pipe_fds[0];
	return pid;
}

// Its exit status, or 1000 and the signal; what it said is in `said`.
static int wabe_end(int out, pid_t pid)
{
	size_t used = 0;
	ssize_t n;
	int status;

	while ((n = read(out, said + used, sizeof(said) - 1 - used)) > 0) {
		used += (size_t)n;
	}
	said[used] = 0;
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static int wabe(answer_fn *answer, ...)
{
	const char *words[16] = {"wabe"};
	pid_t creator = creator_start(answer);
	int count = 1, out, status;
	va_list list;

	va_start(list, answer);
	while (count < 15 && (words[count] = va_arg(list, const char *))) {
		count++;
	}
	va_end(list);
	status = wabe_end(out, wabe_start(&out, words));
	kill(creator, SIGKILL);
	waitpid(creator, NULL, 0);
	return status;
}

#define assert_said(text)                                 \
	do {                                              \
		if (!strstr(said, text)) {                \
			fail_msg("it said \"%s\"", said); \
		}                                         \
	} while (0)

// --- the tests ---------------------------------------------------------------

static void yes(const struct creator_request *q, struct creator_reply *reply)
{
	reply->info.state = WABE_RUNNING;
}

static void what_is_wrong_is_named(void **state)
{
	char name[80] = "";

	assert_int_equal(wabe(yes, "kill", "-s", "NOPE", "box", NULL), 2);
	assert_said("-s NOPE: ");
	assert_int_equal(wabe(yes, "kill", "-s", "9", "box", NULL), 0);
	assert_int_equal(wabe(yes, "stop", "-t", "soon", "box", NULL), 2);
	assert_said("-t soon: ");
	assert_int_equal(asked[CREATOR_STOP], 0);
	assert_int_equal(wabe(yes, "stop", "-t", "-1", "box", NULL), 2);
	assert_int_equal(wabe(yes, "mem-set", "box", "lots", NULL), 2);
	assert_said("lots: ");
	assert_int_equal(wabe(yes, "volume", "create", "v", "lots", NULL), 2);
	assert_said("lots: ");
	assert_int_equal(
	    wabe(yes, "partition", "create", "p", "-m", "lots", NULL), 2);
	assert_said("-m lots: ");
	assert_int_equal(
	    wabe(yes, "partition", "create", "p", "-m1G", "-c", "x", NULL), 2);
	assert_said("-c x: ");
	assert_int_equal(wabe(yes, "partition", "create", "p", "-m1G", NULL),
			 0);
	assert_int_equal(wabe(yes, "run", "--net-rate", "-5M", "img", NULL), 2);
	assert_said("--net-rate -5M: say 10M");
	assert_int_equal(wabe(yes, "run", "-v", "v:/d:rx", "img", NULL), 2);
	assert_said("-v v:/d:rx: the mode");
	assert_int_equal(wabe(yes, "list", "box", NULL), 2);
	memset(name, 'n', sizeof(name) - 1);
	assert_int_equal(wabe(yes, "partition", "remove", name, NULL), 1);
	assert_said("a name has at most 63");
	assert_int_equal(wabe(yes, "top", "-b", "-n", "x", NULL), 2);
	assert_said("-n x: ");
}

// It exits by itself just when the time is over.
static void exits_late(const struct creator_request *q,
		       struct creator_reply *reply)
{
	reply->info.state = WABE_RUNNING;
	if (q->verb == CREATOR_DESTROY) {
		no(reply, 0, "box has exited");
	}
	if (asked[CREATOR_DESTROY]) {
		reply->info.state = WABE_EXITED;
	}
}

static void stop_of_one_that_exits_meanwhile(void **state)
{
	assert_int_equal(wabe(exits_late, "stop", "-t", "0.1", "box", NULL), 0);
	assert_int_equal(asked[CREATOR_DESTROY], 1);
	assert_string_equal(said, "");
}

static void hangs_on(const struct creator_request *q,
		     struct creator_reply *reply)
{
	reply->info.state = WABE_RUNNING;
	if (q->verb == CREATOR_DESTROY) {
		no(reply, 0, "the worker does not answer");
	}
}

static void stop_of_one_that_cannot_be_ended(void **state)
{
	assert_int_equal(wabe(hangs_on, "stop", "-t", "0.1", "box", NULL), 1);
	assert_said("does not answer");
}

// Made with --rm: with its end it is forgotten.
static void forgotten(const struct creator_request *q,
		      struct creator_reply *reply)
{
	reply->info.state = WABE_RUNNING;
	if (asked[CREATOR_DESTROY] && q->verb != CREATOR_DESTROY) {
		no(reply, 0, "box: no such micro-domain");
	}
}

static void rm_of_one_that_is_forgotten_at_its_end(void **state)
{
	assert_int_equal(wabe(forgotten, "rm", "-f", "box", NULL), 0);
	assert_int_equal(asked[CREATOR_DESTROY], 1);
	assert_string_equal(said, "");
}

static void not_there(const struct creator_request *q,
		      struct creator_reply *reply)
{
	no(reply, 0, "box: no such micro-domain");
}

static void rm_of_one_that_is_not_there(void **state)
{
	assert_int_equal(wabe(not_there, "rm", "-f", "box", NULL), 1);
	assert_said("no such");
}

// Of all there are, which are none: only who asks for the one is told so.
static void only_the_list(const struct creator_request *q,
			  struct creator_reply *reply)
{
	if (q->verb != CREATOR_LIST) {
		no(reply, 0, "box: no such micro-domain");
	}
}

static void stats_of_one_that_is_not_there(void **state)
{
	assert_int_equal(wabe(only_the_list, "stats", NULL), 0);
	assert_int_equal(wabe(only_the_list, "stats", "box", NULL), 1);
	assert_string_equal(said, "wabe stats: box: no such micro-domain\n");
}

static void not_yet(const struct creator_request *q,
		    struct creator_reply *reply)
{
	no(reply, EAGAIN, "the worker refuses");
}

// A guest without an init of ours never takes a command.
static void exec_can_be_interrupted(void **state)
{
	const char *words[] = {"wabe", "exec", "box", "true", NULL};
	pid_t creator = creator_start(not_yet), pid;
	int out;

	pid = wabe_start(&out, words);
	while (!asked[CREATOR_EXEC]) {
		usleep(1000);
	}
	kill(pid, SIGINT);
	assert_int_equal(wabe_end(out, pid), 1000 + SIGINT);
	kill(creator, SIGKILL);
	waitpid(creator, NULL, 0);
}

// A console is handed out, and then the creator talks nonsense.
static void fails_while_waited_for(const struct creator_request *q,
				   struct creator_reply *reply)
{
	reply->info.state = WABE_RUNNING;
	strcpy(reply->info.name, "box");
	if (q->verb == CREATOR_WAIT) {
		usleep(300000);
		reply->version = 99;
	}
}

static void file_put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool echoes(int terminal)
{
	struct termios how;

	assert_int_equal(tcgetattr(terminal, &how), 0);
	return how.c_lflag & ECHO;
}

static void a_terminal_is_given_back_whatever_ends_run(void **state)
{
	pid_t creator = creator_start(fails_while_waited_for), pid;
	int terminal, shell, status;
	bool raw = false;

	assert_int_equal(openpty(&terminal, &shell, NULL, NULL, NULL), 0);
	assert_true(echoes(shell));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(20);
		dup2(shell, 0);
		dup2(shell, 1);
		dup2(shell, 2);
		execl(WABE_PROGRAM, "wabe", "run", "-it", "img", NULL);
		_exit(99);
	}
	while (waitpid(pid, &status, WNOHANG) != pid) {
		raw |= !echoes(shell);
		usleep(1000);
	}
	assert_true(raw);
	assert_true(echoes(shell));
	assert_int_equal(WEXITSTATUS(status), 125);
	kill(creator, SIGKILL);
	waitpid(creator, NULL, 0);
	close(terminal);
	close(shell);
}

static int setup(void **state)
{
	char path[128];

	asked = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (asked == MAP_FAILED || !mkdtemp(folder)) {
		return -1;
	}
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", folder);
	setenv("WABE_SOCKET", at.sun_path, 1);
	setenv("WABE_VOLUMES", folder, 1);
	setenv("WABE_IMAGES", folder, 1);
	snprintf(path, sizeof(path), "%s/img", folder);
	mkdir(path, 0700);
	file_put("img/config.json", "{\"config\": {\"Cmd\": [\"sh\"]}}");
	return 0;
}

static int teardown(void **state)
{
	struct wabe_error err;

	return tree_remove(folder, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(stop_of_one_that_exits_meanwhile),
	    cmocka_unit_test(stop_of_one_that_cannot_be_ended),
	    cmocka_unit_test(rm_of_one_that_is_forgotten_at_its_end),
	    cmocka_unit_test(rm_of_one_that_is_not_there),
	    cmocka_unit_test(stats_of_one_that_is_not_there),
	    cmocka_unit_test(exec_can_be_interrupted),
	    cmocka_unit_test(a_terminal_is_given_back_whatever_ends_run),
	};

	signal(SIGINT, SIG_DFL); // what a shell starts behind itself ignores it
	return cmocka_run_group_tests(tests, setup, teardown);
}
