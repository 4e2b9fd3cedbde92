// `webpool models add` of what is neither in the catalogue nor on the disk.
#pragma once

#include <string>
#include <vector>

#include "cli/app.h"
#include "pool/model_source.h"

namespace CLI {
class App;
}

namespace webpool::cli {

struct RemoteFlags {
  std::vector<std::string> files;  ///< patterns, of a hub's repository
  std::string sha256;
  bool insecureHttp = false;
  SourceFlags sources;  ///< of a CID, and of a catalogue model

  void addTo(CLI::App& command);
};

/// hf:…, https://…, http://…, ipfs:…
bool isRemote(const std::string& model);

/// InvalidArgument for flags that are for other kinds of sources.
Result<void> checkRemoteFlags(const std::string& model, const RemoteFlags& flags,
                              const store::Catalogue& catalogue);

/// Files of catalogue models are asked for there before their packages are.
Result<void> useContentSources(const Context& context, const SourceFlags& flags,
                               pool::ModelSource& source);

/// Blocks as long as the download takes.
Result<pool::ResolvedModel> addRemote(const Context& context, const std::string& model,
                                      const std::string& name, const RemoteFlags& flags,
                                      const ModelOptions& options, pool::ModelSource& source);

}  // namespace webpool::cli
