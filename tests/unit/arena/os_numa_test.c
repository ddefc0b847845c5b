/* SPDX-License-Identifier: MIT
 * os_numa_test.c - the system's nodes: read from directories made for it and from the real one, and memory bound to one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena/os.h"
#include "arena/os_numa.h"
#include "base/compiler.h"
#include "support/capture.h"
#include "support/numa_dir.h"

#define SIZE ((size_t)1 << 20)

static int setup(void **state)
{
	(void)state;
	capture_start();
	return numa_dir_start();
}

static int teardown(void **state)
{
	(void)state;
	capture_stop();
	os_inject_failure(0);
	return numa_dir_stop();
}

static void remove_file(const char *name)
{
	char path[sizeof(numa_dir) + 64];

	snprintf(path, sizeof(path), "%s/%s", numa_dir, name);
	assert_int_equal(remove(path), 0);
}

static void write_two_nodes(void)
{
	numa_dir_write("online", "0-1\n");
	numa_dir_write("has_memory", "0-1\n");
	numa_dir_write_node(0, "0-3,8,10-11\n", "10 21\n", 1024);
	numa_dir_write_node(1, "4-7,9\n", "21 10\n", 2048);
}

/* Whatever was read, users may rely on this much. */
static void assert_whole(const struct os_numa_map *map)
{
	assert_in_range(map->nr_nodes, 1, OS_NUMA_MAX_NODES);
	for (unsigned int i = 0; i < map->nr_nodes; i++) {
		assert_true(i == 0 || map->os_id[i] > map->os_id[i - 1]);
		for (unsigned int j = 0; j < map->nr_nodes; j++)
			assert_in_range(map->distance[i][j], 10, 255);
		assert_int_equal(map->distance[i][i], 10);
	}
	for (unsigned int cpu = 0; cpu < OS_NUMA_MAX_CPUS; cpu++)
		assert_true(map->cpu_to_node[cpu] < map->nr_nodes);
}

static void assert_one_node(const struct os_numa_map *map)
{
	assert_whole(map);
	assert_int_equal(map->nr_nodes, 1);
	assert_int_equal(map->os_id[0], 0);
	assert_true(map->mem_size[0] == os_memory_size());
}

/* Reads into a map full of rubbish: nothing of it may stay. */
static void read_map(struct os_numa_map *map)
{
	memset(map, 0xa5, sizeof(*map));
	os_numa_read(map);
	assert_whole(map);
}

static void two_nodes_are_read(void **state)
{
	static const unsigned char node_of_cpu[] = { 0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0 };
	struct os_numa_map map;

	(void)state;
	write_two_nodes();
	read_map(&map);
	assert_int_equal(map.nr_nodes, 2);
	assert_int_equal(map.os_id[0], 0);
	assert_int_equal(map.os_id[1], 1);
	assert_int_equal(map.distance[0][1], 21);
	assert_int_equal(map.distance[1][0], 21);
	assert_int_equal(map.mem_size[0], 1024 * 1024);
	assert_int_equal(map.mem_size[1], 2048 * 1024);
	for (unsigned int cpu = 0; cpu < ARRAY_SIZE(node_of_cpu); cpu++)
		assert_int_equal(map.cpu_to_node[cpu], node_of_cpu[cpu]);
	assert_int_equal(map.cpu_to_node[12], 0); /* named by nobody */
	assert_int_equal(capture.nr, 0);
}

static void a_ring_of_four_keeps_its_distances_and_its_numbers(void **state)
{
	static const unsigned int number[] = { 0, 2, 8, 9 };
	static const unsigned char distance[4][4] = {
		{ 10, 20, 30, 21 },
		{ 20, 10, 20, 30 },
		{ 30, 20, 10, 20 },
		{ 22, 30, 20, 10 },
	};
	struct os_numa_map map;

	(void)state;
	numa_dir_write("online", "0,2,8-9\n");
	numa_dir_write("has_memory", "0,2,8-9\n");
	numa_dir_write_node(0, "0\n", "10 20 30 21\n", 1);
	numa_dir_write_node(2, "1\n", "20 10 20 30\n", 2);
	numa_dir_write_node(8, "2\n", "30 20 10 20\n", 3);
	numa_dir_write_node(9, "1023-1030\n", "22 30 20 10\n", 4); /* and CPUs beyond the map */
	read_map(&map);
	assert_int_equal(map.nr_nodes, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(map.os_id[i], number[i]);
		assert_int_equal(map.mem_size[i], (i + 1) * 1024);
		for (unsigned int j = 0; j < 4; j++)
			assert_int_equal(map.distance[i][j], distance[i][j]);
	}
	assert_int_equal(map.cpu_to_node[1], 1);
	assert_int_equal(map.cpu_to_node[2], 2);
	assert_int_equal(map.cpu_to_node[1022], 0);
	assert_int_equal(map.cpu_to_node[1023], 3);
	assert_int_equal(capture.nr, 0);
}

static void cpus_of_a_node_without_memory_go_to_the_nearest_that_has_some(void **state)
{
	struct os_numa_map map;

	(void)state;
	numa_dir_write("online", "0-3\n");
	numa_dir_write("has_memory", "1-3\n");
	numa_dir_write_node(0, "0-1\n", "10 40 20 20\n", 0); /* two are as near: the lower number */
	numa_dir_write_node(1, "2-3\n", "40 10 30 30\n", 4096);
	numa_dir_write_node(2, "\n", "20 30 10 11\n", 4096); /* memory without CPUs */
	numa_dir_write_node(3, "4-5\n", "20 30 11 10\n", 4096);
	read_map(&map);
	assert_int_equal(map.nr_nodes, 3);
	assert_int_equal(map.os_id[0], 1);
	assert_int_equal(map.distance[1][2], 11);
	assert_int_equal(map.cpu_to_node[0], 1);
	assert_int_equal(map.cpu_to_node[1], 1);
	assert_int_equal(map.cpu_to_node[2], 0);
	assert_int_equal(map.cpu_to_node[4], 2);
	assert_int_equal(capture.nr, 0);
}

static void nodes_beyond_the_map_are_left_out_and_said_once(void **state)
{
	struct os_numa_map map;
	char distance[256], cpu[16];

	(void)state;
	numa_dir_write("online", "0-19\n");
	numa_dir_write("has_memory", "0-19\n");
	for (unsigned int i = 0; i < 20; i++) {
		size_t len = 0;

		/* A line of nodes: the further apart, the larger the difference of their numbers. */
		for (unsigned int j = 0; j < 20; j++)
			len += (size_t)snprintf(distance + len, sizeof(distance) - len, " %u",
						10 + (i > j ? i - j : j - i));
		snprintf(cpu, sizeof(cpu), "%u\n", i);
		numa_dir_write_node(i, cpu, distance, 4096);
	}
	read_map(&map);
	assert_int_equal(map.nr_nodes, OS_NUMA_MAX_NODES);
	assert_int_equal(map.os_id[15], 15);
	assert_int_equal(map.distance[15][0], 25);
	assert_int_equal(map.cpu_to_node[7], 7);
	for (unsigned int i = 15; i < 20; i++)
		assert_int_equal(map.cpu_to_node[i], 15);
	assert_int_equal(capture.nr, 1);
	assert_int_equal(capture.last_level, KMM_REPORT_INFO);
	assert_non_null(strstr(capture.last, "20 nodes have memory, the first 16"));
}

static void lists_longer_than_the_reader_are_read_to_their_end(void **state)
{
	static char cpus[8192], meminfo[8192];
	struct os_numa_map map;
	size_t len = 0;

	(void)state;
	write_two_nodes();
	for (unsigned int cpu = 1; cpu < OS_NUMA_MAX_CPUS; cpu += 2)
		len += (size_t)snprintf(cpus + len, sizeof(cpus) - len, "%s%u", len ? "," : "", cpu);
	numa_dir_write("node1/cpulist", cpus); /* and no newline at the end */
	numa_dir_write("node0/cpulist", "\n");
	len = 0;
	while (len < 4096)
		len += (size_t)snprintf(meminfo + len, sizeof(meminfo) - len, "Node 1 SomethingOfALaterKernel: 5 kB\n");
	snprintf(meminfo + len, sizeof(meminfo) - len, "Node 1 MemTotal: 7 kB\n");
	numa_dir_write("node1/meminfo", meminfo);
	read_map(&map);
	assert_int_equal(map.nr_nodes, 2);
	for (unsigned int cpu = 0; cpu < OS_NUMA_MAX_CPUS; cpu++)
		assert_int_equal(map.cpu_to_node[cpu], cpu % 2);
	assert_int_equal(map.mem_size[1], 7 * 1024);
	assert_int_equal(capture.nr, 0);
}

static void more_memory_than_addresses_is_all_there_can_be(void **state)
{
	struct os_numa_map map;

	(void)state;
	write_two_nodes();
	numa_dir_write("node1/meminfo", "Node 1 MemTotal: 18446744073709551609 kB\n");
	read_map(&map);
	assert_int_equal(map.nr_nodes, 2);
	assert_true(map.mem_size[1] == SIZE_MAX);
}

static void an_older_kernel_says_has_normal_memory(void **state)
{
	struct os_numa_map map;

	(void)state;
	write_two_nodes();
	remove_file("has_memory");
	numa_dir_write("has_normal_memory", "1\n");
	read_map(&map);
	assert_int_equal(map.nr_nodes, 1);
	assert_int_equal(map.os_id[0], 1);
	assert_int_equal(map.mem_size[0], 2048 * 1024);
	assert_int_equal(capture.nr, 0);
}

static void a_system_without_nodes_is_one_node_and_nothing_is_said(void **state)
{
	struct os_numa_map map;

	(void)state;
	read_map(&map); /* an empty directory */
	assert_one_node(&map);
	write_two_nodes();
	remove_file("online");
	read_map(&map);
	assert_one_node(&map);
	numa_dir_write("online", "0-1\n");
	remove_file("has_memory");
	read_map(&map);
	assert_one_node(&map);
	os_numa_root_override("/nowhere/at/all");
	read_map(&map);
	assert_one_node(&map);
	assert_int_equal(capture.nr, 0);
}

static void a_missing_file_is_named_and_one_node_assumed(void **state)
{
	static const char *const names[] = { "node0/distance", "node1/distance", "node0/meminfo", "node1/cpulist" };
	struct os_numa_map map;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		write_two_nodes();
		remove_file(names[i]);
		capture_clear();
		read_map(&map);
		assert_one_node(&map);
		assert_int_equal(capture.nr, 1);
		assert_int_equal(capture.last_level, KMM_REPORT_INFO);
		assert_non_null(strstr(capture.last, numa_dir));
		assert_non_null(strstr(capture.last, names[i]));
		assert_int_equal(numa_dir_remove(), 0);
		assert_int_equal(mkdir(numa_dir, 0700), 0);
	}
}

static void garbage_is_named_and_one_node_assumed(void **state)
{
	static const struct {
		const char *name, *content;
	} cases[] = {
		{ "online", "" },
		{ "online", "\n" },
		{ "online", "all\n" },
		{ "online", "0-\n" },
		{ "online", "1-0\n" },
		{ "online", "0,,1\n" },
		{ "online", "0-1,\n" },
		{ "online", "0-1 x\n" },
		{ "online", "-1\n" },
		{ "online", "0-99999999999999999999999999\n" },
		{ "has_memory", "\n" },
		{ "has_memory", "0x1\n" },
		{ "has_memory", "0-2\n" }, /* a node that is not online */
		{ "has_memory", "5\n" },
		{ "node0/distance", "" },
		{ "node0/distance", "10\n" },
		{ "node0/distance", "10 20 30\n" },
		{ "node0/distance", "10 9\n" },
		{ "node0/distance", "10 256\n" },
		{ "node0/distance", "10 far\n" },
		{ "node1/distance", "10 21\n" }, /* not its own row */
		{ "node0/meminfo", "" },
		{ "node0/meminfo", "Node 0 MemFree: 5 kB\n" },
		{ "node0/meminfo", "Node 0 MemTotal: lots\n" },
		{ "node0/meminfo", "Node 0 MemTotal: 5\n" },
		{ "node0/meminfo", "Node 0 MemTotal: 5 pages\n" },
		{ "node0/meminfo", "Node 0 MemTotal: 99999999999999999999999999 kB\n" },
		{ "node1/cpulist", "4-7;9\n" },
		{ "node1/cpulist", "4-7,3-2\n" },
		{ "node1/cpulist", "\177ELF\1\1\377\377" },
	};
	static const struct {
		const char *name, *content;
	} good[] = {
		{ "online", "0-1\n" },
		{ "has_memory", "0-1\n" },
		{ "node0/distance", "10 21\n" },
		{ "node1/distance", "21 10\n" },
		{ "node0/meminfo", "Node 0 MemTotal: 5 kB\n" },
		{ "node1/cpulist", "4-7\n" },
	};
	struct os_numa_map map;

	(void)state;
	write_two_nodes();
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned int j = 0; j < ARRAY_SIZE(good); j++)
			numa_dir_write(good[j].name, good[j].content);
		numa_dir_write(cases[i].name, cases[i].content);
		capture_clear();
		read_map(&map);
		assert_one_node(&map);
		assert_int_equal(capture.nr, 1);
		assert_int_equal(capture.last_level, KMM_REPORT_INFO);
		assert_non_null(strstr(capture.last, cases[i].name));
	}
	/* The good ones are good, so it was the case that counted. */
	for (unsigned int j = 0; j < ARRAY_SIZE(good); j++)
		numa_dir_write(good[j].name, good[j].content);
	capture_clear();
	read_map(&map);
	assert_int_equal(map.nr_nodes, 2);
	assert_int_equal(capture.nr, 0);
}

static void a_directory_in_place_of_a_file_is_garbage(void **state)
{
	char path[sizeof(numa_dir) + 16];
	struct os_numa_map map;

	(void)state;
	write_two_nodes();
	remove_file("node1/cpulist");
	snprintf(path, sizeof(path), "%s/node1/cpulist", numa_dir);
	assert_int_equal(mkdir(path, 0700), 0);
	read_map(&map);
	assert_one_node(&map);
	assert_non_null(strstr(capture.last, "node1/cpulist"));
}

static unsigned int open_descriptors(void)
{
	unsigned int nr = 0;

	for (int fd = 0; fd < 256; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static void errno_and_descriptors_are_left_alone(void **state)
{
	const unsigned int nr_open = open_descriptors();
	struct os_numa_map map;

	(void)state;
	errno = 77;
	os_numa_read(&map); /* nothing there */
	assert_int_equal(errno, 77);
	write_two_nodes();
	errno = 77;
	os_numa_read(&map);
	assert_int_equal(errno, 77);
	numa_dir_write("node1/distance", "?");
	errno = 77;
	os_numa_read(&map);
	assert_int_equal(errno, 77);
	remove_file("node1/distance");
	errno = 77;
	os_numa_read(&map);
	assert_int_equal(errno, 77);
	assert_int_equal(open_descriptors(), nr_open);
}

/* The cancellation stays pending to the end. */
static void *read_while_cancelled(void *arg)
{
	struct os_numa_map map;
	int state;

	pthread_cancel(pthread_self());
	os_numa_read(&map);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (state == PTHREAD_CANCEL_ENABLE)
		*(unsigned int *)arg = map.nr_nodes;
	return NULL;
}

static void reading_is_no_place_to_be_cancelled(void **state)
{
	unsigned int nr_nodes = 0;
	pthread_t thread;

	(void)state;
	write_two_nodes();
	assert_int_equal(pthread_create(&thread, NULL, read_while_cancelled, &nr_nodes), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(nr_nodes, 2);
}

static void the_real_system_is_understood(void **state)
{
	struct os_numa_map map;
	unsigned int cpu, node;
	size_t sum = 0;

	(void)state;
	os_numa_root_override(NULL);
	read_map(&map);
	assert_int_equal(capture.nr, 0);
	for (unsigned int i = 0; i < map.nr_nodes; i++)
		sum = max_of(sum, map.mem_size[i]);
	assert_true(sum > 0);
	/* One call gives both numbers, so they belong together wherever the thread goes. */
	if (syscall(SYS_getcpu, &cpu, &node, NULL) == 0 && cpu < OS_NUMA_MAX_CPUS)
		for (unsigned int i = 0; i < map.nr_nodes; i++)
			if (map.os_id[i] == node)
				assert_int_equal(map.cpu_to_node[cpu], i);
}

/* A range bound to the last node of the real system that this process may use. NULL, and the reason printed, where binding
 * is not to be had: qemu-user has no such call, and a container may forbid it. No other refusal passes. */
static char *bound_range(unsigned int *node)
{
	struct os_numa_map map;
	char *range = os_reserve(SIZE, os_page_size());
	int ret = -EINVAL;

	os_numa_root_override(NULL);
	os_numa_read(&map);
	*node = map.os_id[0];
	assert_non_null(range);
	for (unsigned int i = map.nr_nodes; ret == -EINVAL && i-- > 0;) {
		*node = map.os_id[i];
		ret = os_bind_node(range, SIZE, *node);
	}
	if (ret == -ENOSYS || ret == -EPERM) {
		print_message("mbind: %s\n", strerror(-ret));
		os_release(range, SIZE);
		return NULL;
	}
	assert_int_equal(ret, 0);
	return range;
}

static void a_binding_is_what_the_system_says_of_the_memory(void **state)
{
	unsigned int node, found = 4711;
	char *range = bound_range(&node);
	char *other;

	(void)state;
	if (!range) {
		skip();
		return;
	}
	other = os_reserve(SIZE, os_page_size());
	assert_false(os_node_binding(other, &found));
	assert_int_equal(found, 4711);
	assert_true(os_node_binding(range, &found));
	assert_int_equal(found, node);
	found = 4711;
	assert_true(os_node_binding(range + SIZE - 1, &found));
	assert_int_equal(found, node);
	os_release(range, SIZE);
	os_release(other, SIZE);
}

static void a_binding_lasts_until_the_memory_is_decommitted(void **state)
{
	unsigned int node, found = 4711;
	char *range = bound_range(&node);

	(void)state;
	if (!range) {
		skip();
		return;
	}
	assert_int_equal(os_commit(range, SIZE), 0);
	memset(range, 0x5a, SIZE);
	assert_int_equal(os_give_back(range, SIZE), 0);
	assert_true(os_node_binding(range, &found));
	assert_int_equal(found, node);
	assert_int_equal(os_decommit(range, SIZE / 2), 0);
	assert_false(os_node_binding(range, &found));
	assert_true(os_node_binding(range + SIZE / 2, &found));
	os_release(range, SIZE);
}

static void what_cannot_be_bound_is_refused(void **state)
{
	unsigned int node, found;
	char *range = bound_range(&node);

	(void)state;
	if (!range) {
		skip();
		return;
	}
	errno = 77;
	assert_int_equal(os_bind_node(range, SIZE, 1023), -EINVAL); /* no such node, unless the machine is very large */
	assert_int_equal(os_bind_node(range, SIZE, 1024), -EINVAL);
	assert_int_equal(os_bind_node(range, SIZE, ~0u), -EINVAL);
	assert_int_equal(os_bind_node(range + 1, SIZE, node), -EINVAL);
	assert_true(os_node_binding(range, &found));
	assert_int_equal(found, node);
	os_release(range, SIZE);
	assert_int_equal(os_bind_node(range, SIZE, node), -EFAULT);
	assert_false(os_node_binding(range, &found));
	assert_int_equal(errno, 77);
}

static void binding_is_refused_by_injection(void **state)
{
	char *range = os_reserve(SIZE, os_page_size());
	unsigned int found;

	(void)state;
	errno = 77;
	os_inject_failure(2);
	assert_int_equal(os_commit(range, SIZE), 0);
	assert_int_equal(os_bind_node(range, SIZE, 0), -ENOMEM);
	assert_int_equal(os_calls(), 2);
	assert_int_equal(errno, 77);
	assert_false(os_node_binding(range, &found));
	os_inject_failure(0);
	os_release(range, SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_nodes_are_read),
		TEST(a_ring_of_four_keeps_its_distances_and_its_numbers),
		TEST(cpus_of_a_node_without_memory_go_to_the_nearest_that_has_some),
		TEST(nodes_beyond_the_map_are_left_out_and_said_once),
		TEST(lists_longer_than_the_reader_are_read_to_their_end),
		TEST(more_memory_than_addresses_is_all_there_can_be),
		TEST(an_older_kernel_says_has_normal_memory),
		TEST(a_system_without_nodes_is_one_node_and_nothing_is_said),
		TEST(a_missing_file_is_named_and_one_node_assumed),
		TEST(garbage_is_named_and_one_node_assumed),
		TEST(a_directory_in_place_of_a_file_is_garbage),
		TEST(errno_and_descriptors_are_left_alone),
		TEST(reading_is_no_place_to_be_cancelled),
		TEST(the_real_system_is_understood),
		TEST(a_binding_is_what_the_system_says_of_the_memory),
		TEST(a_binding_lasts_until_the_memory_is_decommitted),
		TEST(what_cannot_be_bound_is_refused),
		TEST(binding_is_refused_by_injection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
