/* SPDX-License-Identifier: MIT
 * rodata.h - what is constant for the whole life of the process.
 */
#ifndef KMM_SLUB_RODATA_H
#define KMM_SLUB_RODATA_H

#include <stdbool.h>

/* Does the address lie in a read-only segment of the main program or of this library? The first call waits for the lock of the
 * dynamic loader; later ones take no lock. */
bool is_program_rodata(const void *p);

#endif /* KMM_SLUB_RODATA_H */
