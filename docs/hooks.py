"""What mkdocs runs: pages that are made from our own sources when the documentation is built."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from spanproof.report.statements import statements


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page with what each rule says."""
    files.append(File.generated(config, "statements.md", content=statements()))
    return files
