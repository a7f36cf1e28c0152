#!/usr/bin/env python3
"""Records what Hugging Face transformers says of the demo model, for the tests of package explain.

For each prompt of PROMPTS and the model as the program embeds it (its Q8_0 weights as the floats they stand for):
  demo_N.json           the token ids
  demo_N_attention.npy  float32 [layers, heads, T, T]: output_attentions
  demo_N_hidden.npy     float32 [layers+1, T, width]: output_hidden_states, the embeddings, then each layer's output, the last one
                     after the final norm
Every operation of the demo is done in float64 and the result rounded once. With --model any other folder or GGUF file that
transformers can open is recorded in --out as NAME_N, for the ids in --ids.

How to run (CPU only, seconds):
  python3 -m venv venv
  venv/bin/pip install torch transformers numpy gguf
  venv/bin/python make_explain.py
"""
import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent.parent / "demo" / "fireside-tales-Q8_0.gguf"

# "Sarah lies still on the bed, feeling" and "Once upon a time there was a little girl who", in the demo's tokens.
PROMPTS = [
    [50, 290, 1272, 2614, 796, 311, 259, 945, 11, 1240],
    [3084, 810, 258, 544, 441, 307, 258, 414, 740, 448],
]


def load(path):
    """The model in float64, with attention as a plain softmax."""
    path = Path(path)
    how = dict(dtype=torch.float32, attn_implementation="eager")
    if path.is_dir():
        model = AutoModelForCausalLM.from_pretrained(path, **how)
    elif path.samefile(DEMO):
        model = demo()
    else:  # needs accelerate
        model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, **how)
    return model.double().eval()


def demo():
    """The embedded model. GGUF has a projection as [out, in], GPT-2's Conv1D is [in, out]."""
    file = gguf.GGUFReader(DEMO)
    value = lambda key: file.get_field("gpt2." + key).contents()
    weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in file.tensors}
    names = {"attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_norm": "ln_2",
             "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj", "output_norm": "ln_f", "token_embd": "wte", "position_embd": "wpe"}
    state = {}
    for name, w in weights.items():
        *block, what, kind = name.split(".")
        if block:
            what, block = names[what], f"h.{block[1]}."
            w = w.T if w.ndim == 2 else w
        else:
            what, block = names[what], ""
        state[f"transformer.{block}{what}.{kind}"] = torch.from_numpy(w.astype(np.float64))
    vocab, width = weights["token_embd.weight"].shape
    config = GPT2Config(vocab_size=vocab, n_embd=width, n_positions=value("context_length"), n_layer=value("block_count"),
                        n_head=value("attention.head_count"), layer_norm_epsilon=value("attention.layer_norm_epsilon"),
                        activation_function="gelu_new", tie_word_embeddings=True, attn_implementation="eager")
    model = GPT2LMHeadModel(config)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected, (missing, unexpected)
    return model


def record(model, ids, out, name):
    with torch.no_grad():
        y = model(torch.tensor([ids]), output_attentions=True, output_hidden_states=True, use_cache=False)
    attention = torch.stack([a[0] for a in y.attentions]).numpy()
    hidden = torch.stack([h[0] for h in y.hidden_states]).numpy()
    assert abs(attention.sum(-1) - 1).max() < 1e-6  # some models take the softmax in float32
    np.save(out / f"{name}_attention.npy", attention.astype(np.float32))
    np.save(out / f"{name}_hidden.npy", hidden.astype(np.float32))
    (out / f"{name}.json").write_text(json.dumps(ids) + "\n")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default=DEMO)
    p.add_argument("--out", type=Path, default=HERE)
    p.add_argument("--ids", type=json.loads, help="a JSON list of token ids")
    p.add_argument("--name", default="demo")
    a = p.parse_args()
    model = load(a.model)
    for i, ids in enumerate([a.ids] if a.ids else PROMPTS):
        record(model, ids, a.out, f"{a.name}_{i}")


if __name__ == "__main__":
    main()
