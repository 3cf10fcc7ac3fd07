// A netlink socket. Nothing else sends, receives or waits; but see frame.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "channel.h"
#include "failure.h"
#include "fd.h"
#include "netns.h"

namespace netlink {

class Socket final : public Channel {
 public:
  struct Opened {
    std::unique_ptr<Socket> socket;  // empty on failure
    Failure failure;
  };

  // `receiveSize` is the largest buffer that this socket will ever offer. The kernel remembers the
  // largest one and makes each part of a dump that big, which suits one long dump and slows down many
  // short ones. 0 means the least that holds every part and every single reply.
  //
  // `protocol` is one of NETLINK_… of <linux/netlink.h>.
  static Opened open(const Netns& netns, std::size_t receiveSize, int protocol = NETLINK_GENERIC);

  int send(Bytes bytes) override;
  Datagram receive() override;
  int wait(const Deadline& deadline) override;
  int fd() const override { return fd_.get(); }

 private:
  Socket(Fd fd, std::size_t receiveSize);

  Fd fd_;
  std::size_t receiveSize_;
  std::unique_ptr<std::uint8_t[]> receiveBuffer_;
};

}  // namespace netlink
