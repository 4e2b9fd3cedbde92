#include "reference.h"

#include <openssl/evp.h>

#include <boost/json.hpp>
#include <cstring>

#include "base/file.h"
#include "failure.h"

namespace webpool::bench {

Reference readReference(const Settings& settings, const std::string& dtype, std::size_t index) {
  const auto text =
      valueOf(base::readFile(settings.source / "tests/vectors/reference/minilm.json"));
  const auto object = boost::json::parse(text).as_object();
  const std::string base64(object.at(dtype).as_array().at(index).as_string());
  std::string bytes(base64.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                  reinterpret_cast<const unsigned char*>(base64.data()),
                  static_cast<int>(base64.size()));
  Reference reference;
  reference.sentence = object.at("sentences").as_array().at(index).as_string();
  reference.vector.resize(static_cast<std::size_t>(object.at("dimensions").as_int64()));
  std::memcpy(reference.vector.data(), bytes.data(), reference.vector.size() * sizeof(float));
  reference.leastCosine = dtype == "fp32" ? 0.9999 : 0.999;
  return reference;
}

}  // namespace webpool::bench
