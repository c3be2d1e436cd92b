"""What the programs that write golden files share."""
import argparse
import json

import torch


def array(x):
    return {"shape": list(x.shape), "data": x.detach().reshape(-1).tolist()}


def write(path, cases):
    with open(path, "w") as fh:
        json.dump({"format": 1, "cases": cases}, fh)


def main(doc, golden):
    """The command line of a program that does nothing else."""
    ap = argparse.ArgumentParser(description=doc.split("\n")[0])
    ap.add_argument("--golden", metavar="FILE", required=True, help="write the golden cases")
    a = ap.parse_args()
    torch.set_num_threads(1)
    golden(a.golden)
