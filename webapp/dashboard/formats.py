"""How numbers, times and sizes look on the dashboard. Pure; all times are UTC."""

from datetime import UTC, datetime

_NOTHING = "\u2013"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_KB = 1024
#: Below this a duration has a digit behind its point.
_EXACT_BELOW_S = 10


def number(value: float | None) -> str:
    """Return it with its thousands apart; fractions below 10 keep a digit."""
    if value is None:
        return _NOTHING
    if value != int(value) and abs(value) < _EXACT_BELOW_S:
        return f"{value:.1f}"
    return f"{round(value):,}"


def duration(seconds: float | None) -> str:
    """Return a time span in its one or two largest units."""
    if seconds is None:
        return _NOTHING
    if seconds < _MINUTE_S:
        return _short(max(0.0, seconds))
    whole = round(seconds)
    if whole < _HOUR_S:
        return _two(whole, _MINUTE_S, "min", 1, "s")
    if whole < _DAY_S:
        return _two(whole, _HOUR_S, "h", _MINUTE_S, "min")
    return _two(whole, _DAY_S, "d", _HOUR_S, "h")


def _short(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if 0 < seconds < _EXACT_BELOW_S else f"{seconds:.0f} s"


def _two(seconds: int, large_s: int, large: str, small_s: int, small: str) -> str:
    rest = seconds % large_s // small_s
    return f"{seconds // large_s} {large}" + (f" {rest} {small}" if rest else "")


def age(seconds: float) -> str:
    """Return a time span in its largest unit, for columns and asides."""
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(count_bytes: int) -> str:
    """Return a file's size."""
    if count_bytes < _KB:
        return f"{count_bytes} B"
    if count_bytes < _KB * _KB:
        return f"{count_bytes / _KB:.0f} KB"
    return f"{count_bytes / _KB / _KB:.1f} MB"


def moment(at: datetime | None) -> str:
    """Return a point in time, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else _NOTHING


def clock(at: datetime) -> str:
    """Return the time of day."""
    return at.astimezone(UTC).strftime("%H:%M")


def field_time(at: datetime | None) -> str:
    """Return it as `<input type=datetime-local>` takes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if at else ""


def in_words(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ").replace(".", " ")


def hex_view(data: bytes | None) -> str:
    """Return bytes as an editor for bytes shows them: offset, 16 in hex, 16 as text."""
    lines = []
    for start in range(0, len(data or b""), 16):
        row = (data or b"")[start : start + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)  # noqa: PLR2004
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {text}")
    return "\n".join(lines)


FILTERS = {
    function.__name__: function
    for function in (number, duration, age, size, moment, clock, field_time, in_words, hex_view)
}
