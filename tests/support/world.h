/* SPDX-License-Identifier: MIT
 * world.h - a library of its own for each test: started by setup, proven and taken down by teardown.
 */
#ifndef KMM_TESTS_WORLD_H
#define KMM_TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kmm/kmm.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "buddy/buddy.h"
#include "percpu/percpu.h"
#include "slub/slub.h"

#define WORLD_LIMIT (64UL << 20)
#define WORLD_CPUS 4

/* Reports land here, so that a test can look for words in them. */
struct world_reports {
	unsigned int count;
	char text[8192]; /* the latest ones, as much as fits */
};

static __attribute__((unused)) struct world_reports world_reports;

static void world_report(enum kmm_report_level level, const char *text, void *arg)
{
	struct world_reports *reports = arg;
	size_t used = strlen(reports->text);

	(void)level;
	reports->count++;
	snprintf(reports->text + used, sizeof(reports->text) - used, "%s", text);
}

static __attribute__((unused)) void world_forget_reports(void)
{
	memset(&world_reports, 0, sizeof(world_reports));
}

static __attribute__((unused)) int world_start(const char *options, size_t limit, unsigned int nr_cpus)
{
	struct kmm_config config = {
		.size = sizeof(config),
		.limit = limit,
		.nr_cpus = nr_cpus,
		.options = options,
		.report = world_report,
		.report_arg = &world_reports,
	};

	world_forget_reports();
	return kmm_init(&config);
}

/* cmocka setup and teardown of the usual world: 64 MiB, 4 simulated CPUs, this thread on CPU 0. */
static __attribute__((unused)) int world_setup(void **state)
{
	(void)state;
	if (world_start(NULL, WORLD_LIMIT, WORLD_CPUS))
		return -1;
	cpu_id_pin(0);
	return 0;
}

static __attribute__((unused)) int world_teardown(void **state)
{
	(void)state;
	kmm_validate_slub();
	kmm_validate_percpu();
	kmm_validate_pages();
	cpu_id_pin(-1);
	kmm_boot_reset_for_test();
	return 0;
}

/* The test said something went wrong on purpose; anything else that was reported is a failure. */
static __attribute__((unused)) void world_expect_report(const char *words)
{
	if (!strstr(world_reports.text, words))
		fail_msg("no report with the words \"%s\"; reports: \"%s\"", words, world_reports.text);
	world_forget_reports();
}

static __attribute__((unused)) void world_expect_silence(void)
{
	if (world_reports.count)
		fail_msg("unexpected report: \"%s\"", world_reports.text);
}

#endif /* KMM_TESTS_WORLD_H */
