// A request is framed messages in a row; it is exchanged with the kernel chunk by chunk.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bytes.h"

namespace netlink {

// What goes out in one sendmsg. Only its last message promises an answer: the acknowledgement that
// NLM_F_ACK asks for, or the end of a dump. By then every earlier one has been carried out, and has
// been answered if it failed or had something to say.
struct Chunk {
  Bytes bytes;
  std::uint32_t count;
  std::uint32_t firstSeq;
  std::uint32_t lastSeq;
};

// Cuts a request after each message that promises an answer. Nothing when it is not `count` whole,
// aligned messages with consecutive sequence numbers (0 follows 2^32-1) of which the last promises one:
// such a request could not be matched with its replies, and has to be refused before anything is sent.
std::optional<std::vector<Chunk>> split(Bytes request, std::uint32_t count);

}  // namespace netlink
