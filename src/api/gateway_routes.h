// The IPFS gateway and the server of HTTP routing v1 over the store, behind a front.
#pragma once

#include "api/front.h"
#include "api/gateway/routing.h"
#include "api/ipfs_handler.h"
#include "store/content_store.h"

namespace webpool::api {

/// Where pages of every origin may read, where strangers may: for ServerOptions::openPrefixes.
std::vector<std::string> gatewayPrefixes();

/// Adds /ipfs/ and /routing/v1/. `store` must outlive the front. `open`: no token is asked for.
/// `trouble`: as StoreSource::Trouble.
void addGateway(Front& front, const store::ContentStore& store, gateway::Provider self, bool open,
                StoreSource::Trouble trouble = {});

}  // namespace webpool::api
