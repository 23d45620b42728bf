"""`rectify verify`: an exported history is checked without the service, by the same program that also goes out as a file."""

from pathlib import Path
from typing import Annotated

import typer

# The verifier has one set of options, its own: here they are passed on, `--help` as well.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(cli: typer.Typer) -> None:
    @cli.command(context_settings=PASSED_ON)
    def verify(
        context: typer.Context,
        script: Annotated[
            Path | None,
            typer.Option("--script", help="写出独立的核对程序 write the verifier as one file", metavar="OUT"),
        ] = None,
    ) -> None:
        """核对导出的历史 check an exported history offline; `--script OUT` writes the program for others to run."""
        if script is not None and not context.args:
            from app.trail.verifier_script import script as text

            script.write_text(text(), encoding="utf-8", newline="\n")
            typer.echo(script)
            return
        from app.trail.proof.command import main

        raise typer.Exit(main(context.args, "rectify verify"))
