// CIDs as text and as bytes, and the encodings of their text.
#include "cid/cid.h"
#include "cid/multibase.h"
#include "fuzz/fuzz.h"

using namespace webpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::textOf(data, size);
  if (const auto read = cid::Cid::parse(text)) {
    fuzz::require(cid::Cid::parse(read->text()) == *read);
    fuzz::require(cid::Cid::fromBytes(fuzz::bytesOf(read->bytes())) == *read);
    fuzz::require(read->bytes().size() == read->byteSize());
  }
  if (const auto read = cid::Cid::fromBytes(fuzz::bytesOf(text))) {
    fuzz::require(read->bytes() == text);
    fuzz::require(cid::Cid::parse(read->text()) == *read);
  }
  if (const auto read = cid::decodeMultibase(text)) {
    for (const auto base :
         {cid::Base::Base16, cid::Base::Base32, cid::Base::Base36, cid::Base::Base58Btc,
          cid::Base::Base64, cid::Base::Base64Pad, cid::Base::Base64Url, cid::Base::Base64UrlPad}) {
      if (read->size() > 400) break;  // the encoded text is longer, and has a limit
      fuzz::require(cid::decodeMultibase(cid::encodeMultibase(base, fuzz::bytesOf(*read))) ==
                    *read);
    }
  }
  return 0;
}
