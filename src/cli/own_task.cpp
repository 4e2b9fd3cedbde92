#include "cli/own_task.h"

#include "pool/golden.h"
#include "pool/signature.h"
#include "pool/task.h"
#include "store/catalogue.h"

namespace webpool::cli {

std::string_view ownTask(const ModelDescription& description) {
  if (description.task != "tensors") return description.task;
  const auto catalogue = store::Catalogue::builtIn();
  const auto* entry = catalogue.find(description.name);
  if (entry == nullptr || entry->golden.empty()) return description.task;
  const auto signature = pool::toOnnx(description);
  for (const auto& task : pool::knownTasks()) {
    if (task.isRaw()) continue;
    const auto golden = pool::readGolden(entry->golden, description.dtype, task.name, signature);
    if (golden && !golden->empty()) return task.name;
  }
  return description.task;
}

}  // namespace webpool::cli
