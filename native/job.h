// One transaction on libuv's thread pool.
// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "transport.h"

namespace addon {

struct Request {
  netlink::Bytes bytes;
  std::uint32_t count;
  std::chrono::milliseconds patience;
};

// A job deletes itself when it has settled its promise. All of it but execute() happens on the thread of
// its environment, where the socket object lives as well, so that nothing here needs a lock or a count.
class Job {
 public:
  // Returns the promise, or nullptr when the environment is going away. The request is copied: its
  // owner may change or transfer it meanwhile. `inFlight` points to the job until that ends.
  static napi_value start(napi_env env, netlink::Transport& transport, const Request& request,
                          Job*& inFlight);

  // For an owner of the transport that closes it, or dies, before the job has ended: the transport must
  // live on until then, and `inFlight` is not written to any more.
  void adopt(std::unique_ptr<netlink::Transport> transport);

  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

 private:
  Job(napi_env env, netlink::Transport& transport, const Request& request);

  bool prepare();
  bool queue(Job*& inFlight);
  void finish(napi_status status);

  static void execute(napi_env env, void* data);
  static void complete(napi_env env, napi_status status, void* data);

  napi_env env_;
  netlink::Transport& transport_;
  std::vector<std::uint8_t> bytes_;
  std::uint32_t count_;
  std::chrono::milliseconds patience_;
  netlink::Result result_;

  napi_async_work work_ = nullptr;
  napi_deferred deferred_ = nullptr;
  Job** inFlight_ = nullptr;
  std::unique_ptr<netlink::Transport> adopted_;
};

}  // namespace addon
