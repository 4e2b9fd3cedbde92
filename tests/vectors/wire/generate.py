#!/usr/bin/env python3
"""Writes frames.json and messages.json: frames that C++ and TypeScript both read in their tests.

Run it from anywhere: python3 tests/vectors/wire/generate.py
It builds the bytes from docs/protocol.md alone, so it checks both implementations.
"""

import copy
import json
import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent


def align(size):
    return (size + 7) // 8 * 8


def tensor(name, datatype, shape, data):
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def strings(*texts):
    return b"".join(struct.pack("<I", len(t)) + t for t in (t.encode() for t in texts))


def raw_frame(text, data=b"", magic=b"WPF1", header_size=None, data_size=None, pad=b" "):
    text += pad * (align(len(text)) - len(text))
    header_size = len(text) if header_size is None else header_size
    data_size = len(data) if data_size is None else data_size
    return magic + struct.pack("<IQ", header_size, data_size) + text + data


def compact(header):
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()


def frame(header, inputs=None, outputs=None):
    """The frame and what a reader must find in it."""
    header = copy.deepcopy(header)
    data = b""
    for key, tensors in (("inputs", inputs), ("outputs", outputs)):
        if tensors is None:
            continue
        header[key] = []
        for t in tensors:
            data += bytes(align(len(data)) - len(data)) + t["data"]
            header[key].append(
                {
                    "name": t["name"],
                    "datatype": t["datatype"],
                    "shape": t["shape"],
                    "parameters": {"binary_data_size": len(t["data"])},
                }
            )
    return {
        "frame": raw_frame(compact(header), data).hex(),
        "header": header,
        "inputs": [dict(t, data=t["data"].hex()) for t in inputs or []],
        "outputs": [dict(t, data=t["data"].hex()) for t in outputs or []],
    }


def entry(name="x", datatype="UINT8", shape=None, size=1, **more):
    shape = [1] if shape is None else shape
    return dict(name=name, datatype=datatype, shape=shape, parameters={"binary_data_size": size}, **more)


def lying(entries, data, key="inputs"):
    return raw_frame(compact({"type": "run", key: entries}), data)


def nested(levels):
    """A header of exactly that many levels, itself included."""
    return b'{"type":"t","v":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


EVERY_TYPE = [
    tensor("bool", "BOOL", [3], bytes([0, 1, 1])),
    tensor("u8", "UINT8", [2], bytes([1, 255])),
    tensor("u16", "UINT16", [1], struct.pack("<H", 65535)),
    tensor("u32", "UINT32", [1], struct.pack("<I", 2**32 - 1)),
    tensor("u64", "UINT64", [1], struct.pack("<Q", 2**64 - 1)),
    tensor("i8", "INT8", [1], struct.pack("<b", -128)),
    tensor("i16", "INT16", [1], struct.pack("<h", -32768)),
    tensor("i32", "INT32", [1], struct.pack("<i", -(2**31))),
    tensor("i64", "INT64", [1, 2], struct.pack("<qq", -(2**63), 2**63 - 1)),
    tensor("f16", "FP16", [2], struct.pack("<ee", 1.5, -2.0)),
    tensor("bf16", "BF16", [1], bytes([0x80, 0x3F])),
    tensor("f32", "FP32", [2, 2], struct.pack("<ffff", 0.0, 1.0, -2.5, 3.25)),
    tensor("f64", "FP64", [], struct.pack("<d", 0.1)),
    tensor("text", "BYTES", [2], strings("grüße 🌍", "")),
]


def valid_frames():
    yield "smallest", dict(frame=raw_frame(b"{}").hex(), header={}, inputs=[], outputs=[])
    yield "no_tensors", frame({"type": "ping", "id": 1})
    yield "empty_list_of_tensors", frame({"type": "echo", "id": 1}, inputs=[])
    yield "every_datatype", frame({"type": "echo", "id": 2}, inputs=EVERY_TYPE)
    yield "inputs_then_outputs", frame(
        {"type": "future"},
        inputs=[tensor("a", "UINT8", [3], b"abc")],
        outputs=[tensor("b", "FP32", [1], struct.pack("<f", 1.0))],
    )
    yield "empty_tensors", frame(
        {"type": "echo", "id": 3},
        inputs=[
            tensor("none", "FP32", [0, 384], b""),
            tensor("no strings", "BYTES", [0], b""),
            tensor("one", "UINT8", [1], b"\x07"),
            tensor("none at the end", "INT64", [2**53 - 1, 0], b""),
        ],
    )
    yield "descriptions_have_no_data", frame(
        {
            "type": "loaded",
            "inputs": [{"name": "ids", "datatype": "INT64", "shape": [-1, -1]}],
            "outputs": [{"name": "out", "datatype": "FP32", "shape": [], "parameters": {}}],
        }
    )
    yield "thirty_two_dimensions", frame(
        {"type": "echo", "id": 4}, inputs=[tensor("deep", "UINT8", [1] * 32, b"\x01")]
    )
    yield "depth_32", dict(
        frame=raw_frame(nested(32)).hex(), header=json.loads(nested(32)), inputs=[], outputs=[]
    )
    escaped = b'{"type":"log","message":"\\ud83c\\udf0d \\\\ud800 \\" [[[ \\u0000"}'
    yield "escapes", dict(
        frame=raw_frame(escaped).hex(), header=json.loads(escaped), inputs=[], outputs=[]
    )
    yield "last_of_two_equal_keys_counts", dict(
        frame=raw_frame(b'{"type":"ping","id":1,"id":2}').hex(),
        header={"type": "ping", "id": 2},
        inputs=[],
        outputs=[],
    )
    yield "aligned_without_padding", dict(
        frame=raw_frame(b'{"a": 1}').hex(), header={"a": 1}, inputs=[], outputs=[]
    )


def invalid_frames():
    ok = raw_frame(b'{"type":"ping","id":1}')
    yield "empty", "short_frame", b""
    yield "fifteen_bytes", "short_frame", ok[:15]
    yield "other_magic", "bad_magic", raw_frame(b"{}", magic=b"WPF2")
    yield "text", "bad_magic", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "header_over_1_mib", "header_too_large", raw_frame(b"{}", header_size=(1 << 20) + 8)
    yield "header_of_4_gib", "header_too_large", raw_frame(b"{}", header_size=2**32 - 8)
    yield "header_size_not_of_8", "header_alignment", raw_frame(b"{}", header_size=2)
    yield "data_over_1_gib", "frame_too_large", raw_frame(b"{}", data_size=2**30)
    yield "data_size_overflows", "frame_too_large", raw_frame(b"{}", data_size=2**64 - 8)
    yield "data_size_is_all_ones", "frame_too_large", raw_frame(b"{}", data_size=2**64 - 1)
    yield "header_longer_than_frame", "length_mismatch", raw_frame(b"{}", header_size=1 << 20)
    yield "header_cut", "length_mismatch", ok[:-1]
    yield "one_byte_too_many", "length_mismatch", ok + b"\0"
    yield "data_missing", "length_mismatch", raw_frame(b"{}", data_size=8)
    yield "no_header", "invalid_json", raw_frame(b"")
    yield "header_cut_in_json", "invalid_json", raw_frame(b'{"type":"pi')
    yield "two_values", "invalid_json", raw_frame(b"{} {}")
    yield "padded_with_zeros", "invalid_json", raw_frame(b"{}", pad=b"\0")
    yield "comment", "invalid_json", raw_frame(b"{/**/}")
    yield "trailing_comma", "invalid_json", raw_frame(b'{"a":1,}')
    yield "not_a_number", "invalid_json", raw_frame(b'{"a":NaN}')
    yield "byte_order_mark", "invalid_json", raw_frame(b"\xef\xbb\xbf{}")
    yield "half_a_surrogate_pair", "invalid_json", raw_frame(b'{"a":"\\ud800"}')
    yield "half_a_surrogate_pair_in_key", "invalid_json", raw_frame(b'{"\\udc00":1}')
    yield "latin_1", "invalid_utf8", raw_frame(b'{"a":"gr\xfc\xdfe"}')
    yield "overlong_slash", "invalid_utf8", raw_frame(b'{"a":"\xc0\xaf"}')
    yield "encoded_surrogate", "invalid_utf8", raw_frame(b'{"a":"\xed\xa0\x80"}')
    yield "above_unicode", "invalid_utf8", raw_frame(b'{"a":"\xf4\x90\x80\x80"}')
    yield "character_cut", "invalid_utf8", raw_frame(b'{"a":"\xe2\x82"}')
    yield "depth_33", "json_too_deep", raw_frame(nested(33))
    yield "list_as_header", "not_an_object", raw_frame(b"[]")
    yield "null_as_header", "not_an_object", raw_frame(b"null")
    yield "inputs_no_list", "bad_tensor", raw_frame(b'{"inputs":{}}')
    yield "inputs_null", "bad_tensor", raw_frame(b'{"inputs":null}')
    yield "entry_no_object", "bad_tensor", raw_frame(b'{"outputs":[1]}')
    yield "parameters_no_object", "bad_tensor", raw_frame(b'{"inputs":[{"parameters":1}]}')
    yield "no_name", "bad_tensor", lying([dict(entry(), name=1)], b"x")
    yield "name_too_long", "bad_tensor", lying([entry(name="n" * 4097)], b"x")
    yield "unknown_datatype", "bad_tensor", lying([entry(datatype="FP8")], b"x")
    yield "datatype_from_a_prototype", "bad_tensor", lying([entry(datatype="toString")], b"x")
    yield "no_shape", "bad_tensor", lying([dict(entry(), shape="1")], b"x")
    yield "negative_dimension", "bad_tensor", lying([entry(shape=[-1])], b"x")
    yield "dimension_with_fraction", "bad_tensor", lying([entry(shape=[0.5])], b"x")
    yield "dimension_as_text", "bad_tensor", lying([entry(shape=["1"])], b"x")
    yield "dimension_over_2_53", "bad_tensor", lying([entry(shape=[2**53])], b"x")
    yield "dimension_over_2_64", "bad_tensor", lying([entry(shape=[2**64])], b"x")
    yield "dimension_infinite", "bad_tensor", raw_frame(
        compact({"inputs": [entry(shape=[7])]}).replace(b"[7]", b"[1e999]"), b"x"
    )
    yield "product_overflows", "bad_tensor", lying([entry(shape=[2**32, 2**32])], b"x")
    yield "product_overflows_before_zero", "bad_tensor", lying(
        [entry(shape=[2**40, 2**40, 0], size=0)], b""
    )
    yield "a_billion_dimensions_worth", "bad_tensor", lying([entry(shape=[10**9])], b"x")
    yield "thirty_three_dimensions", "bad_tensor", lying([entry(shape=[1] * 33)], b"x")
    yield "size_negative", "bad_tensor", lying([entry(size=-1)], b"x")
    yield "size_with_fraction", "bad_tensor", lying([entry(size=0.5)], b"x")
    yield "size_over_2_64", "bad_tensor", lying([entry(size=2**64)], b"x")
    yield "size_as_text", "bad_tensor", lying([entry(size="1")], b"x")
    yield "size_less_than_shape", "bad_tensor", lying([entry(shape=[2], size=1)], b"x")
    yield "size_more_than_shape", "bad_tensor", lying([entry(shape=[1], size=2)], b"xy")
    yield "string_longer_than_data", "bad_tensor", lying(
        [entry(datatype="BYTES", shape=[1], size=6)], b"\xff\0\0\0hi"
    )
    yield "string_length_cut", "bad_tensor", lying(
        [entry(datatype="BYTES", shape=[1], size=3)], b"\0\0\0"
    )
    yield "one_string_too_few", "bad_tensor", lying(
        [entry(datatype="BYTES", shape=[2], size=5)], strings("a")
    )
    yield "one_string_too_many", "bad_tensor", lying(
        [entry(datatype="BYTES", shape=[1], size=10)], strings("a", "b")
    )
    yield "billions_of_strings", "bad_tensor", lying(
        [entry(datatype="BYTES", shape=[10**12], size=5)], strings("a")
    )
    yield "tensor_after_the_data", "data_mismatch", lying([entry(shape=[9], size=9)], b"12345678")
    yield "second_tensor_after_the_data", "data_mismatch", lying(
        [entry(shape=[8], size=8), entry()], b"12345678"
    )
    yield "gap_missing", "data_mismatch", lying([entry(), entry("y")], b"xy")
    yield "empty_tensor_after_a_missing_gap", "data_mismatch", lying(
        [entry(), entry("y", shape=[0], size=0)], b"x"
    )
    yield "largest_size", "data_mismatch", lying([entry(shape=[2**53 - 1], size=2**53 - 1)], b"x")
    yield "data_without_tensors", "data_mismatch", raw_frame(b'{"type":"ping","id":1}', bytes(8))
    yield "bytes_after_the_last", "data_mismatch", lying([entry()], b"x" + bytes(7))
    yield "gap_not_zero", "nonzero_padding", lying(
        [entry(), entry("y")], b"x" + b"\0\0\0\0\0\1\0" + b"y"
    )


CAPABILITIES = {
    "browser": {"user_agent": "Mozilla/5.0 (X11; Linux x86_64)", "brand": "Chromium", "version": "156"},
    "cross_origin_isolated": True,
    "cores": 2,
    "cores_trusted": False,
    "memory_gib": 0.5,
    "wasm": {"simd": True, "threads": True, "relaxed_simd": True},
    "webgpu": {
        "vendor": "google",
        "architecture": "swiftshader",
        "device": "",
        "description": "SwiftShader Device",
        "software": True,
        "shader_f16": False,
        "limits": {
            "max_buffer_size": 2**30,
            "max_storage_buffer_binding_size": 134217728,
            "max_compute_workgroup_storage_size": 32768,
            "max_compute_invocations_per_workgroup": 256,
        },
        "features": ["shader-f16", "subgroups"],
        "subgroup_min_size": 4,
        "subgroup_max_size": None,
    },
    "webnn": [
        {"device_type": "cpu", "ok": True, "runs_on": "cpu", "matmul_ms": 12.5},
        {"device_type": "npu", "ok": False, "runs_on": "unknown", "matmul_ms": None},
    ],
    "opfs": True,
    "workers": True,
}
PLAIN = dict(CAPABILITIES, memory_gib=None, webgpu=None, webnn=[], cross_origin_isolated=False)
TOKEN = "00112233445566778899aabbccddeeff"
SESSION = "ffeeddccbbaa99887766554433221100"
EMBEDDING = [tensor("embedding", "FP32", [1, 2], struct.pack("<ff", 0.6, 0.8))]
TEXT = [tensor("text", "BYTES", [2], strings("a sentence", "noch einer – ü"))]
OLDER_MODEL = {"model": "m2", "backend": "wasm", "runs": 7, "open": 1, "bytes": 90000000}
OLDER_MEMORY = {"js_heap": 1000, "opfs_used": 2000, "opfs_quota": None}
TIMINGS = {
    "fetch_ms": 1.5,
    "compile_ms": 250.25,
    "warmup_ms": 3.75,
    "bytes_network": 90000000,
    "bytes_cache": 7,
    "bytes_peer": 1048576,
    "components": [
        {"name": "encoder_model", "complete_ms": 1.25, "begun_ms": 1.5, "ready_ms": 100.5},
        {"name": "decoder_model_merged", "complete_ms": 80.5, "begun_ms": 100.5, "ready_ms": 251.75},
    ],
}
SIGNAL = {"type": "signal", "peer": "joined-2.7", "kind": "offer", "text": '{"sdp": "v=0\r\n…"}'}


def page_messages():
    hello = {
        "type": "hello",
        "protocol": 1,
        "token": TOKEN,
        "resume": "",
        "known": [],
        "page_version": "0.1.0",
        "capabilities": CAPABILITIES,
    }
    yield "hello", frame(hello)
    yield "hello_resume", frame(dict(hello, resume=SESSION, known=[3, 5], capabilities=PLAIN))
    yield "progress", frame(
        {"type": "progress", "id": 1, "phase": "fetch", "loaded": 5, "total": 10, "file": "onnx/model.onnx"}
    )
    loaded = {
        "type": "loaded",
        "id": 1,
        "model": "m1",
        "backend": "webgpu",
        "inputs": [{"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]}],
        "outputs": [{"name": "last_hidden_state", "datatype": "FP32", "shape": [-1, -1, 384]}],
        "placement": {
            "counted": 60,
            "on_backend": 58,
            "by_provider": {"WebGpuExecutionProvider": 58, "CPUExecutionProvider": 2},
        },
        "bytes": 90000000,
        "timings": TIMINGS,
    }
    yield "loaded", frame(loaded)
    yield "loaded_without_placement", frame(dict(loaded, placement=None))
    result = {"type": "result", "id": 2, "timings": {"queue_ms": 0.25, "run_ms": 12.5}}
    yield "result", frame(dict(result, details={}), outputs=EMBEDDING)
    details = {"finish_reason": "stop", "completion_tokens": 8}
    yield "result_with_details", frame(dict(result, details=details), outputs=EMBEDDING)
    yield "partial", frame({"type": "partial", "id": 2, "index": 0, "data": {"text": "grüße 🌍"}})
    yield "unloaded", frame({"type": "unloaded", "id": 3})
    yield "stats", frame(
        {
            "type": "stats",
            "id": 4,
            "models": [
                {
                    "model": "m1",
                    "backend": "webgpu",
                    "runs": 7,
                    "open": 1,
                    "bytes": 90000000,
                    "wasm_bytes": 16777216,
                    "gpu_bytes": 91000000,
                },
                dict(OLDER_MODEL, wasm_bytes=None, gpu_bytes=None),
            ],
            "memory": dict(OLDER_MEMORY, wasm=16777216, gpu=None),
        }
    )
    checked = {"type": "checked", "id": 9, "ok": True, "ms": 1.25, "message": ""}
    yield "checked", frame(checked)
    yield "checked_and_found_wrong", frame(
        dict(checked, ok=False, ms=0.5, message="the answer was 0 and not 3")
    )
    yield "echo", frame({"type": "echo", "id": 5}, outputs=EVERY_TYPE)
    yield "echo_of_nothing", frame({"type": "echo", "id": 5}, outputs=[])
    yield "pong", frame({"type": "pong", "id": 6})
    yield "drained", frame({"type": "drained", "id": 7})
    yield "error", frame(
        {
            "type": "error",
            "id": 8,
            "category": "cancelled",
            "message": "the run was cancelled",
            "hint": "",
            "lost": ["m1"],
        }
    )
    yield "error_of_the_page", frame(
        {
            "type": "error",
            "id": 0,
            "category": "out_of_memory",
            "message": "Der Speicher reicht nicht",
            "hint": "fewer models",
            "lost": [],
        }
    )
    yield "log", frame({"type": "log", "level": "warning", "message": "no OPFS here"})
    yield "signal", frame(SIGNAL)
    yield "signal_that_it_is_gone", frame(dict(SIGNAL, kind="gone", text=""))


def older_page_messages():
    """Pages of version 0.1: without the keys that came later, which must not be missed."""
    webgpu = dict(CAPABILITIES["webgpu"])
    for key in ("features", "subgroup_min_size", "subgroup_max_size"):
        del webgpu[key]
    limits = webgpu["limits"]
    webgpu["limits"] = {
        key: limits[key] for key in ("max_buffer_size", "max_storage_buffer_binding_size")
    }
    capabilities = dict(
        CAPABILITIES,
        wasm={"simd": True, "threads": True},
        webgpu=webgpu,
        webnn=[{"device_type": "cpu", "ok": True}],
    )
    del capabilities["cores_trusted"]
    hello = dict(dict(page_messages())["hello"]["header"], capabilities=capabilities)
    yield "hello", frame(hello)
    stats = {"type": "stats", "id": 4, "models": [OLDER_MODEL], "memory": OLDER_MEMORY}
    yield "stats", frame(stats)
    result = {"type": "result", "id": 2, "timings": {"queue_ms": 0.25, "run_ms": 12.5}}
    yield "result", frame(result, outputs=EMBEDDING)
    timings = {key: TIMINGS[key] for key in TIMINGS if key not in ("bytes_peer", "components")}
    loaded = dict(dict(page_messages())["loaded"]["header"], timings=timings)
    yield "loaded", frame(loaded)


def pool_messages():
    yield "welcome", frame(
        {
            "type": "welcome",
            "protocol": 1,
            "session": SESSION,
            "heartbeat_ms": 5000,
            "grace_ms": 10000,
            "max_frame_size": 2**30,
            "open": [2, 3],
        }
    )
    yield "load", frame(
        {
            "type": "load",
            "id": 1,
            "model": "m1",
            "name": "all-minilm-l6-v2",
            "root": "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
            "files": [{"path": "onnx/model.onnx", "cid": "bafkreia", "size": 90387630}],
            "task": "text-embedding",
            "backend": "wasm",
            "dtype": "fp32",
            "threads": 2,
            "options": {"graph": {"optimise": [True, None, "all"]}},
        }
    )
    run = {"type": "run", "id": 2, "model": "m1", "parameters": {"pooling": "mean", "normalize": True}}
    yield "run", frame(run, inputs=TEXT)
    yield "run_with_received", frame(dict(run, received=[1, 9007199254740991]), inputs=EVERY_TYPE)
    yield "cancel", frame({"type": "cancel", "id": 2})
    yield "unload", frame({"type": "unload", "id": 3, "model": "m1"})
    yield "stats", frame({"type": "stats", "id": 4})
    yield "check", frame({"type": "check", "id": 9, "model": "m1"})
    yield "check_of_the_page", frame({"type": "check", "id": 9, "model": ""})
    yield "echo", frame({"type": "echo", "id": 5}, inputs=EVERY_TYPE)
    yield "echo_of_nothing", frame({"type": "echo", "id": 5}, inputs=[])
    yield "ping", frame({"type": "ping", "id": 6, "received": [5]})
    yield "drain", frame({"type": "drain", "id": 7})
    yield "close", frame({"type": "close", "reason": "done"})
    files = [
        {"cid": "bafkreia", "peers": ["joined-2.7", "chromium-0.3"]},
        {"cid": "bafkreib", "peers": []},
    ]
    yield "peers", frame({"type": "peers", "self": "joined-1.4", "files": files})
    yield "signal", frame(SIGNAL)
    yield "signal_with_a_candidate", frame(dict(SIGNAL, kind="candidate", received=[5]))


def changed(messages, name, key, value):
    """One message with one key changed (dotted for inner ones); value `...` removes it."""
    header = copy.deepcopy(dict(messages)[name]["header"])
    *path, last = key.split(".")
    place = header
    for step in path:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    source = dict(messages)[name]
    data = bytes.fromhex(source["frame"])[16 + struct.unpack("<I", bytes.fromhex(source["frame"])[4:8])[0] :]
    return raw_frame(compact(header), data)


def breaches(messages, changes):
    for name, key, value in changes:
        label = "missing" if value is ... else compact(value).decode()
        label = label if len(label) < 40 else label[:20] + "…"
        yield f"{name}: {key} = {label}", changed(messages, name, key, value)


def invalid_page_messages():
    pages = list(page_messages())
    yield from breaches(
        pages,
        [
            ("pong", "type", ...),
            ("pong", "type", 1),
            ("hello", "protocol", 2),
            ("hello", "protocol", "1"),
            ("hello", "token", ...),
            ("hello", "token", "t" * 4097),
            ("hello", "resume", None),
            ("hello", "known", ...),
            ("hello", "known", [0]),
            ("hello", "known", [-1]),
            ("hello", "known", [1.5]),
            ("hello", "known", [1] * 4097),
            ("hello", "capabilities", ...),
            ("hello", "capabilities", []),
            ("hello", "capabilities.cores", 0),
            ("hello", "capabilities.cores", 65537),
            ("hello", "capabilities.memory_gib", "8"),
            ("hello", "capabilities.memory_gib", -1),
            ("hello", "capabilities.wasm.simd", 1),
            ("hello", "capabilities.webgpu", ...),
            ("hello", "capabilities.webgpu", True),
            ("hello", "capabilities.webgpu.limits.max_buffer_size", 2**53),
            ("hello", "capabilities.webnn", None),
            ("hello", "capabilities.webnn.0.ok", ...),
            ("progress", "id", 0),
            ("progress", "id", -1),
            ("progress", "id", 2**53),
            ("progress", "id", 2**64),
            ("progress", "id", "1"),
            ("progress", "id", 1.5),
            ("progress", "phase", "cooking"),
            ("progress", "loaded", -1),
            ("progress", "total", None),
            ("loaded", "model", ""),
            ("loaded", "backend", "cuda"),
            ("loaded", "backend", ...),
            ("loaded", "inputs", ...),
            ("loaded", "inputs.0.shape", [-2]),
            ("loaded", "inputs.0.shape", [1] * 33),
            ("loaded", "inputs.0.datatype", "FP8"),
            ("loaded", "inputs.0.name", ""),
            ("loaded", "placement", ...),
            ("loaded", "placement.counted", -1),
            ("loaded", "placement.by_provider", []),
            ("loaded", "placement.by_provider", {"CPUExecutionProvider": -1}),
            ("loaded", "timings.fetch_ms", -0.5),
            ("loaded", "timings.fetch_ms", "1"),
            ("loaded", "timings.bytes_network", 0.5),
            ("loaded", "timings.bytes_peer", -1),
            ("loaded", "timings.components", {}),
            ("loaded", "timings.components.0.name", ...),
            ("loaded", "timings.components.1.ready_ms", "1"),
            ("signal", "peer", ""),
            ("signal", "peer", ...),
            ("signal", "kind", "shout"),
            ("signal", "text", "x" * 4097),
            ("signal", "text", None),
            ("result", "timings", ...),
            ("result", "details", []),
            ("partial", "id", 0),
            ("partial", "index", -1),
            ("partial", "index", ...),
            ("partial", "data", ...),
            ("partial", "data", "text"),
            ("result", "timings.run_ms", 1e16),
            ("stats", "models", {}),
            ("stats", "memory.js_heap", -1),
            ("stats", "memory.js_heap", ...),
            ("stats", "memory.wasm", -1),
            ("stats", "models.0.wasm_bytes", "1"),
            ("stats", "models.0.gpu_bytes", 0.5),
            ("hello", "capabilities.cores_trusted", None),
            ("hello", "capabilities.wasm.relaxed_simd", 1),
            ("hello", "capabilities.webgpu.features", "subgroups"),
            ("hello", "capabilities.webgpu.features", [1]),
            ("hello", "capabilities.webgpu.subgroup_min_size", -1),
            ("hello", "capabilities.webgpu.limits.max_compute_invocations_per_workgroup", "256"),
            ("hello", "capabilities.webnn.0.runs_on", 1),
            ("hello", "capabilities.webnn.0.matmul_ms", "1"),
            ("checked", "ok", ...),
            ("checked", "ok", 1),
            ("checked", "ms", -1),
            ("checked", "message", None),
            ("error", "id", -1),
            ("error", "id", ...),
            ("error", "category", 1),
            ("error", "message", "x" * 16385),
            ("error", "lost", ...),
            ("error", "lost", [1]),
            ("error", "lost", [""]),
            ("log", "level", "shout"),
            ("log", "message", ...),
        ],
    )
    infinite = compact(dict(pages)["loaded"]["header"]).replace(b"250.25", b"1e999")
    yield "loaded: timings.compile_ms = 1e999", raw_frame(infinite)
    yield "pong with tensors", bytes.fromhex(
        frame({"type": "pong", "id": 1}, outputs=EMBEDDING)["frame"]
    )
    yield "result with inputs", bytes.fromhex(
        frame(dict(dict(pages)["result"]["header"]), inputs=EMBEDDING, outputs=EMBEDDING)["frame"]
    )
    yield "result whose tensor has no data", raw_frame(
        compact(dict(dict(pages)["result"]["header"], outputs=[{"name": "x"}]))
    )
    yield "result without outputs", raw_frame(
        compact({"type": "result", "id": 2, "timings": {"queue_ms": 0.25, "run_ms": 12.5}})
    )


def invalid_pool_messages():
    pools = list(pool_messages())
    yield from breaches(
        pools,
        [
            ("ping", "type", ...),
            ("ping", "type", None),
            ("ping", "id", 0),
            ("ping", "received", {}),
            ("ping", "received", [0]),
            ("welcome", "protocol", 2),
            ("welcome", "session", ...),
            ("welcome", "heartbeat_ms", 0),
            ("welcome", "grace_ms", -1),
            ("welcome", "max_frame_size", 15),
            ("welcome", "open", ...),
            ("load", "model", ""),
            ("load", "files", {}),
            ("load", "files.0.cid", ...),
            ("load", "files.0.size", -1),
            ("load", "backend", "cpu"),
            ("load", "threads", 1025),
            ("load", "options", []),
            ("run", "model", ...),
            ("run", "parameters", ...),
            ("unload", "model", 1),
            ("check", "model", ...),
            ("check", "id", 0),
            ("close", "reason", ...),
            ("peers", "self", ""),
            ("peers", "files", {}),
            ("peers", "files.0.cid", ...),
            ("peers", "files.1.peers", ...),
            ("peers", "files.0.peers", [""]),
            ("peers", "files.0.peers", [1]),
            ("signal", "peer", 1),
            ("signal", "kind", ...),
            ("signal", "text", "x" * 4097),
        ],
    )
    yield "cancel with tensors", bytes.fromhex(
        frame({"type": "cancel", "id": 1}, inputs=EMBEDDING)["frame"]
    )
    yield "run whose tensor has no data", raw_frame(
        compact({"type": "run", "id": 2, "model": "m1", "parameters": {}, "inputs": [{"name": "x"}]})
    )


def named(items):
    return [dict(name=name, **item) for name, item in items]


def refused(items):
    return [{"name": name, "code": code, "frame": data.hex()} for name, code, data in items]


def write(name, content):
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (HERE / name).write_text(text + "\n", encoding="utf-8")
    print(f"{name}: " + ", ".join(f"{len(v)} {k}" for k, v in content.items()))


def main():
    write("frames.json", {"valid": named(valid_frames()), "invalid": refused(invalid_frames())})
    bad = "bad_message"
    write(
        "messages.json",
        {
            "page": named(page_messages()),
            "older_page": named(older_page_messages()),
            "pool": named(pool_messages()),
            "invalid_page": refused((n, bad, d) for n, d in invalid_page_messages()),
            "invalid_pool": refused((n, bad, d) for n, d in invalid_pool_messages()),
        },
    )


if __name__ == "__main__":
    main()
