#include "bridge/advice.h"

namespace webpool::bridge {
namespace {

std::string_view adviceFor(ErrorCategory category) {
  switch (category) {
    case ErrorCategory::InvalidArgument:
      return "change what the message names";
    case ErrorCategory::InvalidModel:
      return "get the model's files anew, or choose another model";
    case ErrorCategory::InvalidInput:
      return "change the inputs as the message says";
    case ErrorCategory::NotFound:
      return "check the name or the path";
    case ErrorCategory::Unsupported:
      return "choose another platform, browser or precision";
    case ErrorCategory::BrowserNotFound:
      return "install a browser, or choose one that is installed";
    case ErrorCategory::BrowserFailed:
      return "webpool browsers --probe launches each browser and says what fails; try again, or "
             "choose another browser";
    case ErrorCategory::WorkerLost:
      return "try again: another browser, or a new one, takes the call";
    case ErrorCategory::DeviceLost:
      return "try again, or choose the platform cpu";
    case ErrorCategory::WrongResult:
      return "choose another platform or precision: this one computes the model wrong";
    case ErrorCategory::Integrity:
      return "get the content anew: its bytes are not those of its address";
    case ErrorCategory::Storage:
      return "check that the path can be read and written";
    case ErrorCategory::NoSpace:
      return "free space on the disk";
    case ErrorCategory::Busy:
      return "try again a little later";
    case ErrorCategory::PortInUse:
      return "choose another port, or end what uses it";
    case ErrorCategory::OutOfMemory:
      return "choose a smaller precision or model, or free memory";
    case ErrorCategory::Fetch:
      return "check the network, and try again";
    case ErrorCategory::Timeout:
      return "try again, or allow more time";
    case ErrorCategory::Cancelled:
      return "call again if the answer is wanted after all";
    case ErrorCategory::Protocol:
      return "use the same version of webpool on both sides";
    case ErrorCategory::Unauthorized:
      return "give the right token";
    case ErrorCategory::Internal:
      break;
  }
  return "try another model or platform, and report the message";
}

}  // namespace

std::string nextStep(const Error& error) {
  return error.hint.empty() ? std::string(adviceFor(error.category)) : error.hint;
}

}  // namespace webpool::bridge
