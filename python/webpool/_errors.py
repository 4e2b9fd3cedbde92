"""The failure that every call of webpool raises, and what arguments are checked with."""

from __future__ import annotations

import operator
from typing import Any, Iterable, Mapping, Optional


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


def text(given: object, what: str, hint: str) -> str:
    if isinstance(given, str):
        return given
    raise Error(f"{what} is a str, and not {given!r:.80}", "invalid_argument", hint)


def whole_number(given: object, what: str, least: int) -> int:
    """From ``least`` on, as far as C's int goes."""
    try:
        number = operator.index(given)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if not least <= number < 2**31:
        raise Error(
            f"{given!r:.80} is no {what}",
            "invalid_argument",
            f"a whole number from {least} to {2**31 - 1}",
        )
    return number


def mapping(given: Optional[Mapping[str, Any]], what: str, hint: str) -> dict[str, Any]:
    """None is an empty one."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return dict(given)
    raise Error(f"{what} is a dict, and not {given!r:.80}", "invalid_argument", hint)


def items(given: Iterable[Any], what: str, hint: str) -> list[Any]:
    try:
        iterator = iter(given)
    except TypeError:
        raise Error(
            f"{what} is a list, and not {given!r:.80}", "invalid_argument", hint
        ) from None
    return list(iterator)
