// One WebSocket: a session::Channel over Beast. Inside src/net only.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>

#include "net/server_state.h"
#include "net/stream.h"

namespace webpool::net {

using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// Takes the connection over and answers the upgrade, which has passed the origin policy; returns
/// at once.
void serveWebSocket(std::shared_ptr<Server::State> server, PlainStream stream,
                    UpgradeRequest request, ChannelFactory factory, RequestInfo info);
void serveWebSocket(std::shared_ptr<Server::State> server, TlsStream stream, UpgradeRequest request,
                    ChannelFactory factory, RequestInfo info);

}  // namespace webpool::net
