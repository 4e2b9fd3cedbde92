// All that `webpool serve` answers programs with, together.
#pragma once

#include <string_view>

#include "api/front.h"

namespace webpool::api {

/// For net::ServerOptions: what no handler answers, in the form of the protocol that the path is
/// of.
net::Response refusal(int status, std::string_view path, std::string_view reason);

/// The routes of every protocol, /metrics and /openapi.json. Both must outlive the requests.
void addProtocols(Front& front, ServedModels& models);

}  // namespace webpool::api
