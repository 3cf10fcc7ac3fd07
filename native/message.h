// One framed netlink message at the front of some bytes. Nothing below the header is looked at.
// SPDX-License-Identifier: MIT
#pragma once

#include <linux/netlink.h>

#include <cstring>
#include <optional>

#include "bytes.h"

namespace netlink {

struct Message {
  nlmsghdr header;
  Bytes bytes;  // header and payload, without the padding that may follow
};

inline constexpr std::size_t aligned(std::size_t length) {
  return (length + (NLMSG_ALIGNTO - 1)) & ~std::size_t{NLMSG_ALIGNTO - 1};
}

// Nothing when the bytes are too short for a header, or for the length which that header claims.
// The header is copied out: the bytes need not be aligned, and are read once only, so that a buffer
// that somebody else is writing to cannot pass the test with one length and be used with another.
inline std::optional<Message> frontMessage(Bytes bytes) {
  nlmsghdr header;
  if (bytes.size < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data, sizeof(header));
  if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > bytes.size) return std::nullopt;
  return Message{header, bytes.first(header.nlmsg_len)};
}

}  // namespace netlink
