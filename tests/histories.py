"""Random histories of a small study, and what its tables have to show after each run.

An event is a name and two numbers, so that a history can be replayed, cut short and printed. The
oracle keeps for each task the rows that its store may hold: one, unless something was killed or
damaged. A run has to leave tables of exactly the current design with values of the code that made
the row, must run what the rule says (README) and nothing else, and `-n`, `status` and `check`
have to agree with that.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kit import Study, kill_group, wait_until
from pyarrow import parquet

from snakestudy.commands import check, prune
from snakestudy.errors import UserError
from snakestudy.layout import Layout
from snakestudy.results.current import CurrentStudy
from snakestudy.results.progress import count_tasks
from snakestudy.storage.record import planned_study

Event = tuple[str, int, int]

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
            if row := next((r for r in rows if metric in r.code.metrics), None):
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


# -- events ---------------------------------------------------------------------------------


def run(world: World, i: int, j: int) -> None:
    world.run()


def grow(world: World, i: int, j: int) -> None:
    world.values = sorted({*world.values, i % TASKS + 1, j % TASKS + 1})
    world.write()


def shrink(world: World, i: int, j: int) -> None:
    gone = {i % TASKS + 1, j % TASKS + 1}
    world.values = [a for a in world.values if a not in gone] or [i % TASKS + 1]
    world.write()


def edit(world: World, i: int, j: int) -> None:
    """Another version, or an earlier one again; another kind of values."""
    world.code = world.code._replace(v=i % 3 + 1, kind=KINDS[j % len(KINDS)])
    world.write()


def edit_comment(world: World, i: int, j: int) -> None:
    world.comment += 1
    world.write()


def rename_column(world: World, i: int, j: int) -> None:
    world.code = world.code._replace(name="yz"[i % 2])
    world.write()


def edit_metrics(world: World, i: int, j: int) -> None:
    world.code = world.code._replace(metrics=(("fit",), ("fit", "more"))[i % 2])
    world.write()


def fail(world: World, i: int, j: int) -> None:
    a = i % TASKS + 1
    world.failing.add(a)
    world.study.write(f"fail/{a}", "")


def mend(world: World, i: int, j: int) -> None:
    world.failing.clear()
    shutil.rmtree(world.study.path / "fail", ignore_errors=True)


def keep(world: World, i: int, j: int) -> None:
    world.run("--config", "on_change=keep", policy="keep")


def redo(world: World, i: int, j: int) -> None:
    a = world.values[i % len(world.values)]
    world.run("--config", f"redo=a == {a}", forced=[a])


def retry(world: World, i: int, j: int) -> None:
    world.run("--config", "retry=all")


def force(world: World, i: int, j: int) -> None:
    world.run("-F")


def plan_only(world: World, i: int, j: int) -> None:
    """A plan is published, nothing is run."""
    _, said = world.study.exit("--until", "plan")
    if world.is_damaged:
        world.cure(said)


def kill(world: World, i: int, j: int) -> None:
    """A run is killed with all its processes, somewhere."""
    ran, slow = world.study.path / "ran.txt", world.study.write("slow", "")
    with world.study.started() as process:
        try:
            wait_until(lambda: ran.exists() or process.poll() is not None, 30)
        finally:
            time.sleep(0.1 * (i % 8))
            kill_group(process)
    slow.unlink()
    world.study.exit("--unlock")
    for a in set(world.ran()):
        world.kills[a] = world.kills.get(a, 0) + 1
        status = "failure" if a in world.failing else "success"
        attempts = {r.attempt + 1 for r in world.of(a) if r and r.code == world.code} | {1}
        made = {Row(world.code, status, n) for n in attempts}
        world.rows[a] = world.of(a) | (made if status == "failure" else {Row(world.code)})


def prune_all(world: World, i: int, j: int) -> None:
    if not (world.study.path / "results/plan").exists():
        return
    with chdir(world.study.path), contextlib.redirect_stdout(io.StringIO()):
        try:
            prune.main(["--yes"])
        except UserError:
            return
    for a in set(world.rows) - set(world.values):
        world.rows[a] = world.of(a) | {None}


def copy(world: World, i: int, j: int) -> None:
    """The study goes on in a copy, made in one of several ways."""
    old = world.study.path
    world.moved += 1
    new = old.with_name(f"study{world.moved}")
    way = i % 4
    if way == 0:
        old.rename(new)
    else:
        options = ["-a", "-a", "-r", "-r"][way]
        assert not os.system(f"cp {options} {old} {new}")
        if way == 2:
            shutil.rmtree(new / ".snakemake", ignore_errors=True)
        shutil.rmtree(old)
    world.study = Study(new)


def link_results(world: World, i: int, j: int) -> None:
    """results/ goes to other storage, a link is left."""
    results = world.study.path / "results"
    if results.is_symlink() or not results.exists():
        return
    elsewhere = world.study.path / "elsewhere"
    results.rename(elsewhere)
    results.symlink_to("elsewhere")


def clock_back(world: World, i: int, j: int) -> None:
    """All files are from the future, as the clock was set back."""
    for path in world.study.path.rglob("*"):
        when = path.lstat().st_mtime + 86_400
        os.utime(path, (when, when), follow_symlinks=False)


OUTPUTS = ("results/*/[0-9]*.parquet", "results/metadata/run/*.parquet", "results/tasks.parquet")
STORE = (
    "results/.store/*/parts/*/*.parquet",
    "results/.store/*/manifest.parquet",
    "results/.store/*/state.json",
    "results/plan/chunks/*.parquet",
    "results/plan/*.json",
    "results/.store/records/*.json",
    "results/.store/*.json",
    "results/.store/plan_number",
)


def victim(world: World, i: int) -> Path | None:
    """A file of the study's results."""
    patterns = OUTPUTS + STORE
    found = sorted(world.study.path.glob(patterns[i % len(patterns)]))
    found = [path for path in found if path.is_file()]
    return found[i // len(patterns) % len(found)] if found else None


def suffers(world: World, path: Path, is_lost: bool = True) -> None:
    """Rows may be lost by this: those of the chunk, or all where that is not known."""
    world.is_damaged = True
    if not is_lost:
        return
    for a in world.rows:
        world.rows[a] = world.rows[a] | {None}


def delete(world: World, i: int, j: int) -> None:
    path = victim(world, i)
    if path:
        suffers(world, path)
        path.unlink()


def truncate(world: World, i: int, j: int) -> None:
    """In place or, as most programs do it, as another file."""
    path = victim(world, i)
    if path:
        suffers(world, path)
        content = path.read_bytes()
        if j % 2:
            path.unlink()
        path.write_bytes(content[: len(content) * (j % 5) // 5])


def swap(world: World, i: int, j: int) -> None:
    """Two files of a kind change places."""
    one, two = victim(world, i), victim(world, i + j % 7 * len(OUTPUTS + STORE))
    if one and two and one != two and one.parent.parent.name != "plan":
        suffers(world, one)
        first, second = one.read_bytes(), two.read_bytes()
        for path, content in ((one, second), (two, first)):
            path.unlink()
            path.write_bytes(content)


def copy_over(world: World, i: int, j: int) -> None:
    """A file of a kind lies there once more, under another name."""
    path = victim(world, i)
    if path and path.suffix == ".parquet":
        target = path.with_name(f"{i % 9:05d}.parquet" if j % 2 else "mine.parquet")
        if target != path:
            suffers(world, path, is_lost=target.exists())  # written through a link to the store
            shutil.copy2(path, target)


def lose_store(world: World, i: int, j: int) -> None:
    if (world.study.path / "results/.store").exists():
        suffers(world, world.study.path)
        shutil.rmtree(world.study.path / "results/.store")


def lose_snakemakes_records(world: World, i: int, j: int) -> None:
    shutil.rmtree(world.study.path / ".snakemake", ignore_errors=True)


EVENTS: dict[str, Callable[[World, int, int], None]] = {
    event.__name__: event
    for event in (
        run, grow, shrink, edit, edit_comment, rename_column, edit_metrics, fail, mend, keep, redo,
        retry, force, plan_only, kill, prune_all, copy, link_results, clock_back, delete, truncate,
        swap, copy_over, lose_store, lose_snakemakes_records,
    )
}  # fmt: skip
CHANGES = [grow, grow, shrink, shrink, edit, edit, edit_comment, rename_column, edit_metrics]
CHANGES += [fail, mend, plan_only, kill, prune_all, copy, link_results, clock_back]
CHANGES += [delete, delete, truncate, swap, copy_over, lose_store, lose_snakemakes_records]
RUNS = [run, run, run, run, keep, redo, retry, force]


def drawn(seed: int) -> list[Event]:
    """A history: some changes, a run, some changes, ..."""
    chance = random.Random(seed)
    events = [("run", 0, 0)]
    for _ in range(chance.randrange(3, 7)):
        chosen = [chance.choice(CHANGES) for _ in range(chance.choice([1, 1, 2, 3]))]
        chosen.append(chance.choice(RUNS))
        events += [(e.__name__, chance.randrange(1000), chance.randrange(1000)) for e in chosen]
    return events


def replay(events: Sequence[Event], directory: Path) -> Wrong | None:
    """Live through a history in an empty directory; what was wrong."""
    world = World(Study(directory / "study"))
    for number, (name, i, j) in enumerate(events):
        try:
            EVENTS[name](world, i, j)
        except Wrong as wrong:
            wrong.what = f"event {number} ({name}): {wrong.what}"
            return wrong
        except (UserError, AssertionError, OSError, KeyError, ValueError) as error:
            return Wrong(f"event {number} ({name}): {type(error).__name__}: {error}")
    return None


def shrunk(events: list[Event], fails: Callable[[list[Event]], bool]) -> list[Event]:
    """A shorter history that fails, too (ddmin)."""
    size = max(1, len(events) // 2)
    while True:
        for start in range(0, len(events), size):
            shorter = events[:start] + events[start + size :]
            if shorter and fails(shorter):
                events = shorter
                break
        else:
            if size == 1:
                return events
            size //= 2
        size = min(size, max(1, len(events) // 2))


__all__ = ["Event", "drawn", "replay", "shrunk"]
