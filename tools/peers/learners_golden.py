"""Fixed cases of all learners in float64, the numbers that an implementation is held against.

Golden file: {"format", "cases": [{spec, params, inputs, labels, states0, outputs, states, loss,
grads}]}.  params and grads are lists of one dict.  spec: learner, name, P, T, D, O, batch (S), own,
tanh_bound, loss ("mean" over all examples or "last" one), image ([H,W,C] or null), conv (channels,
0 for none) and the letters above; layers and hidden for sgd and adam, hidden (a list) for
learned_rule; of lr the one in params counts; scale, noise and zero_input only made the numbers.
The letters are those of learners_torch.py and own_learners_torch.py (same folder).
"""
import math

import torch
import torch.nn.functional as F

import golden_file
from learners_torch import FWP, FWMemory, Hebbian, MetaRNN, Online
from own_learners_torch import HyperNetwork, LearnedRule

LEARNERS = {"meta_rnn": MetaRNN, "hebbian": Hebbian, "fwp": FWP, "fw_memory": FWMemory,
            "sgd": Online, "adam": Online, "hypernetwork": HyperNetwork,
            "learned_rule": LearnedRule}


# ---------------------------------------------------------------- streams

def init_params(learner, seed=0, dtype=torch.float32):
    """Initial parameters as described in the learner's section above."""
    g = torch.Generator().manual_seed(seed)
    p = {}
    for k, shape in learner.shapes().items():
        if k in learner.start():
            p[k] = torch.full(shape, learner.start()[k], dtype=dtype)
        elif len(shape) > 1:
            x = torch.randn(shape, generator=g, dtype=torch.float64).clamp(-2, 2)
            p[k] = (x / math.prod(shape[:-1]) ** 0.5).to(dtype)
        else:
            p[k] = torch.zeros(shape, dtype=dtype)
    return p


def stream(learner, p, inputs, labels, state=None):
    """inputs [T,P,...], labels [T,P,O] -> outputs [T,P,O], final state."""
    s = learner.s
    G = inputs.shape[1] // s["batch"]
    x = inputs.reshape((inputs.shape[0], G, s["batch"]) + inputs.shape[2:])
    y = labels.reshape(labels.shape[0], G, s["batch"], -1)
    if not s["own"]:
        p = {k: v.expand((G,) + v.shape) for k, v in p.items()}
    st = learner.initial(x[0]) if state is None else state
    if hasattr(learner, "begin"):
        st = learner.begin(p, st)
    outs = []
    for t in range(x.shape[0]):
        st, out = learner.step(p, st, x[t], y[t])
        outs.append(out.reshape(labels.shape[1:]))
    return torch.stack(outs), st


def meta_loss(outputs, labels, last=False):
    """Mean cross entropy over examples and tasks (or over tasks, of the last example)."""
    if last:
        outputs, labels = outputs[-1], labels[-1]
    return -(labels * F.log_softmax(outputs, -1)).sum(-1).mean()


# ---------------------------------------------------------------- golden cases

def _case(name, learner, **kw):
    base = {"meta_rnn": dict(N=4, K=2), "hebbian": dict(oja=False),
            "fwp": dict(F=4, scale=0.7, noise=0.1), "fw_memory": dict(N=4, m=3),
            "sgd": dict(layers=1, hidden=0, lr=0.1, T=20),
            "adam": dict(layers=1, hidden=0, lr=0.02, T=20),
            "hypernetwork": dict(C=4, N=4, K=1, R=1), "learned_rule": dict(Q=4, hidden=[])}
    s = dict(name=learner + "_" + name, learner=learner, D=5, image=None, conv=0, O=3, P=2, T=5,
             batch=1, own=False, tanh_bound=100.0, loss="mean", scale=2.0, noise=0.3)
    s.update(base[learner])
    s.update(kw)
    if s["image"]:
        s["D"] = math.prod(s["image"])
    return s


GOLDEN = [
    _case("plain", "meta_rnn"),
    _case("k1_bound2", "meta_rnn", K=1, tanh_bound=2.0, D=7, O=2),
    _case("batch2_nobound", "meta_rnn", P=4, batch=2, tanh_bound=0.0, K=3),
    _case("own", "meta_rnn", own=True, P=3),
    _case("image_last", "meta_rnn", image=[2, 3, 2], loss="last"),
    _case("conv_odd_even", "meta_rnn", image=[9, 12, 2], conv=2, T=3, loss="last"),
    _case("conv_own", "meta_rnn", image=[7, 4, 1], conv=2, T=3, own=True),
    _case("hebb", "hebbian"),
    _case("oja", "hebbian", oja=True),
    _case("hebb_batch3", "hebbian", P=6, batch=3),
    _case("oja_batch2_bound2", "hebbian", oja=True, P=4, batch=2, tanh_bound=2.0),
    _case("oja_nobound_own", "hebbian", oja=True, own=True, tanh_bound=0.0),
    _case("oja_conv_last", "hebbian", oja=True, image=[6, 5, 1], conv=3, T=3, loss="last"),
    _case("plain", "fwp"),
    _case("batch2", "fwp", P=4, batch=2),
    _case("nobound_own", "fwp", own=True, tanh_bound=0.0),
    _case("bound2_image", "fwp", image=[2, 2, 2], F=6, O=2, tanh_bound=2.0),
    _case("plain", "fw_memory"),
    _case("small_norm", "fw_memory", scale=0.5),
    _case("large_norm", "fw_memory", m=4, N=6, T=8, scale=3.0, noise=0.5, tanh_bound=5.0),
    _case("m2_nobound_own", "fw_memory", m=2, N=6, own=True, tanh_bound=0.0, P=3),
    _case("bound2", "fw_memory", m=4, T=6, tanh_bound=2.0),
    _case("conv_last", "fw_memory", image=[5, 8, 1], conv=2, T=3, loss="last"),
    _case("one_layer", "sgd"),
    _case("two_layers", "sgd", layers=2, hidden=6),
    _case("three_layers_bound2", "sgd", layers=3, hidden=4, tanh_bound=2.0),
    _case("batch2_own", "sgd", P=4, batch=2, own=True, layers=2, hidden=4),
    _case("conv", "sgd", image=[6, 7, 1], conv=2, P=1),
    _case("one_layer", "adam"),
    _case("two_layers", "adam", layers=2, hidden=6),
    _case("batch2_bound2", "adam", P=4, batch=2, layers=2, hidden=4, tanh_bound=2.0),
    _case("conv", "adam", image=[9, 10, 1], conv=2, P=1, lr=0.001),
    _case("conv_padding_taps", "adam", image=[6, 7, 1], conv=2, P=1, lr=0.001),
    _case("zero_input", "adam", layers=2, hidden=4, zero_input=2),
    _case("rank1", "hypernetwork"),
    _case("rank2_k2", "hypernetwork", R=2, K=2, D=6, O=4),
    _case("rank3_own_bound2", "hypernetwork", R=3, own=True, tanh_bound=2.0, N=6, C=3),
    _case("image_nobound_last", "hypernetwork", image=[2, 3, 1], tanh_bound=0.0, loss="last"),
    _case("one_layer", "learned_rule", T=6),
    _case("two_layers", "learned_rule", hidden=[4], T=6),
    _case("three_layers_own_bound2", "learned_rule", hidden=[4, 3], own=True, tanh_bound=2.0, Q=6),
    _case("image_nobound_last", "learned_rule", image=[3, 2, 1], tanh_bound=0.0, loss="last"),
]


def golden(path):
    """Write fixed-seed float64 cases; every array is {"shape": [...], "data": [...]}.
    params and grads are lists of one dict, as in the dense network's file; states0 and states
    (before the first and after the last example) are dicts with a leading axis G."""
    d, arr = torch.float64, golden_file.array
    cases, worst = [], 0.0
    for n, s in enumerate(GOLDEN):
        learner = LEARNERS[s["learner"]](s)
        g = torch.Generator().manual_seed(700 + n)
        G = s["P"] // s["batch"]

        def noise(*shape):
            return torch.randn(shape, generator=g, dtype=d)
        p = init_params(learner, seed=2000 + n, dtype=d)
        for k, v in p.items():
            if s["own"]:
                v = v.expand((G,) + v.shape).clone()
            if k == "lr":
                v = (v + s["lr"]) * (1 + 0.1 * noise(*v.shape) if s["own"] else 1)
            elif k in ("fw_lr", "w_lr", "m_lr"):
                v = v + 4 + noise(*v.shape)             # fast enough for all paths to show
            else:
                v = s["scale"] * v + s["noise"] * noise(*v.shape)
            p[k] = v.requires_grad_(True)
        inputs = noise(s["T"], s["P"], *(s["image"] or [s["D"]]))
        if "zero_input" in s:
            inputs[..., s["zero_input"]] = 0
        labels = F.one_hot(torch.randint(s["O"], (s["T"], s["P"]), generator=g), s["O"]).to(d)
        x0 = inputs[0].reshape((G, s["batch"]) + inputs.shape[2:])
        st0 = learner.initial(x0)
        if s["learner"] == "fwp":
            st0["fast"] = 0.5 * noise(*st0["fast"].shape)
        if s["learner"] == "learned_rule":
            for k, v in st0.items():
                st0[k] = 0.5 * noise(*v.shape)

        def run(p):
            outs, fin = stream(learner, p, inputs, labels, st0)
            return outs, fin, meta_loss(outs, labels, s["loss"] == "last")
        outs, fin, loss = run(p)
        grads = torch.autograd.grad(loss, list(p.values()))
        way = [noise(*v.shape) for v in p.values()]
        with torch.no_grad():       # along a random direction, against a central difference
            ends = [run({k: v + e * w for (k, v), w in zip(p.items(), way)})[2].item()
                    for e in (1e-6, -1e-6)]
        slope = sum((a * b).sum().item() for a, b in zip(way, grads))
        off = abs((ends[0] - ends[1]) / 2e-6 - slope) / (abs(slope) + 1e-3)
        worst = max(worst, off)
        assert off < 1e-5 and all(v.isfinite().all() for v in grads), (s["name"], off, slope)
        if hasattr(learner, "begin"):
            full = p if s["own"] else {k: v.expand((G,) + v.shape) for k, v in p.items()}
            st0 = learner.begin(full, st0)
        cases.append(dict(spec=s, params=[{k: arr(v) for k, v in p.items()}],
                          inputs=arr(inputs), labels=arr(labels),
                          states0={k: arr(v) for k, v in st0.items()},
                          outputs=arr(outs), states={k: arr(v) for k, v in fin.items()},
                          loss=loss.item(), grads=[{k: arr(v) for k, v in zip(p, grads)}]))
    golden_file.write(path, cases)
    print("wrote %d cases to %s; gradients against differences %.1e" % (len(cases), path, worst))


if __name__ == "__main__":
    golden_file.main(__doc__, golden)
