"""Voices: drop files, and read what each is or why it is refused."""
from html import escape
from pathlib import Path

import gradio as gr

from rvc.workspace import Workspace

TITLE = "Voices"

STYLE = """
article {border: 1px solid var(--border-color-primary); border-left: 6px solid #0f766e; border-radius: 8px;
         background: var(--block-background-fill); padding: 12px 18px; margin-bottom: 12px; overflow-wrap: anywhere}
article.refused {border-left-color: #b91c1c}
h2 {font-size: 1.05rem; font-weight: 700; margin: 0}
p {margin: 4px 0 0}
.verdict {font-size: 0.85rem; font-weight: 700; color: #0f766e}
.refused .verdict {color: #b91c1c}
.dark & .verdict {color: #5eead4}
.dark & .refused .verdict {color: #fca5a5}
.note {color: var(--body-text-color-subdued)}
dl {display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: 2px 16px; margin: 10px 0 0; font-size: 0.9rem}
dt {color: var(--body-text-color-subdued)}
dd {margin: 0}
"""


def build(workspace: Workspace) -> None:
    """Lay out the drop area and the report under it."""
    gr.Markdown("Drop voice files, checkpoints or indexes to read what each of them is: "
                "they are examined on this machine, never executed, and not kept.")
    drop = gr.File(label="Voice files", file_count="multiple", height=180, elem_id="drop")
    report = gr.HTML(css_template=STYLE, elem_id="report")
    drop.upload(examine, drop, [drop, report], api_name="describe")


def examine(files: list[str]) -> tuple[None, str]:
    """A report on dropped files, and an empty drop area; the copies that the page made of them are removed."""
    try:
        cards = "".join(describe_file(Path(file)) for file in files)
        return None, f'<section aria-live="polite">{cards}</section>'
    finally:
        for file in files:
            Path(file).unlink(missing_ok=True)


def describe_file(file: Path) -> str:
    """One file as a card.

    Escaped here, whatever it is: names and metadata are written by strangers.  A template of Gradio's would not do,
    because it executes ${…} in the values that {{ }} puts into it.
    """
    from rvc.voicefile.describe import describe  # here, so that the page opens without PyTorch

    found = describe(file)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(_text(value))}</dd>" for name, value in found.facts.items())
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in found.notes)
    return (f'<article class="{"usable" if found.usable else "refused"}"><h2>{escape(file.name)}</h2>'
            f'<p class="verdict">{escape(found.kind.capitalize())}</p><p>{escape(found.sentence)}</p>{notes}'
            f"{f'<dl>{facts}</dl>' if facts else ''}</article>")


def _text(value: object) -> str:
    """A fact as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)
