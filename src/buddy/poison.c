/* SPDX-License-Identifier: MIT
 * poison.c - page_poison=: free pages are filled with a pattern, and looked at before they are handed out.
 *
 * Owns:       the contents of free pages, and a byte for each page that says what they are.
 * Locks:      none: a page's byte belongs to whoever took the page off the lists, or puts it there.
 * Invariants: a free page holds what its byte says. Memory that the system took back reads as zeros; so does memory that
 *             was never used. While the system is at it, either may be found, also by a forked child.
 * Source:     mm/page_poison.c, Linux 6.1. Differs: a page that was written to is never handed out; a long difference is not
 *             shown in full.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arena/os.h"
#include "base/rate.h"
#include "base/report.h"
#include "buddy/prep_hooks.h"

#define DUMP_ROW 16 /* bytes in a line */
#define DUMP_ROWS 16

enum contents {
	HOLDS_ZEROS,
	HOLDS_POISON,
	HOLDS_EITHER, /* one of the two */
};

static struct {
	unsigned char *contents; /* enum contents, of each page of the arena */
	size_t size;             /* bytes reserved for it */
} poison;

static struct kmm_rate corruption_rate = { .burst = 10, .seconds = 5 };

int page_poison_start(void)
{
	poison.size = ALIGN_UP((size_t)kmm_arena.nr_pages, os_page_size());
	poison.contents = os_reserve(poison.size, os_page_size());
	if (poison.contents && os_commit(poison.contents, poison.size)) {
		os_release(poison.contents, poison.size);
		poison.contents = NULL;
	}
	rate_reset(&corruption_rate);
	return poison.contents ? 0 : -ENOMEM;
}

void page_poison_stop(void)
{
	if (poison.contents)
		os_release(poison.contents, poison.size);
	poison.contents = NULL;
}

static void set_contents(unsigned long pfn, unsigned long nr_pages, enum contents contents)
{
	memset(poison.contents + pfn, contents, nr_pages);
}

void poison_pages(const struct page *page, unsigned int order)
{
	memset(arena_page_address(page), PAGE_POISON, PAGE_SIZE << order);
	set_contents(arena_page_to_pfn(page), 1UL << order, HOLDS_POISON);
}

void poison_may_vanish(unsigned long pfn, unsigned long nr_pages)
{
	set_contents(pfn, nr_pages, HOLDS_EITHER);
}

void poison_vanished(unsigned long pfn, unsigned long nr_pages)
{
	set_contents(pfn, nr_pages, HOLDS_ZEROS);
}

/* Is all of a page @value? Each byte is then the same as the next one. */
static bool page_is_filled(const unsigned char *memory, unsigned char value)
{
	return memory[0] == value && memcmp(memory, memory + 1, PAGE_SIZE - 1) == 0;
}

static void dump_bytes(char *buf, size_t size, const unsigned char *start, const unsigned char *end)
{
	const unsigned char *last = start + min_of(end - start, DUMP_ROWS * DUMP_ROW);
	size_t len = 0;

	for (const unsigned char *row = start; row < last; row += DUMP_ROW) {
		const int nr = (int)min_of(last - row, DUMP_ROW);

		len += (size_t)snprintf(buf + len, size - len, "%p:", (const void *)row);
		for (int i = 0; i < nr; i++)
			len += (size_t)snprintf(buf + len, size - len, " %02x", row[i]);
		len += (size_t)snprintf(buf + len, size - len, "%*s", 3 * (DUMP_ROW - nr) + 2, "");
		for (int i = 0; i < nr; i++)
			buf[len++] = (char)(row[i] >= ' ' && row[i] <= '~' ? row[i] : '.');
		buf[len++] = '\n';
	}
	buf[len] = '\0';
	if (last < end)
		snprintf(buf + len, size - len, "and %zu bytes more\n", (size_t)(end - last));
}

/* One byte, one bit of it: perhaps the hardware's fault. */
static bool single_bit_flip(const unsigned char *start, const unsigned char *end, unsigned char value)
{
	return end - start == 1 && is_power_of_2((unsigned int)(*start ^ value));
}

static noinline void report_corruption(const unsigned char *memory, unsigned char value)
{
	const unsigned char *start = memory, *end = memory + PAGE_SIZE;
	const int saved = errno;
	char dump[KMM_REPORT_MAX - 128];
	unsigned int missed;

	while (*start == value)
		start++;
	while (end[-1] == value)
		end--;
	if (rate_allows(&corruption_rate, &missed)) {
		dump_bytes(dump, sizeof(dump), start, end);
		kmm_report(KMM_REPORT_ERR, "pagealloc: %s\n%s",
			   single_bit_flip(start, end, value) ? "single bit error" : "memory corruption", dump);
	}
	errno = saved;
}

/* What a page should be filled with, where it may be one or the other: the one that it begins with. */
static unsigned char expected_value(const unsigned char *memory, enum contents contents)
{
	if (contents == HOLDS_EITHER)
		return memory[0] ? PAGE_POISON : 0;
	return contents == HOLDS_POISON ? PAGE_POISON : 0;
}

const struct page *unpoison_pages(const struct page *page, unsigned int order)
{
	const unsigned char *contents = poison.contents + arena_page_to_pfn(page);
	const unsigned char *memory = arena_page_address(page);

	for (unsigned long i = 0; i < 1UL << order; i++, memory += PAGE_SIZE) {
		const unsigned char value = expected_value(memory, (enum contents)contents[i]);

		if (likely(page_is_filled(memory, value)))
			continue;
		report_corruption(memory, value);
		return page + i;
	}
	return NULL;
}
