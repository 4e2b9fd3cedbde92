// Models of BERT's, ViT's and CLIP's architecture with random weights (tools/random-models.py),
// against native ONNX Runtime with the Python tokenizer and Pillow
// (tests/vectors/reference/random-models.json).
#include <gmock/gmock.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "cli_harness.h"
#include "reference.h"

namespace webpool::functional {
namespace {

using testing::AllOf;
using testing::HasSubstr;

namespace json = boost::json;

double cosine(const json::array& a, const json::array& b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const auto x = a[i].to_number<double>(), y = b[i].to_number<double>();
    dot += x * y, aa += x * x, bb += y * y;
  }
  return a.size() == b.size() ? dot / std::sqrt(aa * bb) : -2;
}

/// As tools/random-models.py draws it.
std::string drawPicture(const std::filesystem::path& folder, std::size_t width,
                        std::size_t height) {
  std::vector<unsigned char> rgb(3 * width * height);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      auto* pixel = &rgb[3 * (y * width + x)];
      pixel[0] = static_cast<unsigned char>((x * 5 + y * 3) % 256);
      pixel[1] = (x / 16 + y / 16) % 2 == 0 ? 220 : 30;
      pixel[2] = static_cast<unsigned char>((x * x + 7 * y) % 256);
    }
  }
  const auto path =
      folder / ("picture-" + std::to_string(width) + "x" + std::to_string(height) + ".png");
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  EXPECT_NE(png_image_write_to_file(&image, path.c_str(), 0, rgb.data(), 0, nullptr), 0);
  return path;
}

class RandomModels : public CliTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override { ensureRandomModels(models_); }
  void TearDown() override { expectNothingLeft(); }

  json::object ask(const std::string& model, std::vector<std::string> arguments) {
    std::vector<std::string> all{"run",       "--model",     (models_ / model).native(),
                                 "--browser", GetParam(),    "--backend",
                                 "wasm",      "--ephemeral", "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto result = run(all);
    EXPECT_EQ(result.code, 0) << result.err;
    if (result.code != 0) return {};
    auto object = result.json();
    EXPECT_EQ(object.at("weights"), "random");
    EXPECT_EQ(object.at("ran_on").at("browser"), GetParam());
    return object;
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> list;
    for (const auto& text : reference_.at("texts").as_array()) {
      list.emplace_back(text.at("text").as_string());
    }
    return list;
  }

  std::string picture(std::size_t width, std::size_t height) const {
    return drawPicture(folder(), width, height);
  }

  std::filesystem::path models_;
  const json::object reference_ = readReference("random-models.json");
};

TEST_P(RandomModels, ClassifyTextsAsNativeDoes) {
  const auto object = ask("random-bert-classifier", texts());
  const auto& expected = reference_.at("texts").as_array();
  ASSERT_EQ(object.at("labels").as_array().size(), expected.size());
  const std::vector<std::string> names{"negative", "neutral", "positive"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& scores = expected[i].at("scores").as_array();
    double last = 2;
    for (const auto& label : object.at("labels").as_array()[i].as_array()) {
      const auto id =
          std::ranges::find(names, std::string(label.at("label").as_string())) - names.begin();
      ASSERT_LT(id, 3);
      const auto score = label.at("score").to_number<double>();
      EXPECT_NEAR(score, scores[static_cast<std::size_t>(id)].to_number<double>(), 2e-3);
      EXPECT_LE(score, last);
      last = score;
    }
  }
}

TEST_P(RandomModels, LabelTokensWithTheirPlacesInTheText) {
  const auto object = ask("random-bert-tokens", texts());
  const auto& expected = reference_.at("texts").as_array();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(i);
    const auto& wanted = expected[i].at("tokens").as_array();
    const auto& got = object.at("texts").as_array()[i].at("tokens").as_array();
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      SCOPED_TRACE(wanted[k].at("token").as_string().c_str());
      EXPECT_EQ(got[k].at("token"), wanted[k].at("token"));
      EXPECT_EQ(got[k].at("start"), wanted[k].at("start"));
      EXPECT_EQ(got[k].at("end"), wanted[k].at("end"));
      EXPECT_EQ(got[k].at("label"), wanted[k].at("label"));
      EXPECT_NEAR(got[k].at("score").to_number<double>(), wanted[k].at("score").to_number<double>(),
                  2e-3);
    }
  }
  // "London" in the first text: whatever its label, the word is the text's own.
  for (const auto& entity : object.at("texts").as_array()[0].at("entities").as_array()) {
    const auto text = texts()[0];
    const auto start = entity.at("start").to_number<std::size_t>();
    const auto end = entity.at("end").to_number<std::size_t>();
    EXPECT_EQ(entity.at("word").as_string(), text.substr(start, end - start));
  }
}

TEST_P(RandomModels, FillMasksAsNativeDoes) {
  std::vector<std::string> masked;
  for (const auto& text : reference_.at("masked").as_array()) {
    masked.emplace_back(text.at("text").as_string());
  }
  const auto object = ask("random-bert-fill-mask", masked);
  for (std::size_t i = 0; i < masked.size(); ++i) {
    const auto& wanted = reference_.at("masked").as_array()[i].at("masks").as_array();
    const auto& got = object.at("masks").as_array()[i].as_array();
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t mask = 0; mask < wanted.size(); ++mask) {
      for (std::size_t k = 0; k < 5; ++k) {
        SCOPED_TRACE(k);
        const auto& word = got[mask].as_array()[k];
        EXPECT_EQ(word.at("token"), wanted[mask].as_array()[k].at("token"));
        const auto score = wanted[mask].as_array()[k].at("score").to_number<double>();
        EXPECT_NEAR(word.at("score").to_number<double>(), score, 1e-3 * score);
        EXPECT_THAT(std::string(word.at("sequence").as_string()),
                    HasSubstr(std::string(word.at("token_str").as_string())));
      }
    }
  }
}

TEST_P(RandomModels, GiveStatesOfTokensAsNativeDoes) {
  const auto words = texts();
  auto arguments = words;
  arguments.insert(arguments.begin(), {"--task", "feature-extraction"});
  const auto object = ask("random-bert-states", arguments);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& wanted = reference_.at("texts").as_array()[i];
    const auto& got = object.at("texts").as_array()[i];
    const auto& rows = got.at("states").as_array();
    ASSERT_EQ(rows.size(), wanted.at("token_count").to_number<std::size_t>());
    EXPECT_EQ(got.at("tokens").as_array().front(), "[CLS]");
    EXPECT_EQ(got.at("tokens").as_array().back(), "[SEP]");
    json::array first = rows[0].as_array();
    for (const auto& value : rows[1].as_array()) first.push_back(value);
    EXPECT_GT(cosine(first, wanted.at("first_states").as_array()), 0.999);
  }
}

TEST_P(RandomModels, ClassifyPicturesAsNativeDoes) {
  for (const auto& wanted : reference_.at("pictures").as_array()) {
    const auto path = picture(wanted.at("width").to_number<std::size_t>(),
                              wanted.at("height").to_number<std::size_t>());
    const auto object = ask("random-vit", {"--top-k", "0", path});
    const auto& labels = object.at("files").as_array()[0].at("labels").as_array();
    ASSERT_EQ(labels.size(), 10U);
    for (const auto& label : labels) {
      const auto name = std::string(label.at("label").as_string());
      ASSERT_THAT(name, testing::StartsWith("thing "));
      const auto id = static_cast<std::size_t>(name.back() - '0');
      EXPECT_NEAR(label.at("score").to_number<double>(),
                  wanted.at("scores").as_array()[id].to_number<double>(), 2e-3)
          << name;
    }
  }
}

TEST_P(RandomModels, PutPicturesAndTextsInOneSpace) {
  const auto words = texts();
  std::vector<std::string> arguments{words[0], words[1]};
  for (const auto& wanted : reference_.at("pictures").as_array()) {
    arguments.push_back(picture(wanted.at("width").to_number<std::size_t>(),
                                wanted.at("height").to_number<std::size_t>()));
  }
  const auto object = ask("random-clip", arguments);
  ASSERT_FALSE(object.empty());
  EXPECT_EQ(object.at("task"), "multimodal-embedding");
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& picture = reference_.at("pictures").as_array()[i].at("image_embeds").as_array();
    EXPECT_GT(cosine(object.at("image_embeds").as_array()[i].as_array(), picture), 0.999);
    for (std::size_t k = 0; k < 2; ++k) {
      const auto& text = reference_.at("clip_texts").as_array()[k].as_array();
      EXPECT_GT(cosine(object.at("text_embeds").as_array()[k].as_array(), text), 0.999);
      EXPECT_NEAR(object.at("similarity").as_array()[i].as_array()[k].to_number<double>(),
                  cosine(picture, text), 2e-3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Browsers, RandomModels, testing::Values("chromium", "firefox", "webkit"),
                         [](const auto& info) { return std::string(info.param); });

class RandomModelInput : public CliTest {
 protected:
  void SetUp() override { ensureRandomModels(models_); }
  void TearDown() override { expectNothingLeft(); }
  Finished ask(const std::string& model, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"run", "--model", (models_ / model).native(), "--backend",
                                         "wasm", "--ephemeral"});
    return run(arguments);
  }
  static std::string words(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "word ";
    return text;
  }
  std::filesystem::path models_;
};

TEST_F(RandomModelInput, WrongUseIsNamed) {
  const auto unmasked = ask("random-bert-fill-mask", {"no mask in here"});
  EXPECT_EQ(unmasked.code, 3) << unmasked.err;
  EXPECT_THAT(unmasked.err, HasSubstr("has no [MASK]"));
  const auto cut = ask("random-vit", {write("cut.jpg", "\xFF\xD8\xFF\xE0 nothing")});
  EXPECT_EQ(cut.code, 3) << cut.err;
  const auto broken = ask("random-bert-classifier", {"\xFF\xFE"});
  EXPECT_EQ(broken.code, 3) << broken.err;
  EXPECT_THAT(broken.err, HasSubstr("UTF-8"));
  const auto other =
      ask("random-bert-classifier", {"--task", "image-classification", "/etc/hosts"});
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_THAT(other.err, HasSubstr("preprocessor_config.json"));
}

/// A copy of a model whose config.json is another one.
std::filesystem::path withConfig(const std::filesystem::path& model,
                                 const std::filesystem::path& copy, std::string_view config) {
  std::filesystem::copy(model, copy, std::filesystem::copy_options::recursive);
  std::ofstream(copy / "config.json") << config;
  return copy;
}

TEST_F(RandomModelInput, AModelThatIsNotOfTheTaskIsUnsupported) {
  ensureModel("all-minilm-l6-v2", "fp32");
  const auto minilm = [&](const char* task, const char* text) {
    return run({"run", "--model", "all-minilm-l6-v2", "--backend", "wasm", "--ephemeral", "--task",
                task, text});
  };
  for (const auto* task : {"text-classification", "token-classification", "fill-mask"}) {
    const auto refused = minilm(task, "a [MASK]");
    EXPECT_EQ(refused.code, 6) << refused.out << refused.err;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("all-minilm-l6-v2 gives"), HasSubstr("384]"),
                                   HasSubstr(std::string(task) + " needs"),
                                   HasSubstr("load it for text-embedding")));
  }
  const auto states = ask("random-bert-states", {"--task", "token-classification", "a"});
  EXPECT_EQ(states.code, 6) << states.out << states.err;
  EXPECT_THAT(states.err, HasSubstr("needs logits of 3 dimensions"));
  const auto logits = ask("random-bert-fill-mask", {"--task", "feature-extraction", "a"});
  EXPECT_EQ(logits.code, 6) << logits.out << logits.err;
}

TEST_F(RandomModelInput, OtherLabelsThanTheConfigurationSaysAreUnsupported) {
  const auto two = R"({"model_type": "bert", "id2label": {"0": "no", "1": "yes"}})";
  const auto texts = withConfig(models_ / "random-bert-classifier", folder() / "texts", two);
  const auto text = ask(texts, {"--task", "text-classification", "a text"});
  EXPECT_EQ(text.code, 6) << text.out << text.err;
  EXPECT_THAT(text.err, HasSubstr("needs 2 labels, as its config.json says"));
  const auto pictures = withConfig(
      models_ / "random-vit", folder() / "pictures",
      R"({"architectures": ["ViTForImageClassification"], "id2label": {"0": "no", "1": "yes"}})");
  const auto picture = ask(pictures, {drawPicture(folder(), 64, 64)});
  EXPECT_EQ(picture.code, 6) << picture.out << picture.err;
  EXPECT_THAT(picture.err, HasSubstr("config.json says that it has 2 labels"));
}

TEST_F(RandomModelInput, WhatIsCutIsTold) {
  for (const auto& [model, task] : {std::pair("random-bert-classifier", "text-classification"),
                                    std::pair("random-bert-tokens", "token-classification"),
                                    std::pair("random-bert-states", "feature-extraction"),
                                    std::pair("random-bert-states", "text-embedding"),
                                    std::pair("random-clip", "multimodal-embedding")}) {
    const auto cut = ask(model, {"--task", task, "--json", "a text", words(300)});
    ASSERT_EQ(cut.code, 0) << cut.err;
    EXPECT_EQ(cut.json().at("truncated"), (boost::json::array{false, true})) << task;
    const auto whole = ask(model, {"--task", task, "--json", "a text"});
    ASSERT_EQ(whole.code, 0) << whole.err;
    EXPECT_FALSE(whole.json().contains("truncated")) << task;
  }
  const auto person = ask("random-bert-classifier", {words(300)});
  ASSERT_EQ(person.code, 0) << person.err;
  EXPECT_THAT(person.err, HasSubstr("1 of the 1 texts are longer than the model reads"));
}

TEST_F(RandomModelInput, MasksBeyondWhatTheModelReadsAreRefused) {
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "[MASK] ";
  const auto refused = ask("random-bert-fill-mask", {"The [MASK] sat.", many});
  EXPECT_EQ(refused.code, 3) << refused.out << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("text 2: 1874 of its 2000 [MASK] lie beyond the 128 tokens"));
  const auto cut = ask("random-bert-fill-mask", {"--json", "The [MASK] sat. " + words(300)});
  ASSERT_EQ(cut.code, 0) << cut.err;
  EXPECT_EQ(cut.json().at("masks").as_array()[0].as_array().size(), 1U);
  EXPECT_EQ(cut.json().at("truncated"), (boost::json::array{true}));
}

TEST_F(RandomModelInput, PrecisionPicksAmongWhatIsThere) {
  const auto right = ask("random-bert-classifier", {"--precision", "32", "--json", "a text"});
  ASSERT_EQ(right.code, 0) << right.err;
  EXPECT_EQ(right.json().at("ran_on").at("precision"), "fp32");
  const auto missing = ask("random-bert-classifier", {"--precision", "4", "a text"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("no weights of 4 bits"));
  EXPECT_THAT(missing.err, HasSubstr("fp32"));
  EXPECT_EQ(ask("random-bert-classifier", {"--precision", "5", "a text"}).code, 2);
  EXPECT_EQ(ask("random-bert-classifier", {"--precision", "32", "--dtype", "fp32", "a text"}).code,
            2);
}

TEST_F(RandomModelInput, EmptyAndVeryLongTextsAreAnswered) {
  const auto result = ask("random-bert-classifier", {"--json", "", std::string(100'000, 'x')});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.json().at("labels").as_array().size(), 2U);
}

}  // namespace
}  // namespace webpool::functional
