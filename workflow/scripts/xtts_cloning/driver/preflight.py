"""Everything that can be known before the first job: each check says what it found, or what is wrong and what to do.

Takes seconds and imports no torch. Of a model that is still on the hub, the small files are fetched: they are the first
of the download, and checked against the texts, the language and the speaker of the config.
"""

import traceback
from collections.abc import Callable, Iterator

from xtts_cloning.driver import input_checks, machine_checks, model_checks, places
from xtts_cloning.driver.findings import Note, Result
from xtts_cloning.errors import UserError


def run(settings: dict, gpu: bool) -> Iterator[Result]:
    """Every check of a whole, valid config, in turn; `gpu` False leaves out what the machine of the jobs must have."""
    checks: dict[str, Callable[[dict], str]] = {
        "packages": machine_checks.packages,
        "licence": model_checks.licence,
        "places": places.check,
        "dataset": input_checks.dataset,
        "model": model_checks.model,
        "texts": input_checks.spoken_texts,
        "audio files": input_checks.audio_files,
        "other speaker": input_checks.other_speaker,
        "measures": model_checks.measures,
        "disk space": machine_checks.disk_space,
        **({"GPU": machine_checks.gpu} if gpu else {}),
    }
    for name, check in checks.items():
        try:
            found = check(settings)
            yield Result(name, "note" if isinstance(found, Note) else "ok", found)
        except UserError as error:
            yield Result(name, "failed", str(error))
        except Exception as error:  # whatever it is: the other checks still have something to say
            yield Result(name, "failed", _broken(error))


def _broken(error: Exception) -> str:
    """What an error says that no check foresaw, and where it came up."""
    path, line, *_ = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {error}\nThis check itself broke ({path}, line {line}): either what it looked at is "
        "damaged in a way that it does not know, or this is a mistake of the workflow's that should be reported."
    )
