// A view of bytes that somebody else owns and keeps alive (C++17 has no std::span).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace netlink {

struct Bytes {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;

  bool empty() const { return size == 0; }

  // Both expect count <= size.
  Bytes first(std::size_t count) const { return {data, count}; }
  Bytes from(std::size_t count) const { return {data + count, size - count}; }
};

}  // namespace netlink
