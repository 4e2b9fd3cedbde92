"""The failure that every call of webpool raises, and what arguments are checked with."""

from __future__ import annotations

import operator
from typing import Any, Iterable, Mapping, Optional

import numpy

from . import _webpool


class Error(RuntimeError):
    """What failed, and what to do next. ``error_category`` is one of the stable names of
    docs/cli.md ("invalid_argument", "not_found", "timeout", ...)."""

    message: str
    error_type: str
    error_category: str
    recovery_suggestion: str
    should_retry: bool

    def __init__(
        self, message: str, category: str = "internal", hint: str = "", retry: bool = False
    ) -> None:
        if not isinstance(category, str) or not _webpool.is_category(readable(category)):
            raise Error(
                f"there is no category {shown(category)}",
                "invalid_argument",
                "one of those in docs/cli.md: 'invalid_input', 'unsupported', 'internal', ...",
            )
        message = readable(message)
        hint = readable(hint)
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.error_type = category
        self.error_category = category
        self.recovery_suggestion = hint
        self.should_retry = retry

    def __reduce__(self) -> tuple[type[Error], tuple[str, str, str, bool]]:
        return type(self), (
            self.message,
            self.error_category,
            self.recovery_suggestion,
            self.should_retry,
        )


def readable(given: str) -> str:
    """A str can hold half of a surrogate pair, which can't be printed."""
    return given.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(given: object) -> str:
    """For a message; of an object that fails at it, the name of its type."""
    try:
        return readable(f"{given!r:.80}")
    except Exception:
        return f"<{type(given).__name__}>"


def text(given: object, what: str, hint: str) -> str:
    if not isinstance(given, str):
        raise Error(f"{what} is a str, and not {shown(given)}", "invalid_argument", hint)
    try:
        given.encode("utf-8")
    except UnicodeEncodeError as half:
        raise Error(
            f"{what} has half of a surrogate pair, which is no character: {shown(given)}",
            "invalid_argument",
            hint,
        ) from half
    if "\0" in given:  # a name may be a path, which would end there
        raise Error(f"{what} has a NUL in it: {shown(given)}", "invalid_argument", hint)
    return given


def flag(given: object, what: str, otherwise: bool) -> bool:
    """``otherwise`` for None. Nothing else has a truth here: "False" and 0.5 would be True."""
    if given is None:
        return otherwise
    if not isinstance(given, (bool, numpy.bool_)):
        raise Error(
            f"{what} is True or False, and not {shown(given)}",
            "invalid_argument",
            f"give {what} True or False",
        )
    return bool(given)


def seconds(given: object, what: str) -> None:
    """Refuses what is no time, which None is not asked to be."""
    if given is None:
        return
    number = given.item() if isinstance(given, numpy.generic) else given
    if (
        isinstance(number, bool)
        or not isinstance(number, (int, float))
        or not 0 < number < float("inf")
    ):
        raise Error(
            f"{what} is not to be {shown(given)}", "invalid_argument", "a number of seconds above 0"
        )


def method(given: object, name: str, what: str) -> None:
    """Refuses an object without it; None stands for no object."""
    if given is not None and not callable(getattr(given, name, None)):
        raise Error(
            f"{shown(given)} is no {what}: it has no {name}()",
            "invalid_argument",
            f"give an object with {name}(), or None",
        )


def plain(given: object) -> object:
    """For json: NumPy's numbers as Python's."""
    if isinstance(given, numpy.generic) or (isinstance(given, numpy.ndarray) and given.ndim == 0):
        value = given.item()
        if isinstance(value, (bool, int, float, str)):
            return value
    raise TypeError(f"a {type(given).__name__} is not of JSON")


def whole_number(given: object, what: str, least: int) -> int:
    """From ``least`` on, as far as C's int goes."""
    failed: Optional[Exception] = None
    try:
        if isinstance(given, bool):
            raise TypeError("True and False are no numbers")
        number = operator.index(given)  # type: ignore[arg-type]
    except Exception as none:
        number, failed = least - 1, none
    if not least <= number < 2**31:
        raise Error(
            f"{shown(given)} is no {what}",
            "invalid_argument",
            f"a whole number from {least} to {2**31 - 1}",
        ) from failed
    return number


def mapping(given: Optional[Mapping[str, Any]], what: str, hint: str) -> dict[str, Any]:
    """None is an empty one."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise Error(f"{what} is a dict, and not {shown(given)}", "invalid_argument", hint)
    try:
        return dict(given)
    except Exception as failed:
        raise _unread(what, failed, hint) from failed


def items(given: Iterable[Any], what: str, hint: str) -> list[Any]:
    try:
        iterator = iter(given)
    except Exception as failed:
        raise Error(
            f"{what} is a list, and not {shown(given)}", "invalid_argument", hint
        ) from failed
    try:
        return list(iterator)
    except Exception as failed:
        raise _unread(what, failed, hint) from failed


def _unread(what: str, failed: Exception, hint: str) -> Error:
    """For what fails while it is read."""
    try:
        why = f": {failed}"
    except Exception:
        why = ""
    return Error(
        f"{what} can't be read: {type(failed).__name__}{why}", "invalid_argument", hint
    )
