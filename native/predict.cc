// The hashing schedulers on typed arrays: see predict.h. What arrays hold is not trusted: it can lead to a
// useless answer, but neither out of bounds nor into an endless loop.
// SPDX-License-Identifier: MIT
#include "predict.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "../kmod/ipvs_sched.h"
#include "intree.h"

namespace addon {
namespace {

enum class Scheduler { hrw, msh, maglev, sh, mh };

template <typename T>
struct View {
  T* data = nullptr;
  std::size_t size = 0;
};

template <typename T>
constexpr napi_typedarray_type kTypeOf = napi_uint8_array;
template <>
constexpr napi_typedarray_type kTypeOf<u16> = napi_uint16_array;
template <>
constexpr napi_typedarray_type kTypeOf<u32> = napi_uint32_array;
template <>
constexpr napi_typedarray_type kTypeOf<u64> = napi_biguint64_array;
template <>
constexpr napi_typedarray_type kTypeOf<std::int32_t> = napi_int32_array;

template <typename T>
bool read(const Napi::Value& value, View<T>& view) {
  if (!value.IsTypedArray()) return false;
  napi_typedarray_type type{};
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &view.size, &data, nullptr, nullptr) != napi_ok) {
    return false;
  }
  view.data = static_cast<T*>(data);
  return type == kTypeOf<T>;
}

bool read(const Napi::Value& value, Scheduler& scheduler) {
  std::uint32_t number = 0;
  if (!value.IsNumber() || napi_get_value_uint32(value.Env(), value, &number) != napi_ok) return false;
  scheduler = static_cast<Scheduler>(number);
  return number <= static_cast<std::uint32_t>(Scheduler::mh);
}

bool read(const Napi::Value& value, u64& number) {
  std::uint64_t word = 0;
  bool lossless = false;
  if (!value.IsBigInt()) return false;
  if (napi_get_value_bigint_uint64(value.Env(), value, &word, &lossless) != napi_ok) return false;
  number = word;
  return lossless;
}

// A copy: another thread can write to arrays that are shared, and the algorithms read weights twice.
bool read(const Napi::Value& ids, const Napi::Value& weights, std::vector<ipvs_server>& servers) {
  View<u64> id;
  View<u32> weight;
  if (!read(ids, id) || !read(weights, weight)) return false;
  if (id.size != weight.size || id.size > IPVS_SERVERS_MAX) return false;
  servers.reserve(id.size);
  for (std::size_t i = 0; i < id.size; ++i) servers.push_back({id.data[i], weight.data[i], 0});
  return true;
}

// A byte for each number that a slot can hold, so that none leads outside.
using Unusable = std::array<unsigned char, IPVS_NONE + 1>;

bool read(const Napi::Value& value, std::size_t count, Unusable& unusable) {
  View<unsigned char> bytes;
  if (!read(value, bytes) || (bytes.size != 0 && bytes.size != count)) return false;
  unusable.fill(0);
  std::copy_n(bytes.data, bytes.size, unusable.begin());
  return true;
}

bool isPrime(std::size_t number) {
  for (std::size_t i = 2; i * i <= number; ++i) {
    if (number % i == 0) return false;
  }
  return number > 1;
}

// Of the tables of this scheduler. Only in a table of another size could filling it not end.
bool fits(Scheduler scheduler, std::size_t size) {
  const bool powerOfTwo = size != 0 && (size & (size - 1)) == 0;
  switch (scheduler) {
    case Scheduler::hrw:
      return size == 0;
    case Scheduler::msh:
      return powerOfTwo && size >= 1U << IPVS_MSH_BITS_MIN && size <= 1U << IPVS_MSH_BITS_MAX;
    case Scheduler::sh:
      return powerOfTwo && size >= 16 && size <= 1U << 20;
    case Scheduler::maglev:
    case Scheduler::mh:
      return size >= IPVS_MAGLEV_SIZE_MIN && size <= IPVS_MAGLEV_SIZE_MAX && isPrime(size);
  }
  return false;
}

int isUsable(void* context, u32 index) {
  return static_cast<const Unusable*>(context)->at(index) == 0 ? 1 : 0;
}

u32 rendezvous(const std::vector<ipvs_server>& servers, u32 client, Unusable& unusable) {
  return ipvs_hrw(servers.data(), static_cast<u32>(servers.size()), client, isUsable, &unusable);
}

Napi::Value refuse(const Napi::CallbackInfo& info, const char* usage) {
  Napi::TypeError::New(info.Env(), usage).ThrowAsJavaScriptException();
  return {};
}

Napi::Value ids(const Napi::CallbackInfo& info) {
  Scheduler scheduler{};
  u64 seed = 0;
  View<u32> keys;
  View<u64> out;
  if (!read(info[0], scheduler) || !read(info[1], seed) || !read(info[2], keys) || !read(info[3], out) ||
      keys.size / 6 != out.size || keys.size % 6 != 0) {
    return refuse(info, "expected ids(scheduler, seed, keys, ids)");
  }
  for (std::size_t i = 0; i < out.size; ++i) {
    const u32* words = keys.data + 6 * i;
    const ipvs_key key = {words[0], {words[1], words[2], words[3], words[4]}, words[5]};
    out.data[i] =
        scheduler == Scheduler::mh ? intree::mhId(intree::sumOf(key)) : ipvs_server_id(seed, &key);
  }
  return {};
}

Napi::Value fill(const Napi::CallbackInfo& info) {
  Scheduler scheduler{};
  std::vector<ipvs_server> servers;
  View<u16> out;
  if (!read(info[0], scheduler) || !read(info[1], info[2], servers) || !read(info[3], out) ||
      !fits(scheduler, out.size)) {
    return refuse(info, "expected fill(scheduler, ids, weights, slots)");
  }
  std::vector<u16> slots(out.size);  // ours alone, as long as it takes
  std::vector<ipvs_turn> turns(scheduler == Scheduler::maglev ? servers.size() : 0);
  const auto size = static_cast<u32>(out.size);
  const auto count = static_cast<u32>(servers.size());
  switch (scheduler) {
    case Scheduler::hrw:
      break;
    case Scheduler::msh:
      ipvs_msh_fill(slots.data(), size, servers.data(), count, nullptr, nullptr, 0);
      break;
    case Scheduler::maglev:
      ipvs_maglev_fill(slots.data(), size, servers.data(), count, turns.data());
      break;
    case Scheduler::sh:
      intree::shFill(slots.data(), size, servers.data(), count);
      break;
    case Scheduler::mh:
      intree::mhFill(slots.data(), size, servers.data(), count);
      break;
  }
  std::copy(slots.begin(), slots.end(), out.data);
  return {};
}

Napi::Value settle(const Napi::CallbackInfo& info) {
  Scheduler scheduler{};
  std::vector<ipvs_server> servers;
  Unusable unusable;
  View<u16> slots;
  View<u16> out;
  if (!read(info[0], scheduler) || !read(info[1], info[2], servers) ||
      !read(info[3], servers.size(), unusable) || !read(info[4], slots) || !read(info[5], out) ||
      (scheduler != Scheduler::msh && scheduler != Scheduler::sh) || !fits(scheduler, slots.size) ||
      out.size != slots.size) {
    return refuse(info, "expected settle(scheduler, ids, weights, unusable, slots, settled)");
  }
  const auto size = static_cast<u32>(slots.size);
  for (u32 slot = 0; slot < size; ++slot) {
    u32 server = slots.data[slot];
    if (scheduler == Scheduler::sh) {
      server = intree::shFallback(slots.data, size, slot, unusable.data());
    } else if (unusable[server] != 0) {
      server = rendezvous(servers, slot, unusable);
    }
    out.data[slot] = static_cast<u16>(server);
  }
  return {};
}

Napi::Value checksum(const Napi::CallbackInfo& info) {
  std::vector<ipvs_server> servers;
  View<u16> slots;
  View<u64> out;
  if (!read(info[0], info[1], servers) || !read(info[2], slots) || !read(info[3], out) || out.size != 1 ||
      slots.size > 1U << IPVS_MSH_BITS_MAX) {
    return refuse(info, "expected checksum(ids, weights, slots, sum)");
  }
  const auto count = static_cast<u32>(servers.size());
  std::vector<u16> owners(slots.data, slots.data + slots.size);
  for (u16& owner : owners) owner = owner < count ? owner : static_cast<u16>(IPVS_NONE);
  out.data[0] = ipvs_checksum(servers.data(), count, owners.data(), static_cast<u32>(owners.size()));
  return {};
}

struct Choice {
  Scheduler scheduler{};
  u64 seed = 0;
  std::vector<ipvs_server> servers;
  Unusable unusable;
  View<u16> slots;
  ipvs_msh msh;
  ipvs_clients clients;

  u32 of(const ipvs_key& key);
};

u32 Choice::of(const ipvs_key& key) {
  const auto size = static_cast<u32>(slots.size);
  u32 bits = 0;
  u32 client = 0;
  u32 owner = 0;
  switch (scheduler) {
    case Scheduler::hrw:
      return rendezvous(servers, ipvs_client_of(&clients, &key), unusable);
    case Scheduler::msh:
      while (1U << bits < size) ++bits;
      return slots.data[ipvs_msh_slot(&msh, &key, bits)];
    case Scheduler::maglev:
      client = ipvs_client_of(&clients, &key);
      owner = slots.data[ipvs_maglev_slot(client, size)];
      return unusable[owner] == 0 ? owner : rendezvous(servers, client, unusable);
    case Scheduler::sh:
      return slots.data[intree::shSlot(intree::sumOf(key), size)];
    case Scheduler::mh:
      return intree::mhFallback(slots.data, size, intree::sumOf(key), unusable.data());
  }
  return IPVS_NONE;
}

ipvs_key keyOf(const unsigned char* bytes, u32 width, u32 port) {
  ipvs_key key = {width == 4 ? 4U : 6U, {0, 0, 0, 0}, port};
  for (u32 i = 0; i < width; ++i) key.address[i / 4] = key.address[i / 4] << 8 | bytes[i];
  return key;
}

Napi::Value choose(const Napi::CallbackInfo& info) {
  Choice choice;
  View<unsigned char> clients;
  std::uint32_t width = 0;
  View<u16> ports;
  View<std::int32_t> out;
  const bool readable = read(info[0], choice.scheduler) && read(info[1], choice.seed) &&
                        read(info[2], info[3], choice.servers) &&
                        read(info[4], choice.servers.size(), choice.unusable) &&
                        read(info[5], choice.slots) && read(info[6], clients) && info[7].IsNumber() &&
                        napi_get_value_uint32(info.Env(), info[7], &width) == napi_ok &&
                        read(info[8], ports) && read(info[9], out);
  if (!readable || !fits(choice.scheduler, choice.slots.size) || (width != 4 && width != 16) ||
      clients.size % width != 0 || clients.size / width != out.size ||
      (ports.size != 0 && ports.size != out.size)) {
    return refuse(
        info,
        "expected choose(scheduler, seed, ids, weights, unusable, slots, clients, width, ports, choices)");
  }
  ipvs_msh_init(&choice.msh, choice.seed);
  ipvs_clients_init(&choice.clients, choice.seed);
  for (std::size_t i = 0; i < out.size; ++i) {
    const u32 port = ports.size == 0 ? 0 : ports.data[i];
    const u32 server = choice.of(keyOf(clients.data + i * width, width, port));
    out.data[i] = server < choice.servers.size() ? static_cast<std::int32_t>(server) : -1;
  }
  return {};
}

}  // namespace

Napi::Object makeHashing(Napi::Env env) {
  Napi::Object hashing = Napi::Object::New(env);
  hashing.Set("ids", Napi::Function::New<ids>(env, "ids"));
  hashing.Set("fill", Napi::Function::New<fill>(env, "fill"));
  hashing.Set("settle", Napi::Function::New<settle>(env, "settle"));
  hashing.Set("checksum", Napi::Function::New<checksum>(env, "checksum"));
  hashing.Set("choose", Napi::Function::New<choose>(env, "choose"));
  return hashing;
}

}  // namespace addon
