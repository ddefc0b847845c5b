/* SPDX-License-Identifier: MIT
 * block_hint.c - the areas of one chunk: two bitmaps, and hints that make most scans of them short.
 *
 * Owns:       struct pcpu_map and struct pcpu_block_md.
 * Locks:      none: pure functions of their arguments. Callers hold pcpu_lock for a map that is part of a chunk.
 * Invariants: A1, H1, H2, H3 and the second half of C1 of percpu_internal.h hold before and after every call.
 *
 * How a hint stays exact
 *   Taking an area only shortens runs. Unless the longest run itself was hit, everything known stays true; if it was,
 *   the scan hint becomes the longest known run, and only what lies behind it has to be looked at. Giving an area back
 *   makes one run longer, whose ends are found next to it. A block looks at its words of the bitmap; the chunk never
 *   does, it puts its runs together from the hints of its blocks.
 *
 * Source:     pcpu_find_block_fit(), pcpu_next_fit_region(), pcpu_alloc_area(), pcpu_free_area() and the hint functions
 *             below them, mm/percpu.c, Linux 6.1.
 */
#include "percpu/percpu_internal.h"

#include "arch/arch.h"
#include "base/bitmap.h"

#define BLOCK_BITS PCPU_BITMAP_BLOCK_BITS

static inline int block_of(int off)
{
	return (int)((unsigned int)off / BLOCK_BITS); /* a shift, as no offset is negative */
}

static inline unsigned long *block_words(const struct pcpu_map *map, int index)
{
	return map->alloc + (unsigned int)(index * BLOCK_BITS) / BITS_PER_LONG;
}

/* bitmap_set() and bitmap_clear() for runs that mostly lie in one word. */
static inline void set_run(unsigned long *map, int start, int nr)
{
	unsigned int bit = (unsigned int)start % BITS_PER_LONG;

	if (likely(bit + (unsigned int)nr < BITS_PER_LONG))
		map[(unsigned int)start / BITS_PER_LONG] |= ((1UL << nr) - 1) << bit;
	else
		bitmap_set(map, (unsigned long)start, (unsigned long)nr);
}

static inline void clear_run(unsigned long *map, int start, int nr)
{
	unsigned int bit = (unsigned int)start % BITS_PER_LONG;

	if (likely(bit + (unsigned int)nr < BITS_PER_LONG))
		map[(unsigned int)start / BITS_PER_LONG] &= ~(((1UL << nr) - 1) << bit);
	else
		bitmap_clear(map, (unsigned long)start, (unsigned long)nr);
}

static inline bool test_bit_at(const unsigned long *words, int bit)
{
	return words[(unsigned int)bit / BITS_PER_LONG] >> ((unsigned int)bit % BITS_PER_LONG) & 1;
}

static inline bool overlap(int a_start, int a_len, int b_start, int b_len)
{
	return a_len && a_start < b_start + b_len && b_start < a_start + a_len;
}

/* Of two runs of one length the one that starts better aligned is the better contig run. */
static bool better_aligned(int start, int than)
{
	return than && (!start || __builtin_ctz((unsigned int)start) > __builtin_ctz((unsigned int)than));
}

/* Of the set bits in [0, @end) the one behind the last, 0 for none. */
static int behind_last_set(const unsigned long *words, int end)
{
	unsigned int word = (unsigned int)end / BITS_PER_LONG, rest = (unsigned int)end % BITS_PER_LONG;
	unsigned long bits = rest ? words[word] & ((1UL << rest) - 1) : 0;

	while (!bits) {
		if (!word)
			return 0;
		bits = words[--word];
	}
	return (int)(word * BITS_PER_LONG) + fls_long(bits);
}

/* A second run of the contig run's length: the farther one is the better scan hint. */
static void note_equal_run(struct pcpu_block_md *md, int start)
{
	int other = start;

	if (better_aligned(start, md->contig_hint_start)) {
		other = md->contig_hint_start;
		md->contig_hint_start = start;
	}
	if (md->scan_hint < md->contig_hint || md->scan_hint_start < other) {
		md->scan_hint = md->contig_hint;
		md->scan_hint_start = other;
	}
}

/*
 * A run met by a scan that goes up from first_free or from the end of the scan hint that became the contig hint: all
 * runs before it are known to be no longer than contig_hint. One that is shorter than the contig run lies behind it
 * and says nothing.
 */
static void note_scanned_run(struct pcpu_block_md *md, int start, int end)
{
	int len = end - start;

	if (len > md->contig_hint) {
		if (md->contig_hint > md->scan_hint) {
			md->scan_hint = md->contig_hint;
			md->scan_hint_start = md->contig_hint_start;
		}
		md->contig_hint = len;
		md->contig_hint_start = start;
	} else if (len == md->contig_hint) {
		note_equal_run(md, start);
	}
}

/*
 * The free run [@start, @end) has just come about, maybe out of others that it swallowed. Nothing is known of the runs
 * between the others that the hints name, so a scan hint may move only where H3 can be told from what is known. Inlined:
 * the branches of a block and of a chunk go different ways, and one copy of them would be predicted wrong for both.
 */
static force_inline void note_grown_run(struct pcpu_block_md *md, int start, int end)
{
	int len = end - start;
	bool had_scan = md->scan_hint != 0;
	bool ate_scan = had_scan && start <= md->scan_hint_start && md->scan_hint_start < end;
	bool ate_contig = md->contig_hint && start <= md->contig_hint_start && md->contig_hint_start < end;
	/* No run before @start is longer than this one is: there is none, or the scan hint vouches for them. */
	bool tops_those_before = start <= md->first_free || (had_scan && start <= md->scan_hint_start);

	if (start < md->first_free)
		md->first_free = start;
	if (start == 0)
		md->left_free = len;
	if (end == md->nr_bits)
		md->right_free = len;
	if (ate_scan)
		md->scan_hint = 0;

	if (len > md->contig_hint) {
		if (md->contig_hint && !ate_contig && md->contig_hint_start < start &&
		    (md->scan_hint < md->contig_hint || md->scan_hint_start > start ||
		     md->scan_hint_start < md->contig_hint_start)) {
			md->scan_hint = md->contig_hint;
			md->scan_hint_start = md->contig_hint_start;
		} else if (md->scan_hint_start > start) {
			md->scan_hint = 0;
		}
		md->contig_hint = len;
		md->contig_hint_start = start;
	} else if (len == md->contig_hint) {
		note_equal_run(md, start);
	} else if (tops_those_before && len > md->scan_hint && start < md->contig_hint_start) {
		md->scan_hint = len;
		md->scan_hint_start = start;
	}
}

/*
 * The contig run was hit, everything else in @md is up to date: what is known without a look becomes the contig run.
 * Returns where the scan for longer ones starts. Nothing is left to scan where all that is free lies at the end, as in
 * a block that is filled from its start.
 */
static int forget_contig(struct pcpu_block_md *md)
{
	md->contig_hint = 0;
	if (md->first_free == md->nr_bits - md->right_free) {
		md->contig_hint = md->right_free;
		md->contig_hint_start = md->first_free;
		md->scan_hint = 0;
		return md->nr_bits;
	}
	if (!md->scan_hint)
		return md->first_free;
	md->contig_hint = md->scan_hint;
	md->contig_hint_start = md->scan_hint_start;
	md->scan_hint = 0;
	return md->contig_hint_start + md->contig_hint;
}

/* The contig run of a block was hit: find the longest again. */
static void block_refresh(struct pcpu_map *map, int index)
{
	struct pcpu_block_md *md = &map->blocks[index];
	const unsigned long *words = block_words(map, index);
	int start = forget_contig(md), right = BLOCK_BITS - md->right_free, end;

	/* What is left of the block may be too short to matter. */
	while (BLOCK_BITS - start > md->contig_hint) {
		start = (int)find_next_zero_bit(words, BLOCK_BITS, (unsigned long)start);
		if (start == BLOCK_BITS)
			break;
		end = start == right ? BLOCK_BITS : (int)find_next_bit(words, BLOCK_BITS, (unsigned long)start);
		note_scanned_run(md, start, end);
		start = end;
	}
}

/* The contig run of the chunk was hit: put the runs together from what the blocks know. */
static void chunk_refresh(struct pcpu_map *map)
{
	struct pcpu_block_md *md = &map->chunk_md;
	int from = forget_contig(md), open = -1, i;

	for (i = block_of(from); i < map->nr_pages; i++) {
		const struct pcpu_block_md *block = &map->blocks[i];
		int base = i * BLOCK_BITS, contig = base + block->contig_hint_start;
		int right = base + BLOCK_BITS - block->right_free;

		if (block->contig_hint == BLOCK_BITS) {
			if (open < 0)
				open = base;
			continue;
		}
		if (open < 0 && base >= from)
			open = base;
		if (open >= 0 && open < base + block->left_free)
			note_scanned_run(md, open, base + block->left_free);
		/* One that touches an end of the block is part of a run across it. */
		if (block->contig_hint && block->contig_hint_start && contig >= from && contig < right)
			note_scanned_run(md, contig, contig + block->contig_hint);
		open = block->right_free ? right : -1;
	}
	if (open >= 0 && open < md->nr_bits)
		note_scanned_run(md, open, md->nr_bits);
}

static void block_set_full(struct pcpu_block_md *md)
{
	md->contig_hint = 0;
	md->left_free = 0;
	md->right_free = 0;
	md->first_free = md->nr_bits;
	md->scan_hint = 0;
}

static void block_set_empty(struct pcpu_block_md *md)
{
	md->contig_hint = md->nr_bits;
	md->contig_hint_start = 0;
	md->left_free = md->nr_bits;
	md->right_free = md->nr_bits;
	md->first_free = 0;
	md->scan_hint = 0;
}

/* What any taking of [@off, @off + @bits) means for the ends and the scan hint. True: the contig run was hit. */
static bool note_taken(struct pcpu_block_md *md, int off, int bits)
{
	md->left_free = min_of(md->left_free, off);
	md->right_free = min_of(md->right_free, md->nr_bits - off - bits);
	if (overlap(md->scan_hint_start, md->scan_hint, off, bits))
		md->scan_hint = 0;
	return overlap(md->contig_hint_start, md->contig_hint, off, bits);
}

/* [@off, @off + @bits) is set in the bitmap now: bring all hints up to date. */
static void hints_after_take(struct pcpu_map *map, int off, int bits)
{
	struct pcpu_block_md *md = &map->chunk_md;
	int end = off + bits, first = block_of(off), last = block_of(end - 1), i;

	for (i = first; i <= last; i++) {
		struct pcpu_block_md *block = &map->blocks[i];
		int base = i * BLOCK_BITS;
		int from = max_of(off - base, 0), to = min_of(end - base, BLOCK_BITS);

		if (block->contig_hint == BLOCK_BITS && bitmap_test(map->populated, (unsigned long)i))
			map->nr_empty_pop_pages--;
		if (to - from == BLOCK_BITS) {
			block_set_full(block);
			continue;
		}
		if (from == block->first_free)
			block->first_free = (int)find_next_zero_bit(block_words(map, i), BLOCK_BITS, (unsigned long)to);
		if (note_taken(block, from, to - from))
			block_refresh(map, i);
	}

	if (off == md->first_free) {
		/* A full block has its first free bit behind its end, at the start of the next one. */
		for (i = last; i < map->nr_pages && map->blocks[i].first_free == BLOCK_BITS; i++)
			;
		md->first_free = i < map->nr_pages ? i * BLOCK_BITS + map->blocks[i].first_free : md->nr_bits;
	}
	if (note_taken(md, off, bits))
		chunk_refresh(map);
}

/* [@from, @to) of block @index is clear in the bitmap now: brings its hints up to date, and widens the two to the whole free
 * run in the block. */
static inline void block_after_free(struct pcpu_map *map, int index, int *from, int *to)
{
	struct pcpu_block_md *block = &map->blocks[index];
	const unsigned long *words = block_words(map, index);
	int start = *from, end = *to;

	/* The contig run beside it saves the look. */
	if (start && !test_bit_at(words, start - 1))
		start = block->contig_hint && block->contig_hint_start + block->contig_hint == start ?
				block->contig_hint_start :
				behind_last_set(words, start);
	if (end < BLOCK_BITS && !test_bit_at(words, end))
		end = block->contig_hint && block->contig_hint_start == end ?
			      end + block->contig_hint :
			      (int)find_next_bit(words, BLOCK_BITS, (unsigned long)end);
	*from = start;
	*to = end;
	if (likely(end - start < BLOCK_BITS)) {
		note_grown_run(block, start, end);
		return;
	}
	block_set_empty(block);
	if (bitmap_test(map->populated, (unsigned long)index))
		map->nr_empty_pop_pages++;
}

/* [@off, @off + @bits) is clear in the bitmap now. */
static void hints_after_free(struct pcpu_map *map, int off, int bits)
{
	const int first = block_of(off), last = block_of(off + bits - 1);
	int base = first * BLOCK_BITS, start = off - base, end = min_of(start + bits, BLOCK_BITS), from, i;

	block_after_free(map, first, &start, &end);
	start += base;
	end += base;
	for (i = first + 1; i <= last; i++) {
		base = i * BLOCK_BITS;
		from = 0;
		end = min_of(off + bits - base, BLOCK_BITS);
		block_after_free(map, i, &from, &end);
		end += base;
	}

	/* The run may go on in the blocks around. */
	for (i = first; start == i * BLOCK_BITS && i > 0; i--)
		start -= map->blocks[i - 1].right_free;
	for (i = last + 1; end == i * BLOCK_BITS && i < map->nr_pages; i++)
		end += map->blocks[i].left_free;
	note_grown_run(&map->chunk_md, start, end);
}

/* Everything free, nothing populated; nr_pages and the arrays are set, the bitmaps zero. */
void pcpu_map_init(struct pcpu_map *map)
{
	int i;

	for (i = 0; i < map->nr_pages; i++) {
		map->blocks[i].nr_bits = BLOCK_BITS;
		block_set_empty(&map->blocks[i]);
	}
	map->chunk_md.nr_bits = pcpu_map_bits(map);
	block_set_empty(&map->chunk_md);
	map->free_bits = pcpu_map_bits(map);
	map->nr_empty_pop_pages = 0;
}

static bool contig_fits(const struct pcpu_block_md *md, int bits, int align)
{
	return ALIGN_UP(md->contig_hint_start, align) - md->contig_hint_start + bits <= md->contig_hint;
}

/* Does the longest run of all serve @bits aligned to @align? */
bool pcpu_contig_fits(const struct pcpu_map *map, int bits, int align)
{
	return contig_fits(&map->chunk_md, bits, align);
}

/* Where a search for @bits starts: behind the scan hint if that is too short and the contig run still comes. */
static int search_start(const struct pcpu_block_md *md, int bits)
{
	if (md->scan_hint && md->scan_hint_start < md->contig_hint_start && bits > md->scan_hint)
		return md->scan_hint_start + md->scan_hint;
	return md->first_free;
}

/*
 * The next place at or behind *@off where @bits are sure to fit. Returns the bits to skip to get behind it, 0 for no
 * place; a search of the bitmap from the new *@off finds the area within them. A block is asked for its contig run
 * only, then for what its end and the blocks behind it make up together.
 */
static int next_fit_region(const struct pcpu_map *map, int bits, int align, int *off)
{
	int i = block_of(*off), block_off = *off & (BLOCK_BITS - 1), run = 0;

	for (; i < map->nr_pages; i++, block_off = 0) {
		const struct pcpu_block_md *block = &map->blocks[i];
		int right;

		if (run) {
			run += block->left_free;
			if (run >= bits)
				return run;
			if (block->left_free == BLOCK_BITS)
				continue;
		}
		if (block->contig_hint && block->contig_hint_start >= block_off && contig_fits(block, bits, align)) {
			int start = search_start(block, bits);

			*off = i * BLOCK_BITS + start;
			return ALIGN_UP(block->contig_hint_start, align) + bits - start;
		}
		right = ALIGN_UP(BLOCK_BITS - block->right_free, align);
		run = BLOCK_BITS - right;
		*off = i * BLOCK_BITS + right;
		if (run >= bits)
			return run;
	}
	return 0;
}

/* Are the pages of [@off, @off + @bits) populated? If not, *@next is the first bit of the next populated page. */
static bool region_populated(const struct pcpu_map *map, int off, int bits, int *next)
{
	unsigned long page = (unsigned long)block_of(off), end = (unsigned long)block_of(off + bits - 1) + 1;
	unsigned long hole = find_next_zero_bit(map->populated, end, page);

	if (hole >= end)
		return true;
	*next = (int)find_next_bit(map->populated, (unsigned long)map->nr_pages, hole) * BLOCK_BITS;
	return false;
}

/*
 * Where a search of the bitmap for @bits aligned to @align has to start so that it finds an area; -1 for none.
 * @pop_only: only within populated pages. First fit but for hints: runs are passed over where a hint says that they
 * are too short, and so are blocks whose contig run does not fit once it is aligned.
 */
int pcpu_find_block_fit(const struct pcpu_map *map, int bits, int align, bool pop_only)
{
	int off = search_start(&map->chunk_md, bits), next;

	/* A chunk that would have to be searched for luck's sake is left to smaller requests. */
	if (!contig_fits(&map->chunk_md, bits, align))
		return -1;
	for (;;) {
		int len = next_fit_region(map, bits, align, &off);

		if (!len)
			return -1;
		if (!pop_only || region_populated(map, off, len, &next))
			return off;
		off = next;
		if (off >= pcpu_map_bits(map))
			return -1;
	}
}

/* Marks a free area as taken. */
void pcpu_take_area(struct pcpu_map *map, int off, int bits)
{
	set_run(map->alloc, off, bits);
	set_run(map->bound, off, 1);
	clear_run(map->bound, off + 1, bits - 1);
	set_run(map->bound, off + bits, 1);
	map->free_bits -= bits;
	hints_after_take(map, off, bits);
}

/* The search met runs too short for it in the block where it started; the longest of them may be worth a hint. */
static void note_passed_run(struct pcpu_map *map, int start, int len)
{
	struct pcpu_block_md *md = &map->blocks[block_of(start)];

	start &= BLOCK_BITS - 1;
	if (len >= md->scan_hint && len < md->contig_hint && start < md->contig_hint_start) {
		md->scan_hint = len;
		md->scan_hint_start = start;
	}
}

/*
 * Takes the first area of @bits aligned to @align at or behind @start, which pcpu_find_block_fit() gave. Returns its
 * offset; -1 only where the hints promised what the bitmap does not hold.
 */
int pcpu_alloc_area(struct pcpu_map *map, int bits, int align, int start)
{
	int nr_bits = pcpu_map_bits(map), passed = 0, passed_start = 0, off, need, end;

	for (;;) {
		start = (int)find_next_zero_bit(map->alloc, (unsigned long)nr_bits, (unsigned long)start);
		off = ALIGN_UP(start, align);
		need = off + bits;
		if (need > nr_bits)
			return -1;
		end = (int)find_next_bit(map->alloc, (unsigned long)need, (unsigned long)start);
		if (end >= need)
			break;
		if (end - start >= passed) {
			passed = end - start;
			passed_start = start;
		}
		start = end;
	}
	if (passed)
		note_passed_run(map, passed_start, passed);
	pcpu_take_area(map, off, bits);
	return off;
}

/* The length of the area that starts at @off. */
int pcpu_area_bits(const struct pcpu_map *map, int off)
{
	const unsigned int next = (unsigned int)off + 1;
	const unsigned long rest = map->bound[next / BITS_PER_LONG] >> (next % BITS_PER_LONG);

	/* Most areas are small. */
	if (likely(rest))
		return __builtin_ctzl(rest) + 1;
	return (int)find_next_bit(map->bound, (unsigned long)pcpu_map_bits(map), next) - off;
}

/* Gives back the area that starts at @off. */
void pcpu_free_area(struct pcpu_map *map, int off)
{
	int bits = pcpu_area_bits(map, off);

	clear_run(map->alloc, off, bits);
	map->free_bits += bits;
	hints_after_free(map, off, bits);
}

void pcpu_map_populated(struct pcpu_map *map, int page_start, int page_end)
{
	int i;

	for (i = page_start; i < page_end; i++) {
		if (!bitmap_test(map->populated, (unsigned long)i) && map->blocks[i].contig_hint == BLOCK_BITS)
			map->nr_empty_pop_pages++;
		bitmap_set(map->populated, (unsigned long)i, 1);
	}
}

void pcpu_map_depopulated(struct pcpu_map *map, int page_start, int page_end)
{
	int i;

	for (i = page_start; i < page_end; i++) {
		if (bitmap_test(map->populated, (unsigned long)i) && map->blocks[i].contig_hint == BLOCK_BITS)
			map->nr_empty_pop_pages--;
		bitmap_clear(map->populated, (unsigned long)i, 1);
	}
}
