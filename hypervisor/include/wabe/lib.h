// SPDX-License-Identifier: MIT
// printk, strings, assertions, bitmaps: what needs nothing else.
#ifndef WABE_LIB_H
#define WABE_LIB_H

#include <wabe/types.h>

// Log levels as in Xen's loglvl=: a message above the level is dropped.
enum log_level { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

// Print a line to the console ring and the serial port; a newline at its end
// may be left out. Formats: d u x, with l ll z, s c; with width, zero fill and
// precision (strings).
// Takes console_lock; may be called everywhere, NMI included.
void log_at(enum log_level level, const char *fmt, ...) FORMAT(2, 3);
#define printk(...) log_at(LOG_INFO, __VA_ARGS__)
// A line about what a guest did; limited in rate so that a guest cannot
// flood the console. Prefixes "d<id>v<id> ".
void log_guest(const char *fmt, ...) FORMAT(1, 2);

int snprintf(char *buf, size_t bytes, const char *fmt, ...) FORMAT(3, 4);
int vsnprintf(char *buf, size_t bytes, const char *fmt, va_list ap);

// Stop the machine: message, registers, stack; all CPUs halted; reboot after
// that unless `noreboot`.
void panic(const char *fmt, ...) FORMAT(1, 2) NORETURN;

// Always on: going on could leak or corrupt. Never on outside input.
#define BUG_ON(cond)                                                          \
	do {                                                                  \
		if (unlikely(cond)) {                                         \
			panic("BUG: %s at %s:%d", #cond, __FILE__, __LINE__); \
		}                                                             \
	} while (0)

// What the code around guarantees; built in with DEBUG=1 only.
#ifdef WABE_DEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

void *memcpy(void *dst, const void *src, size_t bytes);
void *memmove(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
// Copy at most bytes-1 characters and end with NUL; returns strlen(src).
size_t strlcpy(char *dst, const char *src, size_t bytes);
// Parse an unsigned number (0x prefix: hex), *end set to the first character
// not used. Saturates at ~0.
u64 strtou64(const char *s, const char **end);

// Bitmaps: arrays of u64. The plain forms are not atomic.
static inline bool bit_test(const void *map, u64 n)
{
	return READ_ONCE(((const u64 *)map)[n / 64]) & BIT(n % 64);
}

static inline void bit_set(void *map, u64 n)
{
	((u64 *)map)[n / 64] |= BIT(n % 64);
}

static inline void bit_clear(void *map, u64 n)
{
	((u64 *)map)[n / 64] &= ~BIT(n % 64);
}

// Atomic, full barrier; return the bit's old value.
static inline bool bit_test_set(void *map, u64 n)
{
	return __atomic_fetch_or(&((u64 *)map)[n / 64], BIT(n % 64),
				 __ATOMIC_SEQ_CST) &
	       BIT(n % 64);
}

static inline bool bit_test_clear(void *map, u64 n)
{
	return __atomic_fetch_and(&((u64 *)map)[n / 64], ~BIT(n % 64),
				  __ATOMIC_SEQ_CST) &
	       BIT(n % 64);
}

// First set (clear) bit at or after `from`, or `bits` where there is none.
u64 bitmap_next(const u64 *map, u64 bits, u64 from);
u64 bitmap_next_clear(const u64 *map, u64 bits, u64 from);

// Doubly linked lists, circular, with a head.
struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l)       \
	{                  \
		&(l), &(l) \
	}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

// Insert `item` before `where` (before a head: at the end).
static inline void list_insert(struct list *where, struct list *item)
{
	item->next = where;
	item->prev = where->prev;
	where->prev->next = item;
	where->prev = item;
}

// Unlink; afterwards `item` is an empty list, so removing twice is harmless.
static inline void list_remove(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = item->prev = item;
}

#define list_for_each(pos, head) \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

#endif
