/* SPDX-License-Identifier: MIT
 * cpu_hotplug.c - CPUs that go offline and come back.
 *
 * Owns:       which CPUs are offline and who stands in for them (the table is arch/cpu_id.c's, written here only); the
 *             handlers; one operation at a time.
 * Locks:      cpu_hotplug_lock (rank 8) guards the operation's record. It is not held while handlers are at work, which
 *             take locks and free pages; other operations wait for its end.
 * Lock-free:  the table is read RELAXED by renewals of guesses and by cpu_online(): an answer that is a moment old is as
 *             good, because any thread may use any CPU's number.
 * Invariants: H1  some CPU is online
 *             H2  whoever stands in is online, but for the moment in which a CPU's change is made
 * fork:       a child forked in the midst of an operation finds the CPU as it was before. What handlers have given back by
 *             then is given back, which is always right.
 * Source:     cpu_down(), cpu_up(), enum cpuhp_state, kernel/cpu.c, Linux 6.1.
 */
#include "base/cpu_hotplug.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "arch/arch.h"
#include "base/boot.h"
#include "base/fork.h"
#include "base/report.h"

static struct kmm_lock cpu_hotplug_lock = KMM_LOCK_INIT(KMM_RANK_CPU_HOTPLUG, "cpu_hotplug_lock");
static pthread_cond_t operation_done = PTHREAD_COND_INITIALIZER;
static struct {
	bool busy;
	bool was_online;
	unsigned int cpu;
} operation;

/* Set under the boot lock, before the library runs. */
static const struct cpu_hotplug_handler *handlers[NR_CPUHP_STATES];
static unsigned int (*node_of_cpu)(unsigned int cpu);

static bool same_node(unsigned int a, unsigned int b)
{
	return !node_of_cpu || node_of_cpu(a) == node_of_cpu(b);
}

/* The next CPU online by number, counted from @cpu; of its node, if one is. So the threads of several CPUs that are offline do
 * not all crowd on the first one. @cpu when no other is online. */
static unsigned int find_stand_in(unsigned int cpu)
{
	unsigned int first = cpu;

	for (unsigned int i = 1; i < kmm_nr_cpu_ids; i++) {
		const unsigned int other = (cpu + i) % kmm_nr_cpu_ids;

		if (!cpu_id_online(other))
			continue;
		if (same_node(cpu, other))
			return other;
		if (first == cpu)
			first = other;
	}
	return first;
}

/* Also of other CPUs that are offline: who stood in for them is perhaps offline now, or someone nearer has come. */
static void set_online(unsigned int cpu, bool online)
{
	cpu_id_set_stand_in(cpu, online ? cpu : find_stand_in(cpu));
	for (unsigned int other = 0; other < kmm_nr_cpu_ids; other++)
		if (!cpu_id_online(other))
			cpu_id_set_stand_in(other, find_stand_in(other));
}

unsigned int nr_cpus_online(void)
{
	unsigned int nr = 0;

	for (unsigned int cpu = 0; cpu < kmm_nr_cpu_ids; cpu++)
		nr += cpu_id_online(cpu);
	return nr;
}

/* Operations, one at a time */

static void cpu_hotplug_begin(unsigned int cpu)
{
	kmm_lock(&cpu_hotplug_lock);
	while (operation.busy)
		kmm_lock_wait(&cpu_hotplug_lock, &operation_done, NULL);
	operation.cpu = cpu;
	operation.was_online = cpu_id_online(cpu);
	operation.busy = true;
	kmm_unlock(&cpu_hotplug_lock);
}

static void cpu_hotplug_done(void)
{
	kmm_lock(&cpu_hotplug_lock);
	operation.busy = false;
	pthread_cond_signal(&operation_done);
	kmm_unlock(&cpu_hotplug_lock);
}

static void forget_operation(void)
{
	pthread_cond_init(&operation_done, NULL);
	if (operation.busy)
		set_online(operation.cpu, operation.was_online);
	operation.busy = false;
}

static const struct kmm_fork_handler fork_handler = {
	.rank = KMM_RANK_CPU_HOTPLUG,
	.lock = &cpu_hotplug_lock,
	.reset_all = forget_operation,
};

void cpu_hotplug_register(const struct cpu_hotplug_handler *handler)
{
	handlers[handler->state] = handler;
	kmm_fork_register(&fork_handler);
}

void cpu_hotplug_set_nodes(unsigned int (*node_of)(unsigned int cpu))
{
	node_of_cpu = node_of;
}

void cpu_hotplug_stop(void)
{
	for (unsigned int cpu = 0; cpu < CPU_ID_MAX_STAND_INS; cpu++)
		cpu_id_set_stand_in(cpu, cpu);
	memset(handlers, 0, sizeof(handlers));
	node_of_cpu = NULL;
}

static int cpu_down(unsigned int cpu)
{
	if (!cpu_id_online(cpu))
		return 0;
	if (nr_cpus_online() == 1)
		return -EBUSY;
	set_online(cpu, false);
	/* What the handlers free should not go to the CPU that they empty. */
	cpu_id_refresh();
	for (unsigned int state = NR_CPUHP_STATES; state-- > 0;)
		if (handlers[state])
			handlers[state]->dead(cpu);
	return 0;
}

static int cpu_up(unsigned int cpu)
{
	if (cpu_id_online(cpu))
		return 0;
	set_online(cpu, true);
	for (unsigned int state = 0; state < NR_CPUHP_STATES; state++)
		if (handlers[state] && handlers[state]->online)
			handlers[state]->online(cpu);
	return 0;
}

static int change(const char *caller, unsigned int cpu, int (*operate)(unsigned int cpu))
{
	int err;

	if (!kmm_boot_ensure())
		return kmm_boot_state() == KMM_DEAD ? -ESHUTDOWN : -ENOMEM;
	if (KMM_WARN_AS(caller, cpu >= kmm_nr_cpu_ids, "there is no CPU %u: nr_cpu_ids is %u", cpu, kmm_nr_cpu_ids))
		return -EINVAL;
	kmm_assert_none_held();
	cpu_hotplug_begin(cpu);
	err = operate(cpu);
	cpu_hotplug_done();
	return err;
}

KMM_API int remove_cpu(unsigned int cpu)
{
	return change("remove_cpu", cpu, cpu_down);
}

KMM_API int add_cpu(unsigned int cpu)
{
	return change("add_cpu", cpu, cpu_up);
}

KMM_API bool cpu_online(unsigned int cpu)
{
	kmm_boot_ensure();
	return cpu < kmm_nr_cpu_ids && cpu_id_online(cpu);
}

KMM_API unsigned int num_online_cpus(void)
{
	kmm_boot_ensure();
	return nr_cpus_online();
}
