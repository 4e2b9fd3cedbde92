#!/usr/bin/env python3
"""What a call from Python takes beside what the same call takes in C++, in µs: the time around
model(inputs) less the latency that the library itself reports for it.

    scripts/build dev
    PYTHONPATH=build/dev/python build/tools/python/bin/python bench/python-overhead.py [CALLS]
"""
import statistics
import sys
import time

import numpy as np

from webpool import ResourcePoolBridgeIntegration

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 300


def overhead(model, inputs):
    for _ in range(10):
        model(inputs)
    spent = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        result = model(inputs)
        whole = (time.perf_counter() - begin) * 1e6
        assert result["success"], result
        spent.append(whole - result["performance_metrics"]["latency_ms"] * 1000)
    quartiles = statistics.quantiles(spent, n=4)
    return f"{quartiles[1]:.0f} µs (quartiles {quartiles[0]:.0f}–{quartiles[2]:.0f})"


def main():
    with ResourcePoolBridgeIntegration(ephemeral=True, browsers=["chromium"]) as pool:
        cpu = {"priority_list": ["cpu"]}
        embedder = pool.get_model("text_embedding", "all-minilm-l6-v2", cpu)
        print("a text, 384 numbers back: ", overhead(embedder, "a sentence"))
        detector = pool.get_model("audio", "silero-vad-v5", cpu)
        print("1 s of samples, spans back:", overhead(detector, np.zeros(16000, np.float32)))


if __name__ == "__main__":
    main()
