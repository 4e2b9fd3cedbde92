"""A platform of one's own: ONNX Runtime on this machine's CPU, without a browser (pip install
onnxruntime)."""

import numpy
import onnxruntime

from webpool import ResourcePoolBridgeIntegration


def load(model):
    (graph,) = [data for path, data in model["files"].items() if path.endswith(".onnx")]
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs)))


with ResourcePoolBridgeIntegration(max_connections=1) as pool:
    pool.register_hardware_backend(
        "native",
        {
            "detection_function": lambda: bool(onnxruntime.get_available_providers()),
            "initialization_function": load,
            "priority": 3,
        },
    )
    model = pool.get_model("audio", "silero-vad-v5", {"priority_list": ["native", "cpu"]})
    result = model(
        {
            "input": numpy.zeros((1, 576), "float32"),
            "state": numpy.zeros((2, 1, 128), "float32"),
            "sr": numpy.array(16000),
        }
    )
    print(result["platform"], float(result["tensors"]["output"][0, 0]))
