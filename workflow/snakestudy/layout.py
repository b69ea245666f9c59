"""Where everything lies: paths, chunk names, reserved words."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from snakestudy.errors import UserError

CHUNK = r"\d{5,15}|[0-9a-f]{16}"  # a running number, or the task_id of a chunk of one
_RECORD = r"\d{4,}"
PACKAGE_ROOT = Path(__file__).resolve().parents[1]  # the directory that holds this package

_METADATA = (
    "step",
    "status",
    "started",
    "seconds",
    "host",
    "attempt",
    "exit_code",
    "error",
    "max_rss_mb",
    "digest",
    "plan",
)
RESERVED_PARAMETERS = {"task_id", "seq", "chunk", "plan", "status", "step", *_METADATA}
RESERVED_METRICS = {"plan", "metadata", "tables", "tasks"}
ONLY_STEP = "run"  # the name of the one step that `task:` is the short form of


@dataclass(frozen=True)
class Layout:
    """The directories of one study, as Snakemake's pathvars name them."""

    results: Path = Path("results")
    runs: Path = Path("runs")
    logs: Path = Path("logs")

    @property
    def store(self) -> Path:
        return self.results / ".store"

    @property
    def proposals(self) -> Path:
        return self.store / "proposals"

    @property
    def code(self) -> Path:
        """Texts of code by their SHA-256, to compare new code with."""
        return self.store / "code"

    @property
    def file_hashes(self) -> Path:
        return self.store / "fingerprints.json"

    def backup(self, plan: int) -> Path:
        """A snapshot of the results of a plan."""
        return self.results.with_name(f"{self.results.name}.backup") / f"{plan:04d}"

    @property
    def ids(self) -> Path:
        """task_ids of large designs, so that they need not be computed again."""
        return self.store / "ids"

    @property
    def tasks(self) -> Path:
        return self.results / "tasks.parquet"

    @property
    def outcome(self) -> Path:
        return self.results / "outcome.json"

    def record(self, plan: int) -> Path:
        return self.results / "plan" / f"{plan:04d}.json"

    def kept_record(self, plan: int) -> Path:
        """The record in the store; `record` is its published form."""
        return self.store / "records" / f"{plan:04d}.json"

    def manifest(self, chunk: str) -> Path:
        return self.results / "plan" / "chunks" / f"{chunk}.parquet"

    def output(self, table: str, chunk: str) -> Path:
        """A chunk's file of a metric, or of a step's `metadata_table`."""
        return self.results / table / f"{chunk}.parquet"

    def metadata(self, step: str, chunk: str) -> Path:
        return self.output(metadata_table(step), chunk)

    def absolute(self) -> Layout:
        """The same, wherever the process goes."""
        return Layout(self.results.absolute(), self.runs.absolute(), self.logs.absolute())

    def projection(self, table: str, step: str, chunk: str) -> Path:
        """The output that a table of a chunk's store becomes."""
        return self.output(metadata_table(step) if table == "metadata" else table, chunk)

    def manifests(self) -> list[Path]:
        """The published manifests."""
        return sorted((self.results / "plan" / "chunks").glob("*.parquet"))

    def started(self) -> list[str]:
        """The chunks that a visit has begun."""
        return sorted(path.parent.name for path in self.store.glob("*/manifest.parquet"))

    def job_log(self, step: str, chunk: str) -> Path:
        return self.logs / rule_name(step) / f"{chunk}.log"

    def stop_note(self, plan: int) -> Path:
        """Why a plan is stopped; there if it is."""
        return self.store / f"stopped.{plan}"

    def chunk_store(self, chunk: str) -> Path:
        return self.store / chunk

    def run_directory(self, task_id: str) -> Path:
        return self.runs / task_id[:2] / task_id

    @property
    def plan_number(self) -> Path:
        """Holds the number of the last plan: no number serves twice, be its record lost."""
        return self.store / "plan_number"

    def highest_plan(self) -> int:
        """The number of the last plan as the store knows it, 0 if it does not."""
        try:
            return int(self.plan_number.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def output_files(self) -> Iterator[str]:
        """Every file of results/ but for the store's: what Snakemake knows of."""
        for directory, names, files in os.walk(self.results):
            names[:] = [name for name in names if not name.startswith(".")]
            yield from (os.path.join(directory, name) for name in files)

    def unowned_files(self, tables: Iterable[str], chunks: Container[str]) -> list[Path]:
        """Files that readers of tables read, and that are no chunk's."""
        found = []
        for table in tables:
            directory = str(self.results / table)
            for place, name in _files_of_table(directory):  # a path each would take most of it
                if place != directory or name.removesuffix(".parquet") not in chunks:
                    found.append(Path(place, name))
        return sorted(found)

    def newest_plan(self) -> int:
        """The number of the newest record, 0 if there is none."""
        paths = [*self.record(0).parent.glob("*.json"), *self.kept_record(0).parent.glob("*.json")]
        return max((int(p.stem) for p in paths if re.fullmatch(_RECORD, p.stem)), default=0)


def files_of_table(directory: Path, is_nested: bool = True) -> list[Path]:
    """What readers of a table read: below its directory, but for hidden files."""
    return sorted(Path(*place_and_name) for place_and_name in _files_of_table(directory, is_nested))


def _files_of_table(directory: str | Path, is_nested: bool = True) -> Iterator[tuple[str, str]]:
    for place, names, files in os.walk(directory):
        names[:] = [name for name in names if is_nested and not name.startswith((".", "_"))]
        for name in files:
            if name.endswith(".parquet") and not name.startswith((".", "_")):
                yield str(place), name


def rule_name(step: str) -> str:
    """The rule whose jobs run a step."""
    return step if step == ONLY_STEP else f"run_{step}"


def metadata_table(step: str) -> str:
    """The table of how a step's tasks went, below results/."""
    return f"metadata/{step}"


def aside(directory: Path) -> Path:
    """Where an earlier run directory of a task waits until the new row is kept."""
    return directory.with_name(f".{directory.name}")


def enter(directory: str) -> None:
    """Make a study's directory the working directory.

    Raises:
        UserError: if there is none.
    """
    try:
        os.chdir(directory)
    except OSError as error:
        raise UserError(
            str(error.strerror), value=directory, fix="Name a study's directory."
        ) from None


def python_path() -> str:
    """PYTHONPATH for processes that are to find this package, first."""
    package = str(Path(__file__).parents[1])
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([package, *(path for path in given if path not in ("", package))])
