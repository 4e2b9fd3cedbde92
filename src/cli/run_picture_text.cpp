#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_pictures.h"
#include "cli/run_task.h"
#include "cli/terminal.h"
#include "pipelines/answers_json.h"
#include "pool/texts.h"
#include "webpool/multimodal.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

/// An argument that names a file is a picture, any other a text.
class PictureTextTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "pictures and texts", "files and texts");
        !none) {
      return none;
    }
    if (auto none = refuseOutputs(flags, description, "vectors"); !none) return none;
    auto files = flags;
    files.arguments.clear();
    for (const auto& argument : flags.arguments) {
      std::error_code ignored;
      if (std::filesystem::is_regular_file(argument, ignored)) {
        files.arguments.push_back(argument);
      } else {
        texts_.push_back(argument);
      }
    }
    if (flags.arguments.empty()) {
      return fail(ErrorCategory::InvalidArgument, "neither a picture nor a text given",
                  "give PNG or JPEG files and texts as arguments");
    }
    if (!texts_.empty()) {
      if (auto checked = pool::checkTexts(texts_); !checked) return checked;
    }
    if (files.arguments.empty()) return {};
    const auto read = readFiles(files, "picture", "PNG or JPEG");
    if (!read) return std::unexpected(read.error());
    auto pictures = decodePictures(*read);
    if (!pictures) return std::unexpected(pictures.error());
    names_ = std::move(*pictures);
    pictures_ = takePictures(names_);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    const auto both = PictureTextModel::of(model);
    if (!both) return reportError(both.error());
    auto answer = both->compare(pictures_, texts_, options);
    for (unsigned i = 1; answer && i < flags.repeat; ++i) {
      answer = both->compare(pictures_, texts_, options);
    }
    if (!answer) return reportError(answer.error());
    const bool pictured = !pictures_.empty();
    const auto& ranOn = pictured ? answer->picturesRanOn : answer->textsRanOn;
    const auto& timings = pictured ? answer->pictureTimings : answer->textTimings;
    if (flags.json) {
      auto object = summary({model, ranOn, timings, both->graphs()});
      json::array files;
      for (const auto& one : names_) files.emplace_back(one.name);
      object["pictures"] = std::move(files);
      object["texts"] = json::value_from(texts_);
      for (auto& [key, value] : pipelines::toJson(*answer)) object[key] = std::move(value);
      addTruncated(object, answer->truncated);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      std::printf("%s\n", names_[i].name.c_str());
      for (std::size_t k = 0; k < texts_.size(); ++k) {
        std::printf("  %7.4f  %s\n", answer->similarity[i][k], fitText(texts_[k], 60).c_str());
      }
    }
    if (names_.empty() || texts_.empty()) {
      const auto count = names_.size() + texts_.size();
      std::printf("%zu vector%s of %zu values\n", count, count == 1 ? "" : "s",
                  pictured ? answer->pictures.front().size() : answer->texts.front().size());
    }
    printTruncated(answer->truncated);
    printRan({model, ranOn, timings, both->graphs()});
    return 0;
  }

 private:
  std::vector<NamedPicture> names_;
  std::vector<Picture> pictures_;
  std::vector<std::string> texts_;
};

}  // namespace

std::unique_ptr<RunTask> runPictureTextTask() {
  return std::make_unique<PictureTextTask>();
}

}  // namespace webpool::cli
