#include "settings/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace webpool::settings {
namespace {

constexpr std::string_view kBrowsers = "serve run chat";
constexpr std::string_view kSourced = "content models serve run chat demo";

constexpr std::array kTable{
    Setting{"data_dir", Type::Text, "", "Folder of the models", "", 0, 0},
    Setting{"cache_dir", Type::Text, "", "Folder of the browser profiles", "", 0, 0},
    Setting{"gateway", Type::List, "", "IPFS gateways to fetch content from", kSourced, 0, 0},
    Setting{"peer", Type::List, "", "Other webpool nodes to fetch it from", kSourced, 0, 0},
    Setting{"router", Type::List, "", "HTTP routing servers that know who has it", kSourced, 0, 0},
    Setting{"kubo", Type::Text, "http://127.0.0.1:8080", "Kubo of this machine, or off", kSourced,
            0, 0},
    Setting{"browser", Type::List, "auto", "Browsers to launch, best first", kBrowsers, 0, 0},
    Setting{"browser_path", Type::List, "", "Executables: NAME=PATH", kBrowsers, 0, 0},
    Setting{"visible", Type::Switch, "false", "Show the browser's window", "run chat", 0, 0},
    Setting{"ephemeral", Type::Switch, "false", "Delete the browser's profile afterwards",
            kBrowsers, 0, 0},
    Setting{"threads", Type::Integer, "", "WASM threads per model", "run chat", 0, 64},
    Setting{"url", Type::Text, "", "A running webpool serve that does the work", "run chat", 0, 0},
    Setting{"api_token_file", Type::Text, "", "File with the token of the serving API",
            "serve run chat", 0, 0},
    Setting{"db_path", Type::Text, "", "DuckDB file that keeps a record of every run",
            "serve run chat demo stats", 0, 0, "BENCHMARK_DB_PATH"},
    Setting{"backend", Type::Text, "auto", "auto, wasm, webgpu or webnn", "run chat", 0, 0},
    Setting{"timeout", Type::Number, "600", "Seconds for a load and for each run", "run", 0.001,
            1e6},
    Setting{"max_tokens", Type::Integer, "512", "Tokens of an answer at most", "run chat", 1, 1e6},
    Setting{"max_connections", Type::Integer, "0", "Browser processes at most; 0: one of each",
            "serve", 0, 1000},
    Setting{"min_connections", Type::Integer, "1", "Browser processes that are always there",
            "serve", 0, 1000},
    Setting{"warm_spares", Type::Integer, "0", "Browsers that each model is loaded in beside one",
            "serve", 0, 1000},
    Setting{"memory_budget", Type::Size, "", "Memory that all browsers may take", "serve", 0, 0},
    Setting{"browser_memory_budget", Type::Size, "", "Memory that each browser may take", "serve",
            0, 0},
    Setting{"adaptive_scaling", Type::Switch, "true",
            "Give busy models further browsers, up to max_connections", "serve", 0, 0},
    Setting{"scale_up_threshold", Type::Number, "0.7", "Busy share that adds a browser", "serve", 0,
            1},
    Setting{"scale_down_threshold", Type::Number, "0.3", "Busy share that ends one", "serve", 0, 1},
    Setting{"scaling_cooldown", Type::Number, "30", "Seconds between two such changes", "serve", 0,
            86400},
    Setting{"max_batch", Type::Integer, "16", "Texts, or rows, in one run at most", "serve", 1,
            4096},
    Setting{"max_batch_tokens", Type::Integer, "4096", "Tokens in one run at most", "serve", 1,
            1e6},
    Setting{"max_queue_delay", Type::Number, "0",
            "Milliseconds that a free browser waits for a batch", "serve", 0, 10000},
    Setting{"queue_capacity", Type::Integer, "4096", "Calls of a model that may wait", "serve", 1,
            1e6},
    Setting{"answer_cache", Type::Size, "", "Memory for answers of each model, to equal calls",
            "serve", 0, 0},
    Setting{"peer_sharing", Type::Text, "auto",
            "Browsers give each other model files: auto, on, off", "serve", 0, 0},
    Setting{"no_browser", Type::Switch, "false", "Start no browser here", "serve", 0, 0},
    Setting{"model", Type::List, "", "Models to load", "serve", 0, 0},
    Setting{"join", Type::Switch, "false", "Let other devices join by a link", "serve", 0, 0},
    Setting{"host", Type::Text, "", "IP address to listen on", "serve", 0, 0},
    Setting{"port", Type::Integer, "0", "TCP port; 0: any free one", "serve", 0, 65535},
    Setting{"name", Type::Text, "", "Name of this machine in the link", "serve", 0, 0},
    Setting{"tls_cert", Type::Text, "", "Certificate with its chain (PEM)", "serve", 0, 0},
    Setting{"tls_key", Type::Text, "", "Its key (PEM)", "serve", 0, 0},
    Setting{"no_tls", Type::Switch, "false", "Plain HTTP for the devices that join", "serve", 0, 0},
    Setting{"link_ttl", Type::Duration, "24h", "How long the link lets devices in", "serve", 0, 0},
    Setting{"no_api", Type::Switch, "false", "Let no programs call", "serve", 0, 0},
    Setting{"api_host", Type::Text, "127.0.0.1", "IP address that programs call", "serve", 0, 0},
    Setting{"api_port", Type::Integer, "", "Its TCP port; 0: any; without: 8080, or any free one",
            "serve", 0, 65535},
    Setting{"api_token", Type::Text, "", "Token that programs send", "serve", 0, 0, "", true},
    Setting{"api_max_connections", Type::Integer, "", "Connections of programs at most", "serve", 1,
            1e6},
    Setting{"api_max_body", Type::Size, "64MiB", "Bytes of a request's body at most", "serve", 0,
            0},
    Setting{"api_head_timeout", Type::Number, "10", "Seconds for a request's head to come", "serve",
            0.1, 86400},
    Setting{"api_body_timeout", Type::Number, "30",
            "The same for its body, and 1 s for each 64 KiB", "serve", 0.1, 86400},
    Setting{"api_idle_timeout", Type::Number, "60",
            "Seconds that a connection may wait, or not read", "serve", 0.1, 86400},
    Setting{"shutdown_grace", Type::Number, "10", "Seconds for requests under way at the end",
            "serve", 0, 86400},
    Setting{"no_gateway", Type::Switch, "false", "Give out nothing of the store", "serve", 0, 0},
    Setting{"public_gateway", Type::Switch, "false",
            "Let everybody read what the store holds, by its CID", "serve", 0, 0},
    Setting{"scrub_rate", Type::Size, "8MB", "Bytes a second of the store that are hashed again",
            "serve", 0, 0},
    Setting{"no_scrub", Type::Switch, "false", "Don't look for what rots in the store", "serve", 0,
            0},
    Setting{"webdriver", Type::List, "", "WebDrivers that open the link: [NAME=]URL", "serve", 0,
            0},
};

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string Setting::flag() const {
  std::string text = "--" + std::string(name);
  std::ranges::replace(text, '_', '-');
  return text;
}

std::string Setting::variable() const {
  std::string text = "WEBPOOL_" + std::string(name);
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

bool Setting::isFor(std::string_view command) const {
  const auto padded = fmt::format(" {} ", commands);
  return commands.empty() || padded.find(fmt::format(" {} ", command)) != std::string::npos;
}

std::span<const Setting> table() {
  return kTable;
}

const Setting* find(std::string_view name) {
  const auto found = std::ranges::find(kTable, name, &Setting::name);
  return found == kTable.end() ? nullptr : &*found;
}

std::string_view nearest(std::string_view name) {
  if (name.size() > 64) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& setting : kTable) {
    const auto changes = distance(name, setting.name);
    if (changes >= least) continue;
    least = changes;
    best = setting.name;
  }
  return best;
}

std::string expected(const Setting& setting) {
  switch (setting.type) {
    case Type::Text:
      return "a text";
    case Type::List:
      return "a list of texts";
    case Type::Switch:
      return "true or false";
    case Type::Integer:
      return fmt::format("a whole number from {:.0f} to {:.0f}", setting.least, setting.most);
    case Type::Number:
      return fmt::format("a number from {} to {:.0f}", setting.least, setting.most);
    case Type::Size:
      return "an amount of memory such as \"4GB\"";
    case Type::Duration:
      return "a time such as \"90m\" or \"24h\"";
  }
  return {};
}

}  // namespace webpool::settings
