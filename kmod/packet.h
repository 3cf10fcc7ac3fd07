/* SPDX-License-Identifier: GPL-2.0 */
/* From addresses and packets to the keys of ipvs_sched.h. */
#ifndef IPVS_PACKET_H
#define IPVS_PACKET_H

#include <linux/in.h>
#include <linux/skbuff.h>
#include <net/ip_vs.h>
#include "ipvs_sched.h"

static inline void ipvs_key_set(struct ipvs_key *key, u16 af,
				const union nf_inet_addr *addr, __be16 port)
{
	int i;

	memset(key, 0, sizeof(*key));
	key->port = ntohs(port);
	if (af == AF_INET6) {
		key->family = 6;
		for (i = 0; i < 4; i++)
			key->address[i] = ntohl(addr->ip6[i]);
	} else {
		key->family = 4;
		key->address[0] = ntohl(addr->ip);
	}
}

/*
 * 0 if the packet has none. An ICMP error is read at the packet within. Later
 * fragments do not come here.
 */
static inline __be16 ipvs_client_port(const struct sk_buff *skb,
				      const struct ip_vs_iphdr *iph)
{
	__be16 buffer[2];
	const __be16 *ports;

	if (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP &&
	    iph->protocol != IPPROTO_SCTP)
		return 0;
	ports = skb_header_pointer(skb, iph->len, sizeof(buffer), buffer);
	if (!ports)
		return 0;
	return ip_vs_iph_inverse(iph) ? ports[1] : ports[0];
}

/* The client: who sent the packet or, of an answer, who is to get it. */
static inline void ipvs_client_key(const struct ip_vs_service *svc,
				   const struct sk_buff *skb,
				   const struct ip_vs_iphdr *iph,
				   struct ipvs_key *key)
{
	__be16 port = 0;

	/* Flags may change while the service lives: read for each packet. */
	if (READ_ONCE(svc->flags) & IP_VS_SVC_F_SCHED2)
		port = ipvs_client_port(skb, iph);
	ipvs_key_set(key, svc->af,
		     ip_vs_iph_inverse(iph) ? &iph->daddr : &iph->saddr, port);
}

#endif /* IPVS_PACKET_H */
