/* SPDX-License-Identifier: MIT
 * gate.h - stops a thread, the victim, at a named point of lock-free code while the test acts.
 */
#ifndef KMM_TESTS_GATE_H
#define KMM_TESTS_GATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

#include "base/race.h"
#include "support/world.h"

/* One victim and where it stops. Most tests need one, &gate. */
struct gate {
	const char *point; /* where the victim stops */
	unsigned int skip; /* times it passes the point before */
	void *(*run)(void *);
	void *arg;
	int cpu;
	bool stopped; /* it reached the point */
	sem_t reached, go;
	pthread_t thread;
};

static __attribute__((unused)) struct gate gate, second_gate;
static unsigned int gates_in_use; /* main thread */

static __thread struct gate *gate_mine; /* NULL: not a victim */

static void gate_hook(const char *point)
{
	struct gate *g = gate_mine;

	if (!g || g->stopped || strcmp(point, g->point) != 0)
		return;
	if (g->skip) {
		g->skip--;
		return;
	}
	g->stopped = true;
	sem_post(&g->reached);
	sem_wait(&g->go);
}

static void *gate_thread(void *arg)
{
	struct gate *g = arg;
	void *result;

	gate_mine = g;
	cpu_id_pin(g->cpu);
	result = g->run(g->arg);
	gate_mine = NULL;
	if (!g->stopped)
		sem_post(&g->reached);
	return result;
}

/* Starts @run(@arg) on simulated CPU @cpu and returns when it stands at @point, having passed it @skip times. A victim
 * that never comes there fails the test. */
static void gate_stop_victim_at(struct gate *g, const char *point, unsigned int skip, int cpu, void *(*run)(void *),
				void *arg)
{
	*g = (struct gate){ .point = point, .skip = skip, .run = run, .arg = arg, .cpu = cpu };
	sem_init(&g->reached, 0, 0);
	sem_init(&g->go, 0, 0);
	if (!gates_in_use++)
		kmm_race_hook = gate_hook;
	assert_int_equal(pthread_create(&g->thread, NULL, gate_thread, g), 0);
	sem_wait(&g->reached);
	if (!g->stopped)
		fail_msg("the victim never came to %s", point);
}

static __attribute__((unused)) void gate_stop_at(const char *point, unsigned int skip, int cpu, void *(*run)(void *),
						 void *arg)
{
	gate_stop_victim_at(&gate, point, skip, cpu, run, arg);
}

/* Lets the victim go on. Between this and gate_close() the test waits for threads that wait for the victim. */
static void gate_release(struct gate *g)
{
	sem_post(&g->go);
}

/* Waits for the victim's end and returns what it returned. After the last one no other thread is inside the library. */
static void *gate_close(struct gate *g)
{
	void *result;

	pthread_join(g->thread, &result);
	if (!--gates_in_use)
		kmm_race_hook = NULL;
	sem_destroy(&g->reached);
	sem_destroy(&g->go);
	return result;
}

/* Lets the victim go on to its end; returns what it returned. */
static void *gate_open_one(struct gate *g)
{
	gate_release(g);
	return gate_close(g);
}

static __attribute__((unused)) void *gate_open(void)
{
	return gate_open_one(&gate);
}

#endif /* KMM_TESTS_GATE_H */
