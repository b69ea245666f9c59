"""Where the studies of a directory lie, and which code planned each: what verbs look for.

An invocation that plans notes it beside Snakemake's own notes, for `<results>` may be anywhere.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from snakestudy.errors import UserError
from snakestudy.files import read_json, write_json
from snakestudy.layout import PACKAGE_ROOT, Layout

NOTES = Path(".snakemake/snakestudy")
FORMAT = 1


@dataclass(frozen=True)
class StudyLocation:
    """Where a study lies; paths relative to its directory, or absolute.

    Attributes:
        package_root: the directory that holds the package that planned it last; None if not known.
        version: of that package.
    """

    results: str = "results"
    runs: str = "runs"
    logs: str = "logs"
    package_root: str | None = None
    version: str | None = None

    @classmethod
    def of_this_code(cls, layout: Layout) -> StudyLocation:
        """The study of this layout, planned by this code; here is its directory."""
        here = Path.cwd()
        inside = PACKAGE_ROOT.is_relative_to(here)  # then it moves, and is copied, with the study
        root = PACKAGE_ROOT.relative_to(here) if inside else PACKAGE_ROOT
        results, runs, logs = map(str, (layout.results, layout.runs, layout.logs))
        return cls(results, runs, logs, str(root), version_of(PACKAGE_ROOT))

    def layout(self, directory: Path) -> Layout:
        return Layout(directory / self.results, directory / self.runs, directory / self.logs)

    def note(self) -> None:
        """Keep it for verbs, in the working directory."""
        name = hashlib.sha256(self.results.encode()).hexdigest()[:16]
        path, values = NOTES / f"{name}.json", {"format": FORMAT, **asdict(self)}
        if read_json(path) != values:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, values)


def find_study(directory: Path, results: str | Path | None = None) -> StudyLocation:
    """The one study in a directory that was planned; the default place if there is none.

    Args:
        results: its results, relative to the directory, where there are several.

    Raises:
        UserError: if there are several and none is named.
    """
    noted = _noted(directory)
    if results is not None:
        wanted = os.path.abspath(directory / results)
        for location in noted:
            if os.path.abspath(directory / location.results) == wanted:
                return location
        return StudyLocation(str(results))
    if all(location.results != StudyLocation().results for location in noted):
        noted.append(StudyLocation())
    planned = [location for location in noted if location.layout(directory).newest_plan()]
    if len(planned) > 1:
        choices = ", ".join(sorted(location.results for location in planned))
        raise UserError(
            "holds several studies",
            value=str(directory),
            fix=f"Name one by its results: {choices}.",
        )
    return planned[0] if planned else StudyLocation()


def _noted(directory: Path) -> list[StudyLocation]:
    locations = []
    for path in sorted((directory / NOTES).glob("*.json")):
        values = read_json(path)
        if not isinstance(values, dict):
            continue  # only half of it was written
        if values.get("format", 0) > FORMAT:
            raise UserError(
                "was written by a newer snakestudy",
                file=str(path),
                fix="Use that one, or delete it.",
            )
        known = {name: values[name] for name in asdict(StudyLocation()) if name in values}
        locations.append(replace(StudyLocation(), **known))
    return locations


def version_of(package_root: Path) -> str:
    """The version of the package in a directory, read without importing it."""
    try:
        text = (package_root / "snakestudy" / "__init__.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    match = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return match[1] if match else "of an unknown version"
