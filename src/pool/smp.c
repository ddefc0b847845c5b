/* SPDX-License-Identifier: MIT
 * smp.c - keeping the number of a thread's CPU.
 *
 * Owns:   nothing; the number and the depth of holds are arch/cpu_id.c's.
 * Source: migrate_disable(), kernel/sched/core.c, Linux 6.1.
 */
#include <kmm/smp.h>

#include "arch/arch.h"
#include "base/report.h"

void migrate_disable(void)
{
	/* The last chance to renew the guess: a thread that always holds it would never follow the system. */
	raw_smp_processor_id();
	cpu_id_hold();
}

void migrate_enable(void)
{
	KMM_WARN(!cpu_id_let_go(), "migration is enabled already");
}

unsigned int get_cpu(void)
{
	migrate_disable();
	return raw_cpu_id();
}

void put_cpu(void)
{
	KMM_WARN(!cpu_id_let_go(), "there was no get_cpu()");
}
