"""Numbers as the page writes them, with no break between a number and its unit."""

MINUS = "\u2212"
TIMES = "\u00d7"


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number with a true minus sign; `sign` also shows a plus."""
    value = round(value, digits) + 0.0  # no negative zero
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    return text.replace("-", MINUS)


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    if seconds < 100:
        return f"{seconds:.1f}\u00a0s"
    if seconds < 5400:
        return f"{seconds / 60:.1f}\u00a0min"
    return f"{seconds / 3600:.2f}\u00a0h"


def size(number_of_bytes: float) -> str:
    """Bytes as MB or GB (powers of 1000)."""
    if number_of_bytes < 1e9:
        return f"{number_of_bytes / 1e6:.0f}\u00a0MB"
    return f"{number_of_bytes / 1e9:.1f}\u00a0GB"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
