"""Where files live: one root, and every path named under it.

The only module that joins paths of the program's own; the others are handed a `Workspace` or a `VoiceFolder`.
"""
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from rvc.errors import WorkspaceError

CHECKOUT = Path(__file__).resolve().parent.parent
VARIABLE = "VOICEWRIGHT_WORKSPACE"
LONGEST_NAME = 100  # characters
VOICE_SUFFIXES = {".pth", ".safetensors"}
TRAINING = re.compile(r"[GD]_\d+\.pth$")  # a checkpoint, not a voice; a voice may well be called G_Anna
AGE = re.compile(r"_(\d+)e(?:_(\d+)s)?$")
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@dataclass(frozen=True)
class Shipped:
    """What comes with the program and is only read."""

    root: Path = CHECKOUT

    @property
    def assets(self) -> Path:
        return self.root / "assets"

    @property
    def configs(self) -> Path:
        return self.root / "configs"


@dataclass(frozen=True)
class Workspace:
    """What the program writes.  Nothing is created before it is needed."""

    root: Path

    @property
    def voices(self) -> Path:
        return self.root / "logs"

    @property
    def pretrained(self) -> Path:
        return self.root / "pretrained"

    @property
    def accepted_hashes(self) -> Path:
        """What the person let in though nobody has published its hash."""
        return self.pretrained / "accepted.json"

    @property
    def download_lock(self) -> Path:
        return self.pretrained / ".lock"

    def own_encoder(self, name: str) -> Path:
        """The folder of a person's own content encoder.  Raises `WorkspaceError` for a name that cannot be one."""
        return self.pretrained / "encoders" / folder_name(name)

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def preferences(self) -> Path:
        return self.root / "configs" / "local"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def scratch(self) -> Path:
        """For sound that is being worked on."""
        return self.cache / "scratch"

    def dataset(self, reference: str) -> Path:
        """A folder of recordings: by its path, or by its name in `datasets`."""
        path, named = Path(reference).expanduser(), self.datasets / reference
        return (named if reference and named.is_dir() and not path.is_dir() else path).absolute()

    def voice(self, name: str) -> "VoiceFolder":
        """The folder of one voice.  Raises `WorkspaceError` for a name that cannot be a folder."""
        return VoiceFolder(self.voices / folder_name(name))


@dataclass(frozen=True)
class VoiceFolder:
    """Everything that one voice owns."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def card(self) -> Path:
        return self.path / "voice.json"

    @property
    def voice_file(self) -> Path:
        return self.path / f"{self.name}.pth"

    @property
    def index_file(self) -> Path:
        return self.path / f"{self.name}.index"

    @property
    def run_file(self) -> Path:
        """The options of its preparation and of its training."""
        return self.path / "train.json"

    @property
    def slices(self) -> Path:
        return self.path / "slices"

    @property
    def features(self) -> Path:
        return self.path / "features"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.jsonl"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def lock(self) -> Path:
        """Held by the one process that trains this voice."""
        return self.path / "run.lock"

    @property
    def stop(self) -> Path:
        """Whoever makes this file asks the training to stop."""
        return self.path / "stop"

    @property
    def samples(self) -> Path:
        """What the voice sounded like while it learned."""
        return self.path / "samples"

    @property
    def board(self) -> Path:
        """What TensorBoard shows; the family's name for it."""
        return self.path / "eval"

    @property
    def pretrain(self) -> Path:
        """The networks of this voice, as others may start from them."""
        return self.path / "pretrain"

    def sample(self, step: int, line: int) -> Path:
        """What the voice made of a line after so many steps."""
        return self.samples / f"{step:08}_{line}.wav"

    @property
    def best_voice(self) -> Path:
        """The voice as it was when the clips held out were best."""
        return self.path / "voices" / f"{self.name}_best.pth"

    def saved_voice(self, epoch: int, step: int) -> Path:
        """The voice as it was after so many epochs and steps."""
        return self.path / "voices" / f"{self.name}_{epoch}e_{step}s.pth"


@dataclass(frozen=True)
class FoundVoice:
    """Where a voice lies.  index: the one that belongs to the file, if there is one."""

    name: str
    file: Path
    index: Path | None


def find_voice(workspace: Workspace, reference: str) -> FoundVoice:
    """By its name in the workspace, or by the path of its file or folder.  Raises `WorkspaceError` with the choices."""
    path = Path(reference).expanduser()
    if reference and path.is_file():
        return FoundVoice(path.stem, path, _index_of(path))
    named = reference in voice_names(workspace)  # which comes before a folder of that name elsewhere
    folder = path if reference and path.is_dir() and not named else workspace.voices / reference
    if not reference or not folder.is_dir():
        known = ", ".join(voice_names(workspace)) or "none yet"
        raise WorkspaceError(f"There is no voice {reference!r}: give the path of a voice file, or one of the voices in "
                             f"{workspace.voices} ({known}).")
    files = [file for file in folder.iterdir() if file.suffix in VOICE_SUFFIXES and not TRAINING.match(file.name)]
    if not files:
        raise WorkspaceError(f"The folder {folder} holds no voice file; put a .pth or .safetensors into it.")
    best = max(files, key=lambda file: (file.stem == folder.name, _age(file), file.name))
    return FoundVoice(folder.name, best, _index_of(best))


def voice_names(workspace: Workspace) -> list[str]:
    """Folders of the workspace that hold a voice file."""
    folders = workspace.voices.iterdir() if workspace.voices.is_dir() else ()
    return sorted(folder.name for folder in folders if folder.is_dir() and not folder.name.startswith("_")
                  and any(f.suffix in VOICE_SUFFIXES and not TRAINING.match(f.name) for f in folder.iterdir()))


def _age(file: Path) -> tuple[int, int]:
    """Epoch and step, as the family writes them into names: voice_40e_1200s."""
    found = AGE.search(file.stem)
    return (int(found[1]), int(found[2] or 0)) if found else (-1, -1)


def _index_of(voice: Path) -> Path | None:
    """The index in the voice's folder that has its name, else the only one, else the one with most of its name."""
    found = [file for file in voice.parent.glob("*.index") if not file.name.startswith("trained")]
    stem = AGE.sub("", voice.stem).casefold()
    named = [file for file in found if stem in file.stem.casefold()]
    exact = [file for file in named if file.stem.casefold() == stem]
    return next(iter(exact or sorted(named) or (found if len(found) == 1 else [])), None)


def find_workspace(asked: Path | None = None) -> Workspace:
    """The folder asked for, else $VOICEWRIGHT_WORKSPACE, else the checkout if it can be written, else the user's own.

    Raises `WorkspaceError` when a folder that was asked for cannot be written.
    """
    wanted = asked or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if wanted is None:
        return Workspace(CHECKOUT if writable(CHECKOUT) else user_folder())
    root = wanted.expanduser().absolute()
    if not writable(root):
        raise WorkspaceError(f"The workspace {root} cannot be written; choose another folder with --workspace.")
    return Workspace(root)


def user_folder() -> Path:
    """The operating system's place for a user's data of this program."""
    import platformdirs

    return Path(platformdirs.user_data_dir("voicewright", appauthor=False))


def writable(folder: Path) -> bool:
    """Whether files can be made in the folder, or in the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def folder_name(name: str) -> str:
    """A name as a folder's name, composed (NFC).  Raises `WorkspaceError` when it cannot be one anywhere."""
    composed = unicodedata.normalize("NFC", name)
    hidden = any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in composed)
    if not composed or composed != composed.strip(" .") or hidden or set(composed) & set('/\\:*?"<>|'):
        raise WorkspaceError(f"{name!r} cannot be a name here: use letters, digits, spaces, - and _ "
                             "(no / \\ : * ? \" < > |, and no dot or space at either end).")
    if composed.split(".")[0].lower() in RESERVED or composed.startswith("_"):
        raise WorkspaceError(f"{name!r} is reserved; put another letter before it.")
    if len(composed) > LONGEST_NAME:
        raise WorkspaceError(f"A name has at most {LONGEST_NAME} letters; this one has {len(composed)}.")
    return composed
