// The seed's API in C++: models by type from an integration, with real browsers.
#include <gmock/gmock.h>

#include <atomic>
#include <boost/json.hpp>
#include <cmath>

#include "cli_harness.h"
#include "reference.h"
#include "webpool/accelerate.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;

constexpr auto kEmbedder = "all-minilm-l6-v2";

/// A PNG of 1 x 1.
constexpr std::string_view kWhitePixel(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00"
    "\x00\x00\x01\x08\x02\x00\x00\x00\x90\x77\x53\xde\x00\x00\x00\x0c\x49\x44\x41\x54\x78"
    "\x9c\x63\xf8\xff\xff\x3f\x00\x05\xfe\x02\xfe\x0d\xef\x46\xb8\x00\x00\x00\x00\x49\x45"
    "\x4e\x44\xae\x42\x60\x82",
    69);

class Bridge : public CliTest {
 protected:
  void SetUp() override { ensureModel(kEmbedder, "q4"); }
  void TearDown() override { expectNothingLeft(); }

  BridgeOptions options() const {
    BridgeOptions options{.maxConnections = 2, .ephemeral = true};
    options.pool.dataFolder = sharedData();
    options.pool.cacheFolder = folder() / "cache";
    return options;
  }

  static void expectRight(const WebModelResult& result, std::size_t sentence) {
    ASSERT_TRUE(result.success) << (result.error ? result.error->describe() : "");
    const auto vector =
        boost::json::value_to<std::vector<float>>(boost::json::parse(result.output));
    const auto reference = readMiniLmReference("q4");
    EXPECT_GE(cosineSimilarity(vector, reference.vectors.at(sentence)), 0.999);
  }
};

TEST_F(Bridge, AModelByTypeSaysWhatWasAskedForAndWhatRan) {
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto model = integration.getModel("text_embedding", kEmbedder,
                                          {.priorityList = {"cpu"}, .browser = "edge"});
  ASSERT_TRUE(model) << model.error().describe();
  const auto sentences = readMiniLmReference("q4").sentences;
  const auto result = (**model)(sentences.at(0));
  expectRight(result, 0);
  const auto object = boost::json::parse(result.toJson()).as_object();
  EXPECT_EQ(object.at("model_id"), "text_embedding:all-minilm-l6-v2");
  EXPECT_EQ(object.at("platform"), "cpu");
  EXPECT_EQ(object.at("browser"), "chromium") << "of Edge's family, which is not installed";
  EXPECT_EQ(object.at("requested").at("browser"), "edge");
  EXPECT_EQ(object.at("is_real_hardware"), false);
  EXPECT_EQ(object.at("precision"), 4);
  EXPECT_GT(result.metrics.latencyMs, 0);
  EXPECT_GE(result.metrics.latencyMs, result.metrics.inferenceTimeMs);
}

TEST_F(Bridge, BatchesAndCallsAtOnceAnswerInOrder) {
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto model = integration.getModel("text_embedding", kEmbedder,
                                          {.priorityList = {"cpu"}, .browser = "chrome"});
  ASSERT_TRUE(model) << model.error().describe();
  const auto sentences = readMiniLmReference("q4").sentences;
  const std::vector<Content> contents(sentences.begin(), sentences.begin() + 5);
  (*model)->setMaxBatchSize(3);
  const auto batch = (*model)->runBatch(contents);
  ASSERT_EQ(batch.size(), 5U);
  for (std::size_t i = 0; i < batch.size(); ++i) expectRight(batch[i], i);
  EXPECT_EQ((*model)->stats().batchSizes, (std::map<std::size_t, std::uint64_t>{{2, 1}, {3, 1}}));

  const auto results = integration.executeConcurrent({{(*model)->modelId(), contents[0]},
                                                      {*model, contents[1]},
                                                      {std::string("vision:none"), contents[2]},
                                                      {*model, Bytes::copyOf("no text")}});
  ASSERT_EQ(results.size(), 4U);
  expectRight(results[0], 0);
  expectRight(results[1], 1);
  EXPECT_EQ(results[2].error.value().category, ErrorCategory::NotFound);
  EXPECT_EQ(results[3].error.value().category, ErrorCategory::InvalidInput);
  const auto stats = integration.getExecutionStats();
  EXPECT_EQ(stats.executedTasks, 6U);
  EXPECT_EQ(stats.errors, 2U) << "the model that is none, and the bytes";
  EXPECT_EQ(stats.platformUsage.at("cpu"), 4U);
  integration.close();
  EXPECT_FALSE((**model)(contents[0]).success) << "the integration is closed";
}

TEST_F(Bridge, APriorityListGoesToTheFirstPlatformThatAnswersRight) {
  ensureModel("silero-vad-v5", "fp32");
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  // WebGPU's software adapters compute Silero wrong (docs/benchmarks.md).
  const auto model = integration.getModel(
      "audio", "silero-vad-v5", {.priorityList = {"webgpu", "cpu"}, .browser = "chromium"});
  ASSERT_TRUE(model) << model.error().describe();
  const auto result = (**model)(std::filesystem::path(
      "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"));
  ASSERT_TRUE(result.success) << result.error->describe();
  EXPECT_EQ(result.platform(), "cpu");
  EXPECT_FALSE(boost::json::parse(result.output).at("speech").as_array().empty());
  const auto only = integration.getModel("audio", "silero-vad-v5",
                                         {.priorityList = {"webgpu"}, .browser = "chromium"});
  ASSERT_FALSE(only);
  EXPECT_EQ(only.error().category, ErrorCategory::WrongResult);
}

TEST_F(Bridge, ATextIsAnsweredAsItIsAskedAndAsItComes) {
  ensureModel("smollm2-135m", "q4_1");
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto model =
      integration.getModel("text_generation", "smollm2-135m", {.priorityList = {"cpu"}});
  ASSERT_TRUE(model) << model.error().describe();
  std::string streamed;
  const auto result =
      (**model)(GenerationRequest{.messages = {{"user", "What is the capital of France?"}},
                                  .generation = {.maxTokens = 4, .tokenIds = true},
                                  .onText = [&](std::string_view text) { streamed += text; }});
  ASSERT_TRUE(result.success) << result.error->describe();
  const auto output = boost::json::parse(result.output).as_object();
  EXPECT_EQ(output.at("finish_reason"), "length");
  EXPECT_EQ(output.at("completion_tokens"), 4);
  EXPECT_EQ(output.at("tokens").as_array().size(), 4U);
  EXPECT_EQ(output.at("text").as_string(), streamed);
  const auto wrong = (**model)(TranscriptionRequest{.sound = Bytes::copyOf("no text")});
  EXPECT_EQ(wrong.error.value().category, ErrorCategory::InvalidInput);
  // A refused call does not make the others look faster.
  const auto stats = (*model)->stats();
  EXPECT_EQ(stats.totalCalls, 2U);
  EXPECT_EQ(stats.errors, 1U);
  EXPECT_DOUBLE_EQ(stats.averageLatencyMs(), result.metrics.latencyMs);
  EXPECT_EQ(stats.batchSizes, (std::map<std::size_t, std::uint64_t>{{1, 1}}));
}

TEST_F(Bridge, WrongUseIsNamedBeforeABrowserIsAsked) {
  auto wrong = options();
  wrong.maxConnections = 0;
  EXPECT_THAT(ResourcePoolBridgeIntegration(wrong).initialize().error().message,
              HasSubstr("max_connections"));
  wrong = options();
  wrong.pool.logLevel = "loud";
  EXPECT_THAT(ResourcePoolBridgeIntegration(wrong).initialize().error().message,
              HasSubstr("'loud'"));
  ResourcePoolBridgeIntegration integration(options());
  EXPECT_THAT(integration.getModel("text_embedding", kEmbedder).error().message,
              HasSubstr("not initialised"));
  ASSERT_TRUE(integration.initialize());
  const auto of = [&](const char* type, HardwarePreferences preferences) {
    return integration.getModel(type, kEmbedder, preferences).error();
  };
  EXPECT_THAT(of("video", {}).message, HasSubstr("no model type 'video'"));
  EXPECT_THAT(of("vision", {}).hint, HasSubstr("text_embedding"));
  EXPECT_THAT(of("text_embedding", {.priorityList = {"cuda"}}).message, HasSubstr("'cuda'"));
  EXPECT_THAT(of("text_embedding", {.browser = "opera"}).message, HasSubstr("'opera'"));
  EXPECT_THAT(of("text_embedding", {.contextLength = 256}).message, HasSubstr("256 tokens"));
  const auto bits = of("text_embedding", {.precision = 8});
  EXPECT_THAT(bits.message, HasSubstr("no weights of 8 bits"));
  EXPECT_THAT(bits.hint, HasSubstr("q4"));
}

TEST_F(Bridge, EachTypeHasItsForm) {
  std::filesystem::path models;
  ensureRandomModels(models);
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto answer = [&](const char* type, const char* name, const Content& content) {
    const auto model =
        integration.getModel(type, (models / name).native(), {.priorityList = {"cpu"}});
    EXPECT_TRUE(model) << model.error().describe();
    if (!model) return boost::json::object{};
    const auto result = (**model)(content);
    EXPECT_TRUE(result.success) << (result.error ? result.error->describe() : "");
    return boost::json::parse(result.toJson()).as_object();
  };
  const std::string text = "Paris is the [MASK] of France.";
  const auto labels = answer("text", "random-bert-classifier", text);
  EXPECT_EQ(labels.at("weights"), "random");
  EXPECT_EQ(labels.at("output").as_array().size(), 3U);
  const auto lists =
      answer("text", "random-bert-classifier", std::vector<std::string>{text, "another"});
  EXPECT_EQ(lists.at("output").as_array().size(), 2U);
  EXPECT_EQ(answer("text", "random-bert-fill-mask", text).at("output").as_array().size(), 1U);
  EXPECT_TRUE(answer("text", "random-bert-tokens", text).at("output").is_array());
  // BERT without a head, asked for as an embedding: pooled, of length 1.
  const auto vector = answer("text_embedding", "random-bert-states", text).at("output").as_array();
  double squares = 0;
  for (const auto& value : vector) squares += std::pow(value.to_number<double>(), 2);
  EXPECT_NEAR(squares, 1, 1e-4);

  const auto both = answer("multimodal", "random-clip",
                           PicturesAndTexts{{Bytes::adopt(std::string(kWhitePixel))}, {"a", "b"}});
  EXPECT_EQ(both.at("output").at("similarity").as_array().at(0).as_array().size(), 2U);
  EXPECT_EQ(both.at("output").at("image_embeds").as_array().size(), 1U);
  const auto things = answer("vision", "random-vit", Bytes::adopt(std::string(kWhitePixel)));
  EXPECT_EQ(things.at("output").as_array().size(), 5U);
}

TEST_F(Bridge, ABackendOfTheProgramsOwnStandsInAPriorityList) {
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  std::size_t bytes = 0;
  bool there = false;
  const HardwareBackend lengths{
      .detect = [&] { return there; },
      .initialize = [&](const BackendSource& source) -> Result<BackendRun> {
        bytes = source.files.at("onnx/model_q4.onnx_data").size();
        return [](const Content& content, const std::stop_token&) -> Result<BackendAnswer> {
          const auto* text = std::get_if<std::string>(&content);
          if (text == nullptr) return fail(ErrorCategory::InvalidInput, "it takes a text");
          return BackendAnswer{.output = std::to_string(text->size())};
        };
      },
      .priority = 3};
  ASSERT_TRUE(integration.registerHardwareBackend("lengths", lengths));
  const auto again = integration.registerHardwareBackend("lengths", lengths);
  ASSERT_FALSE(again) << "there already";
  EXPECT_THAT(again.error().hint, HasSubstr("another name"));
  EXPECT_THAT(
      integration.getModel("text_embedding", kEmbedder, {.priorityList = {"cuda"}}).error().hint,
      HasSubstr("'lengths'"));
  EXPECT_FALSE(integration.registerHardwareBackend("webgpu", lengths)) << "a browser's";
  EXPECT_FALSE(integration.registerHardwareBackend("empty", {}));
  EXPECT_THAT(integration.getModel("text_embedding", kEmbedder, {.priorityList = {"lengths"}})
                  .error()
                  .message,
              HasSubstr("not detected"));
  const auto instead =
      integration.getModel("text_embedding", kEmbedder, {.priorityList = {"lengths", "cpu"}});
  ASSERT_TRUE(instead) << instead.error().describe();
  EXPECT_EQ((**instead)(std::string("four")).platform(), "cpu");
  there = true;
  const auto model =
      integration.getModel("text_embedding", kEmbedder, {.priorityList = {"lengths"}});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_GT(bytes, 50'000'000U);
  const auto result = (**model)(std::string("four"));
  ASSERT_TRUE(result.success);
  EXPECT_EQ(result.output, "4");
  const auto object = boost::json::parse(result.toJson()).as_object();
  EXPECT_EQ(object.at("platform"), "lengths");
  EXPECT_TRUE(object.at("browser").is_null());
  EXPECT_EQ(object.at("is_real_hardware"), false);
  EXPECT_EQ(object.at("ipfs_accelerated"), false) << "no page was given its bytes";
  EXPECT_EQ((**model)(Bytes::copyOf("x")).error.value().message, "it takes a text");
}

TEST_F(Bridge, ABackendsAnswerComesAsOnePiece) {
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  std::string output = R"("Hello.")";
  ASSERT_TRUE(integration.registerHardwareBackend(
      "says", {.detect = [] { return true; },
               .initialize = [&](const BackendSource&) -> Result<BackendRun> {
                 return [&](const Content&, const std::stop_token&) -> Result<BackendAnswer> {
                   return BackendAnswer{.output = output};
                 };
               }}));
  const auto model = integration.getModel("text_embedding", kEmbedder, {.priorityList = {"says"}});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_FALSE((*model)->isInBrowser());
  std::vector<std::string> pieces;
  const GenerationRequest request{
      .messages = {{"user", "Hi."}},
      .onText = [&](std::string_view text) { pieces.emplace_back(text); }};
  EXPECT_TRUE((**model)(request).success);
  EXPECT_THAT(pieces, testing::ElementsAre("Hello."));
  output = "[1]";
  EXPECT_EQ((**model)(request).error.value().category, ErrorCategory::Unsupported);
  EXPECT_EQ(pieces.size(), 1U);
}

TEST_F(Bridge, AProgramHasASayInPlacementAndInMemory) {
  struct Integration final : BrowserIntegration {
    Result<HardwarePreferences> optimizeForBrowser(const std::string& browser,
                                                   const std::string& type) override {
      asked = browser + ' ' + type;
      return HardwarePreferences{.priorityList = {"cpu"}, .precision = 4};
    }
    std::string asked;
  };
  struct Policy final : MemoryPolicy {
    Result<void> allocateMemory(const std::string& type, std::uint64_t size) override {
      asked = type;
      if (size < most) return {};
      return fail(ErrorCategory::OutOfMemory, "too large for here");
    }
    std::string asked;
    std::uint64_t most = 1'000'000;
  };
  const auto placement = std::make_shared<Integration>();
  const auto policy = std::make_shared<Policy>();
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  integration.setBrowserIntegration(placement);
  integration.setMemoryPolicy(policy);
  const auto refused = integration.getModel("text_embedding", kEmbedder, {.browser = "chrome"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().category, ErrorCategory::OutOfMemory);
  EXPECT_EQ(policy->asked, "text_embedding");
  policy->most = 1'000'000'000;
  const auto model = integration.getModel("text_embedding", kEmbedder, {.browser = "chrome"});
  ASSERT_TRUE(model) << model.error().describe();
  EXPECT_EQ(placement->asked, "chromium text_embedding");
  const auto result = (**model)(std::string("a"));
  EXPECT_EQ(result.platform(), "cpu");
  EXPECT_EQ(result.ran.dtype, "q4");
  EXPECT_EQ(integration.getModel("text_embedding", kEmbedder, {.precision = 16}).error().category,
            ErrorCategory::NotFound)
      << "what a caller says outranks it";
}

TEST_F(Bridge, AStopEndsACallAndALoad) {
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto model = integration.getModel("text_embedding", kEmbedder, {.priorityList = {"cpu"}});
  ASSERT_TRUE(model) << model.error().describe();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ((**model)(std::string("a"), stop.get_token()).error.value().category,
            ErrorCategory::Cancelled);
  const auto again = integration.getModel("text_embedding", kEmbedder, {.priorityList = {"webgpu"}},
                                          stop.get_token());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().category, ErrorCategory::Cancelled);
  EXPECT_TRUE((**model)(std::string("a")).success);
}

TEST_F(Bridge, TheBrowserThatWasLaunchedAheadMakesPlaceForThePreferredOne) {
  auto wanted = options();
  wanted.maxConnections = 1;
  wanted.browserPreferences = {{"text_embedding", "firefox"}};
  wanted.pool.browsers = {"chromium", "firefox"};
  ResourcePoolBridgeIntegration integration(wanted);
  ASSERT_TRUE(integration.initialize());
  const auto model = integration.getModel("text_embedding", kEmbedder, {.priorityList = {"cpu"}});
  ASSERT_TRUE(model) << model.error().describe();
  const auto result = (**model)(readMiniLmReference("q4").sentences.at(0));
  expectRight(result, 0);
  EXPECT_EQ(result.ran.browser, "firefox");
  EXPECT_EQ(result.fallback, "");
  // That one holds a model, and stays.
  const auto other = integration.getModel("text_embedding", kEmbedder,
                                          {.priorityList = {"cpu"}, .browser = "chromium"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().category, ErrorCategory::Busy);
}

TEST_F(Bridge, WhatRanNowhereNamesNoBrowser) {
  ensureModel("magika", "fp32");
  ensureModel("whisper-tiny", "q8");
  ResourcePoolBridgeIntegration integration(options());
  ASSERT_TRUE(integration.initialize());
  const auto files = integration.getModel("text", "magika", {.priorityList = {"cpu"}});
  ASSERT_TRUE(files) << files.error().describe();
  const auto speech = integration.getModel("audio", "whisper-tiny", {.priorityList = {"cpu"}});
  ASSERT_TRUE(speech) << speech.error().describe();
  const auto expectNowhere = [](const WebModelResult& result) {
    ASSERT_TRUE(result.success) << result.error->describe();
    EXPECT_EQ(result.platform(), "");
    EXPECT_EQ(result.ran.browser, "");
    EXPECT_TRUE(boost::json::parse(result.toJson()).at("platform").is_null());
  };
  const Sound silence{.rate = 16'000, .samples = std::vector<float>(16'000)};
  expectNowhere((**files)(Bytes()));
  expectNowhere((**speech)(silence));
  const auto refused = (**files)(std::vector<std::string>());
  EXPECT_EQ(refused.error.value().category, ErrorCategory::InvalidInput);
  EXPECT_EQ(refused.platform(), "");
  EXPECT_GT(refused.load.fetchMs, 0) << "the model was loaded for it";
  EXPECT_TRUE(integration.getExecutionStats().browserUsage.empty());
  EXPECT_TRUE(integration.getExecutionStats().platformUsage.empty());
  // Where the model is.
  EXPECT_EQ(boost::json::parse((*files)->performanceMetricsJson()).at("platform"), "cpu");
  integration.close();
  expectNowhere((**files)(Bytes()));
  expectNowhere((**speech)(silence));
}

TEST_F(Bridge, ARecordThatCanNotBeWrittenIsTold) {
  auto wanted = options();
  for (const auto& file : {folder(), std::filesystem::path("/dev/full"),
                           folder() / "none" / "runs.duckdb", write("notes.txt", "no database")}) {
    std::atomic<int> warnings{0};
    wanted.dbPath = file;
    wanted.pool.notice = [&](const std::string&) { ++warnings; };
    ResourcePoolBridgeIntegration integration(wanted);
    ASSERT_TRUE(integration.initialize());
    EXPECT_FALSE(integration.keepsRecord()) << file;
    const auto stats = integration.getExecutionStats();
    ASSERT_TRUE(stats.record);
    EXPECT_TRUE(stats.record->trouble) << file;
    integration.close();
    EXPECT_GE(warnings, 1) << file;
  }
  wanted.pool.notice = nullptr;
  wanted.dbPath = folder();
  const auto whole =
      accelerate(kEmbedder, std::string("a sentence"), {.platform = "cpu", .options = wanted});
  EXPECT_TRUE(whole.result.success) << "a record never fails a call";
  EXPECT_FALSE(whole.resultsStored);
  ASSERT_TRUE(whole.storingFailed);
  EXPECT_FALSE(whole.storingFailed->hint.empty());
  wanted.dbPath = folder() / "runs.duckdb";
  ResourcePoolBridgeIntegration right(wanted);
  ASSERT_TRUE(right.initialize());
  EXPECT_TRUE(right.keepsRecord());
}

TEST_F(Bridge, AccelerateNeedsNothingButAName) {
  const auto sentences = readMiniLmReference("q4").sentences;
  const auto whole = accelerate(kEmbedder, sentences.at(2),
                                {.platform = "cpu", .browser = "chrome", .options = options()});
  expectRight(whole.result, 2);
  const auto object = boost::json::parse(whole.toJson()).as_object();
  EXPECT_EQ(object.at("model_type"), "text_embedding");
  EXPECT_EQ(object.at("resource_pool_used"), false);
  EXPECT_EQ(object.at("p2p_optimized"), false);
  EXPECT_EQ(object.at("results_stored"), false);
  EXPECT_GE(whole.totalMs, whole.loadMs);
  const auto& load = whole.result.load;
  EXPECT_GT(load.launchMs, 0);
  EXPECT_GT(load.fetchMs, 0);
  EXPECT_LE(load.launchMs + load.fetchMs, whole.loadMs) << "its parts, and neither is the whole";
}

TEST_F(Bridge, ABrowserOfTheEnvironmentIsAWishForAllTypesThatHaveNone) {
  setenv("TEST_BROWSER", "netscape", 1);
  ResourcePoolBridgeIntegration refused(options());
  const auto ready = refused.initialize();
  ASSERT_FALSE(ready);
  EXPECT_THAT(ready.error().message, HasSubstr("TEST_BROWSER"));
  setenv("TEST_BROWSER", "edge", 1);
  ResourcePoolBridgeIntegration integration(options());
  const auto opened = integration.initialize();
  unsetenv("TEST_BROWSER");
  ASSERT_TRUE(opened) << opened.error().describe();
  const auto model = integration.getModel("text_embedding", kEmbedder, {.priorityList = {"cpu"}});
  ASSERT_TRUE(model) << model.error().describe();
  const auto result = (**model)(readMiniLmReference("q4").sentences.at(0));
  expectRight(result, 0);
  EXPECT_EQ(result.preferredBrowser, "edge");
  EXPECT_THAT(result.fallback, HasSubstr("edge is not here"));
}

/// Keeps the types that it is asked about, and lets nothing be loaded.
class Asked final : public BrowserIntegration {
 public:
  Result<HardwarePreferences> optimizeForBrowser(const std::string& /*browser*/,
                                                 const std::string& type) override {
    types.push_back(type);
    return std::unexpected(Error{ErrorCategory::InvalidArgument, "not today", "tomorrow"});
  }

  std::vector<std::string> types;
};

TEST_F(Bridge, AccelerateTakesTheTypeFromTheModelAndTellsItsOwnFailure) {
  ensureModel("magika", "fp32");
  ResourcePoolBridgeIntegration pool(options());
  ASSERT_TRUE(pool.initialize());
  const auto asked = std::make_shared<Asked>();
  pool.setBrowserIntegration(asked);
  const auto refused = accelerate("magika", std::string("text"), {.pool = &pool});
  ASSERT_TRUE(refused.result.error);
  EXPECT_EQ(refused.result.error->message, "not today");
  EXPECT_EQ(refused.result.modelType, "text");
  EXPECT_EQ(asked->types, std::vector<std::string>{"text"}) << "of no other type";
  const auto mixed = pool.typeOf(kEmbedder, {.mixedPrecision = true}, {"text_embedding"});
  ASSERT_FALSE(mixed) << "it has no such weights";
  EXPECT_EQ(mixed.error().category, ErrorCategory::NotFound) << mixed.error().describe();
  const auto other = pool.typeOf(kEmbedder, {}, {"vision", "audio"});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().category, ErrorCategory::InvalidArgument);
}

}  // namespace
}  // namespace webpool::functional
