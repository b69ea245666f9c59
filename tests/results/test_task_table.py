"""The task table says of each task what its last row says."""

from __future__ import annotations

import json

import pytest
from kit import CONFIG, Study

from snakestudy.commands import tasks


def test_state_of_another_manifest_says_nothing_of_the_status(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.configure(CONFIG.replace("[1, 2]", "[1, 3]") + "on_failure: accept\n")
    study.snakemake()
    wanted = [(1, "success"), (1, "success"), (3, "failure"), (3, "failure")]
    state = study.path / "results/.store/00001/state.json"
    text = state.read_text().replace('"failure"', '"success"')
    state.write_text(text.replace(json.loads(text)["manifest"], "0123456789abcdef"))
    (study.path / "results/tasks.parquet").unlink()
    monkeypatch.chdir(study.path)
    tasks.main(["results"])
    table = study.tasks()
    assert list(zip(table["a"], table["status"], strict=True)) == wanted


def test_tasks_are_in_the_order_of_the_design_whatever_their_chunks_are_called(
    study: Study,
) -> None:
    """Chunks of one command are called by their task_ids; a second plan lists them by name."""
    text = 'study: small\ndesign: {grid: {a: [%s]}}\ntask: {command: "true"}\n'
    for values in ("1, 2, 3, 4, 5, 6", "1, 2, 3, 4, 5, 6, 7"):
        study.configure(text % values)
        study.snakemake()
    table = study.tasks()
    assert table["chunk"].tolist() != sorted(table["chunk"])
    assert table["seq"].tolist() == list(range(7))
    assert table["a"].tolist() == [1, 2, 3, 4, 5, 6, 7]
