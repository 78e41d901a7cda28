"""Options that several commands take, each said once."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Jobs = Annotated[int, typer.Option(min=0, help="Worker processes; 0 for one a core.")]
QueryTime = Annotated[float, typer.Option(min=0.001, help="Seconds of an idle machine a query.")]
