"""`python -m rvc COMMAND …`"""
import sys
from argparse import ArgumentParser, Namespace

from rvc.commandline import add_options
from rvc.commands import COMMANDS, Command
from rvc.errors import Cancelled, RvcError, SettingsError

FAILED, USAGE, STOPPED = 1, 2, 130


def main(arguments: list[str]) -> int:
    """Run one command; 0 done, 1 refused or failed, 2 wrong usage, 130 stopped."""
    parser = ArgumentParser(prog="python -m rvc", description="Voicewright: train a voice, convert with it.",
                            epilog="python -m rvc COMMAND --help shows the options of one command.")
    table = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in arguments if word in COMMANDS), None)
    for name, entry in COMMANDS.items():
        sub = table.add_parser(name, help=entry.label, description=entry.help or entry.label)
        if name == asked:  # the other commands need no import
            command: Command = COMMANDS.load(name)
            command.positionals(sub)
            add_options(sub, command.settings)
    return _run(COMMANDS.load(asked), parser.parse_args(arguments)) if asked else parser.parse_args(arguments)


def _run(command: Command, parsed: Namespace) -> int:
    try:
        return command.run(parsed)
    except SettingsError as problem:
        return _say(problem, USAGE)
    except RvcError as problem:
        return _say(problem, FAILED)
    except (Cancelled, KeyboardInterrupt):
        return _say("Stopped.", STOPPED)


def _say(what: object, status: int) -> int:
    print(what, file=sys.stderr)
    return status


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to fail
    sys.exit(main(sys.argv[1:]))
