"""The failure that every call of webpool raises."""

from __future__ import annotations


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
