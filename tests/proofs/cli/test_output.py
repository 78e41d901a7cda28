"""What is shown of an input is shown as it is: no name and no value is taken for markup."""

import json
from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from spanproof.cli import output
from spanproof.cli.commands.corrupt import unnoticed_table
from spanproof.cli.commands.planted import table_of
from spanproof.mutation.corruption import Corruption
from spanproof.mutation.planted import Campaigned

NASTY = "a[/b][red]c[/].gz"


def shown(table: Table) -> str:
    console = Console(file=StringIO(), width=300)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_tables_show_names_and_values_as_they_are() -> None:
    one = Corruption(NASTY, 3, "sc", "left out", NASTY, NASTY, None)
    assert shown(unnoticed_table([one])).count(NASTY) == 2
    assert shown(table_of([Campaigned(NASTY, 1, 9, 2, NASTY)])).count(NASTY) == 2


def test_complaints_and_progress_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain(NASTY)
    assert NASTY in capsys.readouterr().err
    description = output.progress("events").columns[1]
    assert not getattr(description, "markup", True)


def test_a_name_that_is_no_text_is_json_in_escapes(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    output.print_json({"path": "a\udcff", "n": 1})
    assert json.loads(capfdbinary.readouterr().out) == {"path": "a\udcff", "n": 1}


def test_where_a_library_of_an_extra_is_missing_the_extra_is_named() -> None:
    told = r"there is no elftools: pip install 'spanspec\[witness\]'"
    with pytest.raises(output.Unusable, match=told), output.from_extra("witness"):
        raise ModuleNotFoundError(name="elftools")


def test_a_module_of_ours_that_is_missing_is_no_matter_of_extras() -> None:
    with pytest.raises(ModuleNotFoundError), output.from_extra("witness"):
        import spanproof.lost  # type: ignore[import-not-found]  # noqa: F401
