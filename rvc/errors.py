"""What can go wrong, in words for the person who has to mend it.

Every message is one plain sentence (or two) that says what was found and what to do.
Anything raised that is not an `RvcError` or `Cancelled` is a bug of this program.
"""


class RvcError(Exception):
    """A problem with input, files or hardware that a person can do something about."""


class SettingsError(RvcError):
    """An option has a value it cannot have.  field: dotted name of the option, such as "pitch.transpose"."""

    def __init__(self, field: str, problem: str):
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class WorkspaceError(RvcError):
    """A folder of the program cannot be written, or a name cannot be a folder."""


class AudioError(RvcError):
    """A sound file is unreadable, silent, too short or too large."""


class VoiceFileError(RvcError):
    """A file is not the voice, checkpoint or index that it should be, or is unsafe to read."""


class DatasetError(RvcError):
    """A folder of recordings holds nothing that can be trained on."""


class CheckpointError(RvcError):
    """A training checkpoint is damaged or does not fit the run."""


class DownloadError(RvcError):
    """A file could not be fetched, or is not the one that was promised."""


class DeviceError(RvcError):
    """The chosen hardware is absent or cannot run this build of PyTorch."""


class Diverged(RvcError):
    """Training met values that are not finite.  step: the optimiser step; checkpoint: name of the last good one."""

    def __init__(self, message: str, step: int, checkpoint: str | None = None):
        super().__init__(message)
        self.step = step
        self.checkpoint = checkpoint


class Cancelled(Exception):
    """Somebody asked for a stop.  Not an error: only the rim of the program catches it."""
