// Sending one packet through a packet socket: see frame.h.
// SPDX-License-Identifier: MIT
#include "frame.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace netlink {
namespace {

// Protocol 0: a socket that receives nothing.
Failure makeSocket(const Netns& netns, Fd& made) {
  const NetnsGuard guard(netns);
  if (guard.failure()) return guard.failure();
  made = Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return made ? Failure{} : Failure{errno, "socket"};
}

}  // namespace

Failure sendFrame(const Netns& netns, const Frame& frame) {
  sockaddr_ll address{};
  if (frame.destination.size > sizeof(address.sll_addr)) return {EINVAL, "sendto"};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(frame.protocol);
  address.sll_ifindex = frame.interfaceIndex;
  address.sll_halen = static_cast<unsigned char>(frame.destination.size);
  std::copy_n(frame.destination.data, frame.destination.size, address.sll_addr);

  Fd fd;
  if (const Failure failure = makeSocket(netns, fd)) return failure;
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  const ssize_t sent =
      ::sendto(fd.get(), frame.packet.data, frame.packet.size, MSG_DONTWAIT, to, sizeof(address));
  return sent < 0 ? Failure{errno, "sendto"} : Failure{};
}

}  // namespace netlink
