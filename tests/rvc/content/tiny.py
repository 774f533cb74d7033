"""A HuBERT small enough to build in every test, and the spellings of its weights."""
import torch
from torch import nn
from transformers import HubertConfig, HubertModel

from tests.golden import rule

TINY = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
        "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4, "classifier_proj_size": 10,
        "conv_dim": [12] * 7}
POSITION = "encoder.pos_conv_embed.conv."


def built(sizes: dict) -> HubertModel:
    """All of the network as transformers builds it, with weights by rule and the layer that RVC adds."""
    model = HubertModel(HubertConfig(**sizes)).eval()
    model.final_proj = nn.Linear(sizes["hidden_size"], sizes["classifier_proj_size"])
    made = {name: torch.from_numpy(rule.weight(name, value.shape)) for name, value in model.state_dict().items()}
    model.load_state_dict(made)
    return model


def fairseq(weights: dict[str, torch.Tensor], layers: int = 3) -> dict[str, torch.Tensor]:
    """The names that fairseq gives the weights of a HuBERT base, written down one by one."""
    names = {"masked_spec_embed": "mask_emb", "encoder.layer_norm": "encoder.layer_norm", "final_proj": "final_proj",
             "feature_projection.layer_norm": "layer_norm", "feature_projection.projection": "post_extract_proj",
             POSITION + "parametrizations.weight.original0": "encoder.pos_conv.0.weight_g",
             POSITION + "parametrizations.weight.original1": "encoder.pos_conv.0.weight_v",
             POSITION + "bias": "encoder.pos_conv.0.bias",
             "feature_extractor.conv_layers.0.layer_norm": "feature_extractor.conv_layers.0.2"}
    for i in range(7):
        names[f"feature_extractor.conv_layers.{i}.conv"] = f"feature_extractor.conv_layers.{i}.0"
    for i in range(layers):
        here = f"encoder.layers.{i}."
        names |= {f"{here}attention.{part}_proj": f"{here}self_attn.{part}_proj" for part in ("q", "k", "v", "out")}
        names |= {here + "layer_norm": here + "self_attn_layer_norm", here + "feed_forward.output_dense": here + "fc2",
                  here + "final_layer_norm": here + "final_layer_norm",
                  here + "feed_forward.intermediate_dense": here + "fc1"}
    renamed = {}
    for name, value in weights.items():
        module, _, leaf = name.rpartition(".")
        renamed[names[name] if name in names else f"{names[module]}.{leaf}"] = value
    return renamed | {"label_embs_concat": torch.zeros(4, 10)}


def old_spelling(weights):
    return {rule.old_spelling(name): value for name, value in weights.items()}
