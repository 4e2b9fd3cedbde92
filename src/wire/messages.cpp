#include "wire/messages.h"

#include <array>
#include <concepts>
#include <utility>

#include "wire/field_reader.h"
#include "wire/field_writer.h"
#include "wire/fields.h"
#include "wire/frame.h"

namespace webpool::wire {
namespace {

namespace json = boost::json;

// In the order of the variants' alternatives.
constexpr std::array<std::string_view, std::variant_size_v<PageMessage>> kPageTypes{
    "hello", "progress", "loaded",  "result", "unloaded", "stats",   "checked",
    "echo",  "pong",     "drained", "error",  "log",      "partial", "signal"};
constexpr std::array<std::string_view, std::variant_size_v<PoolMessage>> kPoolTypes{
    "welcome", "load", "run",   "cancel", "unload", "stats", "check",
    "echo",    "ping", "drain", "close",  "peers",  "signal"};

template <class Message>
Result<std::vector<Bytes>> encode(const Message& message, std::string_view type,
                                  std::span<const RequestId> received, const Limits& limits) {
  std::optional<Error> error;
  FieldWriter writer(error);
  std::visit([&](const auto& body) { describe(writer, body); }, message);
  if (error) {
    error->message = std::string(type) + ": " + error->message;
    return std::unexpected(std::move(*error));
  }
  const auto inputs = writer.tensorsOf(0);
  const auto outputs = writer.tensorsOf(1);
  auto header = writer.take();
  header["type"] = type;
  if (!received.empty()) header["received"] = json::array(received.begin(), received.end());
  return encodeFrame(std::move(header), inputs, outputs, limits);
}

/// Reads the alternative whose type is at `index`.
template <class Message, std::size_t... I>
Message readAlternative(std::size_t index, FieldReader& reader, std::index_sequence<I...>) {
  Message message;
  ((index == I ? describe(reader, message.template emplace<I>()) : void()), ...);
  return message;
}

template <class Message>
struct Decoded {
  Message message;
  json::object header;
};

template <class Message, std::size_t N>
Result<std::optional<Decoded<Message>>> decode(const Bytes& bytes,
                                               const std::array<std::string_view, N>& types,
                                               const Limits& limits) {
  auto frame = decodeFrame(bytes, limits);
  if (!frame) return std::unexpected(std::move(frame.error()));
  const auto* type = frame->header.if_contains("type");
  if (!type || !type->is_string()) {
    return std::unexpected(fault("bad_message", "type: a string is missing"));
  }
  const std::string_view name = type->get_string();
  std::size_t index = 0;
  while (index < N && types[index] != name) ++index;
  if (index == N) return std::nullopt;

  std::optional<Error> error;
  FieldReader reader(frame->header, std::string(name), error, &*frame);
  auto message = readAlternative<Message>(index, reader, std::make_index_sequence<N>());
  if (error) return std::unexpected(std::move(*error));
  // What a message takes, it has taken out of the frame.
  if (!frame->inputs.empty() || !frame->outputs.empty()) {
    return std::unexpected(fault("bad_message", std::string(name) + ": tensors where none belong"));
  }
  return Decoded<Message>{std::move(message), std::move(frame->header)};
}

}  // namespace

std::string_view messageType(const PageMessage& message) noexcept {
  return kPageTypes[message.index()];
}

std::string_view messageType(const PoolMessage& message) noexcept {
  return kPoolTypes[message.index()];
}

Result<std::vector<Bytes>> encodeMessage(const PoolMessage& message,
                                         std::span<const RequestId> received,
                                         const Limits& limits) {
  return encode(message, messageType(message), received, limits);
}

Result<std::vector<Bytes>> encodeMessage(const PageMessage& message, const Limits& limits) {
  return encode(message, messageType(message), {}, limits);
}

Result<std::optional<PageMessage>> decodePageMessage(const Bytes& frame, const Limits& limits) {
  auto decoded = decode<PageMessage>(frame, kPageTypes, limits);
  if (!decoded) return std::unexpected(std::move(decoded.error()));
  if (!*decoded) return std::nullopt;
  return std::move((*decoded)->message);
}

Result<std::optional<PoolFrame>> decodePoolMessage(const Bytes& frame, const Limits& limits) {
  auto decoded = decode<PoolMessage>(frame, kPoolTypes, limits);
  if (!decoded) return std::unexpected(std::move(decoded.error()));
  if (!*decoded) return std::nullopt;
  PoolFrame result{std::move((*decoded)->message), {}};
  const auto& header = (*decoded)->header;
  if (header.contains("received")) {
    std::optional<Error> error;
    FieldReader reader(header, std::string(messageType(result.message)), error);
    reader.ids("received", result.received);
    if (error) return std::unexpected(std::move(*error));
  }
  return result;
}

}  // namespace webpool::wire
