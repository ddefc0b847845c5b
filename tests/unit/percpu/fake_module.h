/* SPDX-License-Identifier: MIT
 * fake_module.h - an object with static per-CPU variables that is no object: the test says what its sections are.
 *
 * Owns:  nothing.
 * Rules: the templates outlive the module. What is registered is unregistered before the world ends, or after it.
 */
#ifndef KMM_TESTS_PERCPU_FAKE_MODULE_H
#define KMM_TESTS_PERCPU_FAKE_MODULE_H

#include <kmm/percpu.h>

struct fake_module {
	struct kmm_percpu_module module;
};

static inline void fake_load(struct fake_module *fake, const void *templates, size_t size)
{
	fake->module = (struct kmm_percpu_module){ .size = 0 };
	kmm_percpu_module_register(&fake->module, templates, (const char *)templates + size, NULL, NULL);
}

static inline void fake_unload(struct fake_module *fake)
{
	kmm_percpu_module_unregister(&fake->module);
}

#endif /* KMM_TESTS_PERCPU_FAKE_MODULE_H */
