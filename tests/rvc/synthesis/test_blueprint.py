"""A blueprint costs nothing, and a network made outside one is filled."""
import subprocess
import sys

import torch
from test_vits import tiny_config

from rvc.synthesis.blueprint import blueprint
from rvc.synthesis.vits import Vits

PROGRAM = """
import sys, torch
from rvc.synthesis.discriminators import shapes
before = len(sys.modules)
shapes("v2")
print(len(sys.modules) - before)
"""


def test_a_blueprint_has_no_memory_and_a_network_has_random_weights():
    with blueprint():
        assert Vits(tiny_config()).emb_g.weight.is_meta
    assert Vits(tiny_config()).enc_p.encoder.attn_layers[0].emb_rel_k.std() > 0.05
    assert Vits(tiny_config()).emb_g.weight.std() > 0.5


def test_a_blueprint_loads_no_compiler():
    loaded = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert int(loaded) < 50
    assert torch.empty(3).normal_().std() > 0  # and outside of it numbers are drawn as ever
