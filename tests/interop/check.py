"""What other people's readers make of our files: jsonschema of our schema and specs, safetensors of
our checkpoints and algorithms.

    check.py VSML_PROGRAM SOURCE_FOLDER

Exit status 77 (skipped) if the packages are not there.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import numpy
    import safetensors
    import safetensors.numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

PROGRAM, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
TINY = {
    "name": "tiny",
    "experiment": "meta_train",
    "learner": {"type": "vsml", "state_size": 4, "message_size": 2},
    "meta": {"steps": 2, "population": 2, "carry": True, "unroll": 3, "lifetime": 9},
    "tasks": {"train": [{"dataset": "sum_sign"}], "test": [{"dataset": "sum_sign"}]},
    "evaluate": {"episodes": 2, "episode_length": 5},
}


def check_schema():
    schema = json.loads(subprocess.run([PROGRAM, "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    specs = sorted((SOURCE / "data" / "specs").rglob("*.json"))
    assert specs
    for path in specs:
        validator.validate(json.loads(path.read_text()))
    validator.validate(TINY)
    for wrong in ({"stepz": 3}, {"meta": {"steps": "3"}}, {"meta": {"optimizer": "sgd"}}):
        assert not validator.is_valid({**TINY, **wrong}), wrong
    print(f"jsonschema: the schema is valid, {len(specs)} shipped specs fit it")


def check_safetensors():
    with tempfile.TemporaryDirectory() as folder:
        spec, out = pathlib.Path(folder, "tiny.json"), pathlib.Path(folder, "run")
        spec.write_text(json.dumps(TINY))
        subprocess.run([PROGRAM, "run", spec, "--out", out, "--quiet"], check=True, capture_output=True)
        resolved = json.loads((out / "spec.json").read_text())
        schema = json.loads((SOURCE / "docs" / "spec.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(resolved)
        tensors = safetensors.numpy.load_file(out / "algorithm.safetensors")
        assert tensors["cell.w"].shape == (2 + 2 + 4, 16) and tensors["cell.w"].dtype == numpy.float32
        assert all(numpy.isfinite(value).all() for value in tensors.values())
        (checkpoint,) = (out / "checkpoints").iterdir()
        with safetensors.safe_open(checkpoint, "numpy") as file:
            assert file.metadata()["step"] == "2"
            assert file.get_tensor("lanes.age").dtype == numpy.int32
            parts = [tensors[name].ravel() for name in
                     ("cell.w", "cell.bias", "cell.m_forward", "cell.b_forward", "cell.m_reverse",
                      "cell.b_reverse")]
            assert (file.get_tensor("params") == numpy.concatenate(parts)).all()
    print("safetensors: algorithm and checkpoint read back")


check_schema()
check_safetensors()
