// Texts as the input of a text task.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "webpool/result.h"
#include "webpool/tensor.h"

namespace webpool::pool {

/// InvalidArgument for none, InvalidInput for one that is not UTF-8.
Result<void> checkTexts(std::span<const std::string> texts);

/// InvalidInput for an element of a BYTES tensor that is not UTF-8, and for a BYTES tensor without
/// any where a task reads its texts. The tensors were validated.
Result<void> checkTextInputs(std::span<const Tensor> inputs, bool readsTexts);

/// BYTES [n], named "text".
Tensor textTensor(std::span<const std::string> texts);

/// The elements of a BYTES tensor that was validated.
std::vector<std::string> stringsOf(const Tensor& tensor);

/// Of each text of a text task, as the page told it in `details`; empty where it did not.
std::vector<std::uint64_t> tokenCounts(const Inference& answer);

/// Of each text, whether it was longer than the model reads; empty where none was, or where the
/// page did not tell.
std::vector<bool> cutTexts(const Inference& answer);

/// The rows of a run of task "text-embedding". Protocol where it is not a row a text.
Result<Embeddings> embeddingsOf(const Inference& answer, std::size_t texts);

/// What a text model is tried with where no golden answer is known.
std::vector<Tensor> sampleTexts();

/// Of each run: mean pooling, vectors of length 1.
const boost::json::object& embeddingParameters();

}  // namespace webpool::pool
