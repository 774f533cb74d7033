"""The page as a whole: its head, its tabs, and the terms on which it is served."""
import gradio as gr

from rvc.workspace import Workspace
from tabs import TABS
from tabs.theme import CSS, theme

KEEP_FILES = 86_400  # seconds that Gradio keeps what passed through the page
LARGEST_UPLOAD = "4gb"  # a whole training checkpoint


def build_page(workspace: Workspace) -> gr.Blocks:
    """Lay out every tab."""
    with gr.Blocks(title="Voicewright", analytics_enabled=False, delete_cache=(3600, KEEP_FILES)) as page:
        gr.Markdown("# Voicewright")
        with gr.Tabs():
            for tab in TABS:
                with gr.Tab(tab.TITLE):
                    tab.build(workspace)
    return page.queue(api_open=False, max_size=8, default_concurrency_limit=1)


def launch(page: gr.Blocks, host: str, port: int, *, open_browser: bool) -> None:
    """Serve the page to this machine, and none of its files but those that the page itself hands out."""
    page.launch(server_name=host, server_port=port, share=False, inbrowser=open_browser, quiet=True, ssr_mode=False,
                theme=theme(), css=CSS, max_file_size=LARGEST_UPLOAD, allowed_paths=[], show_error=False,
                enable_monitoring=False, run_history=False, mcp_server=False, footer_links=["settings"])
