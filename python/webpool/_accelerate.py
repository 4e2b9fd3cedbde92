from __future__ import annotations

import atexit
import os
import threading
from typing import Any, Mapping, Optional

from . import _webpool
from ._errors import Error, flag, mapping, shown, text
from ._integration import ResourcePoolBridgeIntegration
from ._model import Result
from ._twins import twin

_KNOWN = (
    "platform hardware browser precision mixed_precision context_length model_type store_results "
    "p2p_optimization use_resource_pool max_connections headless adaptive_scaling pool "
    "resource_pool url token db_path"
).split()

_lock = threading.Lock()
_default: Optional[ResourcePoolBridgeIntegration] = None
_opened_with: dict[str, Any] = {}

# What a pool is opened with where nothing is said.
_OTHERWISE: dict[str, Any] = {"max_connections": 4, "headless": True, "adaptive_scaling": True}
_VARIABLES = {"url": "WEBPOOL_URL", "token": "WEBPOOL_API_TOKEN", "db_path": "BENCHMARK_DB_PATH"}


def accelerate(
    model_name: str, content: Any, config: Optional[Mapping[str, Any]] = None
) -> Result:
    """Runs a model once, by its name. Without ``config["pool"]`` it runs in one pool that all such
    calls share: the first opens it (with its ``max_connections``, ``headless`` and ``url``), and it is closed
    when Python ends, or by ``close_default_pool()``. A failure is a result whose ``status`` is
    "error". docs/python.md has the configuration, docs/bridge.md the keys of the result."""
    return _accelerate(model_name, content, config, None)


async def accelerate_async(
    model_name: str, content: Any, config: Optional[Mapping[str, Any]] = None
) -> Result:
    """``accelerate`` to be awaited."""
    return await twin(lambda stop: _accelerate(model_name, content, config, stop))


def close_default_pool() -> None:
    """Ends the browsers of the pool that ``accelerate`` opened; the next call opens it anew."""
    global _default
    with _lock:
        pool, _default = _default, None
    if pool is not None:
        pool.close()


def _accelerate(
    model_name: str,
    content: Any,
    config: Optional[Mapping[str, Any]],
    stop: Optional[_webpool.Stop],
) -> Result:
    text(model_name, "a model's name", "give its name, or its path as a str")
    given = mapping(config, "the configuration", 'give {"platform": "webgpu"}, for example')
    for name in given:
        if name not in _KNOWN:
            raise Error(f"accelerate has no {shown(name)}", "invalid_argument", ", ".join(_KNOWN))
    given["platform"] = _platform(given)
    # Where there is a database, each run is stored.
    flag(given.pop("store_results", None), "store_results", True)
    flag(given.get("adaptive_scaling"), "adaptive_scaling", True)
    shared = flag(given.pop("use_resource_pool", None), "use_resource_pool", True)
    pool = given.pop("pool", None)
    other = given.pop("resource_pool", None)
    pool = other if pool is None else pool
    if pool is not None and not isinstance(pool, ResourcePoolBridgeIntegration):
        raise Error(
            f"{shown(pool)} is no pool", "invalid_argument", "give a ResourcePoolBridgeIntegration"
        )
    if pool is None and shared:
        pool = _default_pool(given)
    if pool is None and not flag(given.get("adaptive_scaling"), "adaptive_scaling", True):
        given["min_connections"] = given.get("max_connections") or _OTHERWISE["max_connections"]
    return _webpool.accelerate(model_name, content, given, pool and pool._native, stop)


def _platform(config: Mapping[str, Any]) -> Optional[str]:
    """``platform`` and ``hardware`` are two names of one thing; None: a free choice."""
    named = {
        name: text(config[name], name, "webgpu, webnn, cpu, or a backend of your own")
        for name in ("platform", "hardware")
        if config.get(name) is not None
    }
    platforms = set(named.values())
    if len(platforms) > 1:
        raise Error(
            f"platform is {named['platform']!r} and hardware {named['hardware']!r}",
            "invalid_argument",
            "they are two names of one thing: give one of them",
        )
    platform = platforms.pop() if platforms else None
    return None if platform == "auto" else platform


def _default_pool(config: Mapping[str, Any]) -> ResourcePoolBridgeIntegration:
    global _default, _opened_with
    names = (*_OTHERWISE, *_VARIABLES)
    wanted = {name: config[name] for name in names if config.get(name) is not None}
    pool = ResourcePoolBridgeIntegration(**wanted)  # which refuses what is none of its arguments
    if wanted.get("db_path"):
        wanted["db_path"] = os.path.abspath(os.fsdecode(wanted["db_path"]))
    with _lock:
        if _default is None:
            pool.initialize()
            _default = pool
            _opened_with = {**_settings_otherwise(), **wanted}
        differing = [name for name in wanted if wanted[name] != _opened_with[name]]
        if differing:
            others = ", ".join(differing)
            raise Error(
                f"the pool that calls of accelerate share is open, with another {others}",
                "invalid_argument",
                "call close_default_pool() first, give a pool of yours as pool, or "
                "use_resource_pool False, which opens one for this call",
            )
        return _default


def _settings_otherwise() -> dict[str, Any]:
    said = {name: os.environ.get(variable, "") for name, variable in _VARIABLES.items()}
    if said["db_path"]:
        said["db_path"] = os.path.abspath(said["db_path"])
    return {**_OTHERWISE, **said}


atexit.register(close_default_pool)
