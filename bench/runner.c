/* SPDX-License-Identifier: MIT
 * runner.c - micro [--csv] [--rounds N] [--quick] [--threads]: rounds, medians, the table.
 *
 * Nothing here passes or fails by a time: a figure is printed, and whoever reads it judges.
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <kmm/kmm.h>

#include "arch/arch.h"
#include "bench.h"

#define MAX_FIGURES 128
#define MAX_ROUNDS 101
#define MIN_ROUNDS 7
#define ROUND_NS 4e6 /* a row takes about this long a round */

static struct figure {
	const char *row;
	enum subject subject;
	unsigned int nr_samples;
	double ns[MAX_ROUNDS];
} figures[MAX_FIGURES];
static unsigned int nr_figures;

static const char *const subject_names[NR_SUBJECTS] = { "libkmm", "glibc", "reference" };

static unsigned int nr_rounds = 11;
static bool csv, quick, threads, warming_up;

unsigned int random_order[BULK];

static const struct bench_case *const single_cases[] = { slab_cases, bulk_cases,    page_cases, percpu_cases,
							 add_cases,  counter_cases, NULL };
/* On their own: glibc's malloc() is slower once a process has had a second thread. */
static const struct bench_case *const thread_cases[] = { page_thread_cases, percpu_thread_cases, counter_thread_cases,
							 NULL };
static const struct bench_case *const *all_cases = single_cases;

#define for_each_case(c)                                                            \
	for (const struct bench_case *const *group_ = all_cases; *group_; group_++) \
		for ((c) = *group_; (c)->round; (c)++)

static struct figure *find_figure(const char *row, enum subject subject)
{
	for (unsigned int i = 0; i < nr_figures; i++)
		if (figures[i].subject == subject && strcmp(figures[i].row, row) == 0)
			return &figures[i];
	return NULL;
}

void record(const char *row, enum subject subject, double ns)
{
	struct figure *figure = find_figure(row, subject);

	if (!figure) {
		if (nr_figures == MAX_FIGURES)
			bench_fail("too many figures");
		figure = &figures[nr_figures++];
		figure->row = row;
		figure->subject = subject;
	}
	if (!warming_up)
		figure->ns[figure->nr_samples++] = ns;
}

void bench_fail(const char *what)
{
	fflush(stdout);
	fprintf(stderr, "micro: %s\n", what);
	exit(1);
}

unsigned long bench_repeat(double ns)
{
	const double times = (quick ? ROUND_NS / 50 : ROUND_NS) / ns;

	return times < 1 ? 1 : (unsigned long)times;
}

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *samples, unsigned int count)
{
	qsort(samples, count, sizeof(*samples), compare_doubles);
	return count % 2 ? samples[count / 2] : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

static double median(const double *samples, unsigned int count)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, samples, count * sizeof(*samples));
	return bench_median(sorted, count);
}

static void range(const struct figure *figure, double *min, double *max)
{
	*min = *max = figure->ns[0];
	for (unsigned int i = 1; i < figure->nr_samples; i++) {
		*min = figure->ns[i] < *min ? figure->ns[i] : *min;
		*max = figure->ns[i] > *max ? figure->ns[i] : *max;
	}
}

static void print_csv(void)
{
	printf("row,subject,median_ns,min_ns,max_ns,rounds\n");
	for (unsigned int i = 0; i < nr_figures; i++) {
		const struct figure *figure = &figures[i];
		double min, max;

		range(figure, &min, &max);
		printf("\"%s\",%s,%.2f,%.2f,%.2f,%u\n", figure->row, subject_names[figure->subject],
		       median(figure->ns, figure->nr_samples), min, max, figure->nr_samples);
	}
}

static void print_cell(const char *row, enum subject subject)
{
	const struct figure *figure = find_figure(row, subject);
	double min, max;

	if (!figure) {
		printf("  %28s", "-");
		return;
	}
	range(figure, &min, &max);
	printf("  %10.2f (%6.*f..%7.*f)", median(figure->ns, figure->nr_samples), min < 1000 ? 2 : 0, min,
	       max < 1000 ? 2 : 0, max);
}

/* The pair against the instruction it is made of, round by round: both were measured within milliseconds. */
static void print_ratio(void)
{
	const struct figure *pair = find_figure(ROW_CACHE_PAIR, KMM);
	const struct figure *cas = find_figure(ROW_CAS_PAIR, REFERENCE);
	double ratios[MAX_ROUNDS];

	for (unsigned int i = 0; i < pair->nr_samples; i++)
		ratios[i] = pair->ns[i] / cas->ns[i];
	printf("\nkmem_cache pair / bare double-word CAS pair: %.2f (median of %u rounds; medians' ratio %.2f)\n",
	       median(ratios, pair->nr_samples), pair->nr_samples,
	       median(pair->ns, pair->nr_samples) / median(cas->ns, cas->nr_samples));
}

static void print_table(void)
{
	printf("\n%-52s  %28s  %28s\n", "ns an operation: median (min..max)", "libkmm", "glibc or reference");
	for (unsigned int i = 0; i < nr_figures; i++) {
		const char *row = figures[i].row;

		if (find_figure(row, KMM) && figures[i].subject != KMM)
			continue; /* printed in its line */
		printf("%-52s", row);
		print_cell(row, KMM);
		print_cell(row, find_figure(row, GLIBC) ? GLIBC : REFERENCE);
		putchar('\n');
	}
	if (!threads)
		print_ratio();
}

static void print_machine(void)
{
	struct utsname name;
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "r");

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) == 0) {
			printf("CPU:      %s", strchr(line, ':') ? strchr(line, ':') + 2 : line);
			break;
		}
	}
	if (file)
		fclose(file);
	if (uname(&name) == 0)
		printf("system:   %s %s, %s\n", name.sysname, name.release, name.machine);
	printf("compiler: %s\n", __VERSION__);
	printf("library:  src/arch/%s%s, %u CPUs; %u rounds%s\n", KMM_ARCH_NAME,
	       KMM_ARCH_CAS2_LOCKED ? " (double-word CAS is a lock)" : "", kmm_nr_cpus(), nr_rounds,
	       quick ? ", quick: figures mean nothing" : "");
}

/* One CPU for the whole run: a figure should not hold somebody's migration. */
static void stay_here(void)
{
	const int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set); /* refused: then without */
	}
}

static void fill_random_order(void)
{
	unsigned long long state = 88172645463325252ull;

	for (unsigned int i = 0; i < BULK; i++)
		random_order[i] = i;
	for (unsigned int i = BULK - 1; i > 0; i--) {
		unsigned int other, swap;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		other = (unsigned int)(state % (i + 1));
		swap = random_order[i];
		random_order[i] = random_order[other];
		random_order[other] = swap;
	}
}

static void run_cases(void)
{
	const struct bench_case *c;

	for_each_case(c) if (c->setup && !c->setup()) bench_fail("out of memory while setting up");
	for (unsigned int round = 0; round <= nr_rounds; round++) {
		warming_up = round == 0;
		for_each_case(c) c->round();
	}
	for_each_case(c) if (c->teardown) c->teardown();
}

static bool parse_arguments(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--csv") == 0) {
			csv = true;
		} else if (strcmp(argv[i], "--quick") == 0) {
			quick = true;
		} else if (strcmp(argv[i], "--threads") == 0) {
			threads = true;
			all_cases = thread_cases;
		} else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
			nr_rounds = (unsigned int)atoi(argv[++i]);
			if (nr_rounds < MIN_ROUNDS || nr_rounds > MAX_ROUNDS)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	int err;

	if (!parse_arguments(argc, argv)) {
		fprintf(stderr, "usage: micro [--csv] [--rounds %d..%d] [--quick] [--threads]\n", MIN_ROUNDS,
			MAX_ROUNDS);
		return 2;
	}
	if (!threads)
		stay_here();
	fill_random_order();
	err = kmm_init(NULL);
	if (err)
		bench_fail(strerror(-err));
	if (!csv)
		print_machine();
	run_cases();
	if (csv)
		print_csv();
	else
		print_table();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
