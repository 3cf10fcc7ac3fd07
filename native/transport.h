// Requests and their replies over one channel, one transaction at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "channel.h"
#include "failure.h"
#include "replies.h"
#include "request.h"

namespace netlink {

// Replies to what was sent are there on failure too: they tell what has been carried out.
struct Result {
  std::vector<std::uint8_t> replies;
  std::uint32_t sent = 0;  // messages that the kernel has taken
  Failure failure;
};

class Transport {
 public:
  // A dump need not end while others keep adding; memory must.
  static constexpr std::size_t defaultReplyLimit = std::size_t{256} << 20;

  explicit Transport(std::unique_ptr<Channel> channel, std::size_t replyLimit = defaultReplyLimit)
      : channel_(std::move(channel)), replyLimit_(replyLimit) {}

  // Exchanges a request of `count` messages (see request.h) chunk by chunk, allowing each chunk
  // `patience` for its replies. Stops at the first chunk that fails to be exchanged; a command that the
  // kernel refuses is not such a failure, but a reply like any other.
  Result transact(Bytes request, std::uint32_t count, std::chrono::milliseconds patience);

  int fd() const { return channel_->fd(); }

 private:
  Failure settle(const Deadline& deadline);
  Failure exchange(const Chunk& chunk, std::chrono::milliseconds patience, Result& result);
  Failure collect(Replies& replies, const Deadline& deadline);

  std::unique_ptr<Channel> channel_;
  std::size_t replyLimit_;
  bool unsettled_ = false;  // the last transaction may have left replies, or a dump, behind
};

}  // namespace netlink
