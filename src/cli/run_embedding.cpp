#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <span>

#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/run_output.h"
#include "cli/run_task.h"
#include "cli/terminal.h"
#include "pool/texts.h"

namespace webpool::cli {
namespace {

namespace json = boost::json;

/// One row a text.
Tensor embeddingTensor(const std::vector<std::vector<float>>& vectors) {
  const auto width = vectors.empty() ? 0 : vectors.front().size();
  std::vector<std::byte> bytes;
  for (const auto& vector : vectors) {
    const auto view = std::as_bytes(std::span(vector));
    bytes.insert(bytes.end(), view.begin(), view.end());
  }
  return {"embedding",
          DataType::Fp32,
          {static_cast<std::int64_t>(vectors.size()), static_cast<std::int64_t>(width)},
          Bytes::adopt(std::move(bytes))};
}

class EmbeddingTask final : public RunTask {
 public:
  Result<void> prepare(const RunFlags& flags, const ModelDescription& description) override {
    if (auto none = refuseTensors(flags, description, "text", "sentences"); !none) return none;
    auto texts = readTexts(flags);
    if (!texts) return std::unexpected(texts.error());
    texts_ = std::move(*texts);
    return {};
  }

  int run(const RunFlags& flags, const Model& model, const RunOptions& options) override {
    auto result = model.embed(texts_, options);
    for (unsigned i = 1; result && i < flags.repeat; ++i) result = model.embed(texts_, options);
    if (!result) return reportError(result.error());
    if (!flags.outputs.empty()) {
      if (auto written =
              writeOutputs(flags.outputs, flags.model, {embeddingTensor(result->vectors)});
          !written) {
        return reportError(written.error());
      }
    }
    if (flags.json) {
      auto object = summary({model, result->ranOn, result->timings});
      if (flags.outputs.empty()) {
        json::array rows;
        for (const auto& vector : result->vectors) rows.emplace_back(json::value_from(vector));
        object["embeddings"] = std::move(rows);
      } else {
        object["outputs_file"] = flags.outputs;
      }
      addTruncated(object, result->truncated);
      std::printf("%s\n", json::serialize(object).c_str());
      return 0;
    }
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      const auto& vector = result->vectors[i];
      std::printf("%zu  [%.4f, %.4f, %.4f, … %zu]  %s\n", i + 1, double(vector[0]),
                  double(vector[1]), double(vector[2]), vector.size(),
                  fitText(texts_[i], 36).c_str());
    }
    if (texts_.size() > 1) {
      std::printf("\ncosine similarity\n%s", similarityTable(texts_, result->vectors).c_str());
    }
    if (!flags.outputs.empty()) std::printf("written to %s\n", flags.outputs.c_str());
    printTruncated(result->truncated);
    printRan({model, result->ranOn, result->timings});
    return 0;
  }

 private:
  std::vector<std::string> texts_;
};

}  // namespace

std::unique_ptr<RunTask> runEmbeddingTask() {
  return std::make_unique<EmbeddingTask>();
}

}  // namespace webpool::cli
