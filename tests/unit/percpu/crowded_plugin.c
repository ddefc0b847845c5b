/* SPDX-License-Identifier: MIT
 * crowded_plugin.c - a shared object with a per-CPU variable and so many symbols that looking through them takes a while.
 */
#include <kmm/percpu.h>

extern DEFINE_PER_CPU(long, crowded_counter);
DEFINE_PER_CPU(long, crowded_counter) = 7;

/* The name of what is declared cannot stand in parentheses: NOLINTBEGIN(bugprone-macro-parentheses) */
#define ONE(name)        \
	extern int name; \
	int name;
/* NOLINTEND(bugprone-macro-parentheses) */
#define TEN(name)    \
	ONE(name##0) \
	ONE(name##1) \
	ONE(name##2) ONE(name##3) ONE(name##4) ONE(name##5) ONE(name##6) ONE(name##7) ONE(name##8) ONE(name##9)
#define HUNDRED(name) \
	TEN(name##0)  \
	TEN(name##1)  \
	TEN(name##2) TEN(name##3) TEN(name##4) TEN(name##5) TEN(name##6) TEN(name##7) TEN(name##8) TEN(name##9)
#define THOUSAND(name)   \
	HUNDRED(name##0) \
	HUNDRED(name##1) \
	HUNDRED(name##2) \
	HUNDRED(name##3) \
	HUNDRED(name##4) HUNDRED(name##5) HUNDRED(name##6) HUNDRED(name##7) HUNDRED(name##8) HUNDRED(name##9)

THOUSAND(crowd1)
THOUSAND(crowd2)
