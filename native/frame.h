// One packet on one interface, past the system's own protocols: announcements of addresses.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "bytes.h"
#include "failure.h"
#include "netns.h"

namespace netlink {

struct Frame {
  int interfaceIndex;
  std::uint16_t protocol;  // ETH_P_…, in the order of this machine
  Bytes destination;       // link-layer address; the kernel writes the header around it
  Bytes packet;
};

// Sends it from the interface in that namespace; needs CAP_NET_RAW there.
Failure sendFrame(const Netns& netns, const Frame& frame);

}  // namespace netlink
