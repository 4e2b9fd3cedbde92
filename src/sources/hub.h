// Models out of a hub in the Hugging Face layout.
#pragma once

#include <string>
#include <vector>

#include "base/http_client.h"
#include "sources/hub_listing.h"
#include "store/model_repository.h"

namespace webpool::sources {

struct HubOptions {
  std::string endpoint;  ///< HF_ENDPOINT
  std::string token;     ///< HF_TOKEN; sent to the endpoint's own origin only, never shown
  std::string dtype;
  std::vector<std::string> patterns;
  std::filesystem::path downloads;  ///< where what has come lies until the model is whole
};

struct HubModel {
  store::Model model;
  std::string dtype;  ///< empty where patterns chose
};

/// Resolves the revision to a commit, lists it, fetches what the store does not hold, checks each
/// file against the hash in the listing and keeps them under `name`, all or nothing. Blocks, as
/// long as the download takes. InvalidArgument for an endpoint that is none or would get the token
/// unencrypted; Unauthorized, NotFound, Fetch, Timeout, Integrity, NoSpace, Cancelled (what came is
/// gone on with the next time).
Result<HubModel> addFromHub(store::ModelRepository& repository, base::HttpClient& http,
                            const HubName& from, const std::string& name, const HubOptions& options,
                            const store::JobOptions& job);

/// "hub https://…, org/name at commit …" for a person, of what a pin's origin says; empty for none.
std::string originText(std::string_view origin);

}  // namespace webpool::sources
