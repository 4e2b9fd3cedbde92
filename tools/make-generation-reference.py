#!/usr/bin/env python3
"""Greedy tokens of a GGUF chat model by native llama.cpp, for the golden answer of a catalogue entry.

Two runtimes that are both right may differ where two tokens are nearly equally likely, so the
smallest lead of a token over the next likely one is printed too: a golden answer should have a lead
of 1 or more throughout.

    pip install llama-cpp-python==0.3.36   # builds llama.cpp, some minutes
    tools/make-generation-reference.py MODEL.gguf "Write the numbers from 1 to 10, separated by commas."
"""

import json
import sys

import numpy as np
from llama_cpp import Llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

TOKENS = 16


def main():
    path, prompts = sys.argv[1], sys.argv[2:]
    model = Llama(path, n_ctx=1024, n_threads=1, logits_all=True, verbose=False)
    end = model.token_eos()
    template = Jinja2ChatFormatter(
        model.metadata["tokenizer.chat_template"],
        eos_token="",
        bos_token="",
        add_generation_prompt=True,
    )
    for prompt in prompts:
        text = template(messages=[{"role": "user", "content": prompt}]).prompt
        model.reset()
        model.eval(model.tokenize(text.encode(), add_bos=False, special=True))
        tokens, leads = [], []
        while len(tokens) < TOKENS:
            logits = np.asarray(model._scores[-1])
            best, second = np.argsort(-logits)[:2]
            leads.append(float(logits[best] - logits[second]))
            if best == end:
                break
            tokens.append(int(best))
            model.eval([int(best)])
        answer = model.detokenize(tokens).decode()
        print(json.dumps({"prompt": prompt, "text": answer, "tokens": tokens, "lead": min(leads)}))


if __name__ == "__main__":
    main()
