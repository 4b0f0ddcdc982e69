"""Downloads that may be cut off at any moment: they go on where they stopped, and count once size and hash match.

What comes is kept in a folder `.store` beside the output, which Snakemake does not know and so never deletes, and is
hard-linked to its place: a job that failed, or an output that Snakemake removes before it runs a rule again, costs no
second download. In the store an archive is named by its sha256 and a model's files lie in a folder per revision.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from xtts_cloning import files, products
from xtts_cloning.errors import DISK_FULL, UserError
from xtts_cloning.model import checkpoints

STORE = ".store"
MODEL_FILES = tuple(checkpoints.PINS)
TRIES = 5  # without a single new byte in between
PAUSE_SECONDS = 1.0  # after the first failure; doubles with each further one
TIMEOUT_SECONDS = (10, 60)  # to connect; between two pieces of an answer
CHUNK_BYTES = 1 << 20
# statuses that the same request may not meet again: too early, too many requests, and whatever the server calls its own
TRANSIENT = {408, 416, 425, 429, *range(500, 600)}


def fetch_archive(url: str, sha256: str | None, output: Path) -> None:
    """Bring the archive at `url` to `output`; UserError when it fails for good, what came is kept for the next try."""
    if sha256 is None:
        raise UserError(missing_sha256(url))
    store = output.parent / STORE
    with files.exclusive(store):
        kept = store / sha256
        if kept.exists() and files.sha256(kept) != sha256:
            kept.unlink()
        if not kept.exists():
            partial = store / f"{sha256}.part"
            _patiently(lambda: _go_on(url, partial), lambda: _size(partial), url)
            found, size = files.sha256(partial), _size(partial)
            os.replace(partial, store / found)
            _tag_file(partial).unlink(missing_ok=True)
            if found != sha256:
                raise UserError(
                    f"{url} is not the archive that the config names (dataset.sha256)\n"
                    f"  found    {found} ({size} bytes)\n  expected {sha256}\n"
                    f"The file is set aside as {store / found}. If its publisher states the hash that was found, put "
                    "that into dataset.sha256: the same command then takes this file without a second download. "
                    "Otherwise the address is wrong, or what it serves is damaged or changed."
                )
        link(kept, output)


def missing_sha256(url: str) -> str:
    """What to do about a URL without a hash."""
    return (
        f"dataset.archive is a URL ({url}), but dataset.sha256 is null: a damaged or changed archive would pass\n"
        "Put the sha256 that its publisher states into dataset.sha256. If there is none, download the archive by hand, "
        "look into it, and give its path as dataset.archive (a local path needs no hash; `sha256sum FILE` prints it)."
    )


def fetch_model(repository: str, revision: str, names: tuple[str, ...], output: Path) -> None:
    """Bring files of a hub repository to the folder `output`, as `fetch_model_files` does."""
    folder = fetch_model_files(repository, revision, names, output.parent)
    for name in names:
        link(folder / name, output / name)


def fetch_model_files(repository: str, revision: str, names: tuple[str, ...], models: Path) -> Path:
    """Bring files of a hub repository at a commit into the store of the folder `models`; returns their folder there.

    Goes through huggingface_hub, so HF_ENDPOINT, HF_TOKEN, HF_HOME (whose cache is read) and proxies count. Size and
    hash of every file are checked, also of one that was there already. UserError when it fails for good.
    """
    hub = _hub()
    folder = models / STORE / f"{repository.replace('/', '--')}-{revision[:12]}"
    with files.exclusive(folder):
        for name in names:

            def fetch(name: str = name) -> None:
                hub.hf_hub_download(repository, name, revision=revision, local_dir=folder)

            size, digest = _expected(repository, revision, name)
            if (size, digest) != _found(folder / name, digest):
                _patiently(fetch, lambda: _incomplete(folder), f"{name} of {repository} at {revision}")
                _check(folder / name, size, digest)
    return folder


def link(kept: Path, output: Path) -> None:
    """Put the stored file at `output` without using its space twice; where hard links are not possible it is moved."""
    if output.exists() and output.samefile(kept):
        return
    products.refuse_foreign([output])
    products.claim(output)
    with files.atomic_path(output) as partial:
        try:
            os.link(kept, partial)
        except OSError:
            shutil.move(kept, partial)


def hub_request(repository: str, revision: str, name: str) -> tuple[str, dict]:
    """Address and headers (token included) with which the hub is asked for a file."""
    hub = _hub()
    return hub.hf_hub_url(repository, name, revision=revision), hub.utils.build_hf_headers()


def _hub() -> Any:
    """huggingface_hub, set up to write nothing outside the store and to show its progress in a log as well."""
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # its transfer does not resume, and caches in the home folder
    os.environ.setdefault("TQDM_POSITION", "-1")  # huggingface_hub's sign to show progress although no terminal listens
    os.environ.setdefault("TQDM_MININTERVAL", "2")
    import huggingface_hub.constants
    import huggingface_hub.utils

    # the piece in which a connection breaks is lost, so a connection that breaks every few MB would never end
    huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    huggingface_hub.constants.HF_HUB_ENABLE_HF_TRANSFER = False  # its package is not in the lock, and does not resume
    return huggingface_hub


def _patiently(fetch: Callable[[], None], held: Callable[[], int], name: str) -> None:
    """Call `fetch` until it ends well; `held` gives the bytes on disk, and each new byte renews the patience."""
    failures, before = 0, held()
    while True:
        try:
            return fetch()
        except OSError as error:  # those of requests and of huggingface_hub are OSErrors too
            _give_up_if_hopeless(error, name)
            failures = failures + 1 if held() <= before else 1
            before = held()
            if failures >= TRIES:
                raise UserError(
                    f"could not download {name}: {_reason(error)}\nTried {TRIES} times without one new byte. "
                    "Check the network (and HTTPS_PROXY); the same command goes on where this one stopped."
                ) from error
            pause = PAUSE_SECONDS * 2 ** (failures - 1)
            print(f"{name}: {_reason(error)}; going on in {pause:.0f} s", file=sys.stderr, flush=True)
            time.sleep(pause)


def _give_up_if_hopeless(error: OSError, name: str) -> None:
    """Raise what no further try can mend: no space, no permission, offline mode, or the server's refusal."""
    if error.errno in DISK_FULL:
        raise UserError(
            f"no space left on the device while downloading {name}\n"
            "Make room; the same command goes on where this one stopped."
        ) from error
    give_up_on_settings(error, name)
    if error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
        raise error
    causes = [error, error.__cause__]
    if any(type(cause).__name__ == "OfflineModeIsEnabled" for cause in causes):
        raise UserError(f"{name} is not here yet and HF_HUB_OFFLINE is set\nUnset it for the download.") from error
    statuses = [getattr(getattr(cause, "response", None), "status_code", None) for cause in causes]
    status = next((status for status in statuses if status is not None), None)
    if status is None or status in TRANSIENT:
        return
    remedies = {
        401: "The server wants to know who asks: set HF_TOKEN to a token that may read the repository.",
        403: "The server forbids it: accept the repository's terms on its page and set HF_TOKEN to your token.",
        404: "There is no such file: check dataset.archive, or model.source and model.revision, in the config.",
    }
    raise UserError(
        f"could not download {name}: the server answered {status}\n{remedies.get(status, _reason(error))}"
    ) from error


def give_up_on_settings(error: OSError, name: str) -> None:
    """Raise a UserError where a proxy or a certificate file of the environment cannot be used, whatever the server."""
    said, remedy = " ".join(str(error).split()), None
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in said:
        remedy = (
            "A proxy in HTTPS_PROXY or ALL_PROXY speaks SOCKS, which needs a package (PySocks) that is not locked. "
            "Name an HTTP proxy, which goes before ALL_PROXY (export HTTPS_PROXY=http://host:port), or bring the files "
            "by hand and name their local path in the config."
        )
    elif isinstance(error, requests.exceptions.InvalidURL):
        remedy = "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY (http://host:port), and the address itself."
    elif "CA certificate bundle" in said:
        remedy = "Set REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE) to a file that exists, or unset it."
    if remedy:
        raise UserError(f"{name} cannot be asked for: {said}\n{remedy}") from error


def _reason(error: BaseException) -> str:
    """The innermost cause in one line."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return " ".join(str(error).split())[:300] or type(error).__name__


def _go_on(url: str, partial: Path) -> None:
    """Append to `partial` what is missing of the file at `url`; start again if the server has another file by now."""
    tag_file = _tag_file(partial)
    held = _size(partial)
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
        if tag := tag_file.read_text(encoding="utf-8") if tag_file.exists() else "":
            headers["If-Range"] = tag
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.status_code == 416:  # nothing after what is held: it is the whole file, or not of this file
            if response.headers.get("Content-Range", "").endswith(f"/{held}"):
                return
            partial.unlink()
        response.raise_for_status()
        if response.status_code != 206:
            held = 0
        missing = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
        _check_space(partial.parent, missing)
        tag_file.write_text(_validator(response), encoding="utf-8")
        total = None if missing is None else held + missing
        progress = {"unit": "B", "unit_scale": True, "mininterval": 2, "desc": url.rsplit("/", 1)[-1]}
        with open(partial, "ab" if held else "wb") as file, tqdm(total=total, initial=held, **progress) as bar:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(partial) != total:
        raise requests.ConnectionError(f"{_size(partial)} of {total} bytes came")


def _tag_file(partial: Path) -> Path:
    """Where the identity (ETag or date) of the file that `partial` is the start of is kept."""
    return partial.with_suffix(".tag")


def _validator(response: requests.Response) -> str:
    """What If-Range may hold (RFC 9110, 13.1.5): a strong ETag, else the date, else nothing."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _check_space(folder: Path, needed: int | None) -> None:
    free = shutil.disk_usage(folder).free
    if needed is not None and needed > free:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free, but {needed / 1e9:.1f} GB are still to come\nMake room."
        )


def _expected(repository: str, revision: str, name: str) -> tuple[int, str]:
    """Size and hash of a hub file: pinned for the revision that the workflow ships with, else as the hub says."""
    if (repository, revision) == checkpoints.PINNED and name in checkpoints.PINS:
        return checkpoints.PINS[name]
    hub, stated = _hub(), []
    _patiently(
        lambda: stated.append(hub.get_hf_file_metadata(hub.hf_hub_url(repository, name, revision=revision))),
        lambda: 0,
        f"the hash of {name} of {repository}",
    )
    return stated[0].size, stated[0].etag


def _check(path: Path, size: int, digest: str) -> None:
    """Set the file aside with a UserError unless size and hash match; the hub hashes small files as git does."""
    found = _found(path, digest)
    if found == (size, digest):
        return
    aside = path.with_name(f"{path.name}.wrong")
    os.replace(path, aside)
    raise UserError(
        f"{path.name} of the model is not the file that was expected\n"
        f"  found    {found[1]} ({found[0]} bytes)\n  expected {digest} ({size} bytes)\n"
        f"It is set aside as {aside}. The same command downloads it again; if that ends here too, then what "
        "the server (HF_ENDPOINT) serves as model.source at model.revision is not the model."
    )


def _found(path: Path, digest: str) -> tuple[int, str] | None:
    """Size and hash of a file, the hash of the kind that `digest` is; None where there is no file."""
    if not path.exists():
        return None
    if len(digest) == 40:
        from huggingface_hub.utils.sha import git_hash

        return _size(path), git_hash(path.read_bytes())
    return _size(path), files.sha256(path)


def _incomplete(folder: Path) -> int:
    """Bytes of unfinished files that huggingface_hub holds in a local folder."""
    return sum(map(_size, (folder / ".cache" / "huggingface" / "download").glob("*.incomplete")))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
