/* SPDX-License-Identifier: MIT
 * arch_isa.h (generic) - no instruction of our own: arch_generic.h defines every primitive.
 */
#ifndef KMM_ARCH_ISA_H
#define KMM_ARCH_ISA_H

#define KMM_ARCH_NAME "generic"

#endif /* KMM_ARCH_ISA_H */
