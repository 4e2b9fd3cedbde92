from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Iterable, Mapping, Optional, Protocol, Sequence, Union

from . import _webpool
from ._errors import Error, flag, mapping, method, seconds, shown, text, whole_number
from ._model import EnhancedWebModel, Result, pairs
from ._twins import twin

Preferences = Mapping[str, Any]
Asked = Iterable[tuple[Union[str, EnhancedWebModel], Any]]


class BrowserIntegration(Protocol):
    def optimize_for_browser(self, browser_name: str, model_type: str) -> Optional[Preferences]:
        """Preferences for a model of the type in that browser: they fill in what the caller of
        ``get_model`` left open. None: no opinion."""


class MemoryPolicy(Protocol):
    def allocate_memory(self, model_type: str, model_size: int) -> Optional[bool]:
        """May a model whose files have so many bytes be loaded? False refuses; None is yes."""


class ResourcePoolBridgeIntegration:
    """Browsers of this machine as a pool that runs models by type. Thread-safe. Close it, or use it
    in a ``with`` (or ``async with``): its browsers end with it."""

    _native: _webpool.Integration

    def __init__(
        self,
        max_connections: int = 4,
        browser_preferences: Optional[Mapping[str, str]] = None,
        adaptive_scaling: bool = True,
        *,
        min_connections: int = 1,
        enable_gpu: bool = True,
        enable_cpu: bool = True,
        headless: bool = True,
        max_memory_mb: int = 0,
        monitoring_interval: Optional[float] = None,
        enable_ipfs: bool = True,
        enable_circuit_breaker: bool = True,
        enable_browser_history: bool = True,
        db_path: Optional[Union[str, "os.PathLike[str]"]] = None,
        ephemeral: bool = False,
        browsers: Optional[Sequence[str]] = None,
        data_folder: Optional[Union[str, "os.PathLike[str]"]] = None,
        cache_folder: Optional[Union[str, "os.PathLike[str]"]] = None,
        log_level: str = "off",
        url: Optional[str] = None,
        token: Optional[str] = None,
        p2p_optimization: Optional[bool] = None,
    ) -> None:
        """docs/python.md says what each means. ``adaptive_scaling=False`` launches
        ``max_connections`` browsers at once and keeps them, instead of one when it is needed."""
        if not flag(enable_ipfs, "enable_ipfs", True):
            raise Error(
                "models come into a browser by their CIDs, there is no other way",
                "unsupported",
                "leave enable_ipfs out",
            )
        if not flag(enable_circuit_breaker, "enable_circuit_breaker", True):
            raise Error(
                "the circuit breaker can not be switched off",
                "unsupported",
                "leave enable_circuit_breaker out",
            )
        flag(enable_browser_history, "enable_browser_history", True)
        seconds(monitoring_interval, "monitoring_interval")
        at_once = not flag(adaptive_scaling, "adaptive_scaling", True)
        self._native = _webpool.Integration(
            {
                "max_connections": max_connections,
                "min_connections": max_connections if at_once else min_connections,
                "browser_preferences": mapping(
                    browser_preferences, "browser_preferences", 'give {"audio": "firefox"}'
                ),
                "headless": headless,
                "ephemeral": ephemeral,
                "max_memory_mb": max_memory_mb,
                "enable_gpu": enable_gpu,
                "enable_cpu": enable_cpu,
                "browsers": browsers,
                "data_folder": data_folder,
                "cache_folder": cache_folder,
                "db_path": db_path,
                "log_level": log_level,
                "url": url,
                "token": token,
                "p2p_optimization": p2p_optimization,
            }
        )

    def initialize(self) -> bool:
        """Opens the pool and begins to launch its first browser. True, or raises Error."""
        self._native.initialize()
        return True

    def get_model(
        self,
        model_type: str,
        model_name: str,
        hardware_preferences: Optional[Preferences] = None,
    ) -> EnhancedWebModel:
        """Blocks until the model is loaded and its answers were found right; raises Error."""
        _check_names(model_type, model_name)
        wanted = _preferences(hardware_preferences)
        return self._model(self._native.get_model(model_type, model_name, wanted), wanted)

    def execute_concurrent(self, models_and_inputs: Asked) -> list[Result]:
        """[(model or its model_id, inputs)]: a result for each, in order."""
        return self._native.execute_concurrent(_asked(models_and_inputs))

    def get_execution_stats(self) -> dict[str, Any]:
        """Counted and measured, nothing estimated; docs/bridge.md has the keys."""
        return self._native.execution_stats()

    def register_hardware_backend(self, name: str, backend: Mapping[str, Any]) -> None:
        """A platform of your own, to be named in a ``priority_list``. ``detection_function()``: is it
        there? ``initialization_function(model)`` is given a dict (model_name, model_type, task, dtype,
        cid, files: bytes by path) and returns what is called with the inputs: a dict of arrays is
        tensors, anything else is the output and JSON. ``priority``: below 0 before the browsers where
        there is no list, else after them. ``is_real_hardware``: it is an accelerator."""
        known = {"detection_function", "initialization_function", "priority", "is_real_hardware"}
        text(name, "the name of a backend", "give a name that a priority_list may have")
        given = mapping(
            backend, "a backend", 'give {"detection_function": ..., "initialization_function": ...}'
        )
        for key in given:
            if key not in known:
                raise Error(
                    f"a backend has no {shown(key)}", "invalid_argument", ", ".join(sorted(known))
                )
        detect = given.get("detection_function")
        initialize = given.get("initialization_function")
        if not callable(detect) or not callable(initialize):
            raise Error(
                f"the backend '{name}' lacks its functions",
                "invalid_argument",
                "it needs a detection_function and an initialization_function",
            )
        self._native.register_hardware_backend(
            name,
            detect,
            initialize,
            whole_number(given.get("priority", 100), "priority", -(2**31)),
            flag(given.get("is_real_hardware"), "is_real_hardware", False),
        )

    def set_browser_integration(self, integration: Optional[BrowserIntegration]) -> None:
        """Its ``optimize_for_browser`` is asked whenever a model is about to be placed."""
        method(integration, "optimize_for_browser", "integration of browsers")
        self._native.set_browser_integration(integration)

    def set_memory_policy(self, policy: Optional[MemoryPolicy]) -> None:
        """Its ``allocate_memory`` is asked before a model is loaded."""
        method(policy, "allocate_memory", "memory policy")
        self._native.set_memory_policy(policy)

    def close(self) -> None:
        """Ends every browser. What is under way fails. May be called again."""
        self._native.close()

    async def initialize_async(self) -> bool:
        return await twin(lambda stop: self.initialize())

    async def get_model_async(
        self,
        model_type: str,
        model_name: str,
        hardware_preferences: Optional[Preferences] = None,
    ) -> EnhancedWebModel:
        """``get_model`` to be awaited; when cancelled, the loading ends too."""
        _check_names(model_type, model_name)
        wanted = _preferences(hardware_preferences)
        return self._model(
            await twin(lambda stop: self._native.get_model(model_type, model_name, wanted, stop)),
            wanted,
        )

    async def execute_concurrent_async(self, models_and_inputs: Asked) -> list[Result]:
        asked = _asked(models_and_inputs)
        return await twin(lambda stop: self._native.execute_concurrent(asked, stop))

    async def close_async(self) -> None:
        await twin(lambda stop: self.close())

    def __enter__(self) -> "ResourcePoolBridgeIntegration":
        self.initialize()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    async def __aenter__(self) -> "ResourcePoolBridgeIntegration":
        await self.initialize_async()
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close_async()

    def _model(self, native: _webpool.Model, preferences: Preferences) -> EnhancedWebModel:
        return EnhancedWebModel(
            native.model_id,
            native.model_type,
            native.model_name,
            native,
            None,
            None,
            integration=self,
            family=preferences.get("model_family"),
        )


def _preferences(given: Optional[Preferences]) -> dict[str, Any]:
    return mapping(
        given, "hardware_preferences", 'give {"priority_list": ["webgpu", "cpu"]}, for example'
    )


def _check_names(model_type: object, model_name: object) -> None:
    text(model_type, "a model's type", "vision, text_embedding, audio, ...")
    text(model_name, "a model's name", "give its name, or its path as a str")


def _asked(given: Asked) -> list[tuple[Union[str, _webpool.Model], Any]]:
    asked: list[tuple[Union[str, _webpool.Model], Any]] = []
    for model, inputs in pairs(given):
        if isinstance(model, EnhancedWebModel):
            asked.append((model._native, inputs))
        elif isinstance(model, str):
            asked.append((text(model, "a model's id", 'an id is "type:name"'), inputs))
        else:
            raise Error(
                f"{shown(model)} is no model",
                "invalid_argument",
                "give what get_model() returned, or its model_id",
            )
    return asked
