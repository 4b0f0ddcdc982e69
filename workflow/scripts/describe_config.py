"""Write the table of keys in config/README.md from the schema and the shipped defaults."""

import argparse
import json

import yaml
from xtts_cloning import config, errors, files

PAGE = config.ROOT / "config" / "README.md"
BEGIN = "<!-- keys: written by workflow/scripts/describe_config.py from the schema -->\n"
END = "<!-- end of keys -->\n"


def rows(schema: dict, defaults: dict, prefix: str = "") -> list[str]:
    """One table row a key: its name, its default, its range and its reason."""
    found = []
    for key, part in schema["properties"].items():
        if "properties" in part:
            found += rows(part, defaults[key], f"{prefix}{key}.")
        else:
            default = "a list" if part.get("type") == "array" else f"`{json.dumps(defaults[key])}`"
            found.append(f"| `{prefix}{key}` | {default} | {allowed(part)} | {part['description']} |\n")
    return found


def allowed(part: dict) -> str:
    """The values that the schema admits, in words."""
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    types = part["type"] if isinstance(part["type"], list) else [part["type"]]
    bounds = [f"{symbol} {part[word]:g}" for word, symbol in
              (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")) if word in part]  # fmt: skip
    return " ".join([" or ".join(types), *bounds])


def page(text: str) -> str:
    """The page with its table of keys as it should be."""
    before, rest = text.split(BEGIN)
    table = ["\n| key | default | allowed | what it is |\n|---|---|---|---|\n"]
    schema, defaults = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (config.SCHEMA, config.DEFAULTS))
    table += rows(schema, defaults)
    return before + BEGIN + "".join(table) + "\n" + END + rest.split(END)[1]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    text = page(PAGE.read_text(encoding="utf-8"))
    with files.atomic_path(PAGE) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    errors.main(main)
