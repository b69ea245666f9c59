"""What of a worker's process a task finds as the first one did: tasks share it, and see no other.

Put back after each task is what costs little to look at: environment, `sys.path`, warnings,
logging, signals, umask, the garbage collector, settings of Python's and numpy's arithmetic, open
figures. The global generators of `random` and `numpy.random` start from the task's id. What modules
keep to themselves is not seen; where that matters, `task.isolation` is `process`.
"""

from __future__ import annotations

import contextvars
import decimal
import gc
import importlib.util
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

# Those that programs handle. Python's own function makes enums and takes ten times as long.
_SIGNALS = tuple(
    getattr(signal, f"SIG{name}") for name in ("HUP", "INT", "TERM", "ALRM", "USR1", "USR2")
)
_locale: Any = importlib.import_module("_locale")  # the module of Python's imports more
_handler_of = importlib.import_module("_signal").getsignal
_WARNING = 30  # the level of a root logger that nobody touched
_UNTOUCHED = (0, True, False, [], [])


class CleanPlace:
    """This process as it is now, to be put back after each task."""

    def __init__(self) -> None:
        # The one mapping below os.environ: to read it by its methods takes twenty times as long.
        self._mapping = os.environ
        self._data: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
        self._environ = dict(self._data)
        self._put: dict[str, str] = {}
        self._path, self._argv, self._filters = sys.path[:], sys.argv[:], warnings.filters[:]
        self._showwarning, self._stdin = warnings.showwarning, sys.stdin
        self._umask = os.umask(0o22)
        os.umask(self._umask)
        self._is_collected, self._depth = gc.isenabled(), sys.getrecursionlimit()
        self._timeout = socket.getdefaulttimeout()
        self._handlers = list(map(_handler_of, _SIGNALS))
        self._locale = _locale.setlocale(_locale.LC_ALL, None)
        self._loggers: dict[Any, tuple[Any, ...]] = {}
        if module := sys.modules.get("logging"):
            self._loggers = {logger: _copied(_of_logger(logger)) for logger in _loggers(module)}
        self._numpy: tuple[dict[str, Any], dict[str, Any]] | None = None
        self._decimal = decimal.getcontext().copy() if _has_decimal_context() else None
        self._seeds = _Seeds()
        sys.meta_path.insert(0, self._seeds)

    def call(self, function: Callable[..., Any], argument: Any, task_id: str) -> Any:
        """What a task's function returns; `restore` is called when it is over."""
        self._seeds.seed(task_id)
        context = contextvars.copy_context()  # numpy and decimal keep their settings in it
        if self._decimal is not None:
            context.run(decimal.setcontext, self._decimal.copy())
        return context.run(function, argument)

    def put(self, name: str, value: str) -> None:
        """Set a variable of the environment, of the tasks that follow too."""
        if self._put.get(name) != value:
            os.environ[name] = self._put[name] = value
            key = os.fsencode(name)
            self._environ[key] = self._data[key]

    def restore(self) -> None:
        """Put back what the task changed; looking takes a microsecond."""
        signal.setitimer(signal.ITIMER_REAL, 0)  # it would go off in a task that comes later
        if (
            os.umask(self._umask) != self._umask  # it is back by that
            or self._data != self._environ
            or os.environ is not self._mapping
            or sys.path != self._path
            or sys.argv != self._argv
            or warnings.filters != self._filters
            or warnings.showwarning is not self._showwarning
            or sys.stdin is not self._stdin
            or gc.isenabled() is not self._is_collected
            or sys.getrecursionlimit() != self._depth
            or socket.getdefaulttimeout() != self._timeout
            or list(map(_handler_of, _SIGNALS)) != self._handlers
        ):
            self._put_back()
        modules = sys.modules
        if "logging" in modules:
            self._restore_logging(modules["logging"])
        if "locale" in modules and _locale.setlocale(_locale.LC_ALL, None) != self._locale:
            _locale.setlocale(_locale.LC_ALL, self._locale)
        if "numpy" in modules:
            self._restore_numpy(modules["numpy"])
        if "matplotlib.pyplot" in modules:
            modules["matplotlib.pyplot"].close("all")

    def _put_back(self) -> None:
        self._put_back_environment()
        sys.path[:], sys.argv[:], sys.stdin = self._path, self._argv, self._stdin
        if warnings.showwarning is not self._showwarning:
            if module := sys.modules.get("logging"):
                module.captureWarnings(False)  # else it would take itself for on
            warnings.showwarning = self._showwarning
        if warnings.filters != self._filters:
            warnings.resetwarnings()  # which renews what is known of them
            warnings.filters[:] = self._filters  # type: ignore[index]
        (gc.enable if self._is_collected else gc.disable)()
        sys.setrecursionlimit(self._depth)
        socket.setdefaulttimeout(self._timeout)
        for number, handler in zip(_SIGNALS, self._handlers, strict=True):
            if handler is not None and _handler_of(number) is not handler:
                signal.signal(number, handler)

    def _put_back_environment(self) -> None:
        os.environ = self._mapping  # noqa: B003
        wanted = {os.fsdecode(name): os.fsdecode(value) for name, value in self._environ.items()}
        zone = os.environ.get("TZ")
        for name in set(os.environ) - wanted.keys():
            del os.environ[name]
        os.environ.update(wanted)
        if zone != wanted.get("TZ"):
            time.tzset()

    def _restore_logging(self, module: Any) -> None:
        root = module.root
        for logger in _loggers(module):
            wanted = self._loggers.get(logger, _UNTOUCHED)
            if wanted is _UNTOUCHED and logger is root:
                wanted = (_WARNING, *_UNTOUCHED[1:])
            if _of_logger(logger) != wanted:
                _put_logger_back(logger, wanted, module.NullHandler)
        if root.manager.disable:
            module.disable(0)

    def _restore_numpy(self, numpy: Any) -> None:
        """Of versions that do not keep it in a context; for the first task as it leaves it."""
        found = numpy.geterr(), numpy.get_printoptions()
        if self._numpy is None:
            self._numpy = found
        elif found != self._numpy:
            numpy.seterr(**self._numpy[0])
            numpy.set_printoptions(**self._numpy[1])


def _copied(facts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(list(fact) if isinstance(fact, list) else fact for fact in facts)


def _has_decimal_context() -> bool:
    return any(variable.name == "decimal_context" for variable in contextvars.copy_context())


def _loggers(module: Any) -> list[logging.Logger]:
    named = module.root.manager.loggerDict.values()
    return [module.root, *(logger for logger in named if isinstance(logger, module.Logger))]


def _of_logger(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.level, logger.propagate, logger.disabled, logger.handlers, logger.filters


def _put_logger_back(logger: logging.Logger, wanted: tuple[Any, ...], silent: type) -> None:
    """The handlers of a task are closed; one that does nothing is a library's, at its import."""
    level, logger.propagate, logger.disabled, handlers, filters = wanted
    logger.setLevel(level)
    logger.filters[:] = filters
    added = [handler for handler in logger.handlers if handler not in handlers]
    logger.handlers[:] = [*handlers, *(handler for handler in added if type(handler) is silent)]
    for handler in set(added).difference(logger.handlers):
        try:
            handler.close()
        except Exception as error:
            print(f"a handler of a task's log cannot be closed: {error}", file=sys.stderr)


class _Seeds:
    """Seeds the global generators of random numbers, those that a task imports too.

    As a finder of modules it stands before all others.
    """

    def __init__(self) -> None:
        self._task_id = "0"

    def seed(self, task_id: str) -> None:
        self._task_id = task_id
        if "random" in sys.modules:
            self._seed(sys.modules["random"])
        if "numpy.random" in sys.modules:
            self._seed(sys.modules["numpy.random"])

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in ("random", "numpy.random"):
            return None
        finders = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in finders)
        spec = next(filter(None, found), None)
        loader: Any = spec and spec.loader
        if loader:
            execute = loader.exec_module

            def execute_and_seed(module: Any) -> None:
                execute(module)
                self._seed(module)

            loader.exec_module = execute_and_seed
        return spec

    def _seed(self, module: Any) -> None:
        number = int(self._task_id, 16)
        if module.__name__ == "random":
            module.seed(number)
        elif hasattr(module, "seed"):
            module.seed([number >> 32, number & 0xFFFFFFFF])
