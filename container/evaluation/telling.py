"""Figures and reasons as sentences for a notice, the registry and a console."""

MOST_WORDS = 300  # characters of a sentence


def noun(shape: tuple[int, ...]) -> str:
    """What one example is called: a picture, if it has the shape of one."""
    return "picture" if len(shape) == 3 and shape[2] in (1, 3) else "example"


def count(number: int, one: str) -> str:
    """1 picture, 1,200 pictures."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """98.6 %; with more digits where these would say 100 or 0 and it is not."""
    digits = 1
    while digits < 9 and 0 < share < 1 and float(f"{100 * share:.{digits}f}") in (0, 100):
        digits += 1
    return f"{100 * share:.{digits}f} %"


def sentence(text: str) -> str:
    """In one line, and not longer than may be."""
    line = " ".join(text.split())
    return line if len(line) <= MOST_WORDS else f"{line[: MOST_WORDS - 1]}…"
