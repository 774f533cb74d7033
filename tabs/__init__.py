"""The face of the program: Gradio alone, no machine learning.

A tab is a module with a TITLE and a `build(workspace)` that lays it out.
"""
from tabs import convert, voices

TABS = (convert, voices)
"""In the order of the page."""
