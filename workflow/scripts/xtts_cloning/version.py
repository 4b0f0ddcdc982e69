"""The version of this workflow: `make help` and the report print it, CHANGELOG.md says what it brought."""

VERSION = "0.2.0"
