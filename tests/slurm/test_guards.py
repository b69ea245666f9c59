"""The guards fit the SLURM plugin that is installed; needs no cluster."""

from __future__ import annotations

import pytest
import snakemake_executor_plugin_slurm  # noqa: F401

from snakestudy.engine import slurm


def test_guards_fit_the_installed_plugin(capsys: pytest.CaptureFixture) -> None:
    slurm.guard()
    assert capsys.readouterr().err == ""
