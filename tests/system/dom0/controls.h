// SPDX-License-Identifier: MIT
// For controls.c and resources.c: hypercalls as they are, without a library
// that changes what came out.
#ifndef DOM0_CONTROLS_H
#define DOM0_CONTROLS_H

#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xencall.h>
#include <xenctrl.h>

#define NOBODY 0x7000 // an id that no domain has

extern xencall_handle *calls;
extern unsigned int domain; // the one that is played with, paused

// A page for a request, and one for what it points to; both zero after
// request_begin().
extern void *request, *data;
void request_begin(void);

// What came out: `WHAT: 0` or the error's name.
void say(const char *what, long rc);
// A domctl in the request page: `id` and `command` are filled in here.
long domctl(unsigned int id, uint32_t command);
static inline struct xen_domctl *control(void)
{
	return request;
}
struct xen_domctl_getdomaininfo domain_info(unsigned int id);

// resources.c
void resources(void);

#endif
