#include "cli/models_add_remote.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/random.h"
#include "cli/content_sources.h"
#include "sources/catalogue_fetch.h"
#include "sources/hub.h"
#include "sources/ipfs.h"
#include "sources/web.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool isWebAddress(std::string_view model) {
  return model.starts_with("https://") || model.starts_with("http://");
}

store::JobOptions jobOptions(const ModelOptions& options) {
  return {.progress =
              [show = options.progress](const store::Progress& progress) {
                show({std::string(store::phaseName(progress.phase)), progress.item, progress.done,
                      progress.total});
              },
          .stop = options.stop};
}

Result<pool::ResolvedModel> addFromHub(const Context& context, const std::string& model,
                                       std::string name, const RemoteFlags& flags,
                                       const ModelOptions& options, pool::ModelSource& source) {
  auto from = sources::parseHubName(model);
  if (!from) return std::unexpected(from.error());
  const sources::HubOptions hub{.endpoint = environment("HF_ENDPOINT"),
                                .token = environment("HF_TOKEN"),
                                .dtype = options.dtype,
                                .patterns = flags.files,
                                .downloads = context.paths.data / "downloads"};
  if (hub.endpoint.empty()) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is in a hub, and HF_ENDPOINT does not say which", model),
                "set HF_ENDPOINT to the address of a hub in the Hugging Face layout, and HF_TOKEN "
                "where it asks for one");
  }
  if (name.empty()) name = from->repository.substr(from->repository.rfind('/') + 1);
  if (source.catalogue().find(name) != nullptr) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("'{}' is the name of a catalogue model", name),
                "keep it under another name with --name NAME");
  }
  // A name that is taken keeps its model until the new one is known to be of use.
  const auto staged = "new-" + base::randomHex(base::systemRandom(), 8);
  auto added = sources::addFromHub(source.repository(), *context.http, *from, staged, hub,
                                   jobOptions(options));
  if (!added) return std::unexpected(added.error());
  auto described = source.findHere(staged, added->dtype, "");
  const bool unusable = !described && described.error().category == ErrorCategory::InvalidModel;
  if (!unusable) {
    const auto& root = added->model.roots.front();
    auto kept = source.repository().add(name, root.root, root.variant, root.origin);
    described = kept ? source.findHere(name, added->dtype, "")
                     : Result<pool::ResolvedModel>(std::unexpected(kept.error()));
  }
  if (auto removed = source.repository().remove(staged); !removed && described) {
    return std::unexpected(removed.error());
  }
  return described;
}

Result<pool::ResolvedModel> addFromWeb(const Context& context, const std::string& model,
                                       const std::string& name, const RemoteFlags& flags,
                                       const ModelOptions& options, pool::ModelSource& source) {
  auto fetched = sources::fetchFromWeb(*context.http, model,
                                       {.sha256 = flags.sha256,
                                        .insecureHttp = flags.insecureHttp,
                                        .downloads = context.paths.data / "downloads"},
                                       jobOptions(options));
  if (!fetched) return std::unexpected(fetched.error());
  auto added = source.add(fetched->path.native(), name, options);
  std::move(fetched->folder).remove();
  if (!added) return added;
  const auto root = cid::Cid::parse(added->description.cid);
  if (!root) return std::unexpected(root.error());
  auto kept = source.repository().add(added->description.name, *root, "", fetched->origin);
  if (!kept) return std::unexpected(kept.error());
  return added;
}

}  // namespace

void RemoteFlags::addTo(CLI::App& command) {
  command
      .add_option("--files", files,
                  "Of a hub: only files that match, e.g. 'onnx/model_q4*' (default: what the "
                  "dtype needs)")
      ->allow_extra_args(false);
  command.add_option("--sha256", sha256, "Of a web address: what the file must hash to");
  sources.addTo(command);
  command.add_flag("--insecure-http", insecureHttp,
                   "Of a web address: http:// to other machines too");
}

bool isRemote(const std::string& model) {
  return model.starts_with("hf:") || isWebAddress(model) || model.starts_with("ipfs:");
}

Result<void> checkRemoteFlags(const std::string& model, const RemoteFlags& flags,
                              const store::Catalogue& catalogue) {
  if (!flags.files.empty() && !model.starts_with("hf:")) {
    return fail(ErrorCategory::InvalidArgument, "--files is for models of a hub",
                "give hf:ORGANISATION/NAME, or leave --files out");
  }
  if ((!flags.sha256.empty() || flags.insecureHttp) && !isWebAddress(model)) {
    return fail(ErrorCategory::InvalidArgument,
                "--sha256 and --insecure-http are for web addresses",
                "give https://HOST/PATH/MODEL.onnx, or leave them out");
  }
  const auto& from = flags.sources;
  const bool given = !from.gateways.empty() || !from.peers.empty() || !from.routers.empty();
  if (given && !model.starts_with("ipfs:") && catalogue.find(model) == nullptr) {
    return fail(ErrorCategory::InvalidArgument,
                "--gateway, --peer and --router are for models by their CID",
                "give ipfs://CID or a name of the catalogue, or leave them out");
  }
  return {};
}

Result<void> useContentSources(const Context& context, const SourceFlags& flags,
                               pool::ModelSource& source) {
  auto settings = contentSettings(context, flags);
  if (!settings) return std::unexpected(settings.error());
  const sources::ContentFetchOptions options{.settings = std::move(*settings),
                                             .data = context.paths.data};
  auto& store = source.repository().store();
  const auto report = [&context](const auto& from) { reportSources(context, from); };
  auto files = sources::catalogueFetcher(store, *context.http, options, report);
  if (!files) return std::unexpected(files.error());
  auto trees = sources::treeFetcher(store, *context.http, options, report);
  if (!trees) return std::unexpected(trees.error());
  source.useFetchers(std::move(*files), std::move(*trees));
  return {};
}

Result<pool::ResolvedModel> addRemote(const Context& context, const std::string& model,
                                      const std::string& name, const RemoteFlags& flags,
                                      const ModelOptions& options, pool::ModelSource& source) {
  if (model.starts_with("hf:")) return addFromHub(context, model, name, flags, options, source);
  if (isWebAddress(model)) return addFromWeb(context, model, name, flags, options, source);
  const auto root = sources::parseIpfsAddress(model);
  if (!root) return std::unexpected(root.error());
  return source.addByCid(*root, name, options);
}

}  // namespace webpool::cli
