"""The library behind the workflow's command-line scripts: one plainly named module per concern."""
