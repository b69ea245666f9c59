"""A study of which tasks were taken out."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import Study


@pytest.fixture(scope="module")
def shrunk_once(template: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = template.copy(tmp_path_factory.mktemp("shrunk") / "study")
    study.edit("config/config.yaml", "a: [1, 2]", "a: [1]")
    study.edit("config/config.yaml", "b: [10, 20]", "b: [10]")
    study.snakemake()
    return study


@pytest.fixture
def shrunk(shrunk_once: Study, tmp_path: Path) -> Study:
    """Half of chunk 00000 is left; nothing of 00001."""
    return shrunk_once.copy(tmp_path / "study")
