// What a record costs a call: the same model in the same page, with the record listening and not.
#include <array>
#include <atomic>
#include <iostream>

#include "failure.h"
#include "figures.h"
#include "pool_access.h"
#include "webpool/record.h"

namespace webpool::bench {
namespace {

class Switched final : public RunObserver {
 public:
  explicit Switched(std::shared_ptr<Record> record) : record_(std::move(record)) {}
  void listen(bool on) { on_ = on; }

  bool listens() const override { return on_; }
  void ran(RecordedRun run) override { record_->ran(std::move(run)); }
  void loaded(RecordedLoad load) override { record_->loaded(std::move(load)); }
  void left(RecordedConnection connection) override { record_->left(std::move(connection)); }

 private:
  std::shared_ptr<Record> record_;
  std::atomic<bool> on_{true};
};

void measure(Switched& observer, OpenModel& model, const std::string& name,
             const std::vector<Tensor>& inputs, unsigned calls, unsigned rounds,
             const Settings& settings, Report& report) {
  model.warmUp(inputs, calls);
  const auto p50 = [&](bool on) {
    observer.listen(on);
    return medianOf(valuesOf(model.runOneByOne(inputs, calls), &RunTimings::totalMs));
  };
  const std::array<Slice, 2> slices{[&] { return p50(true); }, [&] { return p50(false); }};
  const auto values = alternate(slices, rounds);
  report.add({.figure = "Record, " + name,
              .numerator = {"p50 of a call, with a record", values[0], "ms"},
              .denominator = {"p50 of a call, without", values[1], "ms"},
              .ratio = ratioOf(values[0], values[1]),
              .aim = Aim{Aim::Kind::AtMost, 1.01}},
             *settings.progress);
}

}  // namespace

void measureRecord(const Settings& settings, Report& report) {
  RecordOptions options;
  options.file = settings.work / "record.duckdb";
  options.notice = [](const std::string& text) { std::cerr << "bench: " << text << std::endl; };
  const auto record = openRecord(std::move(options));
  const auto observer = std::make_shared<Switched>(record);
  {
    OpenPool pool({.observer = observer});
    OpenModel silero(pool, "silero-vad-v5", "fp32");
    measure(*observer, silero, "Silero (short runs)", silero.goldenInputs(),
            settings.count(300, 50), settings.count(61, 5), settings, report);
    OpenModel minilm(pool, "all-minilm-l6-v2", "q4", {{"pooling", "mean"}, {"normalize", true}});
    measure(*observer, minilm, "MiniLM q4", {textTensor("The quick brown fox")},
            settings.count(40, 10), settings.count(31, 5), settings, report);
  }
  record->close();
  const auto counts = record->counts();
  if (counts.lost > 0 || counts.written == 0) throw BenchFailure("the record lost rows");
}

}  // namespace webpool::bench
