/* SPDX-License-Identifier: MIT
 * opened_late.c - the shared library as a plugin: opened while threads run, closed while they use it.
 *
 * Threads that are older than the library need its thread-local state too, and its code must stay where it is after
 * dlclose(), since nothing tells when they are done.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <kmm/gfp.h>

#define NR_THREADS 4

static void *(*kmalloc_late)(size_t size, gfp_t gfp);
static void (*kfree_late)(const void *p);
static pthread_barrier_t opened, closed;

static void *worker(void *failed)
{
	pthread_barrier_wait(&opened);
	for (int i = 0; i < 1000; i++) {
		char *p = kmalloc_late(100, GFP_KERNEL);

		if (!p) {
			*(int *)failed = 1;
			break;
		}
		memset(p, i, 100);
		kfree_late(p);
	}
	pthread_barrier_wait(&closed);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_THREADS];
	int failed[NR_THREADS] = { 0 };
	int status = 0;
	void *library;
	int i;

	if (argc != 2)
		return 2;
	pthread_barrier_init(&opened, NULL, NR_THREADS + 1);
	pthread_barrier_init(&closed, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++)
		if (pthread_create(&threads[i], NULL, worker, &failed[i]) != 0)
			return 2;

	library = dlopen(argv[1], RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&kmalloc_late = dlsym(library, "kmalloc");
	*(void **)&kfree_late = dlsym(library, "kfree");
	if (!kmalloc_late || !kfree_late) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	pthread_barrier_wait(&opened);
	dlclose(library);
	pthread_barrier_wait(&closed);
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(threads[i], NULL);
		status |= failed[i];
	}
	return status;
}
