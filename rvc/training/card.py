"""voice.json: what preparing found out about a voice."""
import json
from dataclasses import dataclass
from pathlib import Path

from rvc.errors import DatasetError


@dataclass(frozen=True)
class PreparedCard:
    """speakers: number → name; encoder: of content; f0_method: None for a voice without melody; seconds: of sound."""

    name: str
    speakers: dict[int, str]
    encoder: str
    content_width: int
    f0_method: str | None
    uses_f0: bool
    sample_rate: int
    seconds: float


def read_card(path: Path) -> PreparedCard:
    """Raises `DatasetError` when the voice was not prepared."""
    try:
        card = json.loads(path.read_text("utf-8"))
        speakers = {int(number): str(name) for number, name in card.pop("speakers").items()}
        return PreparedCard(speakers=speakers, **card)
    except FileNotFoundError:
        raise DatasetError(f"{path.parent.name} has not been prepared: python -m rvc prepare NAME DATASET_FOLDER") \
            from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DatasetError(f"{path} is damaged; prepare the voice again.") from None
