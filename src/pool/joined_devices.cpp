#include "pool/joined_devices.h"

#include <utility>

#include "pool/convert.h"

namespace webpool::pool {
namespace {

std::string keyOf(const ResolvedModel& model) {
  const auto& of = model.description;
  return of.cid + ' ' + of.dtype + ' ' + of.component;
}

SharedModel sharedModel(const ResolvedModel& model) {
  SharedModel shared{model.description.name, model.description.dtype, model.description.bytes, {}};
  for (const auto& file : model.files) shared.files.push_back(file.cid);
  return shared;
}

}  // namespace

Result<std::unique_ptr<JoinedDevices>> JoinedDevices::open(const Site& site, DeskOptions options) {
  std::unique_ptr<JoinedDevices> devices(new JoinedDevices(site));
  auto* self = devices.get();
  auto desk = JoinDesk::open(
      {.loop = site.common.loop,
       .content = site.content,
       .page = site.page,
       .random = base::systemRandom(),
       .log = site.common.log},
      std::move(options),
      {.joined = [self](const JoinedDevice& device) { self->onJoined(device); },
       .availability =
           [self](const JoinedDevice& device) {
             if (const auto connection = self->find(device)) {
               connection->setAccepting(device.accepting);
             }
             self->tell(device.accepting ? JoinEvent::Kind::Resumed : JoinEvent::Kind::Paused,
                        device);
           },
       .modelsLost =
           [self](const JoinedDevice& device, const std::vector<std::string>& models,
                  const Error& cause) {
             if (const auto connection = self->find(device)) connection->modelsLost(models, cause);
           },
       .lateAnswers =
           [self](const JoinedDevice& device, std::uint64_t count) {
             if (const auto connection = self->find(device)) connection->lateAnswers(count);
           },
       .signal =
           [self](const JoinedDevice& device, wire::Signal signal) {
             if (const auto connection = self->find(device)) {
               connection->signalled(std::move(signal));
             }
           },
       .left = [self](const JoinedDevice& device, const std::string& why,
                      bool dismissed) { self->onLeft(device, why, dismissed); },
       .linkExpired =
           [self] {
             if (self->site_.tell) self->site_.tell({.kind = JoinEvent::Kind::LinkExpired});
           },
       .modelName =
           [self](const std::string& handle) {
             for (const auto& [label, connection] : self->devices_) {
               if (auto name = connection->modelName(handle); !name.empty()) return name;
             }
             return handle;
           }});
  if (!desk) return std::unexpected(desk.error());
  devices->desk_ = std::move(*desk);
  return devices;
}

JoinedDevices::Ref JoinedDevices::find(const JoinedDevice& device) const {
  const auto found = devices_.find(device.label);
  return found == devices_.end() ? nullptr : found->second;
}

void JoinedDevices::tell(JoinEvent::Kind kind, const JoinedDevice& device, std::string why) const {
  if (!site_.tell) return;
  site_.tell({.kind = kind,
              .device = {.label = device.label,
                         .peer = device.peer,
                         .capabilities = toPublic(device.capabilities, "", "")},
              .why = std::move(why)});
}

void JoinedDevices::onJoined(const JoinedDevice& device) {
  auto connection = std::make_shared<JoinedConnection>(
      site_.common, desk_->hub(), site_.nextId(), device,
      [this](const std::string& session, const std::string& why) { desk_->dismiss(session, why); });
  devices_[device.label] = connection;
  tell(JoinEvent::Kind::Joined, device);
  site_.came(connection);
}

void JoinedDevices::onLeft(const JoinedDevice& device, const std::string& why, bool dismissed) {
  const auto node = devices_.extract(device.label);
  if (node.empty()) return;
  node.mapped()->left(why, dismissed);
  tell(JoinEvent::Kind::Left, device, why);
  site_.left(node.mapped());
  // Its hub may still have calls of it under way.
  site_.common.loop.post([connection = node.mapped()] {});
}

Result<void> JoinedDevices::share() {
  std::vector<SharedModel> models;
  for (const auto& [key, shared] : shared_) models.push_back(shared.model);
  return desk_->share(std::move(models));
}

Result<void> JoinedDevices::share(const ResolvedModel& model) {
  auto& shared = shared_[keyOf(model)];
  if (shared.times++ > 0) return {};
  shared.model = sharedModel(model);
  auto done = share();
  if (!done) shared_.erase(keyOf(model));
  return done;
}

void JoinedDevices::unshare(const ResolvedModel& model) {
  const auto found = shared_.find(keyOf(model));
  if (found == shared_.end() || --found->second.times > 0) return;
  shared_.erase(found);
  (void)share();  // fewer of what was there
}

void JoinedDevices::close(const Error& error, std::function<void()> done) {
  for (const auto& [label, connection] : devices_) connection->close(error);
  desk_->close(std::move(done));
}

}  // namespace webpool::pool
