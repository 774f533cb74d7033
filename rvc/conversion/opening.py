"""Finding and loading all that a conversion needs, before any file is touched."""
from rvc.conversion.converter import Converter
from rvc.conversion.session import Session
from rvc.device import Choice, choose
from rvc.errors import SettingsError
from rvc.features import FeatureExtractor
from rvc.loading import Loader, stamp
from rvc.pool import Pool
from rvc.retrieval.faiss_index import FaissIndex
from rvc.settings.conversion import ConversionSettings
from rvc.voice import VoiceCard
from rvc.workspace import FoundVoice, Workspace, find_voice

POOL = Pool()


def open_session(workspace: Workspace, voice: str, settings: ConversionSettings, pool: Pool = POOL) -> Session:
    """voice: a name or a path.  Raises an `RvcError` with the remedy for what is missing."""
    chosen = choose(settings.compute.device)
    loader = Loader(workspace, pool, chosen.device)
    found = find_voice(workspace, voice)
    text = _melody_text(settings)
    model = loader.voice(found.file)
    model.speaker(settings.compute.speaker)
    choices = _choices(loader, found, model.card, settings, chosen)
    encoder = loader.encoder(choices["encoder"], model.card.content_width)
    estimator = loader.estimator(choices["f0_method"], settings.melody) if model.card.uses_f0 else None
    index = _index(loader, found, model.card, settings, choices["encoder"])
    converter = Converter(model, FeatureExtractor(encoder, estimator, chosen.device), index, workspace.scratch)
    files = [found.file, *([settings.retrieval.index or found.index] if index is not None else [])]
    return Session(converter, settings, workspace, chosen.device, pool, choices, tuple(map(str, map(stamp, files))),
                   _notes(model.card, choices), text)


def _choices(loader: Loader, found: FoundVoice, card: VoiceCard, settings: ConversionSettings,
             chosen: Choice) -> dict[str, str]:
    """What the program decided, for the person to see."""
    index = settings.retrieval.index or found.index
    choices = {"voice": found.name, "device": f"{chosen.device} ({chosen.reason})",
               "encoder": settings.retrieval.encoder or card.content_encoder,
               "index": index.name if index is not None and settings.retrieval.index_rate > 0 else "none"}
    return choices | ({"f0_method": loader.method(settings.melody.f0_method)} if card.uses_f0 else {})


def _notes(card: VoiceCard, choices: dict[str, str]) -> tuple[str, ...]:
    """Where a conversion hears with other ears than the training did."""
    notes = []
    if choices["encoder"] != card.content_encoder:
        notes.append(f"The voice was trained with the encoder {card.content_encoder}, and {choices['encoder']} "
                     "listens now.")
    if card.f0_method and choices.get("f0_method", card.f0_method) != card.f0_method:
        notes.append(f"The voice was trained with the pitch method {card.f0_method}, and {choices['f0_method']} "
                     "listens now.")
    return tuple(notes)


def _index(loader: Loader, found: FoundVoice, card: VoiceCard, settings: ConversionSettings,
           encoder: str) -> FaissIndex | None:
    path = settings.retrieval.index or found.index
    if path is None or settings.retrieval.index_rate == 0:
        return None
    return loader.index(path, card.content_width, encoder)


def _melody_text(settings: ConversionSettings) -> str | None:
    path = settings.melody.f0_file
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError("f0_file", f"{path} cannot be read as text ({problem}).") from None
