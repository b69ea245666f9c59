"""The one rule for "this row has to be made again", as a table; and the digest it reads."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakestudy.provenance.row_digest import (
    ANY_INPUTS,
    Reason,
    RowDigest,
    RowSpec,
    needs_run,
    status_of,
)

NOW, OLD, KEPT = "a" * 16, "b" * 16, "c" * 16
METRICS = {"fit": "f1", "curve": ""}
SPEC = RowSpec({NOW}.__contains__, METRICS, {KEPT}, {"fit=f0"})


class Row(NamedTuple):
    digest: str
    status: str = "success"
    attempt: int = 1


def row(
    made_by: str = NOW,
    status: str = "success",
    attempt: int = 1,
    inputs: str | None = None,
    metrics: dict[str, str] = METRICS,
) -> Row:
    return Row(str(RowDigest.of(made_by, inputs, metrics)), status, attempt)


def unread(
    *names: str,
    made_by: str = NOW,
    metrics: dict[str, str] = METRICS,
    inputs: str | None = None,
    attempt: int = 1,
) -> Row:
    """Of a task that ended well, while these metrics could not be read."""
    digest = RowDigest.of(made_by, inputs, metrics).with_unread(names)
    return Row(str(digest), "failure", attempt)


@pytest.mark.parametrize(
    ("last", "asked", "reason", "status"),
    [
        (None, {}, Reason.MISSING, "pending"),
        (row(), {}, None, "success"),
        (row(), {"is_forced": True}, Reason.FORCED, "stale"),
        (row(OLD), {}, Reason.STALE, "stale"),
        (row(OLD), {"is_forced": True}, Reason.FORCED, "stale"),
        (row(KEPT), {}, None, "success"),
        (row(OLD, "failure", 9), {}, Reason.STALE, "failure"),
        (row(status="failure"), {}, Reason.FAILED, "failure"),
        (row(status="failure", attempt=3), {}, None, "failure"),
        (row(status="failure", attempt=3), {"max_attempt": 4}, Reason.FAILED, "failure"),
        (row(KEPT, "failure", 1), {}, Reason.FAILED, "failure"),
        (row(metrics={"fit": "f1"}), {}, Reason.UNREAD, "stale"),
        (row(metrics={"fit": "f2", "curve": ""}), {}, Reason.UNREAD, "stale"),
        (row(metrics={"fit": "f0"}), {}, None, "success"),
        (row(metrics={**METRICS, "more": "m"}), {}, None, "success"),
        (row(KEPT, metrics={}), {}, Reason.UNREAD, "stale"),
        (row(OLD, metrics={}), {}, Reason.STALE, "stale"),
        (row(status="failure", metrics={}), {}, Reason.FAILED, "failure"),
        (row(inputs="01234567"), {}, None, "success"),
        (row(inputs="01234567"), {"inputs": "01234567"}, None, "success"),
        (row(inputs="01234567"), {"inputs": "76543210"}, Reason.INPUTS, "stale"),
        (row(inputs="01234567"), {"inputs": None}, Reason.INPUTS, "stale"),
        (row(), {"inputs": "01234567"}, Reason.INPUTS, "stale"),
        (row(), {"inputs": None}, None, "success"),
        (row(OLD, inputs="01234567"), {"inputs": "76543210"}, Reason.STALE, "stale"),
        # It ended well, and a metric could not be read: so again, if it would be read so again.
        (unread("fit"), {}, Reason.FAILED, "failure"),
        (unread("fit", "curve"), {}, Reason.FAILED, "failure"),
        (unread("fit", attempt=3), {}, None, "failure"),
        (unread("fit", attempt=3), {"is_forced": True}, Reason.FORCED, "failure"),
        (unread("fit", made_by=KEPT), {}, Reason.FAILED, "failure"),
        (unread("fit", metrics={"fit": "f1"}), {}, Reason.UNREAD, "failure"),
        (unread("fit", metrics={"fit": "f0", "curve": ""}), {}, Reason.UNREAD, "failure"),
        (
            unread("fit", metrics={"fit": "f0", "curve": ""}, attempt=9),
            {},
            Reason.UNREAD,
            "failure",
        ),
        (unread("fit", metrics={"fit": "f0"}), {}, Reason.UNREAD, "failure"),
        (unread("curve", metrics={"fit": "f2", "curve": ""}), {}, Reason.UNREAD, "failure"),
        (unread("more", metrics={**METRICS, "more": "m"}), {}, Reason.UNREAD, "failure"),
        (unread("fit", metrics={**METRICS, "more": "m"}), {}, Reason.FAILED, "failure"),
        (unread("fit", made_by=OLD), {}, Reason.STALE, "failure"),
        (unread("fit", inputs="01234567"), {"inputs": "76543210"}, Reason.INPUTS, "failure"),
    ],
)
def test_a_row_is_made_again_for_this_reason_and_shows_this_status(
    last: Row | None, asked: dict, reason: Reason | None, status: str
) -> None:
    why = needs_run(last, SPEC, **{"max_attempt": 3, "inputs": ANY_INPUTS, **asked})
    assert why is reason
    assert status_of(last, why) == status


DIGESTS = st.text("0123456789abcdef", min_size=16, max_size=16)
SHORT = st.text("0123456789abcdef", min_size=8, max_size=8)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)


@given(DIGESTS, st.none() | SHORT, st.dictionaries(NAMES, st.just("") | SHORT))
def test_a_digest_comes_back_from_its_text(
    made_by: str, inputs: str | None, metrics: dict[str, str]
) -> None:
    digest = RowDigest.of(made_by, inputs, metrics)
    assert RowDigest.parse(str(digest)) == digest
    assert dict(digest.metrics) == metrics
    assert not digest.unread


@given(DIGESTS, st.dictionaries(NAMES, st.just("") | SHORT), st.sets(NAMES))
def test_a_digest_tells_the_metrics_that_could_not_be_read(
    made_by: str, metrics: dict[str, str], names: set[str]
) -> None:
    digest = RowDigest.of(made_by, None, metrics)
    marked = RowDigest.parse(str(digest.with_unread(names)))
    assert marked.unread == {name: how for name, how in metrics.items() if name in names}
    assert marked.tried == metrics
    assert marked.with_unread(()) == digest
