// A channel that plays a written script instead of a kernel.
// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include "channel.h"
#include "messages.h"

// One thing that receive() gives. A pause is an empty queue, over at the next wait().
struct Step {
  Octets octets;
  int error = 0;
  bool fromKernel = true;
  bool truncated = false;

  static Step fails(int error) { return {{}, error, true, false}; }
  static Step pause() { return fails(EAGAIN); }
  static Step foreign(Octets octets) { return {std::move(octets), 0, false, false}; }
  static Step truncatedTo(Octets octets) { return {std::move(octets), 0, true, true}; }
};

// The test keeps the script; the transport owns the channel that plays it.
struct Script {
  std::deque<Step> steps;
  int sendError = 0;
  std::vector<Octets> sent = {};
  int waits = 0;
};

class ScriptedChannel final : public netlink::Channel {
 public:
  explicit ScriptedChannel(Script& script) : script_(script) {}

  int send(netlink::Bytes bytes) override {
    if (script_.sendError != 0) return script_.sendError;
    script_.sent.emplace_back(bytes.data, bytes.data + bytes.size);
    return 0;
  }

  // The end of the script is a silent kernel.
  netlink::Datagram receive() override {
    netlink::Datagram datagram;
    if (script_.steps.empty() || script_.steps.front().error == EAGAIN) {
      datagram.error = EAGAIN;
      return datagram;
    }
    current_ = std::move(script_.steps.front());
    script_.steps.pop_front();
    datagram.error = current_.error;
    datagram.fromKernel = current_.fromKernel;
    datagram.truncated = current_.truncated;
    datagram.bytes = view(current_.octets);
    return datagram;
  }

  int wait(const netlink::Deadline& /*deadline*/) override {
    ++script_.waits;
    if (script_.steps.empty()) return ETIMEDOUT;
    if (script_.steps.front().error == EAGAIN) script_.steps.pop_front();
    return 0;
  }

  int fd() const override { return -1; }

 private:
  Script& script_;
  Step current_;
};
