"""What the workflow made, and so may replace: every product carries a record, and what has none is nobody's to remove.

A folder's record is the file `.made` in it, a file's is `.<name>.made` beside it: JSON, {path in the folder ("" for the
file itself): [bytes, time in ns, sha256]}. Folder and record move and are copied together. An empty record says that
the product is the workflow's, and nothing about its content.
"""

import base64
import json
import os
import shlex
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from xtts_cloning import files
from xtts_cloning.errors import UserError

RECORD = ".made"
REPLACED = ".replaced"  # beside a product: what somebody had changed in it, kept when it was made again
IGNORED = {RECORD, ".snakemake_timestamp", ".DS_Store", "Thumbs.db", "desktop.ini"}  # left in folders by other programs
SHOWN = 5  # files that a message names


@contextmanager
def file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`; what is written there takes its place, with its record, when the block ends well."""
    refuse_foreign([path])
    with files.atomic_path(path) as partial:
        yield partial
        _record(path, partial)


@contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; it takes its place, with its record, when the block ends well."""
    refuse_foreign([path])
    with files.atomic_folder(path) as partial:
        yield partial
        _record(path, partial)


@contextmanager
def several(place: Path, names: Collection[str]) -> Iterator[Path]:
    """Yield an empty folder for the files and folders `names`; each takes its place in `place`, all else stays."""
    refuse_foreign([place / name for name in names])
    with files.scratch_folder(place) as partial:
        yield partial
        for made in sorted(partial.iterdir()):
            _record(place / made.name, made)
            files.replace(made, place / made.name)


def claim(path: Path) -> None:
    """Say that the file `path`, about to be written, is the workflow's; its content is checked by other means."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _record_path(path, is_folder=False).touch()


def check(
    files: Iterable[Path] = (), folders: Iterable[Path] = (), inputs: Mapping[str, Path | None] | None = None
) -> None:
    """UserError unless every output can be written and replaces nothing but products; for a script's first lines.

    `inputs` are the script's by the option that names each: none may lie in an output, and no output in one of them.
    """
    outputs = {**dict.fromkeys(files, False), **dict.fromkeys(folders, True)}
    for path, is_folder in outputs.items():
        _check_kind(path, is_folder)
        for option, source in (inputs or {}).items():
            if source and (how := overlap(source, path)):
                raise UserError(f"{option} {source}: {how}, and this command writes {path}; name another place for it")
    refuse_foreign(outputs)


def refuse_foreign(products: Collection[Path]) -> None:
    """UserError that lists what stands in the products' places and was not made by the workflow.

    What a killed process was just replacing is put back first: a link to it would lead nowhere.
    """
    for product in products:
        files.put_back(Path(os.path.realpath(product)))
    found = [path for product in products for path in foreign(product)]
    if found:
        shown = "".join(f"\n  {path}" for path in found[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        records = [_record_path(product, product.is_dir()) for product in products if foreign(product)]
        raise UserError(
            f"here the workflow would write, but what is there it has not made:{shown}{more}\n"
            "Move it to a place of its own, or choose another place to write: speaker and run in the config, or the "
            "script's option. If an earlier version of the workflow made it, keep it by saying so:\n"
            f"  touch {shlex.join(map(str, records))}"
        )


def foreign(product: Path) -> list[Path]:
    """Files at the product's place that its record does not know."""
    known = _read(product)
    if known is None and _made_before_records(product):
        return []
    return [product / name for name in sorted(_contents(product)) if known != {} and name not in (known or {})]


def changes(product: Path) -> dict[Path, str]:
    """Files of a product that is there which are not as they were made: "missing" or "changed", by path."""
    known, there = _read(product), _contents(product)
    found = {product / name: "missing" for name in known or {} if name not in there}
    for name, (size, made_at, digest) in (known or {}).items():
        if name in there:
            stat = there[name].lstat()
            same = stat.st_size == size and (stat.st_mtime_ns == made_at or files.sha256(there[name]) == digest)
            found |= {} if same else {product / name: "changed"}
    return found if there or product.is_dir() else {}


def set_aside(product: Path) -> Path | None:
    """Keep what somebody changed in a product that is about to be made again; returns the folder where it is then."""
    changed = [path for path, what in changes(product).items() if what == "changed"]
    kept = product.parent / REPLACED / time.strftime("%Y%m%d-%H%M%S")
    for path in changed:
        target = kept / path.relative_to(product.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
    return kept if changed else None


def overlap(source: Path, place: Path) -> str | None:
    """How an input and a place that is written get in each other's way, links below them followed too; None if not."""
    places = _reach(place)
    for path in _reach(source):
        for written in places:
            if written in (path, *path.parents):
                return f"{path} lies in {place}"
            if path in written.parents:
                return f"{place} lies in it"
    # one folder under two names: a bind mount, a file system that takes upper for lower case
    if any(_same(above, place) for above in [source.resolve(), *source.resolve().parents]):
        return f"it lies in {place}"
    return f"{place} lies in it" if any(_same(above, source) for above in place.resolve().parents) else None


def _reach(path: Path) -> list[Path]:
    """Where a path and the symbolic links anywhere below it lead to."""
    return list(dict.fromkeys(found.resolve() for found in [path, *_links(path)]))


def _links(folder: Path) -> Iterator[Path]:
    """The links anywhere below a folder; asks the file system nothing of the files, of which there may be thousands."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # no folder, or not ours to read
        return
    for entry in entries:
        if entry.is_symlink():
            yield Path(entry.path)
        elif entry.is_dir():
            yield from _links(Path(entry.path))


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _contents(product: Path) -> dict[str, Path]:
    """The product's files and links by their path in it, "" for a product that is a file itself."""
    if not product.is_dir():
        return {"": product} if os.path.lexists(product) else {}
    found = {}
    for top, folders, names in os.walk(product):
        links = [name for name in folders if Path(top, name).is_symlink()]
        for path in (Path(top, name) for name in [*names, *links] if name not in IGNORED and name[:4] != ".nfs"):
            found[path.relative_to(product).as_posix()] = path
    return found


def _record_path(product: Path, is_folder: bool) -> Path:
    return product / RECORD if is_folder else product.with_name(f".{product.name}{RECORD}")


def _record(product: Path, made: Path) -> None:
    """Write the record of what `made` is and `product` is about to be: a file's before it, so that none is without."""
    if kept := set_aside(product):
        print(f"note: {product} was changed since it was made; the changed files are in {kept}", file=sys.stderr)
    content = {}
    for name, path in sorted(_contents(made).items()):
        stat = path.stat()
        content[name] = [stat.st_size, stat.st_mtime_ns, files.sha256(path)]
    record = _record_path(made, True) if made.is_dir() else _record_path(product, False)
    with files.atomic_path(record) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(product: Path) -> dict[str, list] | None:
    """The product's record; None where there is none."""
    record = _record_path(product, product.is_dir())
    try:
        known = json.loads(record.read_text(encoding="utf-8") or "{}")
        return {name: [size, made_at, digest] for name, (size, made_at, digest) in known.items()}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{record} is damaged ({error}); empty it, and it says only that its product is ours") from None


def _made_before_records(product: Path) -> bool:
    """Whether Snakemake has noted that a rule made the product, and did it with a version that kept no records."""
    noted = base64.urlsafe_b64encode(str(product).encode()).decode()
    try:
        inputs = json.loads(Path(".snakemake/metadata", noted).read_text(encoding="utf-8"))["input"]
    except (OSError, ValueError, KeyError):  # not noted; a name too long for a file; not written to its end
        return False
    return not any(name.endswith("xtts_cloning/products.py") for name in inputs)


def _check_kind(path: Path, is_folder: bool) -> None:
    """UserError if something of another kind is at `path`, or nothing can be written there."""
    if path.exists() and path.is_dir() != is_folder:
        there, wanted = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
        raise UserError(f"{path} is {there}, but {wanted} is to be written there; name another place")
    above = path.parent
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir():
        raise UserError(f"{path} cannot be written: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path} cannot be written: you may not write into {above}; name another place")
