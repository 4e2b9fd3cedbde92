// What a person gets for wrong words, before any browser is asked.
#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "cli_harness.h"
#include "onnx/npz.h"
#include "onnx/testing/model_builder.h"

namespace webpool::functional {
namespace {

using testing::HasSubstr;
using testing::Not;

class Arguments : public CliTest {};

TEST_F(Arguments, HelpHasExamplesAndVersionIsPlain) {
  const auto help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_THAT(help.out, HasSubstr("Exit codes:"));
  for (const auto* command : {"run", "models", "browsers", "demo", "clean", "completion"}) {
    EXPECT_THAT(help.out, HasSubstr(command));
    EXPECT_EQ(run({command, "--help"}).code, 0);
  }
  EXPECT_THAT(run({"--version"}).out, testing::MatchesRegex("webpool [0-9.]+\n"));
}

TEST_F(Arguments, HelpFitsEightyColumns) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"--help"}, {"models", "add", "--help"}, {"stats", "--help"}}) {
    std::istringstream lines(run(command).out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST_F(Arguments, WrongUseIsTwo) {
  EXPECT_EQ(run({}).code, 2);
  const auto unknown = run({"-q", "no-such-command", "x"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("'no-such-command'"));
  EXPECT_EQ(run({"run"}).code, 2);
  EXPECT_EQ(run({"run", "--model", "x", "--backend", "quantum", "text"}).code, 2);
  const auto path = run({"run", "--model", "all-minilm-l6-v2", "--browser-path", "nonsense", "x"});
  EXPECT_EQ(path.code, 2);
  EXPECT_THAT(path.err, HasSubstr("NAME=PATH"));
  const auto noBrowser =
      run({"run", "--model", "all-minilm-l6-v2", "--browser-path", "mosaic=/bin/true", "x"});
  EXPECT_EQ(noBrowser.code, 2);
  EXPECT_THAT(noBrowser.err, HasSubstr("mosaic"));
}

TEST_F(Arguments, WrongUseNamesTheCommandAndTheNextStep) {
  using Command = std::vector<std::string>;
  for (const auto& [command, what] :
       {std::pair{Command{}, "webpool: webpool: A subcommand is required [invalid_argument]"},
        {Command{"run"}, "webpool: webpool run: --model is required [invalid_argument]"},
        {Command{"run", "--model", "x", "--timeout", "0"}, "webpool: webpool run: --timeout: '0'"},
        {Command{"serve", "--port", "99999"}, "webpool: webpool serve: --port: Value 99999"},
        {Command{"completion", "tcsh"}, "webpool: webpool completion: shell: tcsh not in"},
        {Command{"models", "add"}, "webpool: webpool models add: model is required"}}) {
    const auto result = run(command);
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, testing::StartsWith(what));
    EXPECT_THAT(result.err, HasSubstr("--help tells what it takes\n"));
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(Arguments, AModelThatCouldBeFetchedIsNotHereYet) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto shown = run({"models", "show", "magika"});
  EXPECT_EQ(shown.code, run({"models", "show", "nobody"}).code);
  EXPECT_THAT(shown.err, HasSubstr("webpool models add magika"));
}

TEST_F(Arguments, AModelWithoutWhatTheTaskNeedsIsWrongUse) {
  ensureModel("whisper-tiny", "q8");
  const auto result = run({"run", "-m", "whisper-tiny", "-t", "multimodal-embedding", "a text"});
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("which multimodal-embedding needs"));
}

TEST_F(Arguments, AGraphOfTheCatalogueSaysWhichTaskItIsFor) {
  ensureModel("silero-vad-v5", "fp32");
  for (const auto& words : {std::vector<std::string>{"talk.wav"}, {}}) {
    std::vector<std::string> command{"run", "-m", "silero-vad"};
    command.insert(command.end(), words.begin(), words.end());
    const auto result = run(command);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("--task voice-activity-detection"));
  }
}

TEST_F(Arguments, AnotherTaskThanTheModelsNamesTheModels) {
  ensureModel("silero-vad-v5", "fp32");
  ensureModel("all-minilm-l6-v2", "q4");
  const auto sound = run({"run", "-m", "silero-vad", "-t", "text-embedding", "a"});
  EXPECT_EQ(sound.code, 2);
  EXPECT_THAT(sound.err, HasSubstr("silero-vad-v5 is for voice-activity-detection"));
  const auto text = run({"run", "-m", "all-minilm-l6-v2", "-t", "text-generation", "a"});
  EXPECT_EQ(text.code, 2);
  EXPECT_THAT(text.err, HasSubstr("give --task text-embedding"));
}

TEST_F(Arguments, WhatIsForAnotherTaskIsRefused) {
  ensureModel("whisper-tiny", "q8");
  ensureModel("all-minilm-l6-v2", "q4");
  const auto refusal = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "run");
    const auto result = run(words);
    EXPECT_EQ(result.code, 2) << result.err;
    return result.err;
  };
  EXPECT_THAT(refusal({"-m", "whisper-tiny", "--max-tokens", "512", "talk.wav"}),
              HasSubstr("--max-tokens is for text-generation, and the task of whisper-tiny is "
                        "automatic-speech-recognition"));
  EXPECT_THAT(refusal({"-m", "all-minilm-l6-v2", "--temperature", "1", "a"}),
              HasSubstr("--temperature is for text-generation"));
  EXPECT_THAT(refusal({"-m", "all-minilm-l6-v2", "--language", "en", "a"}),
              HasSubstr("--language is for automatic-speech-recognition"));
  for (const auto* model : {"whisper-tiny", "all-minilm-l6-v2"}) {
    EXPECT_THAT(refusal({"-m", model, "--top-k", "5", "a"}),
                HasSubstr("--top-k is for text-classification, fill-mask, image-classification"));
  }
  EXPECT_THAT(refusal({"-m", "all-minilm-l6-v2", "--context", "0", "a"}), HasSubstr("--context"));
  EXPECT_EQ(run({"chat", "--context", "0"}).code, 2);
}

TEST_F(Arguments, ARecordNeedsAName) {
  for (const auto* command : {"run", "stats"}) {
    const auto result = run({command, "--db-path", "", "--model", "all-minilm-l6-v2"});
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr("--db-path"));
  }
}

TEST_F(Arguments, AnUnknownOptionIsNamedBeforeWhatIsMissing) {
  const auto alone = run({"run", "--nosuch"});
  EXPECT_EQ(alone.code, 2);
  EXPECT_THAT(alone.err, HasSubstr("webpool run knows no option '--nosuch'"));
  EXPECT_THAT(alone.err, Not(HasSubstr("required")));
  EXPECT_THAT(run({"models", "add", "--nosuch=3"}).err,
              HasSubstr("webpool models add knows no option '--nosuch'"));
  EXPECT_THAT(run({"run", "text"}).err, HasSubstr("--model is required"));
}

TEST_F(Arguments, ATimeoutIsANumberOfSeconds) {
  for (const auto* value : {"abc", "0", "-1", "1e300", "nan", "10s", ""}) {
    const auto result = run({"run", "--model", "x", "--timeout", value, "text"});
    EXPECT_EQ(result.code, 2) << value;
    EXPECT_THAT(result.err, HasSubstr(std::string("--timeout: '") + value +
                                      "' is no number of seconds from 0.001 to 1000000"));
  }
  EXPECT_EQ(run({"run", "--model", "no-such-model", "--timeout", "0.5", "text"}).code, 4);
}

TEST_F(Arguments, WithoutHomeTheFoldersMustBeGiven) {
  environment_ = {{"HOME", ""},
                  {"XDG_DATA_HOME", ""},
                  {"XDG_CACHE_HOME", ""},
                  {"WEBPOOL_DATA_DIR", ""},
                  {"WEBPOOL_CACHE_DIR", ""}};
  for (const std::vector<std::string>& command : {std::vector<std::string>{"models", "list"},
                                                  {"models", "list", "--names", "all"},
                                                  {"clean"},
                                                  {"demo"},
                                                  {"run", "--model", "x", "text"}}) {
    const auto result = run(command);
    EXPECT_EQ(result.code, 2) << command[0] << result.err;
    EXPECT_THAT(result.err, HasSubstr("HOME is not set"));
    EXPECT_THAT(result.err, HasSubstr("set HOME or WEBPOOL_DATA_DIR and WEBPOOL_CACHE_DIR"));
  }
  EXPECT_EQ(run({"--help"}).code, 0);
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  EXPECT_EQ(run({"run", "--model", "no-such-model", "text"}).code, 2);
  environment_["WEBPOOL_CACHE_DIR"] = folder() / "cache";
  EXPECT_EQ(run({"run", "--model", "no-such-model", "text"}).code, 4);
}

TEST_F(Arguments, NamesForCompletionNeedNoStore) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  EXPECT_THAT(run({"models", "list", "--names", "all"}).out, HasSubstr("all-minilm-l6-v2\n"));
  EXPECT_EQ(run({"models", "list", "--names", "here"}).out, "");
  EXPECT_FALSE(std::filesystem::exists(folder() / "data"));
  EXPECT_THAT(run({"models", "list", "--help"}).out, Not(HasSubstr("--names")));
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  ASSERT_EQ(run({"models", "add", path, "--name", "mine"}).code, 0);
  EXPECT_EQ(run({"models", "list", "--names", "here"}).out, "mine\n");
}

TEST_F(Arguments, AnUnknownModelListsTheKnown) {
  const auto result = run({"run", "--model", "no-such-model", "text"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("no-such-model"));
  EXPECT_THAT(result.err, HasSubstr("all-minilm-l6-v2"));
  EXPECT_EQ(run({"run", "--model", "./none.onnx", "text"}).code, 4);
}

TEST_F(Arguments, ABrowserThatIsNotThere) {
  const auto unknown = run({"run", "--model", "x", "--browser", "mosaic", "text"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("mosaic"));
  const auto missing =
      run({"browsers", "--browser-path", "chromium=" + (folder() / "none").native()});
  EXPECT_EQ(missing.code, 5);
  const auto notABrowser = run({"browsers", "--browser-path", "chromium=/bin/true"});
  EXPECT_EQ(notABrowser.code, 5);
  EXPECT_THAT(notABrowser.err, HasSubstr("/bin/true"));
}

TEST_F(Arguments, ListsTheBrowsersThatAreHere) {
  const auto text = run({"browsers"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("chromium"));
  const auto json = run({"browsers", "--json"}).json();
  ASSERT_FALSE(json.at("browsers").as_array().empty());
}

TEST_F(Arguments, FilesThatAreNoModel) {
  const auto model = onnx::testing::identityModel(DataType::Fp32, {1, 4});
  struct Case {
    std::string name;
    std::string contents;
  };
  for (const auto& [name, contents] :
       {Case{"empty.onnx", ""}, Case{"text.onnx", "just some words, no model at all"},
        Case{"page.onnx", "<!DOCTYPE html><html><body>404</body></html>"},
        Case{"cut.onnx", model.substr(0, model.size() / 2)}}) {
    const auto result = run({"run", "--model", write(name, contents), "--inputs", "none.npz"});
    EXPECT_EQ(result.code, 3) << name << result.err;
    EXPECT_THAT(result.err, HasSubstr("[invalid_model]"));
    EXPECT_THAT(result.err, HasSubstr(name));
  }
}

TEST_F(Arguments, InputsAreCheckedByNameTypeAndShapeBeforeABrowserStarts) {
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  const auto given = [&](std::string_view json) {
    return run({"run", "--model", path, "--inputs", write("in.json", json)});
  };
  const auto wrongName =
      given(R"({"inputs":[{"name":"z","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})");
  EXPECT_EQ(wrongName.code, 3);
  EXPECT_THAT(wrongName.err, HasSubstr("'z'"));
  EXPECT_THAT(wrongName.err, HasSubstr("in.json: "));
  const auto wrongType =
      given(R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"INT64","data":[1,2,3,4]}]})");
  EXPECT_EQ(wrongType.code, 3);
  EXPECT_THAT(wrongType.err, HasSubstr("INT64"));
  const auto wrongShape = given(R"({"x": [[1, 2, 3]]})");
  EXPECT_EQ(wrongShape.code, 3);
  EXPECT_THAT(wrongShape.err, HasSubstr("[1, 3]"));
  const auto broken = given("{");
  EXPECT_EQ(broken.code, 3);
  EXPECT_THAT(broken.err, HasSubstr("in.json: "));
  const auto piped = run({"run", "--model", path, "--inputs", "-"}, "{");
  EXPECT_EQ(piped.code, 3);
  EXPECT_THAT(piped.err, HasSubstr("standard input: "));
  const auto cutZip = run({"run", "--model", path, "--inputs", write("cut.npz", "PK\x03\x04")});
  EXPECT_EQ(cutZip.code, 3);
  EXPECT_THAT(cutZip.err, HasSubstr("cut.npz: "));
  const auto none = run({"run", "--model", path});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("x: FP32 [1, 4]"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "cache" / "slots" / "0" / "chromium-0"));
}

TEST_F(Arguments, AnOutputThatCannotBeWrittenIsToldBeforeABrowserStarts) {
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  const auto input = write("in.json", R"({"x": [[1, 2, 3, 4]]})");
  const auto folderName = folder() / "folder.npz";
  std::filesystem::create_directory(folderName);
  for (const std::string& output : {std::string("/dev/full"), std::string("-"),
                                    (folder() / "out.txt").native(), folderName.native()}) {
    const auto result = run({"run", "--model", path, "--inputs", input, "--outputs", output});
    EXPECT_EQ(result.code, 2) << output << result.err;
    EXPECT_THAT(result.err, HasSubstr(output));
  }
  const auto nowhere = run({"run", "--model", path, "--inputs", input, "--outputs",
                            (folder() / "none" / "out.npz").native()});
  EXPECT_EQ(nowhere.code, 4) << nowhere.err;
  EXPECT_THAT(nowhere.err, HasSubstr("a folder that exists"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "cache" / "slots" / "0" / "chromium-0"));
}

TEST_F(Arguments, APortThatBrowsersRefuseIsNotTried) {
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  const auto result = run({"run", "--model", path, "--inputs",
                           write("in.json", R"({"x": [[1, 2, 3, 4]]})"), "--port", "6667"});
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("6667"));
}

TEST_F(Arguments, AFullStandardOutputIsNoSuccess) {
  Running full({"/bin/sh", "-c", std::string(WEBPOOL_CLI) + " models list >/dev/full"},
               environment_, {});
  const auto result = full.wait();
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_THAT(result.err, HasSubstr("standard output"));
}

TEST_F(Arguments, AFileThatMayNotGrowIsAnErrorAndNotTheEnd) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = write("large.onnx", onnx::testing::matMulModel(DataType::Fp32, 512, 512));
  const auto limited = " models add " + path.native() + " --name large";
  Running full({"/bin/sh", "-c", "ulimit -f 200; exec " + std::string(WEBPOOL_CLI) + limited},
               environment_, {});
  const auto result = full.wait();
  EXPECT_EQ(result.code, 7) << result.err;
  EXPECT_THAT(result.err, HasSubstr("[no_space]"));
  EXPECT_FALSE(run({"models", "list"}).out.contains("large"));
  EXPECT_EQ(run({"models", "add", path, "--name", "large"}).code, 0);
}

TEST_F(Arguments, ExternalDataOfAnyNameIsFoundAndWhatCannotBeUsedIsNotKept) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = write("id.onnx", onnx::testing::ModelBuilder()
                                         .input("x", DataType::Fp32, {2})
                                         .output("y", DataType::Fp32, {2})
                                         .externalInitializer("w", DataType::Fp32, {2}, "w.bin")
                                         .node("Add", {"x", "w"}, {"y"})
                                         .build());
  const auto kept = [&] { return run({"models", "list"}).out.contains("a file or folder"); };
  const auto missing = run({"models", "add", path, "--name", "mine"});
  EXPECT_EQ(missing.code, 3) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("w.bin"));
  EXPECT_FALSE(kept());
  write("w.bin", "1234567");
  const auto cut = run({"models", "add", path, "--name", "mine"});
  EXPECT_EQ(cut.code, 3) << cut.err;
  EXPECT_THAT(cut.err, HasSubstr("cut off"));
  EXPECT_FALSE(kept());
  write("w.bin", "12345678");
  const auto whole = run({"models", "add", path, "--name", "mine", "--json"});
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_TRUE(kept());
  write("w.bin", "1234");
  EXPECT_EQ(run({"models", "add", path, "--name", "mine"}).code, 3);
  EXPECT_EQ(run({"models", "show", "mine", "--json"}).json().at("cid"), whole.json().at("cid"))
      << "what can't be used takes nobody's place";
  const auto listed = run({"models", "list", "--json"}).json();
  std::size_t own = 0;
  for (const auto& model : listed.at("models").as_array()) own += model.at("here") == true ? 1 : 0;
  EXPECT_EQ(own, 1U) << "and leaves nothing";
}

TEST_F(Arguments, TextThatIsNoUtf8AndAModelWithoutATokenizer) {
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  const auto noTokenizer = run({"run", "--model", path, "--task", "text-embedding", "hello"});
  EXPECT_EQ(noTokenizer.code, 2) << noTokenizer.err;
  EXPECT_THAT(noTokenizer.err, HasSubstr("tokenizer.json"));
  ensureModel("all-minilm-l6-v2", "q4");
  const auto latin1 = run({"run", "--model", "all-minilm-l6-v2", "fine", "caf\xe9"});
  EXPECT_EQ(latin1.code, 3) << latin1.err;
  EXPECT_THAT(latin1.err, HasSubstr("text 2 is not valid UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "cache" / "slots" / "0" / "chromium-0"));
}

TEST_F(Arguments, ModelsAreAddedListedShownAndRemoved) {
  environment_["WEBPOOL_DATA_DIR"] = folder() / "data";
  const auto path = write("id.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 4}));
  const auto added = run({"models", "add", path, "--name", "mine", "--json"});
  ASSERT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(run({"models", "list"}).out, HasSubstr("mine"));
  const auto shown = run({"models", "show", "mine", "--json"}).json();
  EXPECT_EQ(shown.at("cid"), added.json().at("cid"));
  EXPECT_EQ(shown.at("inputs").at(0).at("name"), "x");
  const auto again = run({"models", "add", path, "--name", "mine"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.err, Not(HasSubstr("replaced"))) << "it is the same model";
  const auto other = write("other.onnx", onnx::testing::identityModel(DataType::Fp32, {1, 5}));
  const auto replaced = run({"models", "add", other, "--name", "mine", "--json"});
  EXPECT_EQ(replaced.code, 0) << replaced.err;
  const auto before = std::string(added.json().at("cid").as_string());
  EXPECT_THAT(replaced.err, HasSubstr("replaced mine (was CID " + before + ")"));
  EXPECT_EQ(replaced.json().at("replaced_cid").as_string(), before);
  EXPECT_EQ(run({"models", "rm", "mine"}).code, 0);
  EXPECT_EQ(run({"models", "show", "mine"}).code, 4);
  EXPECT_EQ(run({"models", "rm", "mine"}).code, 4);
}

}  // namespace
}  // namespace webpool::functional
