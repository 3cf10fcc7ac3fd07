// A moment on the monotonic clock after which waiting is over.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <climits>

namespace netlink {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds patience) : end_(Clock::now() + patience) {}

  bool passed() const { return Clock::now() >= end_; }

  // For poll(2). Rounded up, so that the last fraction of a millisecond is slept and not spun away.
  int remainingMs() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point end_;
};

}  // namespace netlink
