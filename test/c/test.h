// A test is a name and a function that calls expect(); main.cc runs and counts them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <vector>

struct Test {
  const char* name;
  void (*run)();
};

struct Suite {
  const char* name;
  std::vector<Test> tests;
};

// The test fails, and goes on, when `ok` is false.
void expect(bool ok, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE());

// The same, showing both numbers.
void expectEqual(std::int64_t actual, std::int64_t expected, const char* what,
                 const char* file = __builtin_FILE(), int line = __builtin_LINE());

// The test counts for nothing; to be returned from at once.
void skip(const char* reason);

Suite requestSuite();
Suite repliesSuite();
Suite transportSuite();
Suite kernelSuite();
Suite netnsSuite();
