"""What a small study has to show after each run of a history: the oracle of `histories`.

Longer than others: one class, whose parts share what is known of the study.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kit import Study
from pyarrow import parquet

from snakestudy.commands import check
from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import count_tasks
from snakestudy.storage.record import planned_study

VALUE = """
def value(a, v, kind):
    number = a * 1000 + v
    odd = a % 2 == 1
    return {
        "int": number,
        "float": number + 0.5,
        "text": f"t{number}",
        "digits": f"{number}",
        "mixed": number if odd else f"t{number}",
        "null": None if odd else number,
        "half": number if odd else number + 0.5,
    }[kind]
"""
KINDS = ("int", "float", "text", "digits", "mixed", "null", "half")
MODEL = """
import os, time

def simulate(p):
    home = os.environ["STUDY_DIR"]
    with open(home + "/ran.txt", "a") as file:
        file.write(f"{p['a']}\\n")
    if os.path.exists(home + "/slow"):
        time.sleep(0.2)
    if os.path.exists(f"{home}/fail/{p['a']}"):
        raise ValueError("told to")
    row = {NAME: value(p["a"], V, KIND)}
    return {name: row for name in METRICS}
"""
CONFIG = """\
study: model
design: {grid: {a: [%s]}}
task: {function: "scripts/model.py:simulate", metrics: [%s]}
chunks: {tasks: %d}
on_change: rerun
give_up: 2
"""
GIVE_UP, TASKS, CHUNK = 2, 6, 2
namespace: dict[str, Any] = {}
exec(VALUE, namespace)
value: Callable[[int, int, str], Any] = namespace["value"]


class Code(NamedTuple):
    """All that a row depends on but its parameters."""

    v: int = 1
    kind: str = "int"
    name: str = "y"
    metrics: tuple[str, ...] = ("fit",)

    def text(self, comment: int) -> str:
        head = f"# {comment}\nV, KIND, NAME, METRICS = "
        return head + repr((self.v, self.kind, self.name, self.metrics)) + VALUE + MODEL


class Row(NamedTuple):
    """A task's last row."""

    code: Code
    status: str = "success"
    attempt: int = 1


@dataclass
class Wrong(Exception):
    """What a study does is not what the oracle says."""

    what: str
    said: str = ""

    def __str__(self) -> str:
        return f"{self.what}\n{self.said}"


@dataclass
class World:
    """A study and what is known of it."""

    study: Study
    values: list[int] = field(default_factory=lambda: [1, 2, 3, 4])
    code: Code = field(default_factory=Code)
    comment: int = 0
    failing: set[int] = field(default_factory=set)
    rows: dict[int, set[Row | None]] = field(default_factory=dict)
    accepted: set[tuple[Code, Code]] = field(default_factory=set)
    kills: dict[int, int] = field(default_factory=dict)
    is_damaged: bool = False
    moved: int = 0

    def __post_init__(self) -> None:
        self.study.path.mkdir(parents=True)
        self.write()

    # -- what it should do ------------------------------------------------------------------

    def write(self) -> None:
        """Configuration and code, files replaced as editors do."""
        self.study.write("scripts/model.py", self.code.text(self.comment))
        values = ", ".join(map(str, self.values))
        self.study.configure(CONFIG % (values, ", ".join(self.code.metrics), CHUNK))

    def of(self, a: int) -> set[Row | None]:
        return self.rows.setdefault(a, {None})

    def may_run(self, row: Row | None, policy: str, retries_all: bool) -> set[bool]:
        """Whether a task with that row runs; both if either is right."""
        if row is None:
            return {True}
        if row.code != self.code and (row.code, self.code) in self.accepted:
            return {False} if row.status == "success" else {True, False}
        if row.code != self.code:
            return {row.status != "success" or policy != "keep"}
        return {row.status != "success" and (retries_all or row.attempt < GIVE_UP)}

    # -- running ----------------------------------------------------------------------------

    def run(self, *arguments: str, forced: Iterable[int] = (), policy: str = "rerun") -> None:
        """`snakemake` until what it says is done; then see that all is right."""
        retries_all = "retry=all" in arguments
        forced = set(forced)
        told = self.dry(arguments)
        ran: list[int] = []
        for turn in range(5):
            status, said = self.study.exit(*(arguments if not turn else ()))
            ran += self.ran()
            if "Traceback" in said:
                raise Wrong("a traceback", said)
            if self.is_done(said):
                break
            if not self.is_damaged:
                raise Wrong(f"no end in one turn (status {status})", said)
            self.cure(said)
        else:
            raise Wrong("no end in five turns", said)
        self.judge(ran, told, said, policy, retries_all, forced)
        self.see(said, status)

    def dry(self, arguments: Sequence[str]) -> int | None:
        """How many tasks -n says will run; None if it cannot be known."""
        given = dict(word.split("=", 1) for word in arguments if "=" in word)
        said = self.study.planned(**given)
        if said.startswith("snakestudy:") and not self.is_damaged:
            raise Wrong("-n is refused", said)
        found = re.search(r"to run: ([\d,]+) task", said)
        is_left = "not finished" in said and found is None
        return None if self.is_damaged or is_left else int(found[1]) if found else 0

    def ran(self) -> list[int]:
        file = self.study.path / "ran.txt"
        words = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return list(map(int, words))

    def is_done(self, said: str) -> bool:
        """Whether rule outcome was reached, or nothing was to be done, and check is content."""
        ended = re.search(r"^model: \d+ tasks?,", said, re.MULTILINE)
        if not ended and "Nothing to be done" not in said:
            return False
        problems = self.check()
        if problems and not self.is_damaged:
            raise Wrong("check is not content", problems)
        return not problems

    def check(self) -> str:
        with chdir(self.study.path), contextlib.redirect_stderr(io.StringIO()) as said:
            status = check.main(["results", "runs", "logs"])
        return said.getvalue() if status else ""

    def cure(self, said: str) -> None:
        """Do what is said in such cases: delete what it says shall be deleted."""
        for line in (said + self.check_or_nothing()).splitlines():
            if "elete " in line:
                words = line.partition("elete results/")[1:]
                named = "results/" + words[1] if words[0] else line
                for name in re.findall(r"results/[\w./-]+", named):
                    path = self.study.path / name.rstrip(".:")
                    if path.is_file() or path.is_symlink():
                        path.unlink()

    def check_or_nothing(self) -> str:
        try:
            return self.check()
        except UserError as error:
            return str(error)

    # -- what came of it --------------------------------------------------------------------

    def judge(
        self,
        ran: list[int],
        told: int | None,
        said: str,
        policy: str,
        retries_all: bool,
        forced: set[int],
    ) -> None:
        """Which tasks ran, and what row each has now."""
        double = {a for a in ran if ran.count(a) > 1}
        if double - self.failing and not self.is_damaged:
            raise Wrong(f"ran twice: {double}", said)
        if told is not None and told != len(set(ran)):
            raise Wrong(f"-n said {told}, ran {sorted(ran)}", said)
        if set(ran) - set(self.values):
            raise Wrong(f"ran though not in the design: {set(ran) - set(self.values)}", said)
        for a in self.values:
            before = self.of(a)
            verdicts = {row: self.may_run(row, policy, retries_all) for row in before}
            if a in ran:
                if a not in forced and all(may == {False} for may in verdicts.values()):
                    raise Wrong(f"{a} ran again without cause: {before}", said)
                tries = {
                    row.attempt + 1
                    for row in before
                    if row and row.status == "failure" and (row.code == self.code)
                }
                if a in forced or not tries or None in before:
                    tries.add(1)
                failed = a in self.failing
                status = "failure" if failed else "success"
                made = {Row(self.code, status, n if failed else 1) for n in tries}
                self.rows[a] = set(made)
            elif a in forced:
                raise Wrong(f"{a} was asked for and did not run", said)
            else:
                left = {row for row, may in verdicts.items() if False in may}
                if not left and self.kills.get(a, 0) < 2:
                    raise Wrong(f"{a} did not run: {before}", said)
                self.rows[a] = left or {Row(self.code, "failure", 1)}
                for row in left:
                    if row and row.code != self.code:
                        self.accepted.add((row.code, self.code))
            self.kills.pop(a, None)
        self.is_damaged = False

    def see(self, said: str, status: int) -> None:
        """The tables, the status and the exit status."""
        tasks = parquet.read_table(self.study.path / "results/tasks.parquet").to_pylist()
        if sorted(row["a"] for row in tasks) != sorted(self.values):
            raise Wrong(f"the task table has {[row['a'] for row in tasks]}", said)
        for row in tasks:
            possible = {r for r in self.of(row["a"]) if r and r.status == row["status"]}
            if not possible:
                raise Wrong(f"{row} is none of {self.of(row['a'])}", said)
            self.rows[row["a"]] = set(possible)
        failed = sum(row["status"] == "failure" for row in tasks)
        if (status != 0) != bool(failed):
            raise Wrong(f"{failed} failed, yet exit status {status}", said)
        for metric in ("fit", "more"):
            self.see_metric(metric, said)
        with chdir(self.study.path):
            layout = Layout()
            record = planned_study(layout, "results")
            counts = count_tasks(record, layout, CurrentStudy.of(record, layout, Path.cwd()))
        kept = sum(len({r.code for r in self.of(a) if r}) > 1 for a in self.values)
        found = (counts.failure, counts.stale, counts.pending)
        if found != (failed, 0, 0) and not kept:
            raise Wrong(f"status counts {counts}, not {failed} failures alone", said)

    def see_metric(self, metric: str, said: str) -> None:
        files = sorted((self.study.path / "results" / metric).glob("*.parquet"))
        wanted: dict[int, Row] = {}
        for a in self.values:
            rows = {r for r in self.of(a) if r and r.status == "success"}
            if len({r.code for r in rows}) > 1:
                return  # not known which
            has = metric in self.code.metrics  # rows that are kept may have more
            if row := next((r for r in rows if has and metric in r.code.metrics), None):
                wanted[a] = row
        if not wanted and not files:
            return
        tables = [parquet.ParquetFile(file).read() for file in files]
        schemas = {str(table.schema.remove_metadata()) for table in tables}
        if len(schemas) > 1:
            raise Wrong(f"{metric} has {len(schemas)} schemas: {schemas}", said)
        found = [row for table in tables for row in table.to_pylist()]
        names = {row.code.name for row in wanted.values()}
        by_a = {row.pop("a"): {n: v for n, v in row.items() if n != "task_id"} for row in found}
        if len(by_a) != len(found):
            raise Wrong(f"{metric} has doubled rows: {found}", said)
        if not names:
            names = {name for row in by_a.values() for name in row}
        columns = {name: self.column(name, wanted) for name in names}
        right = {a: {name: columns[name].get(a) for name in names} for a in wanted}
        if _in_order(by_a) != _in_order(right):
            if sorted(by_a) == sorted(right) and all(
                by_a[a].get(n) == right[a][n] for a in right for n in names
            ):
                raise Wrong(f"{metric} has other types or columns: {by_a}, not {right}", said)
            raise Wrong(f"{metric} is {by_a}, not {right}", said)

    def column(self, name: str, rows: dict[int, Row]) -> dict[int, Any]:
        """A column as the table has to show it: one kind, decided over all rows."""
        of = {a: r.code for a, r in rows.items() if r.code.name == name}
        values = {a: value(a, code.v, code.kind) for a, code in of.items()}
        kinds = {type(v) for v in values.values() if v is not None}
        if kinds == {int, float}:
            return {a: None if v is None else float(v) for a, v in values.items()}
        if len(kinds) > 1:
            return {a: None if v is None else str(v) for a, v in values.items()}
        return values


def _in_order(rows: dict[int, dict[str, Any]]) -> str:
    """Rows as text, which tells 1 from 1.0 and from True."""
    return repr([(a, sorted(row.items())) for a, row in sorted(rows.items())])
