// Which calls of a model may share a run, and which may share an answer. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "pool/task.h"
#include "webpool/model.h"
#include "webpool/options.h"

namespace webpool::pool {

/// What a call is to the queue (sched/request_queue.h).
struct BatchShare {
  std::uint64_t kind = 0;    ///< 0: it goes alone
  std::uint64_t items = 1;   ///< texts, or rows
  std::uint64_t length = 0;  ///< bytes of the longest text; 0 for tensors, which are never padded
  std::uint64_t bytes = 0;   ///< of the longest text, or of a row of all tensors
};

/// Not every model takes several calls at once: tasks of texts do, and graphs whose inputs and
/// outputs all begin with one free dimension that is called a batch ("batch", "batch_size", "N").
class BatchRules {
 public:
  BatchRules(const ModelDescription& description, const Task& task);

  bool joins() const { return joining_ != Joining::Never; }
  /// Its calls are texts, whose tokens it tells.
  bool takesTexts() const { return joining_ == Joining::Texts; }

  /// Calls of one kind have the same parameters and, of tensors, the same sizes beyond the batch.
  BatchShare shareOf(const std::vector<Tensor>& inputs, const boost::json::object& parameters,
                     const RunOptions& options) const;

  /// Equal for calls that have the same answer, and so long as memory is worth it; empty for those
  /// that must not share one: conversations, answers that come bit by bit, and what is random.
  std::string answerKey(const std::vector<Tensor>& inputs, const boost::json::object& parameters,
                        const RunOptions& options) const;

 private:
  enum class Joining { Never, Texts, Rows };
  Joining joining_ = Joining::Never;
  bool repeatable_ = true;
};

}  // namespace webpool::pool
