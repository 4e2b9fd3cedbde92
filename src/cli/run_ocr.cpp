#include <boost/json.hpp>
#include <cstdio>
#include <optional>

#include "cli/exit_code.h"
#include "cli/run_output.h"
#include "cli/run_pictures.h"
#include "cli/run_task.h"
#include "webpool/vision.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

json::object fileJson(const NamedPicture& file, const PageText& page) {
  json::array lines;
  for (const auto& line : page.lines) {
    json::array box;
    for (const auto& corner : line.box) box.push_back(json::array{corner.x, corner.y});
    lines.push_back({{"text", line.text}, {"score", line.score}, {"box", std::move(box)}});
  }
  return {
      {"file", file.name},         {"width", file.picture.width}, {"height", file.picture.height},
      {"lines", std::move(lines)}, {"runs", page.runs},           {"run_ms", page.timings.runMs}};
}

class OcrTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "pictures", "files"); !none) return none;
    if (auto none = refuseOutputs(flags, description, "text"); !none) return none;
    const auto files = readFiles(flags, "picture", "PNG or JPEG");
    if (!files) return std::unexpected(files.error());
    auto pictures = decodePictures(*files);
    if (!pictures) return std::unexpected(pictures.error());
    pictures_ = std::move(*pictures);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    const auto reader = TextReader::of(model);
    if (!reader) return reportError(reader.error());
    json::array files;
    std::optional<PageText> last;
    for (const auto& file : pictures_) {
      auto page = reader->read(file.picture, {}, options);
      for (unsigned i = 1; page && i < flags.repeat; ++i)
        page = reader->read(file.picture, {}, options);
      if (!page) return reportError(page.error());
      if (flags.json) {
        files.push_back(fileJson(file, *page));
      } else {
        print(file, *page);
      }
      last = std::move(*page);
    }
    if (flags.json) {
      auto object = summary({model, last->ranOn, last->timings, reader->graphs()});
      object["files"] = std::move(files);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    printRan({model, last->ranOn, last->timings, reader->graphs()});
    return 0;
  }

 private:
  void print(const NamedPicture& file, const PageText& page) const {
    if (pictures_.size() > 1) std::printf("%s\n", file.name.c_str());
    for (const auto& line : page.lines) std::printf("%s\n", line.text.c_str());
    if (page.lines.empty()) std::printf("  no text\n");
  }

  std::vector<NamedPicture> pictures_;
};

}  // namespace

std::unique_ptr<RunTask> runOcrTask() {
  return std::make_unique<OcrTask>();
}

}  // namespace webpool::cli
