"""Voicewright in the browser: python app.py [--port 6969] [--open] [--workspace FOLDER]."""
import os
import socket
import sys
from argparse import ArgumentParser

from rvc.commandline import add_options, settings_from
from rvc.errors import RvcError, SettingsError
from rvc.settings.program import AppSettings
from rvc.workspace import Workspace, find_workspace

HOST = "127.0.0.1"  # nobody but this machine


def prepare_environment(workspace: Workspace) -> None:
    """Before Gradio is imported: no telemetry, files in our own cache, nothing opened by a variable, no proxy to us."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(workspace.cache / "gradio"),
                   "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST]))


def free_port(wanted: int) -> int:
    """The wanted port, else the next one that nobody listens on.  Raises `SettingsError`."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as trial:
            if os.name != "nt":  # where it would share the port of another program
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SettingsError("port", f"{wanted} and those after it are busy or not allowed; choose another.")


def main(arguments: list[str]) -> int:
    """0 ended by a person, 1 cannot start, 2 wrong usage."""
    parser = ArgumentParser(prog="python app.py", description="Voicewright in the browser.")
    add_options(parser, AppSettings)
    try:
        settings = settings_from(AppSettings, parser.parse_args(arguments))
        workspace, port = find_workspace(settings.workspace), free_port(settings.port)
    except RvcError as problem:
        print(problem, file=sys.stderr)
        return 2 if isinstance(problem, SettingsError) else 1
    prepare_environment(workspace)
    from tabs.page import build_page, launch  # imports Gradio, which reads the environment

    busy = "" if port == settings.port else f"Port {settings.port} is busy, so the next free one is taken.\n"
    print(f"{busy}Voicewright is at http://{HOST}:{port} (Ctrl+C ends it).", flush=True)
    launch(build_page(workspace), HOST, port, open_browser=settings.open)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
