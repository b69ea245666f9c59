"""What may happen to a study in a history (see `histories`)."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from history_model import KINDS, TASKS, Row, World
from kit import Study, kill_group, wait_until

from snakestudy.commands import prune
from snakestudy.errors import UserError


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
