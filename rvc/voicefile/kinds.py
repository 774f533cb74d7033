"""What a file is, told from its first bytes or from the data in it; never from its name."""
from typing import Any

from rvc.voicefile.cursor import Cursor
from rvc.voicefile.refusal import Refusal

HEAD = 4096  # bytes that tell

_SIGNATURES = (
    (b"\xff\xd8\xff", "a JPEG image"), (b"\x89PNG", "a PNG image"), (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"), (b"Rar!", "a RAR archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"), (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"PK\x05\x06", "an empty zip archive"), (b"MZ", "a Windows program"), (b"\x7fELF", "a Linux program"),
    (b"fLaC", "a FLAC recording"), (b"OggS", "an Ogg recording"), (b"ID3", "an MP3 recording"),
    (b"\xff\xfb", "an MP3 recording"), (b"\x93NUMPY", "a NumPy array"), (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "a database"), (b"version https://git-lfs", "a Git LFS pointer: the file itself is elsewhere"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<script", b"<body", b"<div")
_OTHERS = {  # a key of its own → what the file is
    "enc_p.ssl_proj.weight": "a GPT-SoVITS model", "model.ar_text_embedding.word_embeddings.weight":
    "a GPT-SoVITS model", "emb_uv.weight": "a so-vits-svc model", "enc_p.f0_emb.weight": "a so-vits-svc model",
    "unit_embed.weight": "a so-vits-svc diffusion model", "decoder.denoise_fn.residual_layers.0.dilated_conv.weight":
    "a so-vits-svc diffusion model",
}
_STARTS = {"ddsp_model.": "a DDSP-SVC model", "diff_model.": "a DDSP-SVC model", "reflow_model.": "a DDSP-SVC model",
           "model.transformer.": "a RIFT-SVC model", "f0_decoder.": "a so-vits-svc model"}

VOICE, GENERATOR, DISCRIMINATOR = "an RVC voice", "a training checkpoint: export it first", \
    "a discriminator, which only training uses"
CONTENT, RMVPE, FCPE = "a content encoder (HuBERT)", "a pitch estimator (RMVPE)", "a pitch estimator (FCPE)"
NSF_HIFIGAN, WEIGHTS, DATA = "an NSF-HiFiGAN vocoder", "weights of a network that is not known here", \
    "a torch file without weights"
RINGFORMER = "a RingFormer voice, which this program cannot render yet"


def is_torch(head: bytes) -> bool:
    """Whether a file that begins so may be a torch file, zip or legacy."""
    return head.startswith((b"PK\x03\x04", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"))


def is_safetensors(head: bytes) -> bool:
    """Whether JSON follows what would be the length of a header."""
    return head[8:9] == b"{"


def kind_of_bytes(cursor: Cursor) -> str | None:
    """What a file is that is neither torch, safetensors nor an index; None when its first bytes do not tell."""
    cursor.move(0)
    head = cursor.peek(HEAD)
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "a file of zeros: its download never finished"
    page = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if page.startswith(_PAGES) or (page.startswith(b"<!--") and b"<html" in page):
        return "a web page: the download was answered with a page instead of the file"
    if head[:1] in (b"0", b"1") and head[2:4] == b"\x03\x04":
        return "a GPT-SoVITS model"  # a zip whose first two bytes were overwritten with a version number
    if head[:4] == b"RIFF":
        return "a WAV recording" if head[8:12] == b"WAVE" else "a RIFF file"
    if head[:1] == b"\x08" and any(maker in head[:64] for maker in (b"pytorch", b"onnx", b"tf2onnx", b"torch")):
        return "an ONNX model"
    found = next((what for mark, what in _SIGNATURES if head.startswith(mark)), None)
    return found or _kind_of_text(head)


def _kind_of_text(head: bytes) -> str | None:
    if len(head) < 4:
        return None
    try:
        text = head[:1000].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not all(letter.isprintable() or letter in "\r\n\t" for letter in text):
        return None
    return "a JSON text" if text.lstrip()[:1] in "{[" else "a text"


def kind_of_tree(tree: Any) -> str:
    """What the data of a torch file are."""
    state = weights_in(tree)
    if not state:
        return DATA
    top = tree if isinstance(tree, dict) else {}
    if ringformer(top):
        return RINGFORMER
    if "enc_p.emb_phone.weight" in state:
        return VOICE if "weight" in top else GENERATOR
    for key, kind in _OTHERS.items():
        if key in state:
            return kind
    if any(key.startswith("discriminators.") for key in state):
        return DISCRIMINATOR
    if "weight" in top and isinstance(top.get("config"), list):
        return VOICE
    return _kind_of_network(top, state)


def ringformer(top: dict) -> bool:
    named = [top.get(key) for key in ("vocoder", "vocoder_architecture")]
    return "ringformer_istft" in top or any(isinstance(name, str) and name.lower() == "ringformer" for name in named)


def _kind_of_network(top: dict, state: dict) -> str:
    for key in state:
        kind = next((kind for start, kind in _STARTS.items() if key.startswith(start)), None)
        if kind:
            return kind
        if "feature_extractor.conv_layers." in key:
            return CONTENT
        if key.startswith("unet.encoder."):
            return RMVPE
    if "generator" in top:
        return NSF_HIFIGAN
    return FCPE if any("input_stack." in key or "stack.0." in key for key in state) else WEIGHTS


def weights_in(tree: Any) -> dict[str, Any]:
    """The table of tensors in the data of a torch file, whatever it is wrapped in; {} when there is none."""
    if not isinstance(tree, dict):
        return {}
    for wrapper in ("weight", "model", "state_dict", "generator"):
        if isinstance(tree.get(wrapper), dict):
            return _tensors(tree[wrapper])
    return _tensors(tree)


def _tensors(table: dict) -> dict[str, Any]:
    return {key: value for key, value in table.items() if isinstance(key, str) and hasattr(value, "shape")}


def refuse_foreign(cursor: Cursor, wanted: str) -> None:
    """Refuses a file that is not what was wanted, and says what it is instead."""
    what = kind_of_bytes(cursor)
    if what is None:
        what = f"cut off at byte {cursor.size}" if cursor.size < 64 else "of no kind that is known here"
    raise Refusal(f"is {what}" if ":" in what else f"is {what}, not {wanted}")
