#include <CLI/CLI.hpp>

#include "cli/app.h"
#include "cli/content_flags.h"

namespace webpool::cli {
namespace {

using Function = int (*)(const Context&, const ContentFlags&);

/// What each subcommand is bound to.
struct Binder {
  Context& context;
  Action& action;
  std::shared_ptr<ContentFlags> flags;

  CLI::App* add(CLI::App& parent, const char* name, const char* about, Function function) const {
    auto* command = parent.add_subcommand(name, about);
    command->add_flag("--json", flags->json, "Print one JSON object");
    command->callback([&context = context, &action = action, flags = flags, function] {
      action = [&context, flags, function] { return function(context, *flags); };
    });
    return command;
  }

  CLI::Option* address(CLI::App& command, const char* about) const {
    return command.add_option("address", flags->arguments, about)->type_name("CID[/PATH]");
  }
};

void addAdd(CLI::App& parent, const Binder& binder) {
  auto& flags = *binder.flags;
  auto* command = binder.add(parent, "add", "Keep files and folders by their CIDs", addContent);
  command->add_option("path", flags.arguments, "Files and folders")->required()->type_name("PATH");
  command->add_flag("--dry-run", flags.dryRun, "Only say CIDs and sizes; store nothing");
  command->add_flag("--link", flags.link,
                    "Keep further names (hard links) of the files instead of copies; a file that "
                    "is changed later is not served any more");
  command->add_flag("--hidden", flags.hidden, "Take names that begin with '.' too");
  command->add_flag("--follow", flags.follow,
                    "Take the files that symbolic links lead to, instead of the links");
  command->footer(
      "\nAn import that was broken off goes on where it ended when it is given again.\n"
      "\nExamples:\n  webpool content add photos/ notes.txt\n"
      "  webpool content add --dry-run --json data/\n"
      "  webpool content add --link /data/model.gguf");
}

void addGet(CLI::App& parent, const Binder& binder) {
  auto* command =
      binder.add(parent, "get", "Write content to a file or folder, verified", getContent);
  binder.address(*command, "What: a CID, a path below it, or sha256:HEX")->required()->expected(1);
  command
      ->add_option("-o,--output", binder.flags->output,
                   "Where to; '-' is standard output (default: the last name, or the CID)")
      ->type_name("PATH");
  binder.flags->sources.addTo(*command);
  command->add_flag("--offline", binder.flags->offline, "Only what is here");
  command->footer(
      "\nWhat is not here is fetched from the sources, several at once, and not kept. A get that\n"
      "was broken off goes on where it ended when it is given again.\n"
      "\nExamples:\n  webpool content get CID -o photos\n"
      "  webpool content get CID/2024/cat.jpg\n  webpool content get CID/a.txt -o - | less\n"
      "  webpool content get ipfs://CID --gateway https://HOST --peer http://10.0.0.7:8080");
}

void addFetch(CLI::App& parent, const Binder& binder) {
  auto* command =
      binder.add(parent, "fetch", "Bring content here from those who have it", fetchContent);
  binder.address(*command, "What: a CID, or a path below it")->required()->expected(1);
  command->add_option("--name", binder.flags->name, "Name of the pin (default: the CID)");
  binder.flags->sources.addTo(*command);
  command->footer(
      "\nA fetch that was broken off goes on where it ended when it is given again.\n"
      "\nExamples:\n  webpool content fetch ipfs://CID --gateway https://HOST\n"
      "  webpool content fetch CID/path --name photos --json");
}

void addCars(CLI::App& parent, const Binder& binder) {
  auto& flags = *binder.flags;
  auto* out =
      binder.add(parent, "export", "Write content to a CAR, with all its blocks", exportContent);
  binder.address(*out, "What: a CID, a path below it, or sha256:HEX")->required()->expected(1);
  out->add_option("-o,--output", flags.output,
                  "Where to; '-' is standard output (default: the last name, or the CID, and "
                  "'.car')")
      ->type_name("FILE");
  out->add_option("--scope", flags.scope,
                  "Which blocks: the one alone (block), a file or a folder's own (entity), or all "
                  "below")
      ->check(CLI::IsMember({"block", "entity", "all"}))
      ->capture_default_str();
  out->footer(
      "\nExamples:\n  webpool content export CID -o photos.car\n"
      "  webpool content export CID/2024 -o - | ssh host webpool content import - --pin\n"
      "  webpool content export CID --scope entity");
  auto* in = binder.add(parent, "import", "Take the blocks of CARs, each verified", importContent);
  in->add_option("file", flags.arguments, "CARs of version 1; '-' is standard input")
      ->required()
      ->type_name("FILE");
  in->add_flag("--pin", flags.pin, "Keep what their roots name (else the next gc frees it)");
  in->add_option("--name", flags.name, "The same under this name, of a CAR with one root");
  in->add_flag("--skip-foreign", flags.skipForeign,
               "Leave out blocks whose codec or hash function webpool has not, instead of "
               "refusing the CAR");
  in->footer(
      "\nExamples:\n  webpool content import photos.car --pin\n"
      "  webpool content import photos.car --name photos\n"
      "  curl -s 'https://HOST/ipfs/CID?format=car' | webpool content import - --pin --json");
}

void addShow(CLI::App& parent, const Binder& binder) {
  auto* list = binder.add(parent, "ls", "The entries of a folder; without a CID, what is kept here",
                          listContent);
  binder.address(*list, "Which folder")->expected(0, 1);
  list->add_flag("-r,--recursive", binder.flags->recursive, "Folders below, too");
  list->footer(
      "\nExamples:\n  webpool content ls\n  webpool content ls CID\n"
      "  webpool content ls -r CID/2024 --json");
  auto* stat = binder.add(parent, "stat", "Kind, sizes, SHA-256 and pins of content", statContent);
  binder.address(*stat, "What: a CID, a path below it, or sha256:HEX")->required()->expected(1);
  stat->footer("\nExamples:\n  webpool content stat CID\n  webpool content stat sha256:HEX --json");
}

void addKeep(CLI::App& parent, const Binder& binder) {
  auto& flags = *binder.flags;
  auto* verify = binder.add(parent, "verify", "Hash content again; without a CID, all that is here",
                            verifyContent);
  binder.address(*verify, "What")->expected(0, -1);
  verify->footer("\nExamples:\n  webpool content verify\n  webpool content verify CID");
  auto* collect =
      binder.add(parent, "gc", "Delete what neither a pin nor a model needs", collectContent);
  collect->add_flag("--dry-run", flags.dryRun, "Only say what would go");
  collect->add_flag("--unfinished", flags.unfinished,
                    "Also what imports left that were broken off and could go on");
  collect->footer("\nExamples:\n  webpool content gc --dry-run\n  webpool content gc");
}

void addServe(CLI::App& parent, const Binder& binder) {
  auto& flags = *binder.flags;
  auto* command =
      binder.add(parent, "serve", "An IPFS gateway over what is kept here", serveContent);
  command
      ->add_option("--listen", flags.listen,
                   "Where: PORT, ADDRESS or ADDRESS:PORT (default: 127.0.0.1:8080, or any free "
                   "port where that one is taken; 0.0.0.0: all IPv4 interfaces)")
      ->type_name("ADDRESS");
  command
      ->add_option("--name", flags.names,
                   "Name or address that clients call it by, beside this machine's own "
                   "(repeatable)")
      ->allow_extra_args(false);
  command->add_flag("--same-origin", flags.sameOrigin,
                    "Let no page of another origin read (else all may, as of other gateways)");
  flags.scrub.addTo(*command);
  flags.sources.addTo(*command);
  command->footer(
      "\nBlocks, CARs, files, folders and HTTP routing v1, as IPFS clients ask for them.\n"
      "It asks nobody for a token and fetches nothing for anybody: whoever reaches it\n"
      "and knows a CID reads what is here. Only what is found damaged is fetched anew,\n"
      "out of the sources. docs/gateway.md has the rules.\n"
      "\nExamples:\n  webpool content serve\n  curl -L http://127.0.0.1:8080/ipfs/CID\n"
      "  webpool content serve --listen 0.0.0.0:8081\n"
      "  curl 'http://HOST:8081/ipfs/CID?format=car' | webpool content import - --pin");
}

void addPins(CLI::App& parent, const Binder& binder) {
  auto* pins = parent.add_subcommand("pin", "What is kept, and under which names");
  pins->require_subcommand(1);
  auto* add = binder.add(*pins, "add", "Keep content that is here", pinContent);
  binder.address(*add, "What")->required()->expected(1);
  add->add_option("--name", binder.flags->name, "Name of the pin (default: the CID)");
  add->footer("\nExamples:\n  webpool content pin add CID --name photos");
  auto* list = binder.add(*pins, "ls", "All pins", listPins);
  list->footer("\nExamples:\n  webpool content pin ls --json");
  auto* remove = binder.add(*pins, "rm", "Keep it no longer; gc then frees it", unpinContent);
  remove
      ->add_option("name", binder.flags->arguments,
                   "Name of the pin, the path that was added, or the CID")
      ->required()
      ->expected(1);
  remove->footer(
      "\nExamples:\n  webpool content pin rm photos\n  webpool content pin rm ./notes.txt");
  pins->footer("\nExamples:\n  webpool content pin ls\n  webpool content pin add CID --name x");
}

}  // namespace

void addContentCommand(CLI::App& app, Context& context, Action& action) {
  auto* command = app.add_subcommand("content", "Any files and folders, kept by what they contain");
  command->require_subcommand(1);
  const Binder binder{context, action, std::make_shared<ContentFlags>()};
  addAdd(*command, binder);
  addGet(*command, binder);
  addFetch(*command, binder);
  addCars(*command, binder);
  addShow(*command, binder);
  addKeep(*command, binder);
  addPins(*command, binder);
  addServe(*command, binder);
  command->footer(
      "\nExamples:\n  webpool content add photos/\n  webpool content ls\n"
      "  webpool content get CID -o copy");
}

}  // namespace webpool::cli
