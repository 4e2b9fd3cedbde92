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
       {std::vector<std::string>{"--help"}, {"models", "add", "--help"}}) {
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
  const auto wrongType =
      given(R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"INT64","data":[1,2,3,4]}]})");
  EXPECT_EQ(wrongType.code, 3);
  EXPECT_THAT(wrongType.err, HasSubstr("INT64"));
  const auto wrongShape = given(R"({"x": [[1, 2, 3]]})");
  EXPECT_EQ(wrongShape.code, 3);
  EXPECT_THAT(wrongShape.err, HasSubstr("[1, 3]"));
  EXPECT_EQ(given("{").code, 3);
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
  const auto whole = run({"models", "add", path, "--name", "mine"});
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_TRUE(kept());
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
  EXPECT_EQ(run({"models", "rm", "mine"}).code, 0);
  EXPECT_EQ(run({"models", "show", "mine"}).code, 4);
  EXPECT_EQ(run({"models", "rm", "mine"}).code, 4);
}

}  // namespace
}  // namespace webpool::functional
