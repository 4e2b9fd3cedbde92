#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <span>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_task.h"
#include "webpool/file_type.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

class FileTypesTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "files", "files"); !none) return none;
    if (auto none = refuseOutputs(flags, description, "labels"); !none) return none;
    auto files = readFiles(flags, "file", "any");
    if (!files) return std::unexpected(files.error());
    files_ = std::move(*files);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    std::vector<std::span<const std::byte>> contents;
    for (const auto& file : files_) contents.push_back(std::as_bytes(std::span(file.bytes)));
    auto types = detectFileTypes(model, contents, options);
    for (unsigned i = 1; types && i < flags.repeat; ++i) {
      types = detectFileTypes(model, contents, options);
    }
    if (!types) return reportError(types.error());
    // Nothing ran for files of a few bytes.
    const auto ranOn = types->runs > 0 ? types->ranOn : model.info().ranOn;
    const auto timings = types->runs > 0 ? std::optional(types->timings) : std::nullopt;
    if (flags.json) {
      json::array list;
      for (std::size_t i = 0; i < files_.size(); ++i) list.push_back(fileJson(i, types->files[i]));
      auto object = summary({model, ranOn, timings});
      object["files"] = std::move(list);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const auto& type = types->files[i];
      std::printf("%s\n  %-12s %5.1f %%  %s, %s\n", files_[i].name.c_str(), type.label.c_str(),
                  100 * type.score, type.mime.c_str(), type.description.c_str());
    }
    printRan({model, ranOn, timings});
    return 0;
  }

 private:
  json::object fileJson(std::size_t i, const FileType& type) const {
    return {{"file", files_[i].name},
            {"label", type.label},
            {"score", type.score},
            {"mime", type.mime},
            {"group", type.group},
            {"description", type.description},
            {"model_said", type.said.empty() ? json::value() : json::value(type.said)}};
  }

  std::vector<NamedBytes> files_;
};

}  // namespace

std::unique_ptr<RunTask> runFileTypesTask() {
  return std::make_unique<FileTypesTask>();
}

}  // namespace webpool::cli
