/* SPDX-License-Identifier: MIT
 * numa_dir.h - a machine with nodes: a directory like the system's, for os_numa.c to read in its place.
 *
 * Owns:   the directory, and the override that leads there, between numa_dir_start() and numa_dir_stop().
 * Rules:  one file of a test program includes this, after it has defined _GNU_SOURCE, for nftw().
 */
#ifndef KMM_TESTS_SUPPORT_NUMA_DIR_H
#define KMM_TESTS_SUPPORT_NUMA_DIR_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "arena/os_numa.h"

static char numa_dir[64];

static inline int numa_dir_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline int numa_dir_remove(void)
{
	return nftw(numa_dir, numa_dir_remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

static inline int numa_dir_start(void)
{
	strcpy(numa_dir, "/tmp/kmm_numa_XXXXXX");
	if (!mkdtemp(numa_dir))
		return -1;
	os_numa_root_override(numa_dir);
	return 0;
}

static inline int numa_dir_stop(void)
{
	os_numa_root_override(NULL);
	return numa_dir_remove();
}

static inline void numa_dir_write(const char *name, const char *content)
{
	char path[sizeof(numa_dir) + 64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", numa_dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void numa_dir_write_node(unsigned int node, const char *cpus, const char *distance, unsigned long kib)
{
	char path[sizeof(numa_dir) + 64], name[32], text[128];

	snprintf(path, sizeof(path), "%s/node%u", numa_dir, node);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(name, sizeof(name), "node%u/cpulist", node);
	numa_dir_write(name, cpus);
	snprintf(name, sizeof(name), "node%u/distance", node);
	numa_dir_write(name, distance);
	snprintf(name, sizeof(name), "node%u/meminfo", node);
	snprintf(text, sizeof(text), "Node %u MemTotal:       %lu kB\nNode %u MemFree:        12 kB\n", node, kib,
		 node);
	numa_dir_write(name, text);
}

#endif /* KMM_TESTS_SUPPORT_NUMA_DIR_H */
