#include "pool/batch_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

namespace webpool::pool {
namespace {

std::unexpected<Error> misfit(std::string what) {
  return fail(ErrorCategory::Internal, std::move(what));
}

const Tensor* named(std::span<const Tensor> tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &Tensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

bool sameBeyondRows(const Tensor& a, const Tensor& b) {
  return a.type == b.type && a.shape.size() == b.shape.size() && !a.shape.empty() &&
         std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1);
}

/// Where each row of a tensor begins, and its end.
class Rows {
 public:
  explicit Rows(const Tensor& tensor) : tensor_(tensor) {
    const auto rows = static_cast<std::size_t>(tensor.shape.front());
    starts_.reserve(rows + 1);
    std::size_t at = 0;
    if (tensor.type != DataType::Bytes) {
      const auto each = rows == 0 ? 0 : tensor.data.size() / rows;
      for (std::size_t i = 0; i <= rows; ++i) starts_.push_back(i * each);
      return;
    }
    const auto perRow = std::accumulate(tensor.shape.begin() + 1, tensor.shape.end(),
                                        std::int64_t{1}, std::multiplies<>());
    starts_.push_back(0);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::int64_t k = 0; k < perRow; ++k) {
        std::uint32_t length = 0;
        std::memcpy(&length, tensor.data.data() + at, sizeof(length));
        at += sizeof(length) + length;
      }
      starts_.push_back(at);
    }
  }

  Tensor slice(std::size_t from, std::size_t count) const {
    auto shape = tensor_.shape;
    shape.front() = static_cast<std::int64_t>(count);
    auto data = tensor_.data.slice(starts_[from], starts_[from + count] - starts_[from]);
    return {tensor_.name, tensor_.type, std::move(shape), std::move(data)};
  }

 private:
  const Tensor& tensor_;
  std::vector<std::size_t> starts_;
};

/// `owners` with the first item of its share taken off.
Tensor renumbered(const Tensor& owners, std::int64_t first) {
  std::vector<std::int64_t> values(owners.as<std::int64_t>().begin(),
                                   owners.as<std::int64_t>().end());
  for (auto& value : values) value -= first;
  return Tensor::of<std::int64_t>(owners.name, owners.type, owners.shape, values);
}

constexpr std::string_view kOwners = "text";

/// Rows of each share, where a tensor tells the item of each row.
Result<std::vector<std::size_t>> countByOwner(const Tensor& owners,
                                              std::span<const std::uint64_t> items) {
  const auto values = owners.as<std::int64_t>();
  if (!std::ranges::is_sorted(values)) return misfit("the rows of a batch are not in order");
  const auto total = std::accumulate(items.begin(), items.end(), std::uint64_t{0});
  const bool inside =
      values.empty() || (values.front() >= 0 && std::cmp_less(values.back(), total));
  if (!inside) return misfit("a row of a batch belongs to no item");
  std::vector<std::size_t> counts;
  std::int64_t end = 0;
  auto from = values.begin();
  for (const auto count : items) {
    end += static_cast<std::int64_t>(count);
    const auto to = std::lower_bound(from, values.end(), end);
    counts.push_back(static_cast<std::size_t>(to - from));
    from = to;
  }
  return counts;
}

}  // namespace

Result<std::vector<Tensor>> joinInputs(std::span<const std::vector<Tensor>> calls) {
  std::vector<Tensor> joined;
  for (const auto& first : calls.front()) {
    auto shape = first.shape;
    std::vector<std::byte> data;
    std::size_t size = 0;
    std::int64_t rows = 0;
    std::vector<const Tensor*> parts;
    for (const auto& call : calls) {
      const auto* part = named(call, first.name);
      if (part == nullptr || call.size() != calls.front().size() || !sameBeyondRows(first, *part)) {
        return misfit(fmt::format("calls with different '{}' can't be joined", first.name));
      }
      parts.push_back(part);
      size += part->data.size();
      rows += part->shape.front();
    }
    data.reserve(size);
    for (const auto* part : parts) {
      data.insert(data.end(), part->data.view().begin(), part->data.view().end());
    }
    shape.front() = rows;
    joined.push_back({first.name, first.type, std::move(shape), Bytes::adopt(std::move(data))});
  }
  return joined;
}

Result<std::vector<std::vector<Tensor>>> splitOutputs(std::span<const Tensor> outputs,
                                                      std::span<const std::uint64_t> items) {
  const auto total = std::accumulate(items.begin(), items.end(), std::uint64_t{0});
  const auto* owners = named(outputs, kOwners);
  if (owners != nullptr && (owners->type != DataType::Int64 || owners->shape.size() != 1)) {
    owners = nullptr;
  }
  std::vector<std::size_t> counts(items.begin(), items.end());
  auto rows = static_cast<std::int64_t>(total);
  if (owners != nullptr) {
    auto counted = countByOwner(*owners, items);
    if (!counted) return std::unexpected(counted.error());
    counts = std::move(*counted);
    rows = owners->shape.front();
  }
  std::vector<std::vector<Tensor>> shares(items.size());
  for (const auto& output : outputs) {
    if (output.shape.empty() || output.shape.front() != rows) {
      return misfit(fmt::format("the output '{}' is {}, and not a row for each of {} items",
                                output.name, shapeText(output.shape), total));
    }
    const Rows split(output);
    std::size_t at = 0;
    std::int64_t item = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto share = split.slice(at, counts[i]);
      shares[i].push_back(&output == owners ? renumbered(share, item) : std::move(share));
      at += counts[i];
      item += static_cast<std::int64_t>(items[i]);
    }
  }
  return shares;
}

std::vector<boost::json::object> splitDetails(const boost::json::object& details,
                                              std::span<const std::uint64_t> items) {
  const auto total = std::accumulate(items.begin(), items.end(), std::uint64_t{0});
  std::vector<boost::json::object> shares(items.size());
  for (const auto& [key, value] : details) {
    const bool perItem = value.is_array() && value.get_array().size() == total;
    std::size_t at = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!perItem) {
        shares[i][key] = value;
        continue;
      }
      boost::json::array part;
      for (std::uint64_t k = 0; k < items[i]; ++k) part.push_back(value.get_array()[at++]);
      shares[i][key] = std::move(part);
    }
  }
  return shares;
}

}  // namespace webpool::pool
