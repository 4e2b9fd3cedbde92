#include "cli/serve_output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <cstdlib>
#include <ctime>

#include "cli/qr_code.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

std::string clockText(std::chrono::system_clock::time_point time, const char* format) {
  const auto moment = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  ::localtime_r(&moment, &local);
  return fmt::format(fmt::runtime(format), local);
}

bool isUtf8Terminal() {
  if (::isatty(STDOUT_FILENO) == 0) return false;
  for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    return text.find("UTF-8") != std::string_view::npos ||
           text.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string abilities(const BrowserCapabilities& found) {
  return fmt::format("{} {}, {} cores, {}", found.browser, found.version, found.cores,
                     found.webgpu ? "WebGPU" : "no WebGPU");
}

void addAbilities(json::object& fields, const BrowserCapabilities& found) {
  fields["browser"] = found.browser;
  fields["version"] = found.version;
  fields["user_agent"] = found.userAgent;
  fields["cores"] = found.cores;
  fields["webgpu"] = found.webgpu.has_value();
  fields["cross_origin_isolated"] = found.crossOriginIsolated;
  fields["keeps_models"] = found.opfs;
}

std::string place(const RanOn& ranOn) {
  return fmt::format("{}{} of {}", ranOn.label,
                     ranOn.adapter ? " (" + ranOn.adapter->label() + ")" : "", ranOn.connection);
}

/// The words of an event in JSON, and for a person behind the device's name.
struct Words {
  std::string_view event;
  std::string text;
};

Words wordsOf(const JoinEvent& event) {
  switch (event.kind) {
    case JoinEvent::Kind::Joined:
      return {"joined", fmt::format("joined: {}, from {}", abilities(event.device.capabilities),
                                    event.device.peer)};
    case JoinEvent::Kind::Paused:
      return {"paused", "pauses"};
    case JoinEvent::Kind::Resumed:
      return {"resumed", "goes on"};
    case JoinEvent::Kind::Serves:
      return {"serves",
              fmt::format("serves {} on {}", event.model, event.ranOn ? event.ranOn->label : "?")};
    case JoinEvent::Kind::Refused:
      return {"refused", fmt::format("can't serve {}: {}", event.model, event.why)};
    case JoinEvent::Kind::Left:
      return {"left", "left: " + event.why};
    case JoinEvent::Kind::LinkExpired:
      break;
  }
  return {"link_expired", "the link has expired; who has joined stays. Start again for a new one"};
}

std::string leftOutAsJson(std::size_t lines) {
  return fmt::format(R"({{"event":"left_out","lines":{}}})", lines) + '\n';
}

std::string leftOutInWords(std::size_t lines) {
  return fmt::format("({} lines left out: nobody read them)\n", lines);
}

}  // namespace

ServeOutput::ServeOutput(bool asJson) : json_(asJson), writer_(STDOUT_FILENO) {}

void ServeOutput::put(const std::string& text) {
  writer_.write(text, json_ ? leftOutAsJson : leftOutInWords);
}

void ServeOutput::event(std::string_view event, json::object fields) {
  if (json_) line(event, std::move(fields), {});
}

void ServeOutput::text(const std::string& text) {
  if (!json_) put(text);
}

void ServeOutput::line(std::string_view event, json::object fields, const std::string& text) {
  if (json_) {
    json::object line{{"event", event}};
    for (auto& field : fields) line[field.key()] = std::move(field.value());
    return put(json::serialize(line) + '\n');
  }
  put(fmt::format("{}  {}\n", clockText(std::chrono::system_clock::now(), "{:%H:%M:%S}"), text));
}

void ServeOutput::api(const std::string& origin, const std::vector<NamedTask>& models,
                      std::string_view token) {
  if (json_) {
    json::array list;
    for (const auto& [model, task] : models) {
      list.push_back(json::object{{"model", model}, {"task", task}});
    }
    return line("api", {{"url", origin}, {"models", std::move(list)}}, "");
  }
  put(greeting(origin, models, token));
}

void ServeOutput::device(const JoinEvent& event) {
  const auto words = wordsOf(event);
  if (event.kind == JoinEvent::Kind::LinkExpired) return line(words.event, {}, words.text);
  json::object fields{{"device", event.device.label}, {"trust", trustName(Trust::Joined)}};
  if (event.kind == JoinEvent::Kind::Joined) {
    fields["peer"] = event.device.peer;
    addAbilities(fields, event.device.capabilities);
  }
  if (!event.model.empty()) fields["model"] = event.model;
  if (event.ranOn) fields["backend"] = event.ranOn->label;
  if (!event.why.empty()) fields["why"] = event.why;
  line(words.event, std::move(fields), event.device.label + ' ' + words.text);
}

void ServeOutput::localBrowser(const BrowserCapabilities& found) {
  json::object fields;
  addAbilities(fields, found);
  fields["trust"] = trustName(Trust::Launched);
  line("local", std::move(fields), "this machine's browser is ready: " + abilities(found));
}

void ServeOutput::found(const std::vector<browsers::Browser>& found,
                        const std::vector<std::string>& launched) {
  json::array list;
  std::vector<std::string> words;
  bool more = false;
  for (const auto& [engine, name, path, version] : found) {
    list.push_back(json::object{{"browser", name}, {"version", version}, {"path", path.native()}});
    words.push_back(fmt::format("{} {}", name, version));
    more = more || std::ranges::find(launched, name) == launched.end();
  }
  line("found", {{"found", std::move(list)}, {"launched", json::value_from(launched)}},
       fmt::format("found: {}\n          launched: {}{}", fmt::join(words, ", "),
                   fmt::join(launched, ", "),
                   more ? "; the others once a model is busy, or can't run there" : ""));
}

void ServeOutput::stateChange(const std::string& connection, const StateChange& change) {
  // An orderly end is "recycling" and then "dead", a crash may be "dead" at once.
  const bool went =
      (change.to == "recycling" || change.to == "dead") && away_.insert(connection).second;
  const bool came = (change.to == "gated" || change.to == "ready") && away_.erase(connection) > 0;
  if (!json_ && !went && !came) return;
  const auto why = change.detail.substr(0, change.detail.find('\n'));
  line("state",
       {{"connection", connection},
        {"from", change.from},
        {"to", change.to},
        {"reason", change.reason},
        {"detail", change.detail}},
       came ? connection + " is back"
            : fmt::format("{} ends ({}{}{})", connection, change.reason, why.empty() ? "" : ": ",
                          why));
}

void ServeOutput::scaled(const ScalingEvent& event) {
  line("scaled",
       {{"model", event.model},
        {"action", event.action},
        {"workers", event.workers},
        {"foreseen", event.foreseen},
        {"reason", event.reason}},
       fmt::format("{} is to have {} worker{}: {}", event.model, event.workers,
                   event.workers == 1 ? "" : "s", event.reason));
}

void ServeOutput::model(const ModelInfo& info) {
  line("model",
       {{"model", info.name},
        {"dtype", info.dtype},
        {"cid", info.cid},
        {"connection", info.ranOn.connection},
        {"trust", trustName(info.ranOn.trust)},
        {"backend", info.ranOn.label}},
       fmt::format("{} {} is ready on {}", info.name, info.dtype, place(info.ranOn)));
}

void ServeOutput::invitation(const Invitation& invitation, const JoinOptions& options) {
  const auto expires = std::chrono::system_clock::now() + options.linkTtl;
  if (json_) {
    line("listening",
         {{"link", invitation.link},
          {"fingerprint", invitation.fingerprint},
          {"link_expires_unix", std::chrono::system_clock::to_time_t(expires)}},
         "");
    return;
  }
  std::string text = fmt::format(
      "Open this link in a browser on any machine or phone that can reach this one:\n\n  {}\n\n",
      invitation.link);
  if (isUtf8Terminal()) {
    text += qrCodeText(invitation.link, std::getenv("NO_COLOR") == nullptr) + '\n';
  }
  text += fmt::format(
      "Whoever has it may let a device compute for you, until {}.\n"
      "Its person sees what will run and what it costs, agrees, and can pause and stop.\n",
      clockText(expires, "{:%Y-%m-%d %H:%M}"));
  if (!options.tls) {
    text +=
        "\nWithout TLS the key travels in the clear, and browsers switch off WebGPU,\n"
        "threads and the cache of models, except on this machine itself.\n";
  } else if (options.certificate.empty()) {
    const std::string_view fingerprint = invitation.fingerprint;
    text += fmt::format(
        "\nThe browser warns about the certificate: this machine made it for itself. Go on\n"
        "only where the warning's details show this SHA-256 fingerprint:\n\n  {}\n  {}\n",
        fingerprint.substr(0, 48), fingerprint.substr(48));
  } else {
    text +=
        fmt::format("\nThe certificate's SHA-256 fingerprint:\n\n  {}\n", invitation.fingerprint);
  }
  put(text + "\nCtrl-C ends it for everybody.\n\n");
}

}  // namespace webpool::cli
