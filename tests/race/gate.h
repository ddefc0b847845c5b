/* SPDX-License-Identifier: MIT
 * gate.h - stops one thread, the victim, at a named point of lock-free code while the test acts.
 */
#ifndef KMM_TESTS_GATE_H
#define KMM_TESTS_GATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>

#include "base/race.h"
#include "support/world.h"

static struct {
	const char *point; /* where the victim stops */
	unsigned int skip; /* times it passes the point before */
	void *(*run)(void *);
	void *arg;
	int cpu;
	bool stopped; /* it reached the point */
	sem_t reached, go;
	pthread_t thread;
} gate;

static __thread bool gate_is_victim;

static void gate_hook(const char *point)
{
	if (!gate_is_victim || gate.stopped || strcmp(point, gate.point) != 0)
		return;
	if (gate.skip) {
		gate.skip--;
		return;
	}
	gate.stopped = true;
	sem_post(&gate.reached);
	sem_wait(&gate.go);
}

static void *gate_thread(void *arg)
{
	void *result;

	(void)arg;
	gate_is_victim = true;
	cpu_id_pin(gate.cpu);
	result = gate.run(gate.arg);
	gate_is_victim = false;
	if (!gate.stopped)
		sem_post(&gate.reached);
	return result;
}

/* Starts @run(@arg) on simulated CPU @cpu and returns when it stands at @point, having passed it @skip times. A victim
 * that never comes there fails the test. */
static void gate_stop_at(const char *point, unsigned int skip, int cpu, void *(*run)(void *), void *arg)
{
	gate.point = point;
	gate.skip = skip;
	gate.run = run;
	gate.arg = arg;
	gate.cpu = cpu;
	gate.stopped = false;
	sem_init(&gate.reached, 0, 0);
	sem_init(&gate.go, 0, 0);
	kmm_race_hook = gate_hook;
	assert_int_equal(pthread_create(&gate.thread, NULL, gate_thread, NULL), 0);
	sem_wait(&gate.reached);
	if (!gate.stopped)
		fail_msg("the victim never came to %s", point);
}

/* Lets the victim go on. Between this and gate_close() the test waits for threads that wait for the victim. */
static void gate_release(void)
{
	sem_post(&gate.go);
}

/* Waits for the victim's end and returns what it returned. No other thread is inside the library. */
static void *gate_close(void)
{
	void *result;

	pthread_join(gate.thread, &result);
	kmm_race_hook = NULL;
	sem_destroy(&gate.reached);
	sem_destroy(&gate.go);
	return result;
}

/* Lets the victim go on to its end; returns what it returned. */
static __attribute__((unused)) void *gate_open(void)
{
	gate_release();
	return gate_close();
}

#endif /* KMM_TESTS_GATE_H */
