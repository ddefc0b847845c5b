/* SPDX-License-Identifier: MIT
 * contract_form.h - the tests of arch.h's contract for one form of the primitives.
 *
 * Included once for the architecture's own form and once for the portable one. The includer defines
 *   FORM(test)   the name of a test in this form        OP(x)    arch_x or generic_x
 *   BITS(x)      x or generic_x, for the bit searches   FENCE()  smp_mb() or generic_smp_mb()
 * and they are undefined again at the end. No include guard, for that reason.
 */

static void FORM(cas2_stores_both_words_when_both_are_equal)(void **state)
{
	kmm_dword words[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };

	(void)state;
	assert_true(OP(cas2)(&words[1], (kmm_dword){ 3, 4 }, (kmm_dword){ ~0UL, 7 }));
	assert_int_equal(words[1].lo, ~0UL);
	assert_int_equal(words[1].hi, 7);
	assert_int_equal(words[0].lo, 1);
	assert_int_equal(words[0].hi, 2);
	assert_int_equal(words[2].lo, 5);
	assert_int_equal(words[2].hi, 6);
}

static void FORM(cas2_refuses_when_one_word_differs_in_one_bit)(void **state)
{
	const kmm_dword start = { 0x12345678, 0x9abcdef0 };
	kmm_dword word = start, old;
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < 2 * KMM_ARCH_WORD_BITS; bit++) {
		old = start;
		if (bit < KMM_ARCH_WORD_BITS)
			old.lo ^= 1UL << bit;
		else
			old.hi ^= 1UL << (bit - KMM_ARCH_WORD_BITS);
		assert_false(OP(cas2)(&word, old, (kmm_dword){ 0, 0 }));
		assert_int_equal(word.lo, start.lo);
		assert_int_equal(word.hi, start.hi);
	}
}

static void FORM(cas2_can_change_one_word_alone)(void **state)
{
	kmm_dword word = { 1, 2 };

	(void)state;
	assert_true(OP(cas2)(&word, (kmm_dword){ 1, 2 }, (kmm_dword){ 1, 3 }));
	assert_true(OP(cas2)(&word, (kmm_dword){ 1, 3 }, (kmm_dword){ 4, 3 }));
	assert_true(OP(cas2)(&word, (kmm_dword){ 4, 3 }, (kmm_dword){ 4, 3 }));
	assert_int_equal(word.lo, 4);
	assert_int_equal(word.hi, 3);
}

static void FORM(cmpxchg_double_takes_lo_before_hi)(void **state)
{
	kmm_dword word = { 1, 2 };

	(void)state;
	assert_false(OP(this_cpu_cmpxchg_double)(&word.lo, 2, 1, 5, 6));
	assert_true(OP(this_cpu_cmpxchg_double)(&word.lo, 1, 2, 5, 6));
	assert_int_equal(word.lo, 5);
	assert_int_equal(word.hi, 6);
}

/* Each operation on the middle one of three, at the edges of the type; the neighbours show a store that is too wide. */
#define CHECK_THIS_CPU_OPS(type)                                                                           \
	do {                                                                                               \
		type v[3] = { 0x5a, (type)~0, 0x5a };                                                      \
		assert_true(OP(this_cpu_read)(&v[1]) == (type)~0);                                         \
		OP(this_cpu_add)(&v[1], 2);                                                                \
		assert_true(v[1] == 1);                                                                    \
		OP(this_cpu_add)(&v[1], -2);                                                               \
		assert_true(v[1] == (type)~0);                                                             \
		assert_true(OP(this_cpu_add_return)(&v[1], 3) == 2);                                       \
		assert_true(OP(this_cpu_xchg)(&v[1], (type)(~(type)0 / 2)) == 2);                          \
		assert_true(OP(this_cpu_cmpxchg)(&v[1], 2, 3) == (type)(~(type)0 / 2));                    \
		assert_true(v[1] == (type)(~(type)0 / 2));                                                 \
		assert_true(OP(this_cpu_cmpxchg)(&v[1], (type)(~(type)0 / 2), 3) == (type)(~(type)0 / 2)); \
		assert_true(v[1] == 3);                                                                    \
		OP(this_cpu_write)(&v[1], (type)~1);                                                       \
		assert_true(v[1] == (type)~1);                                                             \
		assert_true(v[0] == 0x5a && v[2] == 0x5a);                                                 \
	} while (0)

static void FORM(this_cpu_operations_work_on_1_byte)(void **state)
{
	(void)state;
	CHECK_THIS_CPU_OPS(uint8_t);
}

static void FORM(this_cpu_operations_work_on_2_bytes)(void **state)
{
	(void)state;
	CHECK_THIS_CPU_OPS(uint16_t);
}

static void FORM(this_cpu_operations_work_on_4_bytes)(void **state)
{
	(void)state;
	CHECK_THIS_CPU_OPS(uint32_t);
}

static void FORM(this_cpu_operations_work_on_8_bytes)(void **state)
{
	(void)state;
	CHECK_THIS_CPU_OPS(uint64_t);
}

static void FORM(this_cpu_operations_work_on_long)(void **state)
{
	(void)state;
	CHECK_THIS_CPU_OPS(unsigned long);
}
#undef CHECK_THIS_CPU_OPS

static void FORM(this_cpu_operations_take_pointers)(void **state)
{
	int a, b;
	int *p = &a;

	(void)state;
	assert_ptr_equal(OP(this_cpu_read)(&p), &a);
	assert_ptr_equal(OP(this_cpu_cmpxchg)(&p, &a, &b), &a);
	assert_ptr_equal(OP(this_cpu_xchg)(&p, NULL), &b);
	OP(this_cpu_write)(&p, &b);
	assert_ptr_equal(p, &b);
}

static void FORM(find_next_bit_of_0xff_size_4_from_3_is_3)(void **state)
{
	unsigned long map = 0xff;

	(void)state;
	assert_int_equal(BITS(find_next_bit)(&map, 4, 3), 3);
}

static void FORM(find_next_zero_bit_of_0xff_size_4_from_4_is_4)(void **state)
{
	unsigned long map = 0xff;

	(void)state;
	assert_int_equal(BITS(find_next_zero_bit)(&map, 4, 4), 4);
}

static unsigned long FORM(slow_find)(const unsigned long *map, unsigned long size, unsigned long start, bool value)
{
	for (; start < size; start++) {
		if (((map[start / KMM_ARCH_WORD_BITS] >> (start % KMM_ARCH_WORD_BITS)) & 1) == value)
			return start;
	}
	return size;
}

/* The map ends where the next page cannot be read, so that a search that looks too far dies. */
static void FORM(bit_searches_agree_with_a_scan_and_stay_inside_the_map)(void **state)
{
	enum { WORDS = 4, BITS_ALL = WORDS * 8 * sizeof(unsigned long) };
	unsigned long *map = map_before_a_wall(WORDS), size, start;
	struct test_random random = { 1 };
	unsigned int round, i, density;

	(void)state;
	for (round = 0; round < 64; round++) {
		density = round % 8; /* words of few bits, of many, all zero, all one */
		for (i = 0; i < WORDS; i++) {
			map[i] = test_random_sparse(&random, density & 1 ? 3 : 1);
			if (density & 2)
				map[i] = ~map[i];
			if (density >= 4 && i % 2)
				map[i] = density & 1 ? 0 : ~0UL;
		}
		size = round < 8 ? BITS_ALL : test_random_below(&random, BITS_ALL + 1);
		/* Short maps, too, lie against the wall. */
		{
			unsigned long words = (size + KMM_ARCH_WORD_BITS - 1) / KMM_ARCH_WORD_BITS;
			const unsigned long *at = map + WORDS - words;

			for (start = 0; start <= size + 1; start++) {
				assert_int_equal(BITS(find_next_bit)(at, size, start),
						 FORM(slow_find)(at, size, start, true));
				assert_int_equal(BITS(find_next_zero_bit)(at, size, start),
						 FORM(slow_find)(at, size, start, false));
			}
			assert_int_equal(BITS(find_first_bit)(at, size), FORM(slow_find)(at, size, 0, true));
			assert_int_equal(BITS(find_first_zero_bit)(at, size), FORM(slow_find)(at, size, 0, false));
		}
	}
	unmap_wall(map, WORDS);
}

static void FORM(lowest_bit_is_found_in_every_position)(void **state)
{
	unsigned int bit;

	(void)state;
	for (bit = 0; bit < KMM_ARCH_WORD_BITS; bit++) {
		assert_int_equal(OP(lowest_bit)(1UL << bit), bit);
		assert_int_equal(OP(lowest_bit)(~0UL << bit), bit);
	}
}

/* hi is always the complement of lo: a torn or lost update breaks it, or the sum. */
static void FORM(count_in_pairs)(unsigned int index, void *arg)
{
	struct contended *c = arg;
	kmm_dword old, new;
	unsigned int i;

	(void)index;
	for (i = 0; i < ROUNDS; i++) {
		do { /* no ABA: lo only grows */
			old.hi = smp_load_acquire(&c->pair.hi);
			old.lo = READ_ONCE(c->pair.lo);
			new = (kmm_dword){ old.lo + 1, ~(old.lo + 1) };
		} while (!OP(cas2)(&c->pair, old, new));
		if (old.hi != ~old.lo) /* read between two updates: the CAS had to refuse it */
			__atomic_add_fetch(&c->nr_bad, 1, __ATOMIC_RELAXED);
	}
}

static void FORM(cas2_loses_nothing_among_threads)(void **state)
{
	struct contended c = { .pair = { 0, ~0UL } };

	(void)state;
	run_threads(THREADS, FORM(count_in_pairs), &c);
	assert_int_equal(c.nr_bad, 0);
	assert_int_equal(c.pair.lo, THREADS * ROUNDS);
	assert_int_equal(c.pair.hi, ~(unsigned long)(THREADS * ROUNDS));
}

/* One thread writes lo = hi = n, growing; the other looks as often as it can, so that it meets the moment between. */
static void FORM(write_or_watch_order)(unsigned int index, void *arg)
{
	struct contended *c = arg;
	kmm_dword old;
	unsigned long i;

	if (index) {
		for (i = 0; i < WATCHED; i++)
			OP(cas2)(&c->pair, (kmm_dword){ i, i }, (kmm_dword){ i + 1, i + 1 });
		return;
	}
	do {
		old.hi = smp_load_acquire(&c->pair.hi);
		old.lo = READ_ONCE(c->pair.lo);
		if (old.lo < old.hi)
			c->nr_bad++;
	} while (old.hi < WATCHED);
}

static void FORM(reader_of_hi_then_lo_never_finds_an_older_lo)(void **state)
{
	struct contended c = { .nr_bad = 0 };

	(void)state;
	run_threads(2, FORM(write_or_watch_order), &c);
	assert_int_equal(c.nr_bad, 0);
	assert_int_equal(c.pair.lo, WATCHED);
	assert_int_equal(c.pair.hi, WATCHED);
}

/* Success publishes what was written before: the payload belongs to whoever moved the word from even to odd. */
static void FORM(take_and_hand_on)(unsigned int index, void *arg)
{
	struct contended *c = arg;
	kmm_dword old;
	unsigned int i, turns = 0;

	(void)index;
	for (i = 0; i < ROUNDS; i++) {
		do {
			old.hi = READ_ONCE(c->pair.hi);
			old.lo = READ_ONCE(c->pair.lo);
			if (old.lo & 1)
				spin_turn(&turns);
		} while (old.lo & 1 || !OP(cas2)(&c->pair, old, (kmm_dword){ old.lo + 1, old.hi }));
		c->plain++;
		old.lo++;
		if (!OP(cas2)(&c->pair, old, (kmm_dword){ old.lo + 1, old.hi + 1 }))
			__atomic_add_fetch(&c->nr_bad, 1, __ATOMIC_RELAXED);
	}
}

static void FORM(cas2_orders_the_plain_accesses_around_it)(void **state)
{
	struct contended c = { .nr_bad = 0 };

	(void)state;
	run_threads(THREADS, FORM(take_and_hand_on), &c);
	assert_int_equal(c.nr_bad, 0);
	assert_int_equal(c.plain, THREADS * ROUNDS);
}

static void FORM(change_neighbours)(unsigned int index, void *arg)
{
	struct contended *c = arg;
	unsigned long found, want;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		OP(this_cpu_add)(&c->bytes[index % 4], 1);
		OP(this_cpu_add)(&c->halves[index % 2], 1);
		OP(this_cpu_add)(&c->word32, 1);
		OP(this_cpu_add)(&c->word64, 0x100000001);
		OP(this_cpu_add_return)(&c->word, 1);
		want = OP(this_cpu_read)(&c->by_cmpxchg);
		while ((found = OP(this_cpu_cmpxchg)(&c->by_cmpxchg, want, want + 1)) != want)
			want = found;
		/* Every number that goes in comes out once, but the last one. */
		c->out[index] += OP(this_cpu_xchg)(&c->ticket, (unsigned long)index * ROUNDS + i + 1);
	}
}

static void FORM(this_cpu_operations_lose_nothing_among_threads)(void **state)
{
	struct contended c = { .nr_bad = 0 };
	unsigned long in = 0, out = 0, i;

	(void)state;
	run_threads(THREADS, FORM(change_neighbours), &c);
	for (i = 0; i < 4; i++)
		assert_int_equal(c.bytes[i], (uint8_t)(THREADS / 4 * ROUNDS));
	for (i = 0; i < 2; i++)
		assert_int_equal(c.halves[i], (uint16_t)(THREADS / 2 * ROUNDS));
	assert_int_equal(c.word32, THREADS * ROUNDS);
	assert_true(c.word64 == (uint64_t)0x100000001 * THREADS * ROUNDS);
	assert_int_equal(c.word, THREADS * ROUNDS);
	assert_int_equal(c.by_cmpxchg, THREADS * ROUNDS);
	for (i = 1; i <= THREADS * ROUNDS; i++)
		in += i;
	for (i = 0; i < THREADS; i++)
		out += c.out[i];
	assert_int_equal(in, out + c.ticket);
}

/* Half of the threads write words of two equal halves, the others must never read two different ones. */
static void FORM(write_or_read_8_bytes)(unsigned int index, void *arg)
{
	struct contended *c = arg;
	uint64_t now;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (index % 2) {
			OP(this_cpu_write)(&c->word64, (uint64_t)i << 32 | i);
			continue;
		}
		now = OP(this_cpu_read)(&c->word64);
		if ((uint32_t)now != (uint32_t)(now >> 32))
			__atomic_add_fetch(&c->nr_bad, 1, __ATOMIC_RELAXED);
	}
}

static void FORM(eight_bytes_are_never_torn)(void **state)
{
	struct contended c = { .nr_bad = 0 };

	(void)state;
	run_threads(THREADS, FORM(write_or_read_8_bytes), &c);
	assert_int_equal(c.nr_bad, 0);
}

/* Each of two threads stores its own flag, then looks at the other's: with a barrier between, one of them sees it. */
static void FORM(store_then_look)(unsigned int index, void *arg)
{
	struct store_buffering *sb = arg;
	unsigned int i, turns = 0;

	for (i = 0; i < SB_SLOTS; i++) {
		/* Meet, so that both store at about the same time. */
		WRITE_ONCE(sb->arrived[index].value, i);
		while (READ_ONCE(sb->arrived[!index].value) < i)
			spin_turn(&turns);
		WRITE_ONCE(sb->flag[i][index].value, 1);
		FENCE();
		sb->flag[i][index].seen = READ_ONCE(sb->flag[i][!index].value);
	}
}

static void FORM(full_barrier_keeps_a_store_before_a_later_load)(void **state)
{
	struct store_buffering *sb = calloc(1, sizeof(*sb));
	unsigned int i;

	(void)state;
	assert_non_null(sb);
	run_threads(2, FORM(store_then_look), sb);
	for (i = 0; i < SB_SLOTS; i++)
		assert_true(sb->flag[i][0].seen || sb->flag[i][1].seen);
	free(sb);
}

static const struct CMUnitTest FORM(tests)[] = {
	CONTRACT_TEST(FORM(cas2_stores_both_words_when_both_are_equal)),
	CONTRACT_TEST(FORM(cas2_refuses_when_one_word_differs_in_one_bit)),
	CONTRACT_TEST(FORM(cas2_can_change_one_word_alone)),
	CONTRACT_TEST(FORM(cmpxchg_double_takes_lo_before_hi)),
	CONTRACT_TEST(FORM(this_cpu_operations_work_on_1_byte)),
	CONTRACT_TEST(FORM(this_cpu_operations_work_on_2_bytes)),
	CONTRACT_TEST(FORM(this_cpu_operations_work_on_4_bytes)),
	CONTRACT_TEST(FORM(this_cpu_operations_work_on_8_bytes)),
	CONTRACT_TEST(FORM(this_cpu_operations_work_on_long)),
	CONTRACT_TEST(FORM(this_cpu_operations_take_pointers)),
	CONTRACT_TEST(FORM(find_next_bit_of_0xff_size_4_from_3_is_3)),
	CONTRACT_TEST(FORM(find_next_zero_bit_of_0xff_size_4_from_4_is_4)),
	CONTRACT_TEST(FORM(bit_searches_agree_with_a_scan_and_stay_inside_the_map)),
	CONTRACT_TEST(FORM(lowest_bit_is_found_in_every_position)),
	CONTRACT_TEST(FORM(cas2_loses_nothing_among_threads)),
	CONTRACT_TEST(FORM(reader_of_hi_then_lo_never_finds_an_older_lo)),
	CONTRACT_TEST(FORM(cas2_orders_the_plain_accesses_around_it)),
	CONTRACT_TEST(FORM(this_cpu_operations_lose_nothing_among_threads)),
	CONTRACT_TEST(FORM(eight_bytes_are_never_torn)),
	CONTRACT_TEST(FORM(full_barrier_keeps_a_store_before_a_later_load)),
};

#undef FORM
#undef OP
#undef BITS
#undef FENCE
