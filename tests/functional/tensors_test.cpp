// Raw tensors through the program and through the library: files, and a stateful model over real
// speech.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/file.h"
#include "cli_harness.h"
#include "onnx/json_tensors.h"
#include "onnx/npz.h"
#include "onnx/testing/model_builder.h"
#include "reference.h"
#include "webpool/pool.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr std::size_t kFrame = 512;
constexpr std::size_t kContext = 64;

class Tensors : public CliTest {};

TEST_F(Tensors, NpzInNpzOut) {
  const auto path = write("add.onnx", onnx::testing::addModel(DataType::Fp32, {"n", 2}));
  const std::vector<float> a{1, 2, 3, 4};
  const std::vector<float> b{10, 20, 30, 40};
  const auto npz = onnx::writeNpz(std::vector{Tensor::of<float>("a", DataType::Fp32, {2, 2}, a),
                                              Tensor::of<float>("b", DataType::Fp32, {2, 2}, b)});
  ASSERT_TRUE(npz);
  const auto out = folder() / "out.npz";
  const auto result = run(
      {"run", "--model", path, "--inputs", write("in.npz", *npz), "--outputs", out, "--ephemeral"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ran on   wasm"));
  const auto outputs = onnx::readNpz(Bytes::adopt(base::readFile(out).value()));
  ASSERT_TRUE(outputs);
  ASSERT_EQ(outputs->size(), 1u);
  EXPECT_EQ(outputs->front().name, "c");
  EXPECT_THAT(outputs->front().as<float>(), testing::ElementsAre(11, 22, 33, 44));
  expectNothingLeft();
}

TEST_F(Tensors, EveryTypeSurvivesThePageUnchanged) {
  // The bytes of an Identity come back as they were sent, whatever they mean.
  auto pool = ResourcePool::open(
      {.dataFolder = folder() / "data", .cacheFolder = folder() / "cache", .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();
  for (const auto type : {DataType::Bool, DataType::Uint8, DataType::Int8, DataType::Int32,
                          DataType::Int64, DataType::Fp16, DataType::Fp32, DataType::Fp64}) {
    SCOPED_TRACE(dataTypeName(type));
    const auto path = write("id.onnx", onnx::testing::identityModel(type, {3, 5}));
    auto model = (*pool)->load(path.native(), {.backend = Backend::Wasm});
    ASSERT_TRUE(model) << model.error().describe();
    std::vector<std::byte> bytes(15 * elementSize(type));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<std::byte>(type == DataType::Bool ? i & 1 : i * 5 + 1);
    }
    auto result = model->run({Tensor{"x", type, {3, 5}, Bytes::copyOf(bytes)}});
    ASSERT_TRUE(result) << result.error().describe();
    ASSERT_EQ(result->outputs.size(), 1u);
    const auto& output = result->outputs[0];
    EXPECT_EQ(output.type, type);
    EXPECT_EQ(output.shape, (Shape{3, 5}));
    EXPECT_TRUE(std::ranges::equal(output.data.view(), bytes));
  }
}

/// A test's own little WAV reader: 16-bit mono, as the clips are.
std::vector<float> readClip(const std::string& name) {
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator("/usr/share/pocketsphinx")) {
    if (entry.path().filename() != name) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    const auto at = bytes.find("data");
    std::vector<float> samples((bytes.size() - at - 8) / 2);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      std::int16_t value = 0;
      std::memcpy(&value, bytes.data() + at + 8 + 2 * i, sizeof(value));
      samples[i] = static_cast<float>(value) / 32768.F;
    }
    return samples;
  }
  ADD_FAILURE() << name << " is not there: install pocketsphinx-testdata";
  return {};
}

/// Silero's probability of speech for each frame, its state carried along.
std::vector<float> speech(const Model& model, const std::vector<float>& samples) {
  std::vector<float> probabilities;
  std::vector<float> state(256);
  std::vector<float> input(kContext + kFrame);
  const std::vector<std::int64_t> rate{16000};
  for (std::size_t at = 0; at + kFrame <= samples.size(); at += kFrame) {
    std::copy(input.end() - kContext, input.end(), input.begin());
    if (at == 0) std::fill_n(input.begin(), kContext, 0.F);
    std::copy_n(samples.begin() + static_cast<std::ptrdiff_t>(at), kFrame,
                input.begin() + kContext);
    const auto result =
        model.run({Tensor::of<float>("input", DataType::Fp32, {1, kContext + kFrame}, input),
                   Tensor::of<float>("state", DataType::Fp32, {2, 1, 128}, state),
                   Tensor::of<std::int64_t>("sr", DataType::Int64, {}, rate)});
    if (!result) {
      ADD_FAILURE() << result.error().describe();
      return probabilities;
    }
    for (const auto& output : result->outputs) {
      const auto values = output.as<float>();
      if (output.name == "output") probabilities.push_back(values[0]);
      if (output.name == "stateN") state.assign(values.begin(), values.end());
    }
  }
  return probabilities;
}

TEST_F(Tensors, SileroFindsSpeechWhereItIs) {
  ensureModel("silero-vad-v5", "fp32");
  const auto reference = readReference("silero.json");
  auto pool = ResourcePool::open(
      {.dataFolder = sharedData(), .cacheFolder = folder() / "cache", .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();
  auto model = (*pool)->load("silero-vad-v5", {.backend = Backend::Wasm});
  ASSERT_TRUE(model) << model.error().describe();

  // The clips with a second of silence around each: speech only where a clip lies.
  const auto& composite = reference.at("composite").as_object();
  const auto silence = composite.at("silence_frames").to_number<std::size_t>();
  std::vector<float> samples;
  for (const auto& clip : reference.at("clips").as_array()) {
    samples.resize(samples.size() + silence * kFrame);
    auto clipSamples = readClip(std::string(clip.at("file").as_string()));
    clipSamples.resize(clipSamples.size() / kFrame * kFrame);
    samples.insert(samples.end(), clipSamples.begin(), clipSamples.end());
  }
  samples.resize(samples.size() + silence * kFrame);
  const auto probabilities = speech(*model, samples);
  const auto expected = boost::json::value_to<std::vector<double>>(composite.at("speech"));
  ASSERT_EQ(probabilities.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(probabilities[i], expected[i], 0.01) << "frame " << i;
  }
  const auto& criterion = reference.at("criterion").as_object();
  const auto places = boost::json::value_to<std::vector<std::pair<std::size_t, std::size_t>>>(
      composite.at("places"));
  const auto late = criterion.at("end_within_frames").to_number<std::size_t>();
  std::vector<bool> inPlace(probabilities.size());
  for (const auto& [first, end] : places) {
    std::size_t found = 0;
    for (std::size_t i = first; i < end; ++i) found += probabilities[i] >= 0.5F ? 1 : 0;
    EXPECT_GE(double(found), 0.8 * double(end - first)) << "clip at frame " << first;
    for (std::size_t i = first; i < std::min(end + late, inPlace.size()); ++i) inPlace[i] = true;
  }
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (!inPlace[i]) {
      EXPECT_LT(probabilities[i], 0.5F) << "speech in silence, frame " << i;
    }
  }
}

TEST_F(Tensors, SilerosWrongAnswerOnWebGpuIsDetectedNotServed) {
  ensureModel("silero-vad-v5", "fp32");
  const auto input = write("in.json", [] {
    auto golden = readReference("silero.json").at("golden").as_object();
    golden.erase("outputs");
    return boost::json::serialize(golden);
  }());
  const auto served = run(
      {"run", "--model", "silero-vad-v5", "--inputs", input, "--backend", "wasm", "--ephemeral"});
  EXPECT_EQ(served.code, 0) << served.err;
  const auto refused = run(
      {"run", "--model", "silero-vad-v5", "--inputs", input, "--backend", "webgpu", "--ephemeral"});
  EXPECT_EQ(refused.code, 6) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("[wrong_result]"));
  expectNothingLeft();
}

/// The bytes of the catalogue's Silero.
std::string sileroBytes(const Finished& shown) {
  const auto size = shown.json().at("bytes").to_number<std::uint64_t>();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(sharedData())) {
    if (entry.is_regular_file() && entry.file_size() == size) {
      return base::readFile(entry.path()).value();
    }
  }
  return {};
}

boost::json::object sileroGolden() {
  return readReference("silero.json").at("golden").as_object();
}

TEST_F(Tensors, AFileThatTheCatalogueKnowsIsCheckedByItsGoldenAnswerWhateverItIsCalled) {
  ensureModel("silero-vad-v5", "fp32");
  const auto path =
      write("mine.onnx", sileroBytes(run({"models", "show", "silero-vad-v5", "--json"})));
  auto inputs = sileroGolden();
  inputs.erase("outputs");
  const auto input = write("in.json", boost::json::serialize(inputs));
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto refused =
      run({"run", "--model", path, "--inputs", input, "--backend", "webgpu", "--ephemeral"});
  EXPECT_EQ(refused.code, 6) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("native ONNX Runtime"));
}

TEST_F(Tensors, AnUnknownFileThatAnswersWrongIsRefusedBeforeItsFirstCall) {
  // The same model with one more field (doc_string), so that no golden answer is known for it.
  ensureModel("silero-vad-v5", "fp32");
  const auto path =
      write("mine.onnx",
            sileroBytes(run({"models", "show", "silero-vad-v5", "--json"})) + "\x32\x04mine");
  auto pool = ResourcePool::open(
      {.dataFolder = folder() / "data", .cacheFolder = folder() / "cache", .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();
  const auto refused = (*pool)->load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::WrongResult) << refused.error().describe();
  EXPECT_THAT(refused.error().message, HasSubstr("wasm in the same browser"));
}

TEST_F(Tensors, AnUnknownFileIsComparedWithWasmOnItsFirstCalls) {
  // With an input of another name, which does not tell the shape that the model takes, so that it
  // declines what is made for it. It answers silence right, and speech wrong.
  ensureModel("silero-vad-v5", "fp32");
  auto bytes = sileroBytes(run({"models", "show", "silero-vad-v5", "--json"}));
  const std::string state = "\x05state";  // as protobuf has it, with its length
  const std::string other = "\x05stuff";
  for (auto at = bytes.find(state); at != std::string::npos; at = bytes.find(state, at)) {
    bytes.replace(at, state.size(), other);
  }
  const auto path = write("mine.onnx", bytes);
  auto speech = onnx::readJsonTensors(boost::json::serialize(sileroGolden()), nullptr).value();
  for (auto& tensor : speech) {
    if (tensor.name == "state") tensor.name = "stuff";
  }
  auto silence = speech;
  for (auto& tensor : silence) {
    if (tensor.type != DataType::Fp32) continue;
    tensor.data = Bytes::adopt(std::vector<std::byte>(tensor.data.size()));
  }
  auto pool = ResourcePool::open(
      {.dataFolder = folder() / "data", .cacheFolder = folder() / "cache", .ephemeral = true});
  ASSERT_TRUE(pool) << pool.error().describe();
  const auto model = (*pool)->load(path.native(), {.backend = Backend::WebGpu});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(model->info().ranOn.checkedBy, "nothing: it was not called yet");
  const auto right = model->run(silence);
  EXPECT_TRUE(right) << right.error().describe();
  const auto wrong = model->run(speech);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().category, ErrorCategory::WrongResult) << wrong.error().describe();
  EXPECT_THAT(wrong.error().message, HasSubstr("wasm in the same browser"));
  EXPECT_EQ(model->run(silence).error().category, ErrorCategory::WrongResult);
}

}  // namespace
}  // namespace webpool::functional
