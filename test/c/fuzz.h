// Reads what a fuzzer made up: numbers, and byte strings with a length before them.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstring>

#include "messages.h"

class FuzzInput {
 public:
  explicit FuzzInput(netlink::Bytes bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  // Missing bytes are 0.
  template <typename Number>
  Number number() {
    Number value = 0;
    const netlink::Bytes bytes = take(sizeof(value));
    if (!bytes.empty()) std::memcpy(&value, bytes.data, bytes.size);
    return value;
  }

  Octets octets() {
    const netlink::Bytes bytes = take(number<std::uint16_t>());
    return Octets(bytes.data, bytes.data + bytes.size);
  }

 private:
  netlink::Bytes take(std::size_t count) {
    const netlink::Bytes bytes = rest_.first(std::min(count, rest_.size));
    rest_ = rest_.from(bytes.size);
    return bytes;
  }

  netlink::Bytes rest_;
};
