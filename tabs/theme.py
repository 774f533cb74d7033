"""How the page looks: paper and ink, one green, the same by day and by night; fonts that come with Gradio."""
import gradio as gr
from gradio.themes import LocalFont

TEXT = [LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
CODE = [LocalFont("IBM Plex Mono", weights=(400, 700)), "monospace"]
# Not Gradio's default fonts: the bold one that it ships lacks most letters.


def theme() -> gr.themes.Base:
    """Every pair of text and ground below has a contrast of 4.5 or more, in both modes."""
    return gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="stone", radius_size="lg", font=TEXT, font_mono=CODE,
    ).set(
        body_background_fill="*neutral_50", body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900", body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
        block_background_fill="white", block_background_fill_dark="*neutral_900",
        block_label_text_color="*neutral_700", block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_700", block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300",
        border_color_primary="*neutral_300", border_color_primary_dark="*neutral_700",
        button_primary_background_fill="*primary_700", button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800", button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white", button_primary_text_color_dark="white",
        link_text_color="*primary_700", link_text_color_dark="*primary_300",
        color_accent="*primary_700", checkbox_border_radius="*radius_sm",
    )


CSS = """
.gradio-container {max-width: 56rem !important; margin-inline: auto !important}
footer .divider {display: none !important}
footer, footer * {color: var(--body-text-color-subdued) !important; opacity: 1}
:focus-visible {outline: 3px solid var(--color-accent) !important; outline-offset: 2px}
.dark :focus-visible {outline-color: #5eead4 !important}
#report, #report .html-container, #told, #told .html-container {padding: 0 !important}
#recording, #result {--neutral-400: var(--body-text-color-subdued)}
.options > .form {display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr));
                  background: var(--block-background-fill)}
.options > .form > * {height: 100%}
.group h2 {font-size: 1rem; font-weight: 700; margin: 0}
.tab-container button.selected {color: var(--link-text-color)}
@media (prefers-reduced-motion: reduce) {* {animation: none !important; transition: none !important}}
"""
