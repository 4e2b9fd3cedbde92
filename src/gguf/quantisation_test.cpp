#include "gguf/quantisation.h"

#include <gtest/gtest.h>

namespace webpool::gguf {
namespace {

void expectParts(std::string_view name, std::string_view stem, std::string_view dtype) {
  const auto parts = partsOfName(name);
  ASSERT_TRUE(parts) << name;
  EXPECT_EQ(parts->stem, stem) << name;
  EXPECT_EQ(parts->dtype, dtype) << name;
}

TEST(GgufQuantisation, FileNamesTellIt) {
  expectParts("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct", "q4_1");
  expectParts("llama-3-q4_k_m.gguf", "llama-3", "q4_k_m");
  expectParts("llama-3-Q4_K.gguf", "llama-3", "q4_k_m");
  expectParts("model_f16.gguf", "model", "fp16");
  expectParts("model-BF16-00001-of-00003.gguf", "model", "bf16");
  expectParts("model.gguf", "model", "gguf");
  expectParts("q4_1.gguf", "q4_1", "gguf");
  EXPECT_FALSE(partsOfName("model.onnx"));
  EXPECT_FALSE(partsOfName(".gguf"));
  EXPECT_FALSE(partsOfName("a.gguf.txt"));
}

TEST(GgufQuantisation, NumbersHaveNames) {
  EXPECT_EQ(fileTypeName(15), "q4_k_m");
  EXPECT_EQ(fileTypeName(4), "");
  ASSERT_NE(tensorType(3), nullptr);
  EXPECT_EQ(tensorType(3)->blockBytes, 20u);
  EXPECT_EQ(tensorType(4), nullptr);
}

}  // namespace
}  // namespace webpool::gguf
