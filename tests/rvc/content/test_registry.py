"""The menu of encoders can be read without loading any."""
import subprocess
import sys

from rvc.content import CONTENT_ENCODERS
from rvc.weights import WEIGHTS


def test_every_encoder_s_weights_are_known():
    for entry in CONTENT_ENCODERS.values():
        assert all(id in WEIGHTS for id in entry.facts["weights"])


def test_the_menu_costs_no_torch():
    code = ("import sys, rvc.content, rvc.retrieval\n"
            "print([name for name in ('torch', 'faiss', 'transformers') if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
