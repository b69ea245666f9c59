"""What verbs for people begin with: where the study lies, and whether this is its code."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.layout import PACKAGE_ROOT, Layout, enter
from snakestudy.storage.documents import PlanRecord
from snakestudy.storage.location import StudyLocation, find_study, version_of
from snakestudy.storage.record import load_record


@dataclass(frozen=True)
class OpenedStudy:
    """A study that a verb was given; its directory is the working directory.

    Attributes:
        directory: as it was given, for messages.
        newest: its newest plan record; None before the first plan.
    """

    directory: str
    layout: Layout
    newest: PlanRecord | None

    @property
    def record(self) -> PlanRecord:
        """The newest plan record.

        Raises:
            UserError: before the first plan.
        """
        if self.newest is None:
            raise UserError("holds no study that was planned", value=self.directory)
        return self.newest


def parser_of(verb: str, description: str | None) -> argparse.ArgumentParser:
    """A parser that knows what `open_study` looks at, but for the directory."""
    parser = argparse.ArgumentParser(prog=f"python -m snakestudy {verb}", description=description)
    place = parser.add_argument_group(
        "where the study lies", "Found by itself, unless there are several in the directory."
    )
    for name in ("results", "runs", "logs"):
        place.add_argument(f"--{name}", metavar="DIR", help=f"what the workflow calls <{name}>")
    return parser


def add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", default=".", help="of the study (default: here)")


def open_study(verb: str, given: argparse.Namespace) -> OpenedStudy:
    """Go to the study's directory and find the study there.

    Raises:
        UserError: if there is no such directory, it holds several studies and none was named,
            or another copy of this package runs the study.
    """
    directory = getattr(given, "directory", ".")
    location = find_study(Path(directory), given.results)
    enter(directory)
    _refuse_another_copy(location, verb)
    places = {name: getattr(given, name) or getattr(location, name) for name in ("runs", "logs")}
    layout = Layout(Path(location.results), Path(places["runs"]), Path(places["logs"]))
    return OpenedStudy(directory, layout, load_record(layout))


def _refuse_another_copy(location: StudyLocation, verb: str) -> None:
    """
    Raises:
        UserError: if the study is run by another copy of this package than this one.
    """
    if location.package_root and _is_copy(planner := Path(location.package_root)):
        how = "was planned by"
    elif _is_copy(planner := Path("workflow")):
        how = "is run by"
    else:
        return
    planner, version = planner.resolve(), version_of(planner)
    if planner == PACKAGE_ROOT:
        return
    this = f"snakestudy {version_of(PACKAGE_ROOT)} in {PACKAGE_ROOT}"
    raise UserError(
        f"this study {how} snakestudy {version} in {planner}, but this is {this}",
        fix=f"Run PYTHONPATH={planner} python -m snakestudy {verb}, or install that one "
        f"(pip install --editable {planner.parent}).",
    )


def _is_copy(package_root: Path) -> bool:
    return (package_root / "snakestudy" / "__init__.py").exists()
