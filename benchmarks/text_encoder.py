"""What a text costs: the text encoder at full size on cores, from its files to the numbers of a sentence.

    PYTHONPATH=. python benchmarks/text_encoder.py [--repeats 3]

BERT base with seeded weights and a small vocabulary: time does not depend on weights' values. Each text
by one thread, as the encoder computes it. Processor seconds, the least of the repeats. Prints a Markdown
table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from machine import heading

from echoprime.networks import TextEncoder
from echoprime.networks.text_state import named_text_state
from echoprime.networks.tokens import TOKENIZER_FILE, tokenizer_json
from echoprime.release.weights import save_weights
from tests.texts import text_state, write_tokenizer

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}

LENGTHS = (6, 128, 256, 512)
"""Tokens: a question, and reports."""


def main() -> None:
    """Write it, load it, encode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        weights, tokenizer = Path(scratch) / "text.safetensors", Path(scratch) / TOKENIZER_FILE
        save_weights(named_text_state(text_state(**BASE), "seeded"), weights)
        tokenizer.write_bytes(tokenizer_json(write_tokenizer(Path(scratch) / "vocabulary")))
        started = time.process_time()
        encoder = TextEncoder(weights, tokenizer)
        loading = time.process_time() - started
        seconds = {}
        for length in LENGTHS:
            text = "mild " * (length - 2)  # and what a BERT puts around it
            encoder.embed([text])
            took = []
            for _ in range(asked.repeats):
                started = time.process_time()
                encoder.embed([text])
                took.append(time.process_time() - started)
            seconds[length] = min(took)
    print(heading(__doc__, ["torch", "transformers", "tokenizers"]))
    print(f"Loaded in {loading:.1f} processor seconds, transformers' import included.\n")
    print("| tokens | processor seconds a text | texts an hour of a core |\n|---:|---:|---:|")
    for length, each in seconds.items():
        print(f"| {length} | {each:.3f} | {3600 / each:,.0f} |")


if __name__ == "__main__":
    main()
