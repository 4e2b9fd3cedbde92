#include <boost/json.hpp>
#include <cstdio>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_pictures.h"
#include "cli/run_task.h"
#include "pipelines/answers_json.h"
#include "webpool/vision.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

class ImageLabelsTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "pictures", "files"); !none) return none;
    if (auto none = refuseOutputs(flags, description, "labels"); !none) return none;
    const auto files = readFiles(flags, "picture", "PNG or JPEG");
    if (!files) return std::unexpected(files.error());
    auto pictures = decodePictures(*files);
    if (!pictures) return std::unexpected(pictures.error());
    names_ = std::move(*pictures);
    pictures_ = takePictures(names_);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    const ClassifyOptions best{.topK = flags.topK.value_or(kUsualTopK)};
    auto answer = classifyPictures(model, pictures_, best, options);
    for (unsigned i = 1; answer && i < flags.repeat; ++i) {
      answer = classifyPictures(model, pictures_, best, options);
    }
    if (!answer) return reportError(answer.error());
    if (flags.json) {
      auto object = summary({model, answer->ranOn, answer->timings});
      json::array files;
      for (std::size_t i = 0; i < names_.size(); ++i) {
        files.push_back(
            {{"file", names_[i].name}, {"labels", pipelines::toJson(answer->items[i])}});
      }
      object["files"] = std::move(files);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (std::size_t i = 0; i < names_.size(); ++i) {
      std::printf("%s\n", names_[i].name.c_str());
      printLabels(answer->items[i]);
    }
    printRan({model, answer->ranOn, answer->timings});
    return 0;
  }

 private:
  std::vector<NamedPicture> names_;
  std::vector<Picture> pictures_;
};

}  // namespace

std::unique_ptr<RunTask> runImageLabelsTask() {
  return std::make_unique<ImageLabelsTask>();
}

}  // namespace webpool::cli
