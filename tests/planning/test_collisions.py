"""Names of the design that are columns of a metric: refused before anything runs."""

from __future__ import annotations

import pytest
from kit import Study

DESIGNS = {
    "derive": ("\nderive: {R0: 2 * a}\n", 'derive.R0 = "2 * a": is a column of metric fit, too'),
    "default": ("\ndefaults: {R0: 1}\n", "defaults.R0 = 1: is a column of metric fit, too"),
}


@pytest.fixture
def growing(finished: Study) -> Study:
    """A study whose metric has the columns R0 and y, finished."""
    finished.edit("scripts/model.py", '{"y"', '{"R0": 7, "y"')
    finished.snakemake()
    assert set(finished.table("fit")["R0"]) == {7}
    return finished


@pytest.mark.parametrize("kind", DESIGNS)
def test_column_of_a_metric_is_refused_and_taking_it_back_restores(
    growing: Study, kind: str
) -> None:
    more, words = DESIGNS[kind]
    text = (growing.path / "config/config.yaml").read_text(encoding="utf-8")
    growing.configure(text + more)
    status, output = growing.exit()
    assert status == 1
    assert words in output
    assert "Rename it here" in output
    growing.configure(text)
    assert "is current" in growing.planned()
    assert set(growing.table("fit")["R0"]) == {7}
    growing.edit("config/config.yaml", "a: [1, 2]", "a: [1, 2, 5]")
    growing.snakemake()
    assert set(growing.table("fit")["R0"]) == {7}
    assert sorted(growing.ran().values())[-2:] == [1, 1]


@pytest.mark.parametrize(
    "block",
    [
        "{grid: {R0: [1]}}",
        "{star: {base: {a: 9, b: 1}, vary: {b: [2]}, label: R0}}",
        "{rows: [{R0: 1}]}",
    ],
)
def test_parameter_or_label_of_a_new_block_is_refused(growing: Study, block: str) -> None:
    growing.edit("config/config.yaml", "  grid:\n    a: [1, 2]\n    b: [10, 20]\n", "BLOCKS")
    growing.edit(
        "config/config.yaml",
        "design:\nBLOCKS",
        f"design:\n  - grid: {{a: [1, 2], b: [10, 20]}}\n  - {block}\n",
    )
    assert 'design = "R0": is a column of metric fit, too' in growing.planned()


def test_name_that_differs_in_case_from_a_column_is_told(growing: Study) -> None:
    growing.edit("config/config.yaml", "task:\n", "derive: {r0: 2 * a}\ntask:\n")
    said = growing.planned()
    assert "r0 differ in nothing but case or form" in said
    assert "refused" not in said


def test_column_may_become_a_derived_one_where_the_code_gives_it_up(growing: Study) -> None:
    growing.edit("scripts/model.py", '"R0": 7, ', "")
    growing.edit("config/config.yaml", "task:\n", "derive: {R0: 2 * a}\ntask:\n")
    growing.snakemake()
    table = growing.table("fit")
    assert table["R0"].tolist() == (2 * table["a"]).tolist()


def test_parameter_that_was_taken_out_may_come_back(growing: Study) -> None:
    text = (growing.path / "config/config.yaml").read_text(encoding="utf-8")
    growing.configure(text + "\nderive: {twice: 2 * a}\n")
    growing.snakemake()
    growing.configure(text)
    growing.snakemake()
    growing.configure(text + "\nderive: {twice: 3 * a}\n")
    growing.snakemake()
    assert growing.table("fit")["twice"].tolist() == (3 * growing.table("fit")["a"]).tolist()


def test_column_of_rows_that_are_kept_as_they_are_is_refused(growing: Study) -> None:
    growing.edit("scripts/model.py", '"R0": 7', '"R": 7')
    text = (growing.path / "config/config.yaml").read_text(encoding="utf-8")
    growing.configure(f"{text}\nderive: {{R0: 2 * a}}\non_change: keep\n")
    assert 'derive.R0 = "2 * a": is a column of metric fit, too' in growing.planned()
