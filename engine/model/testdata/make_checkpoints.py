#!/usr/bin/env python3
"""Makes the tiny checkpoints of this folder and the numbers that the engine must reproduce.

For every entry of CHECKPOINTS a model of a few layers with seeded random weights is written as
  NAME/hf/config.json         hyper-parameters, with the keys that published checkpoints of the family use
  NAME/hf/config_v5.json      the same, as transformers 5 saves them (rope_parameters, layer_types)
  NAME/hf/model.safetensors   the weights in F32
  NAME/model.gguf             the same weights in F32, as llama.cpp's convert_hf_to_gguf writes them
  NAME/ids.json               T token ids
  NAME/logits.npy             float64 [T, vocab], by Hugging Face transformers, every operation in float64
  NAME/logits_gguf.npy        only where the GGUF file cannot say all that config.json says: what its metadata mean
  NAME/logits_short.npy       longrope only: the first SHORT ids, few enough that the short factors apply
  NAME/attention.npy          some only: float64 [layers, heads, SHORT, SHORT], softmax weights of the first SHORT ids
  NAME/hidden.npy             some only: float64 [layers+1, SHORT, width], embeddings, then each layer's output, the last
                              one after the final norm
and index.json says what is there, how far llama.cpp is from the reference (normalised mean squared error), and how far the
reference moves when one hyper-parameter is left out, so that a test that passes is known to have seen it.

How to run (CPU only, under a minute):
  python3 -m venv venv
  venv/bin/pip install torch transformers numpy safetensors gguf sentencepiece
  venv/bin/python make_checkpoints.py [--only NAME ...] [--llama-cpp DIR [--lib DIR]] [--llama-cpp-version TEXT]
DIR is a checkout of llama.cpp; without it the GGUF files and their comparison are left as they are. --lib names the folder of
libllama.so (default DIR/build/bin); llamacpp_logits.cpp beside this file is compiled against it with g++. To compare to
float32 accuracy, build llama.cpp without its f16 GELU table (remove `#define GGML_GELU_FP16` from ggml/src/ggml-cpu/vec.h).
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
VOCAB = 288
T = 40
SHORT = 12

LLAMA = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=VOCAB, hidden_size=64, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, intermediate_size=64, hidden_act="silu", rms_norm_eps=1e-5,
             max_position_embeddings=512, rope_theta=10000.0, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
QWEN2 = {**LLAMA, **dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", num_key_value_heads=1, rms_norm_eps=1e-6,
                         rope_theta=1000000.0, use_sliding_window=False, sliding_window=512, max_window_layers=2,
                         tie_word_embeddings=True)}
GEMMA2 = dict(architectures=["Gemma2ForCausalLM"], model_type="gemma2", vocab_size=VOCAB, hidden_size=32, num_hidden_layers=4,
              num_attention_heads=4, num_key_value_heads=2, head_dim=24, intermediate_size=64,
              hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6,
              max_position_embeddings=512, rope_theta=10000.0, query_pre_attn_scalar=8, attn_logit_softcapping=4.0,
              final_logit_softcapping=5.0, sliding_window=8, bos_token_id=1, eos_token_id=2, pad_token_id=0)
PHI3 = {**LLAMA, **dict(architectures=["Phi3ForCausalLM"], model_type="phi3", num_attention_heads=2, num_key_value_heads=1,
                        rope_scaling=None, original_max_position_embeddings=512, sliding_window=None, pad_token_id=0,
                        attention_bias=False)}

# config: what config.json says; vocab: the vocabulary written into the GGUF file; gguf: what differs for a reader of the GGUF
# file, which has no key for it; without: changes of config whose effect on the logits is recorded; explain: write attention
# and hidden; short: write logits_short, and the metadata by which llama.cpp, which goes by the size of its context and not by
# the length of the sequence, takes the short factors.
CHECKPOINTS = {
    "gpt2": dict(
        vocab="gpt2", explain=True,
        config=dict(architectures=["GPT2LMHeadModel"], model_type="gpt2", vocab_size=VOCAB, n_embd=32, n_layer=3, n_head=2,
                    n_positions=64, n_ctx=64, activation_function="gelu_new", layer_norm_epsilon=1e-5,
                    attn_pdrop=0.1, embd_pdrop=0.1, resid_pdrop=0.1, bos_token_id=VOCAB - 1, eos_token_id=VOCAB - 1),
        without={"tanh form of GELU": dict(activation_function="gelu")}),
    "llama3": dict(
        vocab="llama-bpe", explain=True,
        config={**LLAMA, **dict(rope_theta=10000.0, bos_token_id=VOCAB - 1, eos_token_id=VOCAB - 1,
                                rope_scaling=dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                  original_max_position_embeddings=64, rope_type="llama3"))},
        without={"rope_scaling": dict(rope_scaling=None)}),
    "llama-linear": dict(
        vocab="spm",
        config={**LLAMA, **dict(hidden_size=32, num_attention_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6,
                                rope_scaling=dict(type="linear", factor=4.0))},
        without={"rope_scaling": dict(rope_scaling=None), "rms_norm_eps": dict(rms_norm_eps=1e-3)}),
    "llama-bias": dict(
        vocab="spm",
        config={**LLAMA, **dict(hidden_size=32, num_attention_heads=2, num_key_value_heads=1, attention_bias=True,
                                mlp_bias=True)}),
    "mistral": dict(
        vocab="spm",
        config={**LLAMA, **dict(architectures=["MistralForCausalLM"], model_type="mistral", hidden_size=32,
                                num_key_value_heads=1, head_dim=24, sliding_window=8)},
        gguf=dict(sliding_window=None), without={"sliding_window": dict(sliding_window=None)}),
    "qwen2": dict(vocab="qwen2", config=QWEN2),
    "qwen2-yarn": dict(
        vocab="qwen2",
        config={**QWEN2, **dict(hidden_size=32, num_attention_heads=2, rope_theta=10000.0,
                                rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=128))},
        without={"rope_scaling": dict(rope_scaling=None),
                 "attention factor of yarn": dict(rope_scaling=dict(type="yarn", factor=4.0, attention_factor=1.0,
                                                                    original_max_position_embeddings=128))}),
    "qwen3": dict(
        vocab="qwen2",
        config={**LLAMA, **dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", head_dim=24, rope_theta=1000000.0,
                                rms_norm_eps=1e-6, attention_bias=False, use_sliding_window=False)}),
    "gemma2": dict(
        vocab="spm", config=GEMMA2, gguf=dict(query_pre_attn_scalar=24),
        without={"query_pre_attn_scalar": dict(query_pre_attn_scalar=24),
                 "attn_logit_softcapping": dict(attn_logit_softcapping=None),
                 "final_logit_softcapping": dict(final_logit_softcapping=None),
                 "sliding_window": dict(sliding_window=4096)}),
    "gemma3": dict(
        vocab="spm", explain=True,
        config=dict(architectures=["Gemma3ForCausalLM"], model_type="gemma3_text", vocab_size=VOCAB, hidden_size=32,
                    num_hidden_layers=6, num_attention_heads=2, num_key_value_heads=1, head_dim=48, intermediate_size=32,
                    hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, max_position_embeddings=512,
                    rope_theta=1000000.0, rope_local_base_freq=10000.0, rope_scaling=dict(factor=8.0, rope_type="linear"),
                    query_pre_attn_scalar=48, sliding_window=8, sliding_window_pattern=6, attn_logit_softcapping=None,
                    final_logit_softcapping=None, bos_token_id=1, eos_token_id=2, pad_token_id=0),
        without={"sliding_window": dict(sliding_window=4096), "rope_scaling": dict(rope_scaling=None),
                 "rope_local_base_freq": dict(rope_local_base_freq=1000000.0)}),
    "phi3": dict(
        vocab="spm", config={**PHI3, **dict(partial_rotary_factor=0.75)},
        without={"partial_rotary_factor": dict(partial_rotary_factor=1.0)}),
    "phi3-longrope": dict(
        vocab="spm", short="phi3.rope.scaling.original_context_length=256",
        config={**PHI3, **dict(max_position_embeddings=64, original_max_position_embeddings=16, tie_word_embeddings=True,
                               rope_scaling=dict(type="longrope",
                                                 short_factor=[round(1 + 0.02 * i, 4) for i in range(16)],
                                                 long_factor=[round(1 + 0.3 * i, 4) for i in range(16)]))},
        without={"rope_scaling": dict(rope_scaling=None)}),
}


class Double(TorchFunctionMode):
    """Runs float32 requests of the model code (norms, softmax, rotary tables) in float64 instead."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        if kwargs.get("dtype") is torch.float32:
            kwargs["dtype"] = torch.float64
        args = tuple(torch.float64 if a is torch.float32 else a for a in args)
        return func(*args, **kwargs)


def random_weight(rng, name, shape):
    """Weights that keep attention and logits away from both uniform and one-hot."""
    gemma_norm = "gemma" in name and "norm" in name  # stored as the distance from 1
    if name.endswith("bias"):
        return rng.normal(0, 0.3, shape)
    if "q_norm" in name or "k_norm" in name:
        return rng.normal(0.5 if gemma_norm else 1.5, 0.2, shape)
    if len(shape) == 1:
        return rng.normal(0 if gemma_norm else 1, 0.2, shape)
    if "embed_tokens" in name or "wte" in name:
        return rng.normal(0, 0.2 if "gemma" in name else 0.5, shape)
    return rng.normal(0, 0.25, shape)


def build(config, **changes):
    """A model from what its config.json says, with some of the keys changed."""
    with tempfile.TemporaryDirectory() as tmp:
        (Path(tmp) / "config.json").write_text(json.dumps({**config, **changes}))
        config = AutoConfig.from_pretrained(tmp)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()


def forward(config, weights, ids, precision=torch.float64, **changes):
    """Logits, attention weights and hidden states of one sequence."""
    model = build(config, **changes)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    if unexpected or any(m != "lm_head.weight" for m in missing):
        raise SystemExit(f"{config['architectures']}: missing {missing}, unexpected {unexpected}")
    model.tie_weights()
    model = model.to(precision)
    mode = Double() if precision is torch.float64 else contextlib.nullcontext()
    with torch.inference_mode(), mode:
        out = model(torch.tensor([ids]), output_attentions=True, output_hidden_states=True, use_cache=False)
    stack = lambda ts: np.stack([t[0].numpy() for t in ts])
    return out.logits[0].numpy(), stack(out.attentions), stack(out.hidden_states)


def nmse(got, want):
    got, want = got.astype(np.float64), want.astype(np.float64)
    return float(((got - want) ** 2).sum() / (want ** 2).sum())


def significant(x):
    return float(f"{x:.2e}")


def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) if b in plain else chr(256 + sum(x not in plain for x in range(b))) for b in range(256)]


def write_vocabulary(writer, kind, gemma):
    """A vocabulary of VOCAB tokens that llama.cpp accepts: byte-level BPE, or SentencePiece with byte fallback."""
    pairs = ["Ġ t", "h e", "Ġ a", "i n", "r e", "o n", "Ġt he", "e r", "Ġ s", "a t", "Ġ w", "Ġ o", "e n", "Ġ c", "i t", "i s",
             "a n", "o r", "e s", "Ġ b", "e d", "Ġ f", "in g", "Ġ p", "o u", "Ġa n", "a l", "a r", "Ġt o", "Ġ m", "Ġo f"]
    normal, unknown, control, byte = 1, 2, 3, 6
    if kind == "spm":
        pieces = [p.replace(" ", "").replace("Ġ", "▁") for p in pairs[:28]] + ["▁"]
        tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + pieces
        kinds = [unknown, control, control] + [byte] * 256 + [normal] * len(pieces)
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_scores([0.0] * 259 + [-float(i + 1) for i in range(len(pieces))])
        ids = dict(bos=1, eos=2, unk=0)
        if gemma:
            writer.add_add_space_prefix(False)
    else:
        tokens = byte_characters() + [p.replace(" ", "") for p in pairs] + ["<|endoftext|>"]
        kinds = [normal] * (VOCAB - 1) + [control]
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2" if kind == "gpt2" else kind)
        writer.add_token_merges(pairs)
        ids = dict(bos=VOCAB - 1, eos=VOCAB - 1)
    assert len(tokens) == len(set(tokens)) == VOCAB
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(ids["bos"])
    writer.add_eos_token_id(ids["eos"])
    if "unk" in ids:
        writer.add_unk_token_id(ids["unk"])


def convert(llama_cpp, name, spec, hf, out):
    """Runs llama.cpp's converter on the HF folder, with write_vocabulary in place of its tokenizer reader."""
    for p in (llama_cpp / "gguf-py", llama_cpp):
        if str(p) not in sys.path:
            sys.path.insert(0, str(p))
    import gguf
    from conversion import get_model_class
    cls = get_model_class(spec["config"]["architectures"][0])
    keep = cls.set_vocab
    cls.set_vocab = lambda self: write_vocabulary(self.gguf_writer, spec["vocab"], "gemma" in name)
    try:
        with tempfile.TemporaryDirectory() as tmp, torch.inference_mode():
            for f in ("config.json", "model.safetensors"):
                (Path(tmp) / f).symlink_to(hf / f)
            # The Gemma 3 converter counts this file's tokens to cut unused rows off the embedding.
            (Path(tmp) / "tokenizer.json").write_text(
                json.dumps(dict(model=dict(vocab={str(i): i for i in range(VOCAB)}), added_tokens=[])))
            # The name says nothing of the family: llama.cpp expects certain special tokens of a model called phi3.
            cls(Path(tmp), gguf.LlamaFileType.ALL_F32, out, model_name="tiny random weights").write()
    finally:
        cls.set_vocab = keep


class Witness:
    """llama.cpp's logits through llamacpp_logits.cpp."""

    def __init__(self, llama_cpp, lib, work):
        self.exe, self.work = work / "llamacpp_logits", work
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(lib)}  # before the paths that the libraries themselves name
        subprocess.run(["g++", "-O2", "-std=c++17", str(HERE / "llamacpp_logits.cpp"), f"-I{llama_cpp}/include",
                        f"-I{llama_cpp}/ggml/include", f"-L{lib}", "-lllama", "-lggml",
                        "-lggml-cpu", "-lggml-base", "-o", str(self.exe)], check=True)

    def logits(self, model, ids, override=None):
        (self.work / "ids").write_text(" ".join(map(str, ids)))
        out = self.work / "logits"
        cmd = [self.exe, model, self.work / "ids", out] + ([override] if override else [])
        subprocess.run(cmd, check=True, env=self.env, stderr=subprocess.DEVNULL)
        return np.fromfile(out, "<f4").reshape(len(ids), -1)


def write_hf(name, config, hf):
    """Writes the HF folder and returns the weights under the names that transformers gives them, and token ids."""
    model = build(config)
    rng = np.random.default_rng([2024, *name.encode()])
    weights = {}
    for key, tensor in sorted(model.state_dict().items()):
        if key == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        values = random_weight(rng, f"{name}.{key}", tuple(tensor.shape)).astype(np.float32)
        weights[key] = torch.from_numpy(values)
    ids = rng.integers(0, VOCAB, T).tolist()

    saved = {k: v for k, v in model.config.to_diff_dict().items() if k not in ("_name_or_path", "transformers_version")}
    if not np.array_equal(forward(saved, weights, ids)[0], forward(config, weights, ids)[0]):
        raise SystemExit(f"{name}: config_v5.json does not mean what config.json means")
    hf.mkdir(parents=True, exist_ok=True)
    (hf / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (hf / "config_v5.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    # The published GPT-2 files leave out the prefix.
    save_file({k.removeprefix("transformer."): w for k, w in weights.items()}, hf / "model.safetensors", {"format": "pt"})
    return weights, ids


def make(name, spec, args, witness):
    """Writes one checkpoint and returns its entry in the index."""
    folder = HERE / name
    config = {**spec["config"], "torch_dtype": "float32"}
    weights, ids = write_hf(name, config, folder / "hf")
    (folder / "ids.json").write_text(json.dumps(ids) + "\n")

    logits, attention, _ = forward(config, weights, ids)
    np.save(folder / "logits.npy", logits)
    entry = dict(arch=config["model_type"], vocab=spec["vocab"], tokens=T, logits=list(logits.shape),
                 parameters=sum(w.numel() for w in weights.values()),
                 logits_std=significant(logits.std()), mean_largest_attention=significant(attention[:, :, 1:].max(-1).mean()),
                 nmse_transformers_float32=significant(nmse(forward(config, weights, ids, torch.float32)[0], logits)))
    if spec.get("without"):
        entry["nmse_without"] = {what: significant(nmse(forward(config, weights, ids, **change)[0], logits))
                                 for what, change in spec["without"].items()}
    compare = {"logits": (logits, None)}
    if "gguf" in spec:
        meant = forward(config, weights, ids, **spec["gguf"])[0]
        np.save(folder / "logits_gguf.npy", meant)
        entry["logits_gguf"] = dict(shape=list(meant.shape), config_changes=spec["gguf"])
        compare = {"logits_gguf": (meant, None)}
    if "short" in spec:
        short = forward(config, weights, ids[:SHORT])[0]
        np.save(folder / "logits_short.npy", short)
        entry["logits_short"] = list(short.shape)
        compare["logits_short"] = (short, spec["short"])
    if spec.get("explain"):
        _, attention, hidden = forward(config, weights, ids[:SHORT])
        np.save(folder / "attention.npy", attention)
        np.save(folder / "hidden.npy", hidden)
        entry["attention"], entry["hidden"] = list(attention.shape), list(hidden.shape)

    if args.llama_cpp:
        gguf = folder / "model.gguf"
        convert(args.llama_cpp, name, spec, folder / "hf", gguf)
        entry["nmse_llamacpp"] = {what: significant(nmse(witness.logits(gguf, ids[:len(want)], override), want))
                                  for what, (want, override) in compare.items()}
    return entry


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--only", nargs="*", default=list(CHECKPOINTS), choices=list(CHECKPOINTS), metavar="NAME")
    ap.add_argument("--llama-cpp", type=Path)
    ap.add_argument("--lib", type=Path)
    ap.add_argument("--llama-cpp-version", help="what index.json says of it (default: the checkout's commit)")
    args = ap.parse_args()
    torch.set_num_threads(1)

    index_path = HERE / "index.json"
    index = json.loads(index_path.read_text()) if index_path.exists() else {}
    made_with = index.setdefault("made_with", {})
    made_with.update(torch=torch.__version__.split("+")[0], transformers=transformers.__version__, numpy=np.__version__)
    with tempfile.TemporaryDirectory() as work:
        witness = None
        if args.llama_cpp:
            args.llama_cpp = args.llama_cpp.resolve()
            lib = (args.lib or args.llama_cpp / "build/bin").resolve()
            witness = Witness(args.llama_cpp, lib, Path(work))
            made_with["llama_cpp"] = args.llama_cpp_version or subprocess.run(
                ["git", "-C", args.llama_cpp, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        known = index.setdefault("checkpoints", {})
        for name in args.only:
            entry = make(name, CHECKPOINTS[name], args, witness)
            if "nmse_llamacpp" not in entry and name in known:
                entry["nmse_llamacpp"] = known[name].get("nmse_llamacpp")
            known[name] = entry
            print(name, json.dumps(entry))
        index["checkpoints"] = {n: known[n] for n in CHECKPOINTS if n in known}
    index_path.write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
