// Picks the replies to one chunk out of what the socket delivers. Pure: bytes in, bytes out.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bytes.h"
#include "message.h"

namespace netlink {

enum class Verdict {
  more,       // the chunk's last message has not been answered yet
  complete,   // it has
  lost,       // the kernel says that it had to drop replies
  malformed,  // not netlink messages
  overflow,   // more replies than the limit
};

class Replies {
 public:
  // Replies to sequence numbers first..last (which may pass 2^32-1) are appended to `out`, each padded
  // to the alignment of a message, while `out` stays within `limit` bytes.
  Replies(std::uint32_t firstSeq, std::uint32_t lastSeq, std::vector<std::uint8_t>& out, std::size_t limit)
      : firstSeq_(firstSeq), lastSeq_(lastSeq), out_(out), limit_(limit) {}

  // Takes what one recvmsg gave. Messages before a malformed one have been kept.
  Verdict accept(Bytes datagram);

 private:
  Verdict judge(const Message& message);
  bool isOurs(std::uint32_t seq) const;
  bool append(Bytes message);

  std::uint32_t firstSeq_;
  std::uint32_t lastSeq_;
  std::vector<std::uint8_t>& out_;
  std::size_t limit_;
};

}  // namespace netlink
