"""Whether a server has what a config names, asked without downloading it."""

from typing import Any

import requests

from xtts_cloning.errors import UserError
from xtts_cloning.model import downloads

SECONDS_TO_ANSWER = 8


def ask_hub(repository: str, revision: str, name: str, keys: str) -> None:
    url, headers = downloads.hub_request(repository, revision, name)
    ask(url, headers, redirects=False, remedy=f"{keys}: check them, and set HF_TOKEN where the repository wants one")


def ask(url: str, headers: dict[str, Any], redirects: bool, remedy: str) -> str | None:
    """Size as a server states it for an address, after a request that costs it nothing; UserError if it will not do."""
    try:
        answer = requests.head(url, headers=headers, timeout=SECONDS_TO_ANSWER, allow_redirects=redirects)
    except OSError as error:  # those of requests are, and so is a REQUESTS_CA_BUNDLE that does not exist
        downloads.give_up_on_settings(error, url)
        raise UserError(
            f"{url} cannot be reached ({type(error).__name__})\n"
            "Check the network, HTTPS_PROXY and, for the hub, HF_ENDPOINT; or bring the files by hand and name the "
            "local path in the config."
        ) from None
    if answer.status_code >= 400 and answer.status_code not in (405, 501):  # these only say that HEAD is not for them
        raise UserError(f"{url}: the server answers {answer.status_code}\n{remedy}.")
    return answer.headers.get("Content-Length") if answer.ok else None
