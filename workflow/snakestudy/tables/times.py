"""Times: zones that every reader knows, nanoseconds that Python's own types cannot hold."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Any, NamedTuple

from snakestudy.errors import RowError
from snakestudy.tables.pieces import Buffer

_EPOCH = datetime(1970, 1, 1)
_MINUTE = timedelta(minutes=1)
_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_OF_THE_MACHINE = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*")


def check_years(kind: str, first: int, last: int) -> None:
    """Refuse times that Python's readers of a table cannot make.

    Args:
        kind: of Arrow; first, last: numbers of its units.

    Raises:
        RowError: if one lies before the year 1 or after 9999, in some zone if there is one.
    """
    margin = timedelta(days=1) if "tz=" in kind else timedelta(0)
    unit = timedelta(days=1) if kind == "date32" else timedelta(microseconds=1)
    earliest, latest = datetime.min + margin - _EPOCH, datetime.max - margin - _EPOCH
    is_wide = kind == "date32" or kind.startswith("timestamp[us")  # others are within these
    if is_wide and (first < earliest // unit or last > latest // unit):
        raise RowError("a time lies outside of the years 1 to 9999")


class Nanoseconds(NamedTuple):
    """A time or span that is none of Python's, for it has nanoseconds.

    Attributes:
        kind: timestamp or duration; count: nanoseconds (since 1970, in UTC if there is a zone).
    """

    kind: str
    count: int
    zone: tzinfo | None = None


@cache
def is_known_zone(key: str) -> bool:
    """Whether it is a name of the IANA's, which every reader of tables knows."""
    from zoneinfo import ZoneInfo

    try:
        return not _OF_THE_MACHINE.fullmatch(key) and bool(ZoneInfo(key))
    except (OSError, ValueError, KeyError):  # KeyError: ZoneInfoNotFoundError
        return False


def zone_key(zone: tzinfo | None) -> str | None:
    """The IANA name of a zone of zoneinfo, pytz or pandas, if it has one."""
    key = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return key if isinstance(key, str) and is_known_zone(key) else None


def zone_name(zone: tzinfo | None) -> str | None:
    """A zone as an Arrow type names it: a key, or an offset (see `zone_of_offset`)."""
    if zone is None:
        return None
    offset = zone.utcoffset(None)
    if zone_key(zone) or offset is None:
        return zone_key(zone) or "UTC"
    minutes = abs(offset) // _MINUTE
    sign = "-" if offset < timedelta(0) else "+"
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "UTC"


def zone_named(name: str) -> tzinfo:
    """The zone of a name that `zone_name` gives."""
    if name == "UTC":
        return UTC
    if _OFFSET.fullmatch(name):
        offset = timedelta(hours=int(name[1:3]), minutes=int(name[4:]))
        return timezone(-offset if name[0] == "-" else offset)
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def zone_of_offset(offset: timedelta) -> timezone:
    """A zone of a fixed offset; UTC if that has seconds, which readers do not know."""
    return UTC if offset % _MINUTE else timezone(offset)


def name_for_readers(zone: str) -> str:
    """An Arrow type's zone, UTC (the same instants) if it is none that every reader knows."""
    return zone if _OFFSET.fullmatch(zone) or is_known_zone(zone) else "UTC"


def with_known_zone(time: datetime) -> datetime:
    """The same instant in a zone that readers know: by its key, else at its offset."""
    if time.tzinfo is None:
        return time
    offset = time.utcoffset()
    if offset is None:
        raise RowError("a zone has no offset")
    time.astimezone(UTC)  # an error at the ends of the calendar
    key = zone_key(time.tzinfo)
    if key is None:
        return time.astimezone(zone_of_offset(offset))
    from zoneinfo import ZoneInfo

    return time if isinstance(time.tzinfo, ZoneInfo) else time.astimezone(ZoneInfo(key))


def time_of(kind: str, count: int) -> date | datetime | timedelta | Nanoseconds:
    """A naive time from a number of the units of an Arrow type."""
    try:
        if kind == "date32":
            return date.fromordinal(_EPOCH.toordinal() + count)
        name, unit = kind.rstrip("]").split("[")
        if unit == "ns" and count % 1000:
            return Nanoseconds(name, count)
        span = timedelta(microseconds=count // 1000 if unit == "ns" else count)
        return span if name == "duration" else _EPOCH + span
    except (OverflowError, ValueError):
        raise RowError("a time lies outside of the years 1 to 9999") from None


def in_nanoseconds(values: Sequence[Any]) -> Buffer:
    """A column of times, or of spans, of which some have nanoseconds.

    Raises:
        RowError: if other values stand beside them.
    """
    counts, zones = array("q"), set()
    kinds = {value.kind for value in values if isinstance(value, Nanoseconds)}
    for value in values:
        if isinstance(value, (datetime, timedelta)):
            value = _in_nanoseconds(value)
        if value is None:
            value = Nanoseconds(next(iter(kinds)), 0)
        elif not isinstance(value, Nanoseconds) or value.kind not in kinds or len(kinds) > 1:
            raise RowError("a time to the nanosecond beside other values")
        else:
            zones.add(zone_name(value.zone))
        counts.append(value.count)
    zone = zones.pop() if len(zones) == 1 else "UTC"
    kind = f"{kinds.pop()}[ns{f', tz={zone}' if zone else ''}]"
    valid = bytes(value is not None for value in values)
    return Buffer(kind, counts.tobytes(), valid if 0 in valid else None)


def _in_nanoseconds(value: datetime | timedelta) -> Nanoseconds:
    if isinstance(value, timedelta):
        return Nanoseconds("duration", value // timedelta(microseconds=1) * 1000)
    zone = value.tzinfo
    naive = value.astimezone(UTC).replace(tzinfo=None) if zone else value
    return Nanoseconds("timestamp", (naive - _EPOCH) // timedelta(microseconds=1) * 1000, zone)
