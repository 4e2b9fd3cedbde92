"""How alike two sentences are, computed in a browser: python embed.py "a cat" "a kitten" """

import sys

import numpy

from webpool import ResourcePoolBridgeIntegration

with ResourcePoolBridgeIntegration(max_connections=1) as pool:
    model = pool.get_model("text_embedding", "all-minilm-l6-v2")
    result = model(sys.argv[1:3] or ["a cat", "a kitten"])
    if not result["success"]:
        sys.exit(f"{result['error']} ({result['recovery_suggestion']})")
    one, other = numpy.array(result["output"])
    print(f"{one @ other:.4f}")
    print(f"{result['platform']} in {result['browser']}", file=sys.stderr)
