"""Options of the app and of the smaller commands."""
from dataclasses import dataclass
from pathlib import Path

from rvc.options import Settings, option


@dataclass(frozen=True)
class InspectSettings(Settings):
    """`python -m rvc inspect`"""

    json: bool = option(False, "JSON", "Print one JSON object instead of sentences.")


@dataclass(frozen=True)
class DoctorSettings(Settings):
    """`python -m rvc doctor`"""

    json: bool = option(False, "JSON", "Print one JSON object instead of sentences.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class AppSettings(Settings):
    """`python app.py`"""

    port: int = option(6969, "Port", "Where the page is served; when it is busy the next free one is taken.",
                       low=1, high=65535)
    open: bool = option(False, "Open", "Open the page in the browser.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class DownloadSettings(Settings):
    """`python -m rvc download`"""

    list: bool = option(False, "List", "Print what there is and what is here, and fetch nothing.")
    mirror: str | None = option(None, "Mirror", "Base address put in place of https://huggingface.co; only for files "
                                                "with a known hash, which decides.")
    accept: tuple[str, ...] = option((), "Accept", "SHA-256 of a file that has no published one, as shown after its "
                                                   "download; several are joined by commas.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")
