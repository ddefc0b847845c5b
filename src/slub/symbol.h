/* SPDX-License-Identifier: MIT
 * symbol.h - the address of a function, as the kernel's %pS shows it.
 */
#ifndef KMM_SLUB_SYMBOL_H
#define KMM_SLUB_SYMBOL_H

#include <stddef.h>

/* A longer text is cut, bytes with the final NUL. */
#define SYMBOL_TEXT_MAX 256

/*
 * Writes "name+0x0/0x20", offset into the function and its size, and " [object]" for a function of a shared object; a bare
 * number when the dynamic symbols do not name it, as those of a static function, or of a program without -rdynamic.
 * Context: no lock of the library held: the dynamic linker's lock is taken, under which constructors of objects run.
 */
void symbol_text(char *buf, size_t size, const void *address);

#endif /* KMM_SLUB_SYMBOL_H */
