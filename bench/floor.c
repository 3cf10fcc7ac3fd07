// The floor: what the kernel alone takes for the client's operations. Raw netlink, no library, nothing decoded.
// SPDX-License-Identifier: MIT
//
//   floor fill TO [FROM]           adds services and destinations, 128 to a sendmsg, the last with NLM_F_ACK
//   floor each TO [FROM]           the same, one to an exchange
//   floor change SERVICES TIMES    adds, edits and deletes so many destinations, one to an exchange
//   floor read [careful]           dumps all services, then the destinations of each; careful: as snapshot() does
//   floor one SERVICES TIMES       reads one service and its destinations, in one sendmsg
//   floor encode TIMES             only builds the messages that add a destination
//
// Works in its network namespace and prints JSON, times in nanoseconds. Operations are those of operations.mjs.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { CHUNK = 128, PER_SERVICE = 5, NARROW = 4096, WIDE = 32768, PORT = 80 };

static unsigned char out[64 * 1024];
static unsigned char in[WIDE];
static size_t length;
static uint32_t sequence = 1;
static uint16_t family;
static long sends;

static void fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static size_t begin_message(uint16_t type, uint8_t command, uint16_t flags)
{
	size_t start = length;
	struct nlmsghdr *header = (void *)(out + start);
	struct genlmsghdr *generic = (void *)(out + start + NLMSG_HDRLEN);

	*header = (struct nlmsghdr){ .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };
	header->nlmsg_seq = sequence++;
	*generic = (struct genlmsghdr){ .cmd = command, .version = 1 };
	length += NLMSG_HDRLEN + GENL_HDRLEN;
	return start;
}

static void end_message(size_t start)
{
	((struct nlmsghdr *)(out + start))->nlmsg_len = length - start;
}

static void put(uint16_t type, const void *data, uint16_t size)
{
	struct nlattr *attribute = (void *)(out + length);

	*attribute = (struct nlattr){ .nla_type = type, .nla_len = NLA_HDRLEN + size };
	memcpy(out + length + NLA_HDRLEN, data, size);
	memset(out + length + NLA_HDRLEN + size, 0, NLA_ALIGN(size) - size);
	length += NLA_HDRLEN + NLA_ALIGN(size);
}

static void put16(uint16_t type, uint16_t value)
{
	put(type, &value, sizeof(value));
}

static void put32(uint16_t type, uint32_t value)
{
	put(type, &value, sizeof(value));
}

static size_t begin_nest(uint16_t type)
{
	size_t start = length;

	put(type | NLA_F_NESTED, NULL, 0);
	return start;
}

static void end_nest(size_t start)
{
	((struct nlattr *)(out + start))->nla_len = length - start;
}

static void put_service_key(uint32_t service)
{
	put16(IPVS_SVC_ATTR_AF, AF_INET);
	put16(IPVS_SVC_ATTR_PROTOCOL, IPPROTO_TCP);
	put32(IPVS_SVC_ATTR_ADDR, htonl(0xac100000 + service)); // 172.16.0.0
	put16(IPVS_SVC_ATTR_PORT, htons(PORT));
}

static void new_service(uint32_t service, uint16_t flags)
{
	const struct ip_vs_flags none = { .flags = 0, .mask = ~0 };
	size_t message = begin_message(family, IPVS_CMD_NEW_SERVICE, flags);
	size_t nest = begin_nest(IPVS_CMD_ATTR_SERVICE);

	put_service_key(service);
	put(IPVS_SVC_ATTR_SCHED_NAME, "wlc", 4);
	put(IPVS_SVC_ATTR_FLAGS, &none, sizeof(none));
	put32(IPVS_SVC_ATTR_TIMEOUT, 0);
	put32(IPVS_SVC_ATTR_NETMASK, ~0);
	end_nest(nest);
	end_message(message);
}

static void destination(uint8_t command, uint32_t service, uint32_t address, uint32_t weight, uint16_t flags)
{
	size_t message = begin_message(family, command, flags);
	size_t nest = begin_nest(IPVS_CMD_ATTR_SERVICE);

	put_service_key(service);
	end_nest(nest);
	nest = begin_nest(IPVS_CMD_ATTR_DEST);
	put32(IPVS_DEST_ATTR_ADDR, htonl(address));
	put16(IPVS_DEST_ATTR_PORT, htons(PORT));
	if (command != IPVS_CMD_DEL_DEST) {
		put32(IPVS_DEST_ATTR_FWD_METHOD, IP_VS_CONN_F_MASQ);
		put32(IPVS_DEST_ATTR_WEIGHT, weight);
		put32(IPVS_DEST_ATTR_U_THRESH, 0);
		put32(IPVS_DEST_ATTR_L_THRESH, 0);
	}
	put16(IPVS_DEST_ATTR_ADDR_FAMILY, AF_INET);
	end_nest(nest);
	end_message(message);
}

static void operation(uint32_t index, uint16_t flags)
{
	uint32_t service = index / (PER_SERVICE + 1), place = index % (PER_SERVICE + 1);

	if (place == 0)
		new_service(service, flags);
	else
		destination(IPVS_CMD_NEW_DEST, service, 0x0a000000 + service * PER_SERVICE + place, 1, flags);
}

static int open_socket(void)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);

	if (fd < 0 || bind(fd, (const void *)&any, sizeof(any)) != 0)
		fail("socket");
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	return fd;
}

// Sends what was built and receives until the answer to its last message; `visit` sees what is neither ACK nor end.
static void exchange(int fd, size_t size, void (*visit)(const struct nlmsghdr *))
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const uint32_t last = sequence - 1;

	if (sendto(fd, out, length, 0, (const void *)&kernel, sizeof(kernel)) < 0)
		fail("send");
	sends++;
	length = 0;
	for (;;) {
		ssize_t left = recv(fd, in, size, 0);
		const struct nlmsghdr *header = (const void *)in;

		if (left < 0)
			fail("recv");
		for (; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
			const int32_t *code = NLMSG_DATA(header);

			if (header->nlmsg_type == NLMSG_ERROR && *code != 0) {
				errno = -*code;
				fail("the kernel");
			}
			if (header->nlmsg_type != NLMSG_ERROR && header->nlmsg_type != NLMSG_DONE) {
				if (visit)
					visit(header);
			} else if (header->nlmsg_seq == last) {
				return;
			}
		}
	}
}

static void find_family(const struct nlmsghdr *header)
{
	const char *at = (const char *)NLMSG_DATA(header) + GENL_HDRLEN;
	const char *end = (const char *)header + header->nlmsg_len;

	for (; at < end; at += NLA_ALIGN(((const struct nlattr *)at)->nla_len))
		if (((const struct nlattr *)at)->nla_type == CTRL_ATTR_FAMILY_ID)
			memcpy(&family, at + NLA_HDRLEN, sizeof(family));
}

static void learn_family(int fd)
{
	size_t message = begin_message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);

	put(CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME, sizeof(IPVS_GENL_NAME));
	end_message(message);
	exchange(fd, NARROW, find_family);
	sends = 0;
}

static void load(int fd, uint32_t from, uint32_t to, uint32_t chunk)
{
	const int64_t start = now();

	for (uint32_t i = from; i < to; i++) {
		const int last = (i + 1 - from) % chunk == 0 || i + 1 == to;

		operation(i, last ? NLM_F_ACK : 0);
		if (last)
			exchange(fd, NARROW, NULL);
	}
	printf("{\"nanoseconds\": %lld, \"sends\": %ld}\n", (long long)(now() - start), sends);
}

static void times(int fd, const char *name, uint8_t command, uint32_t services, uint32_t count)
{
	printf("\"%s\": [", name);
	for (uint32_t i = 0; i < count; i++) {
		const int64_t start = now();

		destination(command, i % services, 0x0a800000 + i, command == IPVS_CMD_SET_DEST ? 2 : 1, NLM_F_ACK);
		exchange(fd, NARROW, NULL);
		printf("%s%lld", i > 0 ? "," : "", (long long)(now() - start));
	}
	printf("]");
}

static void change(int fd, uint32_t services, uint32_t count)
{
	printf("{");
	times(fd, "add", IPVS_CMD_NEW_DEST, services, count);
	printf(",");
	times(fd, "edit", IPVS_CMD_SET_DEST, services, count);
	printf(",");
	times(fd, "delete", IPVS_CMD_DEL_DEST, services, count);
	printf("}\n");
}

// The first four attributes of a service in a reply are its identity: together the body of a request for it.
enum { KEY = 4 * NLA_HDRLEN + 4 + 4 + 16 + 4 };
static unsigned char (*keys)[KEY];
static size_t found, room;

static void keep_key(const struct nlmsghdr *header)
{
	if (found == room) {
		room = room ? 2 * room : 1024;
		keys = realloc(keys, room * KEY);
		if (!keys)
			fail("memory");
	}
	memcpy(keys[found++], (const char *)NLMSG_DATA(header) + GENL_HDRLEN + NLA_HDRLEN, KEY);
}

static void list(int fd)
{
	found = 0;
	end_message(begin_message(family, IPVS_CMD_GET_SERVICE, NLM_F_DUMP));
	exchange(fd, WIDE, keep_key);
}

static void ask(uint8_t command, uint16_t flags, const void *key)
{
	size_t message = begin_message(family, command, flags);
	size_t nest = begin_nest(IPVS_CMD_ATTR_SERVICE);

	memcpy(out + length, key, KEY);
	length += KEY;
	end_nest(nest);
	end_message(message);
}

static void read_table(int wide, int narrow, int careful)
{
	const int64_t start = now();

	list(wide);
	for (size_t i = 0; i < found; i++) {
		if (careful)
			ask(IPVS_CMD_GET_SERVICE, 0, keys[i]);
		ask(IPVS_CMD_GET_DEST, NLM_F_DUMP, keys[i]);
		exchange(narrow, NARROW, NULL);
	}
	if (careful)
		list(wide);
	printf("{\"nanoseconds\": %lld, \"sends\": %ld}\n", (long long)(now() - start), sends);
}

static void read_one(int wide, int narrow, uint32_t services, uint32_t count)
{
	list(wide);
	if (found < services)
		fail("fewer services");
	printf("[");
	for (uint32_t i = 0; i < count; i++) {
		const int64_t start = now();

		ask(IPVS_CMD_GET_SERVICE, 0, keys[i % services]);
		ask(IPVS_CMD_GET_DEST, NLM_F_DUMP, keys[i % services]);
		exchange(narrow, NARROW, NULL);
		printf("%s%lld", i > 0 ? "," : "", (long long)(now() - start));
	}
	printf("]\n");
}

static void encode(uint32_t count)
{
	const int64_t start = now();

	for (uint32_t i = 0; i < count; i++) {
		if (i % CHUNK == 0)
			length = 0;
		destination(IPVS_CMD_NEW_DEST, i, 0x0a000000 + i, 1, 0);
	}
	printf("{\"nanoseconds\": %lld, \"bytes\": %zu}\n", (long long)(now() - start), length);
}

int main(int count, char **words)
{
	const char *mode = count > 1 ? words[1] : "";
	const uint32_t first = count > 2 ? strtoul(words[2], NULL, 10) : 0;
	const uint32_t second = count > 3 ? strtoul(words[3], NULL, 10) : 0;

	if (strcmp(mode, "encode") == 0) {
		encode(first);
		return 0;
	}

	const int narrow = open_socket(), wide = open_socket();

	learn_family(narrow);
	if (strcmp(mode, "fill") == 0)
		load(narrow, second, first, CHUNK);
	else if (strcmp(mode, "each") == 0)
		load(narrow, second, first, 1);
	else if (strcmp(mode, "change") == 0)
		change(narrow, first, second);
	else if (strcmp(mode, "read") == 0)
		read_table(wide, narrow, count > 2 && strcmp(words[2], "careful") == 0);
	else if (strcmp(mode, "one") == 0)
		read_one(wide, narrow, first, second);
	else
		return 2;
	return 0;
}
