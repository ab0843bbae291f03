// SPDX-License-Identifier: MIT
// Sessions of `wabe exec` (toolstack/wabed/exec_proto.h): an agent a session,
// a process between the ring it shares with dom0 and the command it starts.
// Here: which agents there are. agent.c: what one does.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "init.h"
#include "store.h"

static struct {
	pid_t pid; // 0: none
	unsigned int sequence;
} agents[EXEC_SESSIONS];

static void gone_tell(unsigned int slot)
{
	char path[32], text[32];

	agents[slot].pid = 0;
	snprintf(path, sizeof(path), "wabe/exec/%u/ring", slot);
	snprintf(text, sizeof(text), "gone %u", agents[slot].sequence);
	store_write(path, text);
}

static void agent_end(unsigned int slot)
{
	if (agents[slot].pid) {
		kill(agents[slot].pid, SIGKILL);
		agents[slot].pid = 0;
	}
}

static void slot_look(unsigned int slot)
{
	unsigned int sequence;
	char path[32], *value;

	snprintf(path, sizeof(path), "wabe/exec/%u", slot);
	value = store_read(path, NULL);
	if (!value || sscanf(value, "open %u", &sequence) != 1) {
		agent_end(slot);
	} else if (!agents[slot].pid || agents[slot].sequence != sequence) {
		agent_end(slot);
		agents[slot].sequence = sequence;
		agents[slot].pid = fork();
		if (!agents[slot].pid) {
			agent_run(slot, sequence);
		}
		if (agents[slot].pid < 0) {
			gone_tell(slot);
		}
	}
	free(value);
}

void sessions_look(void)
{
	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		slot_look(i);
	}
}

void session_reaped(pid_t pid)
{
	for (unsigned int i = 0; i < EXEC_SESSIONS; i++) {
		if (agents[i].pid == pid) {
			gone_tell(i);
		}
	}
}
