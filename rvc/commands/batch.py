"""`python -m rvc batch IN_FOLDER OUT_FOLDER --voice NAME_OR_PATH`"""
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rvc.commands import Command
from rvc.commands.convert import announce, opening
from rvc.commands.terminal import TimeLeft, cleared, spoken, written_over
from rvc.settings.conversion import ConvertSettings


def positionals(parser: ArgumentParser) -> None:
    parser.add_argument("input", metavar="IN_FOLDER", type=Path, help="a folder of sound files")
    parser.add_argument("output", metavar="OUT_FOLDER", type=Path, help="where the results go")


def run(arguments: Namespace) -> int:
    """0 when every file is converted, 1 when one failed."""
    from rvc.conversion.batch import convert_folder
    from rvc.conversion.opening import open_session

    session = open_session(*opening(arguments))
    announce(session)
    rows = convert_folder(session, arguments.input, arguments.output, written_over(TimeLeft()),
                          told=lambda row: print(f"{cleared()}  {row.state:<8}{row.source}", flush=True))
    _print_table(rows)
    return 1 if any(row.state == "failed" for row in rows) else 0


def _print_table(rows) -> None:
    width = max(len(row.source) for row in rows)
    print()
    for row in rows:
        what = row.why if row.state == "failed" else row.result
        speed = f" ({spoken(row.seconds)} in {spoken(row.took)})" if row.state == "done" else ""
        print(f"{row.source:<{width}}  {row.state:<8}{what}{speed}")
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "skipped", "failed")}
    print(", ".join(f"{count} {state}" for state, count in counts.items()))


COMMAND = Command(settings=ConvertSettings, run=run, positionals=positionals)
