"""When speech is suspect of words that nobody asked for, or of lacking some: one definition, used twice.

`synthesize` speaks a sentence again that hit the token limit or came out far too long (synthesis.retries). `evaluate`
names the clips of which the same is true, and those whose CER, for which it takes a recogniser, is far off. The limits
are wide: numbers are written shorter than said, and recognisers err on good speech too.
"""

from xtts_cloning.model.texts import character_limit

LIMIT_SECONDS = 16.0  # that a text at its language's character limit takes about; so the library chose the limits
LONG_FACTOR, LONG_SECONDS = 2.5, 2.0  # far too long: so many times what the text should take, and so much besides
CER_MARGIN = 0.5  # far off: so much above the mean CER of the recordings
DEFINITION = (
    f"hit the token limit, or is longer than {LONG_FACTOR:g} times what its text takes at the language's usual pace "
    f"plus {LONG_SECONDS:g} s, or has a CER over the recordings' mean plus {CER_MARGIN:g}"
)


def expected_seconds(text: str, language: str) -> float:
    """How long the text takes to say at the language's usual pace."""
    return LIMIT_SECONDS * len(text) / character_limit(language)


def excess_seconds(seconds: float, text: str, language: str) -> float:
    """Seconds beyond what the text can plausibly take; 0 where it is fine."""
    return max(0.0, seconds - LONG_FACTOR * expected_seconds(text, language) - LONG_SECONDS)


def reasons(stopped: bool, seconds: float, text: str, language: str, cer: float | None, usual_cer: float) -> list[str]:
    """Why a clip is suspect, in words; empty where it is not. cer is None where there is none."""
    found = [] if stopped else ["hit the token limit"]
    if excess_seconds(seconds, text, language) > 0:
        found.append(f"{seconds:.1f} s for a text of about {expected_seconds(text, language):.1f} s")
    if cer is not None and cer > usual_cer + CER_MARGIN:
        found.append(f"CER {cer:.2f}, recordings {usual_cer:.2f}")
    return found
