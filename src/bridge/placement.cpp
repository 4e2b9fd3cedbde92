// Where a model of a type is placed: which platforms are tried, in which browser, with which
// weights.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "bridge/advice.h"
#include "bridge/pool.h"
#include "bridge/preferences.h"

namespace webpool::bridge {
namespace {

/// Another platform may do what this one can't.
bool isOfThePlatform(ErrorCategory category) {
  return category == ErrorCategory::Unsupported || category == ErrorCategory::WrongResult ||
         category == ErrorCategory::DeviceLost || category == ErrorCategory::OutOfMemory;
}

/// Another browser may be had where this one can't: the pool is full, or it does not start.
bool isOfTheBrowser(ErrorCategory category) {
  return category == ErrorCategory::Busy || category == ErrorCategory::BrowserNotFound ||
         category == ErrorCategory::BrowserFailed;
}

/// The error of a name that is no platform, with those of the program's own beside the browsers'.
std::unexpected<Error> withOwn(Error error, std::span<const std::pair<int, std::string>> own) {
  for (const auto& [priority, name] : own) error.hint += fmt::format(", '{}'", name);
  if (!own.empty()) error.hint = "one of " + error.hint;
  return std::unexpected(std::move(error));
}

/// Why it is not the browser that was asked for; empty where it is.
std::string insteadOf(const std::string& asked, const std::string& found,
                      std::span<const std::string> installed) {
  if (asked.empty() || asked == "auto" || asked == found) return {};
  if (std::ranges::find(installed, asked) != installed.end()) return {};
  if (found.empty()) {
    return fmt::format("neither {} nor another browser of its family is here", asked);
  }
  return fmt::format("{} is not here: {}, of its family, stands for it", asked, found);
}

/// An order that the caller gave, not a free choice.
bool isOrder(std::span<const std::string> priorityList) {
  return !priorityList.empty() && std::ranges::find(priorityList, "auto") == priorityList.end();
}

void tellLowered(Placed& placed) {
  const auto& from = placed.info.loweredFrom;
  if (from.empty()) return;
  placed.fallback += fmt::format("{}{} does not fit into the memory: it runs in {}",
                                 placed.fallback.empty() ? "" : "; ", from, placed.info.dtype);
}

}  // namespace

Result<Pool::Wish> Pool::browserFor(const std::string& type,
                                    const HardwarePreferences& preferences) const {
  Wish wish;
  if (!preferences.browser.empty()) {
    auto names = browsersFor(preferences.browser, installed_);
    if (!names) return std::unexpected(names.error());
    if (preferences.browser == "auto") return wish;
    wish.browser = names->front();
    wish.isBinding = true;
    wish.fallback = insteadOf(preferences.browser, wish.browser, installed_);
    return wish;
  }
  const auto prior = options_.browserPreferences.find(type);
  wish.preferred = prior == options_.browserPreferences.end() ? testBrowser_ : prior->second;
  if (wish.preferred.empty()) return wish;
  const auto names = browsersFor(wish.preferred, installed_);
  if (names && wish.preferred != "auto") wish.browser = names->front();
  wish.fallback = insteadOf(wish.preferred, wish.browser, installed_);
  return wish;
}

Result<std::vector<Backend>> Pool::allowedBackends(
    const std::vector<std::string>& priorityList) const {
  auto backends = backendsOf(priorityList);
  if (!backends || (options_.enableGpu && options_.enableCpu)) return backends;
  if (backends->front() == Backend::Auto) {
    backends = {Backend::WebGpu, Backend::WebNn, Backend::Wasm};
  }
  std::erase_if(*backends, [&](Backend backend) {
    return !(backend == Backend::Wasm ? options_.enableCpu : options_.enableGpu);
  });
  if (!backends->empty()) return backends;
  return fail(ErrorCategory::InvalidArgument,
              "none of the platforms asked for is enabled in this integration",
              "enable_gpu and enable_cpu say which are");
}

Result<ModelDescription> Pool::describe(ResourcePool& pool, const std::string& name,
                                        const HardwarePreferences& preferences,
                                        std::string task) const {
  return pool.describe(name, {.task = std::move(task),
                              .precision = preferences.precision,
                              .mixedPrecision = preferences.mixedPrecision,
                              .context = preferences.contextLength});
}

std::optional<ModelDescription> Pool::describeAs(ResourcePool& pool, const std::string& type,
                                                 const ModelDescription& known,
                                                 const std::string& name,
                                                 const HardwarePreferences& preferences) const {
  auto description = known;
  // A model of unknown task is a graph like any other until it is asked for what its type does.
  if (const auto task = taskOfGraphs(type, known); known.task == "tensors" && !task.empty()) {
    if (auto asTask = describe(pool, name, preferences, std::string(task))) {
      description = std::move(*asTask);
    }
  }
  if (taskFor(type, description.task).empty()) return std::nullopt;
  return description;
}

Result<std::string> Pool::typeOf(const std::string& name, const HardwarePreferences& preferences,
                                 std::span<const std::string> types) {
  const auto pool = opened();
  if (!pool) return std::unexpected(pool.error());
  const auto known = describe(**pool, name, preferences, {});
  if (!known) return std::unexpected(known.error());
  std::string asGraph;
  for (const auto& type : types) {
    if (!isType(type)) continue;
    const auto description = describeAs(**pool, type, *known, name, preferences);
    if (!description) continue;
    if (description->task != "tensors") return type;
    if (asGraph.empty()) asGraph = type;
  }
  if (!asGraph.empty()) return asGraph;
  return fail(ErrorCategory::InvalidArgument,
              fmt::format("{} is a model for {}, which is of none of the types {}", known->name,
                          known->task, fmt::join(types, ", ")),
              "one of " + typeNames());
}

Result<std::vector<Pool::Platform>> Pool::platformsFor(
    const std::vector<std::string>& priorityList) const {
  std::vector<std::pair<int, std::string>> own;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, backend] : backends_) own.emplace_back(backend.priority, name);
  }
  std::ranges::sort(own);
  const auto isOwn = [&](const std::string& name) {
    return std::ranges::find(own, name, &std::pair<int, std::string>::second) != own.end();
  };
  const bool free = !isOrder(priorityList);
  std::vector<Platform> platforms;
  if (!free) {
    for (const auto& name : priorityList) {
      if (isOwn(name)) {
        platforms.emplace_back(name);
      } else if (auto backends = allowedBackends({name})) {
        platforms.emplace_back(backends->front());
      } else if (!backendsOf(std::vector{name})) {
        return withOwn(backends.error(), own);
      } else if (priorityList.size() == 1) {
        return std::unexpected(backends.error());
      }
    }
    if (!platforms.empty()) return platforms;
  }
  auto ofBrowsers = priorityList;
  std::erase_if(ofBrowsers, isOwn);
  const auto backends = allowedBackends(ofBrowsers);
  if (!backends) {
    return backendsOf(ofBrowsers) ? std::unexpected(backends.error())
                                  : withOwn(backends.error(), own);
  }
  for (const auto& [priority, name] : own) {
    if (priority < 0) platforms.emplace_back(name);
  }
  platforms.insert(platforms.end(), backends->begin(), backends->end());
  for (const auto& [priority, name] : own) {
    if (priority >= 0) platforms.emplace_back(name);
  }
  return platforms;
}

Result<void> Pool::askIntegration(const std::string& type, HardwarePreferences& preferences) {
  const auto integration = locked(integration_);
  if (!integration) return {};
  const auto wish = browserFor(type, preferences);
  if (!wish) return std::unexpected(wish.error());
  // It is asked about the browser that the model is then put in.
  auto browser = wish->browser;
  if (browser.empty() && !installed_.empty()) browser = installed_.front();
  const auto said = integration->optimizeForBrowser(browser, type);
  if (!said) return std::unexpected(said.error());
  if (preferences.priorityList.empty()) preferences.priorityList = said->priorityList;
  if (preferences.precision == 0 && !preferences.mixedPrecision) {
    preferences.precision = said->precision;
    preferences.mixedPrecision = said->mixedPrecision;
  }
  if (preferences.contextLength == 0) preferences.contextLength = said->contextLength;
  if (preferences.browser.empty()) {
    preferences.browser = said->browser.empty() ? browser : said->browser;
  }
  return {};
}

Result<Placed> Pool::place(ResourcePool& pool, const std::string& type, const Platform& platform,
                           const ModelDescription& description, const ModelOptions& options) {
  if (const auto* backend = std::get_if<Backend>(&platform)) {
    auto inBrowser = options;
    inBrowser.backend = *backend;
    auto model = pool.load(description.name, inBrowser);
    if (!model) return std::unexpected(model.error());
    auto info = model->info();
    auto adapter = makeAdapter(std::move(*model));
    if (!adapter) return std::unexpected(adapter.error());
    return Placed{std::move(info), std::move(*adapter)};
  }
  const auto& name = std::get<std::string>(platform);
  HardwareBackend own;
  {
    const std::lock_guard lock(mutex_);
    own = backends_.at(name);
  }
  const auto detected = own.detect();
  if (!detected) return std::unexpected(detected.error());
  if (!*detected) {
    return fail(ErrorCategory::Unsupported, fmt::format("the backend '{}' was not detected", name),
                "its own detection says that it is not here: choose another platform");
  }
  auto files = pool.files(description.name, options);
  if (!files) return std::unexpected(files.error());
  auto run = own.initialize({type, description, std::move(*files)});
  if (!run) return std::unexpected(run.error());
  ModelInfo info;
  info.name = description.name;
  info.task = description.task;
  info.dtype = description.dtype;
  info.cid = description.cid;
  info.weights = description.weights;
  info.bytes = description.bytes;
  info.inputs = description.inputs;
  info.outputs = description.outputs;
  OwnBackend backend{name, own.isRealHardware};
  auto adapter = makeOwnAdapter(backend, std::move(*run));
  return Placed{std::move(info), std::move(adapter), std::move(backend)};
}

Result<Placed> Pool::load(ResourcePool& pool, const std::string& type, const std::string& name,
                          HardwarePreferences preferences, const std::stop_token& stop) {
  if (!isType(type)) {
    return fail(ErrorCategory::InvalidArgument, fmt::format("there is no model type '{}'", type),
                "one of " + typeNames());
  }
  if (auto asked = askIntegration(type, preferences); !asked) {
    return std::unexpected(asked.error());
  }
  const auto platforms = platformsFor(preferences.priorityList);
  if (!platforms) return std::unexpected(platforms.error());
  const auto wish = browserFor(type, preferences);
  if (!wish) return std::unexpected(wish.error());
  const auto known = describe(pool, name, preferences, {});
  if (!known) return std::unexpected(known.error());
  const auto description = describeAs(pool, type, *known, name, preferences);
  if (!description) {
    return fail(ErrorCategory::InvalidArgument,
                fmt::format("{} is a model for {}, which is no model of type {}", known->name,
                            known->task, type),
                fmt::format("ask for it as \"{}\"", bridge::typeOf(known->task)));
  }
  if (const auto said = policy()) {
    if (auto allowed = said->allocateMemory(type, description->bytes); !allowed) {
      return std::unexpected(allowed.error());
    }
  }
  ModelOptions options{.task = description->task,
                       .dtype = description->dtype,
                       .mayLower = preferences.precision == 0 && !preferences.mixedPrecision,
                       .context = preferences.contextLength,
                       .stop = stop};
  if (preferences.p2pOptimization) {
    options.peerSharing = *preferences.p2pOptimization ? PeerSharing::On : PeerSharing::Off;
  }
  Tries tries;
  for (const auto& platform : *platforms) {
    for (const auto& browser : browsersToTry(*wish, platform)) {
      options.browser = browser;
      auto placed = place(pool, type, platform, *description, options);
      if (placed) {
        placed->preferredBrowser = wish->preferred;
        placed->fallback = wish->fallback;
        const bool elsewhere = !wish->browser.empty() && browser != wish->browser;
        if (wish->fallback.empty() && (elsewhere || isOrder(preferences.priorityList))) {
          placed->fallback = tries.why;
        }
        tellLowered(*placed);
        return placed;
      }
      const auto category = placed.error().category;
      const bool mayFall =
          isOfThePlatform(category) || (!wish->isBinding && isOfTheBrowser(category));
      if (std::holds_alternative<Backend>(platform) && !mayFall) return placed;
      tries.failed(platform, browser, placed.error());
    }
  }
  return std::unexpected(tries.error(name, preferences.priorityList));
}

std::vector<std::string> Pool::browsersToTry(const Wish& wish, const Platform& platform) const {
  std::vector<std::string> browsers{wish.browser};
  const auto* backend = std::get_if<Backend>(&platform);
  if (backend == nullptr || wish.isBinding) return browsers;
  if (*backend == Backend::Auto) {
    // A wish that can't be met leaves it to the pool.
    if (!wish.browser.empty()) browsers.emplace_back();
    return browsers;
  }
  // A platform that one browser has not, another may have.
  for (const auto& other : installed_) {
    if (other != wish.browser && !(wish.browser.empty() && other == installed_.front())) {
      browsers.push_back(other);
    }
  }
  return browsers;
}

void Pool::Tries::failed(const Platform& platform, const std::string& browser, const Error& error) {
  const auto* backend = std::get_if<Backend>(&platform);
  why += fmt::format("{}{}{}: {}", why.empty() ? "" : "; ",
                     backend != nullptr ? platformName(*backend) : std::get<std::string>(platform),
                     browser.empty() ? "" : " in " + browser, error.message);
  // What a platform can't do says more than that another browser was not to be had.
  if (!first || (isOfTheBrowser(first->category) && !isOfTheBrowser(error.category))) first = error;
  ++count;
}

Error Pool::Tries::error(const std::string& name,
                         const std::vector<std::string>& priorityList) const {
  if (count == 1) return *first;
  // A list is the matter only where another platform may do what those on it can't.
  const bool isOfTheList = isOfThePlatform(first->category) && !priorityList.empty() &&
                           std::ranges::find(priorityList, "cpu") == priorityList.end();
  return {first->category, fmt::format("no platform that was asked for runs {}: {}", name, why),
          isOfTheList ? "add \"cpu\" to the list, or leave it out" : nextStep(*first)};
}

}  // namespace webpool::bridge
