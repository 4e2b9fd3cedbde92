#include "api/content_coding.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "net/http_types.h"

namespace webpool::api {
namespace {

constexpr std::size_t kStep = 256u << 10;
/// zlib tells its own form and gzip's apart by their first bytes.
constexpr int kEitherForm = MAX_WBITS + 32;
/// Some senders of "deflate" leave out what should be around it.
constexpr int kBare = -MAX_WBITS;

class Inflater {
 public:
  explicit Inflater(int form) { isReady_ = inflateInit2(&stream_, form) == Z_OK; }
  ~Inflater() {
    if (isReady_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  enum class Outcome { Whole, TooLarge, Broken };

  /// All of `body`; what gzip puts one behind the other too.
  Outcome unpack(std::string_view body, std::size_t most, std::string& out) {
    if (!isReady_ || body.size() > std::numeric_limits<uInt>::max()) return Outcome::Broken;
    // zlib does not write to its input; its type says so only where ZLIB_CONST is defined.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream_.avail_in = static_cast<uInt>(body.size());
    while (true) {
      const auto before = out.size();
      const auto room = std::min(kStep, most - before + 1);
      out.resize(before + room);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + before);
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      out.resize(out.size() - stream_.avail_out);
      if (out.size() > most) return Outcome::TooLarge;
      if (result == Z_STREAM_END) {
        if (stream_.avail_in == 0) return Outcome::Whole;
        if (inflateReset(&stream_) != Z_OK) return Outcome::Broken;
      } else if (result != Z_OK || (stream_.avail_in == 0 && stream_.avail_out > 0)) {
        return Outcome::Broken;
      }
    }
  }

 private:
  z_stream stream_{};
  bool isReady_ = false;
};

}  // namespace

std::expected<std::string, CodingError> decodedBody(std::string_view coding, std::string_view body,
                                                    std::size_t most) {
  const bool isDeflate = net::equalIgnoringCase(coding, "deflate");
  if (!isDeflate && !net::equalIgnoringCase(coding, "gzip") &&
      !net::equalIgnoringCase(coding, "x-gzip")) {
    return std::unexpected(CodingError{
        415,
        {ErrorCategory::InvalidArgument, fmt::format("Content-Encoding: {} can't be read", coding),
         "send gzip, deflate, or the body as it is"}});
  }
  std::string text;
  auto outcome = Inflater(kEitherForm).unpack(body, most, text);
  if (outcome == Inflater::Outcome::Broken && isDeflate) {
    text.clear();
    outcome = Inflater(kBare).unpack(body, most, text);
  }
  if (outcome == Inflater::Outcome::Whole) return text;
  if (outcome == Inflater::Outcome::TooLarge) {
    return std::unexpected(
        CodingError{413,
                    {ErrorCategory::InvalidInput,
                     fmt::format("the request's body is larger than {} bytes", most), ""}});
  }
  return std::unexpected(CodingError{
      400,
      {ErrorCategory::InvalidInput, fmt::format("the body is not whole {} data", coding), ""}});
}

}  // namespace webpool::api
