// Which servers content is asked for: a local Kubo, other webpool nodes, gateways, and those that a
// router (HTTP routing v1) names. None is trusted: every block is checked.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_client.h"
#include "cid/cid.h"

namespace webpool::sources {

/// As a person says it (docs/settings.md).
struct ContentSettings {
  std::vector<std::string> gateways = {};      ///< https://HOST; http:// of this machine only
  std::vector<std::string> nodes = {};         ///< other webpool nodes: http:// too
  std::vector<std::string> routers = {};       ///< https://HOST; http:// of this machine only
  std::string kubo = std::string(kUsualKubo);  ///< of this machine; empty or "off": none

  /// Where nobody has it, the Kubo is asked to look for it.
  bool kuboLooksElsewhere = true;

  static constexpr std::string_view kUsualKubo = "http://127.0.0.1:8080";
};

struct ContentServer {
  std::string name;    ///< "kubo" of a Kubo on this machine, else its address
  std::string origin;  ///< "https://HOST", perhaps with a path, no '/' at the end
  /// It is asked for what it has, and not to look for it elsewhere.
  bool onlyIfCached = false;
  unsigned rank = 0;  ///< as fetch::Source::rank
};

/// Without '/' at the ends. InvalidArgument names an address that is none, that has a query, or
/// that is not encrypted and should be.
Result<ContentSettings> checkedSettings(ContentSettings settings);

/// Those that the settings name, but for the Kubo.
std::vector<ContentServer> namedServers(const ContentSettings& settings);

/// What the gateway of this machine is asked: first for what it has; and where nobody else has it,
/// to look for it. `name`: "kubo", or its address.
std::vector<ContentServer> localServers(const std::string& origin, const std::string& name);

enum class LocalGateway {
  None,   ///< no gateway answers
  Other,  ///< one does, and does not say that it is a Kubo
  Kubo,
};
/// What answers at the place where a Kubo of this machine is. A gateway answers GET /ipfs/bafkqaaa,
/// the empty block in its own CID; a Kubo says its name in GET /version. Blocks, two seconds each
/// at most.
LocalGateway probeLocalGateway(base::HttpClient& http, const std::string& origin,
                               const std::stop_token& stop);

/// "https://HOST:PORT" of an address such as "/dns4/HOST/tcp/443/https"; empty for what is no HTTP.
std::string originOfMultiaddr(std::string_view address);

struct RoutedServers {
  std::vector<ContentServer> servers;
  std::vector<std::string> passedOver;  ///< addresses of gateways that are not encrypted, a few
};

enum class RouterPlace : std::uint8_t { Elsewhere, ThisMachine };

/// The gateways that an answer of HTTP routing v1 names, each once, at most `most`. What is not
/// encrypted is passed over, except for gateways of this machine that a router of this machine
/// names: one elsewhere has no say over what is asked of the programs here. What is no gateway is
/// left out. Fetch for what is no such answer.
Result<RoutedServers> serversInAnswer(std::string_view json, RouterPlace place,
                                      std::size_t most = 8);

/// Asks a router who has it. Blocks, ten seconds at most; Fetch, Timeout and the like.
Result<RoutedServers> askRouter(base::HttpClient& http, const std::string& router,
                                const cid::Cid& cid, std::stop_token stop);

}  // namespace webpool::sources
