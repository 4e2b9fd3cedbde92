#include "tasks/tool_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tasks/character_set.h"

namespace webpool::tasks {
namespace {

constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
/// llama.cpp makes a rule of each possible repetition and takes less than 2000 rules in a group.
constexpr std::uint64_t kMostRepetitions = 1000;
constexpr std::uint64_t kMostRules = 1500;
constexpr std::size_t kLongest = 20'000;
constexpr int kDeepest = 50;

constexpr std::string_view kUsualHint =
    "write it without, or leave the pattern out: the description can say it";

const CharacterSet& digits() {
  static const CharacterSet set({{'0', '9'}});
  return set;
}

const CharacterSet& wordCharacters() {
  static const CharacterSet set({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return set;
}

const CharacterSet& spaces() {
  static const CharacterSet set({{0x09, 0x0D},
                                 {' ', ' '},
                                 {0xA0, 0xA0},
                                 {0x1680, 0x1680},
                                 {0x2000, 0x200A},
                                 {0x2028, 0x2029},
                                 {0x202F, 0x202F},
                                 {0x205F, 0x205F},
                                 {0x3000, 0x3000},
                                 {0xFEFF, 0xFEFF}});
  return set;
}

const CharacterSet& lineEnds() {
  static const CharacterSet set({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
  return set;
}

/// What JSON takes as it is only with an escape.
const CharacterSet& escaped() {
  static const CharacterSet set({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  return set;
}

/// What a model is led to only where the pattern names it.
const CharacterSet& unusual() {
  static const CharacterSet set = escaped() | CharacterSet({{0x7F, 0x7F}});
  return set;
}

/// All that is not in the set, but for what is unusual; where nothing remains, that too.
CharacterSet usualOthers(const CharacterSet& set) {
  auto usual = ~set & ~unusual();
  return usual.empty() ? ~set : usual;
}

// ---- What a pattern says -------------------------------------------------------------------

enum class Kind : std::uint8_t { Characters, Sequence, Choice, Repetition };

struct Node;
using NodePtr = std::shared_ptr<const Node>;

/// A part of a pattern. A repetition's body matches no empty text: llama.cpp takes no such rules.
struct Node {
  Kind kind = Kind::Sequence;
  CharacterSet characters{};
  std::vector<NodePtr> parts{};
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  bool takesEmpty = false;
  std::uint64_t rules = 0;   ///< about how many the grammar has of it
  std::uint64_t length = 0;  ///< at least as many bytes as it is written with
};

constexpr std::uint64_t kTooMuch = 1'000'000;

void count(Node& node) {
  for (const auto& part : node.parts) {
    node.rules = std::min(kTooMuch, node.rules + part->rules);
    node.length = std::min(kTooMuch, node.length + part->length + 3);
  }
}

NodePtr sequence(std::vector<NodePtr> parts) {
  if (parts.size() == 1) return parts.front();
  Node node{.kind = Kind::Sequence, .parts = std::move(parts)};
  node.takesEmpty = std::ranges::all_of(node.parts, [](const auto& p) { return p->takesEmpty; });
  count(node);
  return std::make_shared<const Node>(std::move(node));
}

NodePtr choice(std::vector<NodePtr> parts) {
  if (parts.size() == 1) return parts.front();
  Node node{.kind = Kind::Choice, .parts = std::move(parts), .rules = 1};
  node.takesEmpty = std::ranges::any_of(node.parts, [](const auto& p) { return p->takesEmpty; });
  count(node);
  return std::make_shared<const Node>(std::move(node));
}

/// Null where it matches the empty text alone.
NodePtr withoutEmpty(const NodePtr& node);

NodePtr repetition(NodePtr body, std::uint64_t least, std::uint64_t most) {
  if (body->takesEmpty) {
    if (least <= 1 && most == 1) return body;
    body = withoutEmpty(body);
    least = 0;
  }
  if (!body || most == 0) return sequence({});
  if (least == 1 && most == 1) return body;
  const auto times = most == kUnbounded ? least : most;
  Node node{.kind = Kind::Repetition,
            .parts = {std::move(body)},
            .least = least,
            .most = most,
            .takesEmpty = least == 0,
            .rules = 1 + std::min(times, kTooMuch),
            .length = 12};
  count(node);
  return std::make_shared<const Node>(std::move(node));
}

/// One of the parts, the first that is not empty, matches some text.
NodePtr sequenceWithoutEmpty(const std::vector<NodePtr>& parts) {
  std::vector<NodePtr> choices;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto first = withoutEmpty(parts[i]);
    if (!first) continue;
    std::vector<NodePtr> rest{std::move(first)};
    rest.insert(rest.end(), parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, parts.end());
    choices.push_back(sequence(std::move(rest)));
  }
  return choices.empty() ? nullptr : choice(std::move(choices));
}

NodePtr withoutEmpty(const NodePtr& node) {
  if (!node->takesEmpty) return node;
  if (node->kind == Kind::Sequence) return sequenceWithoutEmpty(node->parts);
  if (node->kind == Kind::Repetition) return repetition(node->parts.front(), 1, node->most);
  std::vector<NodePtr> some;
  for (const auto& part : node->parts) {
    if (auto one = withoutEmpty(part)) some.push_back(std::move(one));
  }
  return some.empty() ? nullptr : choice(std::move(some));
}

// ---- How llama.cpp is told -----------------------------------------------------------------

/// A piece of a pattern as text, and within what it can stand without brackets.
struct Written {
  enum class Level : std::uint8_t { Unit, Sequence, Choice } level;
  std::string text;
};

bool isAmong(char32_t character, std::string_view all) {
  return character < 0x80 && all.contains(static_cast<char>(character));
}

std::string inClass(char32_t character) {
  if (character > 0xFFFF) return fmt::format("\\U{:08X}", static_cast<std::uint32_t>(character));
  if (character > 0x7E) return fmt::format("\\u{:04X}", static_cast<std::uint32_t>(character));
  if (character < ' ' || isAmong(character, R"("\[]^-)")) {
    return fmt::format("\\x{:02X}", static_cast<std::uint32_t>(character));
  }
  return {static_cast<char>(character)};
}

std::string classOf(const CharacterSet& set) {
  std::string text = "[";
  for (const auto& [first, last] : set.ranges()) {
    text += inClass(first);
    if (last > first + 1) text += '-';
    if (last > first) text += inClass(last);
  }
  return text + ']';
}

/// The text that JSON has for what must be escaped, as a pattern.
std::string escapeOf(char32_t character) {
  constexpr std::string_view kCharacters = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  const auto at = kCharacters.find(static_cast<char>(character));
  if (at == std::string_view::npos) {
    return fmt::format("\\\\u{:04X}", static_cast<std::uint32_t>(character));
  }
  return fmt::format("\\\\{}{}", kLetters[at] == '\\' ? "\\" : "", kLetters[at]);
}

/// llama.cpp binds a repetition to the last byte of a text, so only plain ASCII is a unit.
Written literal(char32_t character) {
  using enum Written::Level;
  if (isAmong(character, "^$.*+?()[]{}|")) {
    return {Sequence, {'\\', static_cast<char>(character)}};
  }
  if (character >= ' ' && character < 0x7F) return {Unit, {static_cast<char>(character)}};
  if (character > 0x9F) return {Sequence, utf8Of(character)};
  return {Unit, classOf(CharacterSet({{character, character}}))};
}

bool isOne(const CharacterSet& set) {
  return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
}

Written written(const CharacterSet& set) {
  using enum Written::Level;
  const auto asItIs = set & ~escaped();
  const auto withEscape = set & escaped();
  if (withEscape.empty()) {
    if (isOne(asItIs)) return literal(asItIs.ranges()[0].first);
    return {Unit, classOf(asItIs)};
  }
  if (asItIs.empty() && isOne(withEscape)) {
    return {Sequence, escapeOf(withEscape.ranges()[0].first)};
  }
  std::string text = asItIs.empty() ? "" : classOf(asItIs);
  for (const auto& [first, last] : withEscape.ranges()) {
    for (auto one = first; one <= last; ++one) {
      if (!text.empty()) text += '|';
      text += escapeOf(one);
    }
  }
  return {Choice, std::move(text)};
}

NodePtr characters(CharacterSet set) {
  const auto text = written(set);
  return std::make_shared<const Node>(Node{.kind = Kind::Characters,
                                           .characters = std::move(set),
                                           .rules = text.level == Written::Level::Choice ? 1U : 0U,
                                           .length = text.text.size()});
}

std::string times(std::uint64_t least, std::uint64_t most) {
  if (least == 0 && most == 1) return "?";
  if (least < 2 && most == kUnbounded) return least == 0 ? "*" : "+";
  if (least == most) return fmt::format("{{{}}}", least);
  return most == kUnbounded ? fmt::format("{{{},}}", least) : fmt::format("{{{},{}}}", least, most);
}

Written written(const Node& node);

std::string within(Written::Level most, const Node& node) {
  auto [level, text] = written(node);
  return level <= most ? text : '(' + text + ')';
}

Written written(const Node& node) {
  using enum Written::Level;
  if (node.kind == Kind::Characters) return written(node.characters);
  std::string text;
  if (node.kind == Kind::Repetition) {
    text = within(Unit, *node.parts.front());
    return {Sequence, text + times(node.least, node.most)};
  }
  if (node.kind == Kind::Sequence) {
    // Nothing in a sequence of others is nothing.
    for (const auto& part : node.parts) text += within(Sequence, *part);
    return {Sequence, text};
  }
  for (const auto& part : node.parts) {
    if (&part != &node.parts.front()) text += '|';
    text += within(Choice, *part);
  }
  return {Choice, text};
}

// ---- How a pattern is read -----------------------------------------------------------------

/// Well-formed UTF-8, as Boost.JSON's strings are.
std::u32string decoded(std::string_view text) {
  std::u32string all;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (value >= 0xC0) {
      all.push_back(value & (value >= 0xF0 ? 0x07U : value >= 0xE0 ? 0x0FU : 0x1FU));
    } else if (value >= 0x80 && !all.empty()) {
      all.back() = all.back() << 6 | (value & 0x3FU);
    } else {
      all.push_back(value);
    }
  }
  return all;
}

std::string encoded(std::u32string_view text) {
  std::string all;
  for (const auto character : text) all += utf8Of(character);
  return all;
}

/// The first fault stays and ends the reading: all that is read after it is nothing.
class Reader {
 public:
  explicit Reader(std::u32string_view text) : text_(text) {}

  std::expected<NodePtr, PatternFault> run() {
    auto node = alternatives(0);
    if (!fault_ && !atEnd()) wrong(at_, at_ + 1, "closes no group");
    if (fault_) return std::unexpected(std::move(*fault_));
    if (node->rules > kMostRules || node->length > kLongest) {
      return std::unexpected(PatternFault{
          "a grammar of it would be too large",
          fmt::format("a part that repeats up to N times counts N, and {} are the most in all",
                      kMostRules)});
    }
    return node;
  }

 private:
  bool atEnd() const { return fault_ || at_ >= text_.size(); }
  bool isNext(std::u32string_view part) const {
    return !fault_ && text_.substr(std::min(at_, text_.size())).starts_with(part);
  }
  bool isNextDigit() const { return !atEnd() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool take(std::u32string_view part) {
    if (!isNext(part)) return false;
    at_ += part.size();
    return true;
  }

  NodePtr wrong(std::size_t from, std::size_t to, std::string_view why,
                std::string_view hint = kUsualHint) {
    if (!fault_) {
      const auto part = encoded(text_.substr(std::min(from, text_.size()), to - from));
      fault_ = PatternFault{fmt::format("\"{}\" {}", part, why), std::string(hint)};
    }
    return sequence({});
  }

  NodePtr alternatives(int depth) {
    std::vector<NodePtr> all;
    do {
      all.push_back(terms(depth));
    } while (take(U"|"));
    return choice(std::move(all));
  }

  /// Each alternative of the whole is anchored on both sides, and nothing else is.
  NodePtr terms(int depth) {
    const auto begin = at_;
    const bool isWhole = depth == 0;
    if (isWhole && !take(U"^")) return unanchored(begin);
    std::vector<NodePtr> all;
    bool isAnchored = false;
    while (!atEnd() && !isNext(U"|") && !isNext(U")")) {
      const auto from = at_;
      if (isWhole && take(U"$")) {
        isAnchored = true;
        if (!atEnd() && !isNext(U"|")) wrong(from, at_, "is an anchor within the pattern");
      } else {
        all.push_back(term(depth));
      }
    }
    if (isWhole && !isAnchored && !isNext(U")")) return unanchored(begin);
    return sequence(std::move(all));
  }

  NodePtr unanchored(std::size_t from) {
    return wrong(from, text_.size(), "is not between ^ and $",
                 "a pattern begins with ^ and ends with $, as does each of its alternatives; "
                 "^(a|b)$ has two in one; or leave it out");
  }

  NodePtr term(int depth) {
    const auto from = at_;
    auto body = atom(depth);
    if (fault_) return body;
    const auto range = quantifier();
    if (!range) return body;
    (void)take(U"?");  // Lazy or not, the same texts match.
    const auto [least, most] = *range;
    if (least > most) return wrong(from, at_, "repeats in no order", "the smaller number is first");
    if (least > kMostRepetitions || (most != kUnbounded && most > kMostRepetitions)) {
      return wrong(from, at_, "repeats too often",
                   fmt::format("a repetition has at most {}, or no end", kMostRepetitions));
    }
    return repetition(std::move(body), least, most);
  }

  std::optional<std::pair<std::uint64_t, std::uint64_t>> quantifier() {
    if (take(U"*")) return std::pair{0UL, kUnbounded};
    if (take(U"+")) return std::pair{1UL, kUnbounded};
    if (take(U"?")) return std::pair{0UL, 1UL};
    const auto from = at_;
    if (!take(U"{")) return std::nullopt;
    const auto least = number();
    auto most = least;
    if (least && take(U",")) most = isNext(U"}") ? kUnbounded : number();
    if (least && most && take(U"}")) return std::pair{*least, *most};
    wrong(from, at_, "is no repetition", R"(a brace itself is \{)");
    return std::nullopt;
  }

  std::optional<std::uint64_t> number() {
    if (!isNextDigit()) return std::nullopt;
    std::uint64_t value = 0;
    while (isNextDigit()) value = std::min(kTooMuch, value * 10 + (text_[at_++] - '0'));
    return value;
  }

  NodePtr atom(int depth) {
    const auto from = at_;
    if (take(U"(")) return group(from, depth);
    if (take(U"[")) return characters(bracketed(from));
    if (take(U".")) return characters(usualOthers(lineEnds()));
    if (isNext(U"\\")) {
      const auto escape = escapeSequence(false);
      return characters(escape.isNegated ? usualOthers(~escape.set) : escape.set);
    }
    const auto character = text_[at_++];
    if (isAmong(character, "^$")) {
      return wrong(
          from, at_, "is an anchor within the pattern",
          R"(a pattern has one at its begin and one at its end; the sign itself is \^ or \$)");
    }
    if (isAmong(character, "*+?{")) {
      return wrong(from, at_, "has nothing to repeat", R"(the sign itself has a \ before it)");
    }
    return characters(CharacterSet({{character, character}}));
  }

  NodePtr group(std::size_t from, int depth) {
    if (depth >= kDeepest) return wrong(from, at_, "is a group too deep", "write fewer groups");
    if (take(U"?") && !take(U":")) groupKind(from);
    auto inner = alternatives(depth + 1);
    if (!fault_ && !take(U")")) wrong(from, text_.size(), "has no )", "close the group");
    return inner;
  }

  void groupKind(std::size_t from) {
    if (take(U"=") || take(U"!")) return void(wrong(from, at_, "looks ahead"));
    if (take(U"<=") || take(U"<!")) return void(wrong(from, at_, "looks behind"));
    if (!take(U"<")) {
      return void(wrong(from, at_ + 1, "begins no plain group", "groups are (…) and (?:…)"));
    }
    const auto end = text_.find(U'>', at_);
    const auto name = text_.substr(at_, end == std::u32string_view::npos ? end : end - at_);
    const auto isNamePart = [](char32_t one) {
      return one > 0x7F || one == '$' || one == '_' || (one >= '0' && one <= '9') ||
             (one >= 'A' && one <= 'Z') || (one >= 'a' && one <= 'z');
    };
    if (end == std::u32string_view::npos || name.empty() ||
        !std::ranges::all_of(name, isNamePart)) {
      return void(wrong(from, at_, "has no name that ends with >", "groups are (…) and (?:…)"));
    }
    at_ = end + 1;
  }

  /// What an escape means; isNegated: all but what a letter like \D leaves out.
  struct Escape {
    CharacterSet set;
    bool isNegated = false;
    std::optional<char32_t> one = std::nullopt;
  };

  /// What stands between brackets, and of that what is named and not only left over by \D and such.
  struct Members {
    CharacterSet all;
    CharacterSet named;

    void add(const Escape& one) {
      all = all | one.set;
      if (!one.isNegated) named = named | one.set;
    }
    CharacterSet wanted(bool isNegated) const {
      if (isNegated) return usualOthers(all);
      auto usual = (all & ~unusual()) | named;
      return usual.empty() ? all : usual;
    }
  };

  static Escape just(char32_t character) {
    return {CharacterSet({{character, character}}), false, character};
  }

  CharacterSet bracketed(std::size_t from) {
    const bool isNegated = take(U"^");
    Members members;
    while (!atEnd() && !isNext(U"]")) {
      const auto begin = at_;
      const auto first = member();
      const bool isRange = first.one && isNext(U"-") && !text_.substr(at_ + 1).starts_with(U"]");
      if (!isRange) {
        members.add(first);
        continue;
      }
      ++at_;
      const auto last = atEnd() ? Escape{} : member();
      if (last.one && *last.one < *first.one) {
        wrong(begin, at_, "is a range in no order", "the smaller character is first");
      }
      // With a class at its end it is no range: all three stand for themselves.
      members.add(last.one ? Escape{CharacterSet({{*first.one, *last.one}})} : first);
      if (last.one) continue;
      members.add(just('-'));
      members.add(last);
    }
    if (!fault_ && !take(U"]")) wrong(from, text_.size(), "has no ]", "close the class");
    if (fault_) return {};
    auto wanted = members.wanted(isNegated);
    if (!wanted.empty()) return wanted;
    wrong(from, at_, "matches nothing", R"(a bracket itself is \[ or \])");
    return {};
  }

  Escape member() {
    if (isNext(U"\\")) return escapeSequence(true);
    return just(text_[at_++]);
  }

  Escape escapeSequence(bool inBrackets) {
    const auto from = at_++;
    if (at_ >= text_.size()) return wrongEscape(from, "escapes nothing");
    const auto letter = text_[at_++];
    switch (letter) {
      case 'd':
        return {digits()};
      case 'w':
        return {wordCharacters()};
      case 's':
        return {spaces()};
      case 'D':
        return {~digits(), true};
      case 'W':
        return {~wordCharacters(), true};
      case 'S':
        return {~spaces(), true};
      case 't':
        return just('\t');
      case 'n':
        return just('\n');
      case 'v':
        return just('\v');
      case 'f':
        return just('\f');
      case 'r':
        return just('\r');
      case 'x':
        return hexadecimal(from, 2);
      case 'u':
        return unicode(from);
      case 'c':
        return control(from);
      default:
        return otherEscape(from, letter, inBrackets);
    }
  }

  Escape otherEscape(std::size_t from, char32_t letter, bool inBrackets) {
    if (letter == 'b' && inBrackets) return just('\b');
    if (letter == '0' && !isNextDigit()) return just(0);
    if (letter >= '0' && letter <= '9') return wrongEscape(from, "refers back to a group");
    if (letter == 'k') return wrongEscape(from, "refers back to a group by name");
    if (isAmong(letter, "bB")) return wrongEscape(from, "is a border of words");
    if (isAmong(letter, "pP")) return wrongEscape(from, "is a property of Unicode");
    const bool isLetter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    if (isLetter) return wrongEscape(from, "is no escape of ECMA-262");
    return just(letter);
  }

  Escape wrongEscape(std::size_t from, std::string_view why) {
    wrong(from, at_, why);
    return {};
  }

  std::optional<char32_t> hexDigits(std::size_t count) {
    if (text_.size() - at_ < count || count == 0) return std::nullopt;
    char32_t value = 0;
    for (const auto one : text_.substr(at_, count)) {
      const auto isLetter = (one >= 'a' && one <= 'f') || (one >= 'A' && one <= 'F');
      if (!isLetter && (one < '0' || one > '9')) return std::nullopt;
      value = std::min<char32_t>(value << 4 | (isLetter ? (one & 7U) + 9 : one - '0'), 0x110000);
    }
    at_ += count;
    return value;
  }

  Escape hexadecimal(std::size_t from, std::size_t count) {
    const auto value = hexDigits(count);
    return value ? just(*value) : wrongEscape(from, "lacks hexadecimal digits");
  }

  Escape unicode(std::size_t from) {
    std::optional<char32_t> value;
    if (take(U"{")) {
      const auto end = text_.find(U'}', at_);
      if (end != std::u32string_view::npos) value = hexDigits(end - at_);
      if (value) ++at_;
    } else {
      value = hexDigits(4);
    }
    if (!value) return wrongEscape(from, "lacks hexadecimal digits");
    if (*value >= 0xD800 && *value < 0xDC00 && take(U"\\u")) {
      const auto low = hexDigits(4);
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return wrongEscape(from, "is half a character");
      return just(0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00));
    }
    if (*value >= 0xD800 && *value <= 0xDFFF) return wrongEscape(from, "is half a character");
    return *value <= 0x10FFFF ? just(*value) : wrongEscape(from, "is no character");
  }

  Escape control(std::size_t from) {
    if (atEnd()) return wrongEscape(from, "escapes nothing");
    const auto letter = text_[at_++];
    const bool isLetter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    return isLetter ? just(letter & 0x1FU) : wrongEscape(from, "is no control character");
  }

  std::u32string_view text_;
  std::size_t at_ = 0;
  std::optional<PatternFault> fault_;
};

}  // namespace

std::expected<std::string, PatternFault> toolPattern(std::string_view pattern) {
  const auto text = decoded(pattern);
  const auto node = Reader(text).run();
  if (!node) return std::unexpected(node.error());
  return fmt::format("^{}$", within(Written::Level::Sequence, **node));
}

}  // namespace webpool::tasks
