/* SPDX-License-Identifier: MIT
 * rss.c - rss [MiB]: what a program that used much memory for a while keeps, when it does nothing any more.
 *
 * Fills the memory with pages, frees them, sleeps, and prints at each step what the system says this process has, and what
 * its threads cost. The options are those of KMM_OPTIONS. Nothing is judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <kmm/kmm.h>

#define MIB (1UL << 20)

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static unsigned long resident_kib(void)
{
	unsigned long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2)
		printf("no /proc/self/statm\n");
	if (file)
		fclose(file);
	return resident * (unsigned long)sysconf(_SC_PAGESIZE) >> 10;
}

static void show(const char *what)
{
	static struct timespec start;
	struct rusage usage;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start.tv_sec)
		start = now;
	getrusage(RUSAGE_SELF, &usage);
	printf("%6.2f s  %-24s RSS %9lu KiB  user %6.3f s  system %6.3f s  switches %ld\n",
	       (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9, what, resident_kib(),
	       seconds_of(&usage.ru_utime), seconds_of(&usage.ru_stime), usage.ru_nvcsw + usage.ru_nivcsw);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const unsigned long mib = argc > 1 ? strtoul(argv[1], NULL, 0) : 1024, nr = mib * (MIB / PAGE_SIZE);
	unsigned long **pages = calloc(nr ? nr : 1, sizeof(*pages));
	unsigned long i, before, metadata;

	if (!pages)
		return 1;
	memset(pages, 0xff, nr * sizeof(*pages)); /* our own memory is there from the start */
	before = resident_kib();
	show("before the first call");
	kfree(kmalloc(100, GFP_KERNEL));
	show("started, idle");
	for (i = 0; i < nr; i++) {
		pages[i] = (unsigned long *)__get_free_pages(GFP_KERNEL | __GFP_NOWARN, 0);
		if (!pages[i])
			break;
		pages[i][0] = i;
	}
	metadata = resident_kib() - before - (i * PAGE_SIZE >> 10);
	printf("%lu pages; all that is not theirs: %lu KiB, %.2f %%\n", i, metadata,
	       100.0 * (double)metadata / (double)(i * PAGE_SIZE >> 10));
	show("filled");
	while (i-- > 0)
		free_pages((unsigned long)pages[i], 0);
	free(pages);
	show("freed");
	for (unsigned int second = 1; second <= 8; second++) {
		sleep(1);
		show("idle");
	}
	sleep(50);
	show("idle");
	return 0;
}
