// The answers of native ONNX Runtime, kept under tests/vectors/reference.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace webpool::functional {

struct MiniLmReference {
  std::vector<std::string> sentences;
  std::vector<std::vector<float>> vectors;
};

MiniLmReference readMiniLmReference(const std::string& dtype);

boost::json::object readReference(const std::string& file);

}  // namespace webpool::functional
