#include "reference.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <cstring>
#include <fstream>
#include <iterator>

namespace webpool::functional {
namespace {

std::vector<float> floatsOf(std::string_view base64) {
  std::string bytes(base64.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(base64.data()),
                                   static_cast<int>(base64.size()));
  // EVP_DecodeBlock counts the padding as bytes.
  std::vector<float> values(static_cast<std::size_t>(size) / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace

boost::json::object readReference(const std::string& file) {
  std::ifstream in(std::string(WEBPOOL_SOURCE_DIR) + "/tests/vectors/reference/" + file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  return boost::json::parse(text).as_object();
}

MiniLmReference readMiniLmReference(const std::string& dtype) {
  const auto object = readReference("minilm.json");
  MiniLmReference reference;
  reference.sentences = boost::json::value_to<std::vector<std::string>>(object.at("sentences"));
  for (const auto& text : object.at(dtype).as_array()) {
    reference.vectors.push_back(floatsOf(text.as_string()));
  }
  return reference;
}

}  // namespace webpool::functional
