// What JavaScript sees: class Socket, openFile(), sendFrame(), and the functions of predict.h. Arguments are checked so
// that nothing breaks here; that they make sense is the caller's affair.
// SPDX-License-Identifier: MIT
#include <napi.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frame.h"
#include "job.h"
#include "netns.h"
#include "outcome.h"
#include "predict.h"
#include "socket.h"
#include "transport.h"

namespace addon {
namespace {

using netlink::Failure;
using netlink::Netns;
using netlink::Result;
using netlink::Transport;

void throwTypeError(const Napi::CallbackInfo& info, const char* usage) {
  Napi::TypeError::New(info.Env(), usage).ThrowAsJavaScriptException();
}

struct Octets {
  std::uint8_t* data;
  std::size_t size;
};

// In plain Node-API, as all that a synchronous call does: each of its calls costs as much as some
// attributes.
std::optional<Octets> readOctets(const Napi::Value& value) {
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  std::size_t size = 0;
  if (napi_get_typedarray_info(value.Env(), value, &type, &size, &data, nullptr, nullptr) != napi_ok)
    return std::nullopt;
  if (type != napi_uint8_array) return std::nullopt;
  return Octets{static_cast<std::uint8_t*>(data), size};
}

std::chrono::milliseconds toMilliseconds(double number) {
  const double positive = number > 0 ? number : 0;  // not of NaN either
  return std::chrono::milliseconds(static_cast<int>(std::min<double>(positive, INT_MAX)));
}

// The bytes stay those of the argument.
std::optional<Request> readRequest(const Napi::CallbackInfo& info) {
  const auto bytes = readOctets(info[0]);
  std::uint32_t count = 0;
  double deadline = 0;
  if (!bytes || napi_get_value_uint32(info.Env(), info[1], &count) != napi_ok ||
      napi_get_value_double(info.Env(), info[2], &deadline) != napi_ok) {
    throwTypeError(info, "expected (request: Uint8Array, count: number, deadline: number)");
    return std::nullopt;
  }
  return Request{{bytes->data, bytes->size}, count, toMilliseconds(deadline)};
}

// null stands for the namespace of the calling thread.
std::optional<Netns> readNetns(const Napi::Value& value) {
  Netns netns;
  if (value.IsString()) {
    netns.path = value.As<Napi::String>().Utf8Value();
  } else if (value.IsNumber()) {
    netns.fd = value.As<Napi::Number>().Int32Value();
  } else if (!value.IsNull()) {
    return std::nullopt;
  }
  return netns;
}

// The system would open the part before a NUL, which is another file.
bool hasNul(const Netns& netns) {
  return netns.path && netns.path->find('\0') != std::string::npos;
}

class Socket : public Napi::ObjectWrap<Socket> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Socket",
                       {InstanceMethod<&Socket::transact>("transact"),
                        InstanceMethod<&Socket::transactSync>("transactSync"),
                        InstanceMethod<&Socket::close>("close"), InstanceAccessor<&Socket::fd>("fd")});
  }

  explicit Socket(const Napi::CallbackInfo& info);
  ~Socket() override { release(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

 private:
  Napi::Value transact(const Napi::CallbackInfo& info);
  Napi::Value transactSync(const Napi::CallbackInfo& info);
  static Napi::Value deliver(const Napi::CallbackInfo& info, const std::vector<std::uint8_t>& replies);
  void close(const Napi::CallbackInfo& /*info*/) { release(); }
  Napi::Value fd(const Napi::CallbackInfo& info);

  Failure open(const Netns& netns, std::size_t receiveSize, int protocol);
  Failure unavailable() const;
  void release();

  std::unique_ptr<Transport> transport_;  // empty once closed
  Job* job_ = nullptr;                    // the newest that uses the transport on the pool
};

// Without a reference the object could not be tied to its JavaScript half, which happens while a worker
// thread is being terminated. Nobody would ever close what is opened then.
Socket::Socket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Socket>(info) {
  if (IsEmpty()) return;
  const auto netns = readNetns(info[0]);
  const bool named = info.Length() > 2 && !info[2].IsUndefined();
  if (!netns || !info[1].IsNumber() || (named && !info[2].IsNumber())) {
    throwTypeError(info,
                   "expected (netns: string | number | null, receiveSize: number, protocol?: number)");
    return;
  }
  const int protocol = named ? info[2].As<Napi::Number>().Int32Value() : NETLINK_GENERIC;
  if (const Failure failure = open(*netns, info[1].As<Napi::Number>().Uint32Value(), protocol)) {
    throwError(info.Env(), makeError(info.Env(), failure));
  }
}

Failure Socket::open(const Netns& netns, std::size_t receiveSize, int protocol) {
  if (hasNul(netns)) return {EINVAL, "open"};
  auto opened = netlink::Socket::open(netns, receiveSize, protocol);
  if (opened.socket) transport_ = std::make_unique<Transport>(std::move(opened.socket));
  return opened.failure;
}

Napi::Value Socket::transact(const Napi::CallbackInfo& info) {
  const auto request = readRequest(info);
  if (!request) return {};
  if (!transport_) return {info.Env(), makeRejection(info.Env(), {EBADF, "transact"})};
  if (job_ != nullptr) {
    if (const auto promise = job_->append(*request)) return {info.Env(), *promise};
  }
  return {info.Env(), Job::start(info.Env(), *transport_, *request, job_)};
}

Napi::Value Socket::transactSync(const Napi::CallbackInfo& info) {
  const auto request = readRequest(info);
  if (!request) return {};
  Result result;
  result.failure = unavailable();
  if (!result.failure) result = transport_->transact(request->bytes, request->count, request->patience);
  if (!result.failure) return deliver(info, result.replies);
  throwError(info.Env(), makeError(info.Env(), result));
  return {};
}

// Into the fourth argument if they fit there, and their length is returned: to make a Buffer takes longer
// than the kernel takes to change a rule. Else as a Buffer.
Napi::Value Socket::deliver(const Napi::CallbackInfo& info, const std::vector<std::uint8_t>& replies) {
  const auto into = info.Length() > 3 ? readOctets(info[3]) : std::nullopt;
  if (!into || into->size < replies.size()) return {info.Env(), makeReplies(info.Env(), replies)};
  std::copy(replies.begin(), replies.end(), into->data);
  return Napi::Number::New(info.Env(), static_cast<double>(replies.size()));
}

Napi::Value Socket::fd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), transport_ ? transport_->fd() : -1);
}

Failure Socket::unavailable() const {
  if (!transport_) return {EBADF, "transact"};
  if (job_ != nullptr) return {EBUSY, "transact"};
  return {};
}

void Socket::release() {
  if (job_ != nullptr) {
    std::exchange(job_, nullptr)->adopt(std::move(transport_));
  }
  transport_.reset();
}

// At once: the kernel only queues the packet.
void sendFrame(const Napi::CallbackInfo& info) {
  const auto netns = readNetns(info[0]);
  const auto destination = readOctets(info[3]);
  const auto packet = readOctets(info[4]);
  if (!netns || !info[1].IsNumber() || !info[2].IsNumber() || !destination || !packet) {
    throwTypeError(info,
                   "expected (netns: string | number | null, interfaceIndex: number, protocol: number, "
                   "destination: Uint8Array, packet: Uint8Array)");
    return;
  }
  const netlink::Frame frame{info[1].As<Napi::Number>().Int32Value(),
                             static_cast<std::uint16_t>(info[2].As<Napi::Number>().Uint32Value()),
                             {destination->data, destination->size},
                             {packet->data, packet->size}};
  const Failure failure = hasNul(*netns) ? Failure{EINVAL, "open"} : netlink::sendFrame(*netns, frame);
  if (failure) throwError(info.Env(), makeError(info.Env(), failure));
}

// A descriptor, which is the caller's to close.
Napi::Value openFile(const Napi::CallbackInfo& info) {
  const auto netns = readNetns(info[0]);
  if (!netns || !info[1].IsString() || !info[2].IsNumber()) {
    throwTypeError(info, "expected (netns: string | number | null, path: string, flags: number)");
    return {};
  }
  const std::string path = info[1].As<Napi::String>();
  netlink::OpenedFile opened;
  if (hasNul(*netns) || path.find('\0') != std::string::npos) {
    opened.failure = {EINVAL, "open"};
  } else {
    opened = netlink::openFile(*netns, path.c_str(), info[2].As<Napi::Number>().Int32Value());
  }
  if (!opened.failure) return Napi::Number::New(info.Env(), opened.fd.release());
  throwError(info.Env(), makeError(info.Env(), opened.failure));
  return {};
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Socket", Socket::define(env));
  exports.Set("openFile", Napi::Function::New<openFile>(env, "openFile"));
  exports.Set("sendFrame", Napi::Function::New<sendFrame>(env, "sendFrame"));
  exports.Set("hashing", makeHashing(env));
  return exports;
}

}  // namespace
}  // namespace addon

using addon::initialize;  // the macro below pastes the name, so it has to be a plain one
NODE_API_MODULE(ipvs, initialize)
