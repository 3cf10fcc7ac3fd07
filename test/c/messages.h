// Netlink messages for tests: building them, and taking replies apart.
// SPDX-License-Identifier: MIT
#pragma once

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "message.h"
#include "test.h"

using Octets = std::vector<std::uint8_t>;

inline constexpr std::uint16_t noSuchFamily = 0x7fff;  // ids are given out from 0x10 up to 0x3ff
inline constexpr std::uint16_t ack = NLM_F_REQUEST | NLM_F_ACK;
inline constexpr std::uint16_t dump = NLM_F_REQUEST | NLM_F_DUMP;

inline netlink::Bytes view(const Octets& octets) {
  return {octets.data(), octets.size()};
}

template <typename Value>
Octets octetsOf(const Value& value) {
  Octets octets(sizeof(value));
  std::memcpy(octets.data(), &value, sizeof(value));
  return octets;
}

inline Octets operator+(Octets left, const Octets& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// A message whose header tells the truth, padded to the alignment.
inline Octets message(std::uint16_t type, std::uint16_t flags, std::uint32_t seq,
                      const Octets& payload = {}) {
  const nlmsghdr header{static_cast<std::uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, seq, 0};
  Octets octets = octetsOf(header) + payload;
  octets.resize(netlink::aligned(octets.size()));
  return octets;
}

// What the kernel answers: 0 is an acknowledgement.
inline Octets errorReply(std::uint32_t seq, int error = 0) {
  return message(NLMSG_ERROR, NLM_F_CAPPED, seq, octetsOf(-error) + Octets(sizeof(nlmsghdr)));
}

inline Octets doneReply(std::uint32_t seq) {
  return message(NLMSG_DONE, NLM_F_MULTI, seq, octetsOf(0));
}

// A command of the controller of generic netlink, the family that every kernel has.
inline Octets controllerCommand(std::uint8_t command, std::uint16_t flags, std::uint32_t seq,
                                const Octets& attributes = {}) {
  return message(GENL_ID_CTRL, flags, seq, octetsOf(genlmsghdr{command, 1, 0}) + attributes);
}

// Asks for a family by its id: the answer is one message, or ENOENT.
inline Octets getFamily(std::uint16_t id, std::uint16_t flags, std::uint32_t seq) {
  const nlattr attribute{NLA_HDRLEN + sizeof(id), CTRL_ATTR_FAMILY_ID};
  return controllerCommand(CTRL_CMD_GETFAMILY, flags, seq, octetsOf(attribute) + octetsOf(id) + Octets(2));
}

inline Octets dumpFamilies(std::uint32_t seq) {
  return controllerCommand(CTRL_CMD_GETFAMILY, dump, seq);
}

// Refused by the kernel, with an answer of its own for every single one.
inline Octets refused(std::uint16_t flags, std::uint32_t seq) {
  return message(noSuchFamily, flags, seq, octetsOf(genlmsghdr{1, 1, 0}));
}

// Carried out by nobody (NLM_F_REQUEST is missing) and never answered, though it seems to start a dump.
inline Octets unanswered(std::uint32_t seq) {
  return message(GENL_ID_CTRL, NLM_F_DUMP, seq, Octets(4));
}

struct Reply {
  std::uint16_t type;
  std::uint32_t seq;
  int error;  // errno; of NLMSG_ERROR only
};

// Fails the test when the bytes are not messages from end to end.
inline std::vector<Reply> repliesIn(const Octets& octets) {
  std::vector<Reply> replies;
  for (netlink::Bytes rest = view(octets); !rest.empty();) {
    const auto message = netlink::frontMessage(rest);
    expect(message && netlink::aligned(message->bytes.size) <= rest.size, "well-formed replies");
    if (!message || netlink::aligned(message->bytes.size) > rest.size) break;
    Reply reply{message->header.nlmsg_type, message->header.nlmsg_seq, 0};
    if (reply.type == NLMSG_ERROR) std::memcpy(&reply.error, message->bytes.from(sizeof(nlmsghdr)).data, 4);
    reply.error = -reply.error;
    replies.push_back(reply);
    rest = rest.from(netlink::aligned(message->bytes.size));
  }
  return replies;
}
