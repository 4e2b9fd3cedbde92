// Requests and answers of the Open Inference Protocol v2 with the binary tensor extension, as
// bytes. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/oip/parameters.h"
#include "webpool/model.h"

namespace webpool::api::oip {

struct RequestedOutput {
  std::string name;
  std::optional<bool> binary{};  ///< unset: as the request says
  std::uint64_t classes = 0;     ///< so many of the greatest, as texts; 0: the tensor itself
};

struct InferRequest {
  std::string id;
  std::vector<Tensor> inputs{};  ///< binary data is a slice of the body, not aligned
  std::vector<RequestedOutput> outputs{};
  bool binaryOutputs = false;
  Schedule schedule{};
  boost::json::object parameters{};  ///< the rest
};

/// `headerLength`: the value of Inference-Header-Content-Length, empty where it is missing.
/// InvalidInput says what is wrong.
Result<InferRequest> parseInfer(const Bytes& body, std::string_view headerLength);

struct InferAnswer {
  std::string body;
  std::optional<std::size_t> headerLength{};  ///< set when binary tensors follow the JSON
};

/// The outputs asked for, in that order; all where none was. `labels`: the names of the model's
/// classes, for outputs with as many numbers a row. `loweredFrom`: ModelInfo's. InvalidInput for a
/// name that is none and for classes of what has no order, Unsupported for BYTES as JSON that are
/// no UTF-8.
Result<InferAnswer> writeInfer(std::string_view model, const InferRequest& request,
                               const Inference& inference, std::span<const std::string> labels = {},
                               std::string_view loweredFrom = {});

/// GET /v2/models/{m}
boost::json::object metadata(std::string_view name, const ModelInfo& info);

/// GET /v2/models/{m}/config: what Triton's clients read of its configuration.
boost::json::object config(std::string_view name, const ModelInfo& info);

}  // namespace webpool::api::oip
