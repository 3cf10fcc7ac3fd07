/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between kernels. Macros are tested, never version numbers. */
#ifndef IPVS_COMPAT_H
#define IPVS_COMPAT_H

#include <net/ip_vs.h>

/* Stable updates moved the flag out of dest->flags, within 5.15, 6.1, 6.12. */
static inline bool ipvs_dest_available(const struct ip_vs_dest *dest)
{
#ifdef IP_VS_DEST_CF_AVAILABLE
	return READ_ONCE(dest->cflags) & IP_VS_DEST_CF_AVAILABLE;
#else
	return READ_ONCE(dest->flags) & IP_VS_DEST_F_AVAILABLE;
#endif
}

#endif /* IPVS_COMPAT_H */
