/* SPDX-License-Identifier: MIT
 * os_numa.c - reads the system's memory nodes from their files.
 *
 * Owns:       nothing but the name of the directory, which tests replace.
 * Locks:      none: the map is the caller's.
 * Invariants: N1  a map is whole: nr_nodes is 1 or more, all distances are 10 to 255, 10 on the diagonal, and every
 *                 CPU has an index below nr_nodes
 *             N2  either every file was understood, or the map has one node
 *             N3  no memory is taken and no file stays open: the library may have no allocator yet, and the program's
 *                 malloc() may be made of ours
 * Source:     numa_init(), arch/x86/mm/numa.c; formats of node_read_distance(), node_read_meminfo() and
 *             cpulist_read(), drivers/base/node.c, Linux 6.1.
 */
#include "arena/os_numa.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/os.h"
#include "base/bitmap.h"
#include "base/compiler.h"
#include "base/report.h"

#define SYSTEM_NODES "/sys/devices/system/node"
#define NODE_NUMBERS 1024 /* no kernel is built for more nodes: CONFIG_NODES_SHIFT is at most 10 */

#define END (-1)
#define FAILED (-2)

static const char *root_override; /* NULL: none */

void os_numa_root_override(const char *dir)
{
	WRITE_ONCE(root_override, dir);
}

static const char *root(void)
{
	const char *dir = READ_ONCE(root_override);

	return dir ? dir : SYSTEM_NODES;
}

/* One file, read in small pieces: a list of CPUs can be longer than anybody's buffer. */
struct text {
	int fd;
	unsigned int pos, len; /* bytes of buf: next to be read, filled */
	char name[32];         /* below the root */
	char buf[256];
};

KMM_PRINTF(3, 4)
static bool text_open(struct text *text, int dir, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text->name, sizeof(text->name), fmt, args);
	va_end(args);
	text->pos = text->len = 0;
	text->fd = openat(dir, text->name, O_RDONLY | O_CLOEXEC);
	return text->fd >= 0;
}

static void report_file(const char *name)
{
	kmm_report(KMM_REPORT_INFO, "kmm: numa: %s/%s is missing or makes no sense, one node is assumed\n", root(),
		   name);
}

/* Ends what text_open() began, well or not. @understood is handed through. */
static bool text_close(struct text *text, bool understood)
{
	if (text->fd >= 0)
		close(text->fd);
	if (!understood)
		report_file(text->name);
	return understood;
}

/* The next character, which stays the next one; END or FAILED. */
static int text_peek(struct text *text)
{
	ssize_t len;

	if (text->pos == text->len) {
		do {
			len = read(text->fd, text->buf, sizeof(text->buf));
		} while (len < 0 && errno == EINTR);
		if (len <= 0)
			return len ? FAILED : END;
		text->pos = 0;
		text->len = (unsigned int)len;
	}
	return (unsigned char)text->buf[text->pos];
}

static bool is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void skip_space(struct text *text)
{
	while (is_space(text_peek(text)))
		text->pos++;
}

static bool skip_char(struct text *text, char c)
{
	if (text_peek(text) != c)
		return false;
	text->pos++;
	return true;
}

static bool at_end(struct text *text)
{
	skip_space(text);
	return text_peek(text) == END;
}

static bool parse_number(struct text *text, uint64_t *number)
{
	bool any = false;
	int c;

	*number = 0;
	while ((c = text_peek(text)) >= '0' && c <= '9') {
		if (*number > (UINT64_MAX - 9) / 10)
			return false;
		*number = *number * 10 + (uint64_t)(c - '0');
		text->pos++;
		any = true;
	}
	return any;
}

/* A word up to the next space, cut to @size; false where there is none. */
static bool parse_word(struct text *text, char *word, size_t size)
{
	size_t len = 0;
	int c;

	skip_space(text);
	while ((c = text_peek(text)) >= 0 && !is_space(c)) {
		if (len + 1 < size)
			word[len++] = (char)c;
		text->pos++;
	}
	word[len] = '\0';
	return len > 0;
}

/* "0-3,8,10-11", or nothing. Numbers of @nbits and more are left out. */
static bool parse_list(struct text *text, unsigned long *bits, unsigned int nbits)
{
	uint64_t first, last;

	if (at_end(text))
		return true;
	do {
		if (!parse_number(text, &first))
			return false;
		last = first;
		if (skip_char(text, '-') && (!parse_number(text, &last) || last < first))
			return false;
		if (first < nbits)
			bitmap_set(bits, (unsigned long)first,
				   (unsigned long)(min_of(last, (uint64_t)nbits - 1) - first + 1));
	} while (skip_char(text, ','));
	return at_end(text);
}

/* "Node 0 MemTotal:  5859540 kB", and other lines. */
static bool parse_meminfo(struct text *text, size_t *size)
{
	uint64_t kib;
	char word[16];

	do {
		if (!parse_word(text, word, sizeof(word)))
			return false;
	} while (strcmp(word, "MemTotal:") != 0);
	skip_space(text);
	if (!parse_number(text, &kib) || !parse_word(text, word, sizeof(word)) || strcmp(word, "kB") != 0)
		return false;
	*size = (size_t)(min_of(kib, (uint64_t)SIZE_MAX / 1024) * 1024);
	if (kib > SIZE_MAX / 1024)
		*size = SIZE_MAX;
	return true;
}

/* What is needed while the files are read. */
struct scan {
	struct os_numa_map *map;
	int dir;
	unsigned long online[BITS_TO_LONGS(NODE_NUMBERS)]; /* the system's nodes, with memory or without */
};

/* Index of the system's node @node; nr_nodes when the map has it not. */
static unsigned int index_of(const struct os_numa_map *map, unsigned int node)
{
	unsigned int i = 0;

	while (i < map->nr_nodes && map->os_id[i] != node)
		i++;
	return i;
}

/* "10 21": one number for each node that is online, in the order of their numbers. The row has those of the map. */
static bool parse_distances(struct text *text, const struct scan *scan, unsigned int from, unsigned char *row)
{
	unsigned int i;
	uint64_t value;

	for (unsigned int to = 0; to < NODE_NUMBERS; to++) {
		if (!bitmap_test(scan->online, to))
			continue;
		skip_space(text);
		if (!parse_number(text, &value) || value < OS_NUMA_LOCAL || value > UINT8_MAX)
			return false;
		if (to == from && value != OS_NUMA_LOCAL)
			return false;
		i = index_of(scan->map, to);
		if (i < scan->map->nr_nodes)
			row[i] = (unsigned char)value;
	}
	return at_end(text);
}

static bool read_list(const struct scan *scan, const char *name, unsigned long *bits)
{
	struct text text = { .fd = -1 };
	const bool open = text_open(&text, scan->dir, "%s", name);

	return text_close(&text, open && parse_list(&text, bits, NODE_NUMBERS) && bitmap_weight(bits, NODE_NUMBERS));
}

static bool read_distances(const struct scan *scan, unsigned int node, unsigned char *row)
{
	struct text text = { .fd = -1 };
	const bool open = text_open(&text, scan->dir, "node%u/distance", node);

	return text_close(&text, open && parse_distances(&text, scan, node, row));
}

static bool read_meminfo(const struct scan *scan, unsigned int node, size_t *size)
{
	struct text text = { .fd = -1 };
	const bool open = text_open(&text, scan->dir, "node%u/meminfo", node);

	return text_close(&text, open && parse_meminfo(&text, size));
}

static bool read_cpus(const struct scan *scan, unsigned int node, unsigned int index)
{
	unsigned long cpus[BITS_TO_LONGS(OS_NUMA_MAX_CPUS)] = { 0 };
	struct text text = { .fd = -1 };
	const bool open = text_open(&text, scan->dir, "node%u/cpulist", node);

	if (!text_close(&text, open && parse_list(&text, cpus, OS_NUMA_MAX_CPUS)))
		return false;
	for (unsigned int cpu = 0; cpu < OS_NUMA_MAX_CPUS; cpu++)
		if (bitmap_test(cpus, cpu))
			scan->map->cpu_to_node[cpu] = (unsigned char)index;
	return true;
}

static bool exists(const struct scan *scan, const char *name)
{
	return faccessat(scan->dir, name, R_OK, 0) == 0;
}

/* Which nodes there are, and which of them the map has. */
static bool read_nodes(struct scan *scan)
{
	unsigned long memory[BITS_TO_LONGS(NODE_NUMBERS)] = { 0 };
	struct os_numa_map *map = scan->map;
	unsigned int left_out = 0;
	const char *name = "has_memory";

	/* Kernels before 4.14 may have the older name only. */
	if (!exists(scan, name))
		name = "has_normal_memory";
	if (!exists(scan, "online") || !exists(scan, name))
		return false;
	if (!read_list(scan, "online", scan->online) || !read_list(scan, name, memory))
		return false;
	map->nr_nodes = 0;
	for (unsigned int node = 0; node < NODE_NUMBERS; node++) {
		if (!bitmap_test(memory, node))
			continue;
		if (!bitmap_test(scan->online, node)) {
			report_file(name);
			return false;
		}
		if (map->nr_nodes < OS_NUMA_MAX_NODES)
			map->os_id[map->nr_nodes++] = node;
		else
			left_out++;
	}
	if (left_out)
		kmm_report(KMM_REPORT_INFO, "kmm: numa: %u nodes have memory, the first %d are used\n",
			   map->nr_nodes + left_out, OS_NUMA_MAX_NODES);
	return true;
}

/* One of the system's nodes: memory and distances if the map has it, and CPUs in any case. */
static bool read_node(const struct scan *scan, unsigned int node)
{
	struct os_numa_map *map = scan->map;
	unsigned char row[OS_NUMA_MAX_NODES] = { 0 };
	unsigned int index = index_of(map, node);

	if (!read_distances(scan, node, row))
		return false;
	if (index < map->nr_nodes) {
		memcpy(map->distance[index], row, sizeof(row));
		if (!read_meminfo(scan, node, &map->mem_size[index]))
			return false;
	} else {
		index = 0;
		for (unsigned int i = 1; i < map->nr_nodes; i++)
			if (row[i] < row[index])
				index = i;
	}
	return read_cpus(scan, node, index);
}

static bool read_system(struct scan *scan)
{
	if (!read_nodes(scan))
		return false;
	for (unsigned int node = 0; node < NODE_NUMBERS; node++)
		if (bitmap_test(scan->online, node) && !read_node(scan, node))
			return false;
	return true;
}

static void assume_one_node(struct os_numa_map *map)
{
	memset(map, 0, sizeof(*map));
	map->nr_nodes = 1;
	map->distance[0][0] = OS_NUMA_LOCAL;
	map->mem_size[0] = os_memory_size();
}

void os_numa_read(struct os_numa_map *map)
{
	struct scan scan = { .map = map };
	const int saved = errno;
	int cancel_state;
	bool understood;

	/* open(), read() and close() are places where a thread can be cancelled; the start holds a lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	memset(map, 0, sizeof(*map));
	scan.dir = open(root(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	understood = scan.dir >= 0 && read_system(&scan);
	if (!understood)
		assume_one_node(map);
	if (scan.dir >= 0)
		close(scan.dir);
	pthread_setcancelstate(cancel_state, NULL);
	errno = saved;
}
