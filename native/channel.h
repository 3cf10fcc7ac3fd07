// What a transport needs of a socket: tests put a scripted one here.
// SPDX-License-Identifier: MIT
#pragma once

#include "bytes.h"
#include "deadline.h"

namespace netlink {

struct Datagram {
  int error = 0;            // errno; the rest means nothing then
  bool fromKernel = false;  // anything else that can reach the socket must not be believed
  bool truncated = false;   // longer than the receive buffer, and what did not fit is gone
  Bytes bytes;              // valid until the next receive()
};

class Channel {
 public:
  virtual ~Channel() = default;

  // All of it in one datagram; returns 0 or an errno.
  virtual int send(Bytes bytes) = 0;

  // Never blocks: EAGAIN when nothing is queued.
  virtual Datagram receive() = 0;

  // Until receive() has something to say: 0, ETIMEDOUT, or another errno.
  virtual int wait(const Deadline& deadline) = 0;

  virtual int fd() const = 0;
};

}  // namespace netlink
