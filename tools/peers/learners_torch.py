"""The other learners of the VSML paper, in batched PyTorch: an oracle.

Every learner sees a stream of examples.  It predicts from x, is then told the label, and keeps
what it learned in its state; meta-learning differentiates the whole stream by its parameters.

    G  learners side by side, S examples per learner and step (S = 1 but where noted), P = G*S
    T  examples in a stream, D flat input size, O classes, N hidden size of an LSTM, K micro ticks
Inputs are [T,P,D], or [T,P,H,W,C] for images, labels one-hot [T,P,O], outputs [T,P,O]; row
g*S + s of P belongs to learner g.  States have a leading axis G, per-example state G, S.
Parameters are shared by all learners, or have a leading axis G (spec "own": evolution
strategies).  Matrices are [in, out]: y = x @ W + b.

Common to all
  * error e = (softmax(out) - label) / S: the gradient of the mean cross entropy of the step;
    the meta-gradient flows through it, there is no stop-gradient anywhere;
  * bound(y) = B tanh(y / B) if tanh_bound B is not 0; the error is taken at the BOUNDED output
    and does not include the derivative of the bound (sgd and adam do include it);
  * inputs and images are flattened row-major, channel fastest, then concatenated in the
    order given; initial error, label and output are 0;
  * LSTM as in haiku, not as in PyTorch: one matrix W [in+N, 4N] for [x, h], one bias, gates in
    the order i, g, f, o, and c = sigmoid(f + 1) c + sigmoid(i) tanh(g); initial h, c = 0;
  * linear and convolution weights start truncated normal (at 2 sigma) of std 1/sqrt(fan in)
    before truncation, biases 0.

conv: the feature extractor, an option of meta_rnn, hebbian, fw_memory, sgd and adam
    Three 3x3 convolutions (no flip, kernels K0..K2 [3,3,in,out], biases k0..k2), stride 2, with
    XLA's SAME padding: n' = ceil(n/2), total padding (n'-1)*2 + 3 - n if positive, the SMALLER
    half before: an even size pads 0 before and 1 after, an odd size 1 and 1.  Channels: 64 for
    meta_rnn, 8 elsewhere (small here).  After them relu, relu, tanh; for sgd and adam tanh three
    times.  28x28 becomes 4x4.  Its weights are parameters like any other: meta-learned, except
    that sgd and adam train theirs online.

meta_rnn (Hochreiter et al. 2001)
    params W, b, Wo, bo                                               state h, c, error, label
    LSTM on [x, e of the previous example, label of the previous example], K micro ticks with
    the input unchanged, then out = bound(h Wo + bo).  Any S: the S states stay apart.
    Defaults N 128, K 2, bound 100.

hebbian (differentiable plasticity, Miconi et al. 2018; Hebb or Oja)              any S
    params w [in,O], b, coeff [in,O], fw_lr []; in = D + 2 O                      state fast [in,O]
    y(v) = v @ (w + coeff * fast) + b.  Two evaluations per example with the SAME fast:
    out = bound(y([x, 0, 0])); then v = [x, e, label] with this example's own error and label,
    z = softmax(y(v)), without bound; with a = sigmoid(fw_lr)
        hebb:  fast' = (1 - a) fast + a v_i z_o
        oja:   fast' = fast + a z_o (v_i - z_o fast)
    and the mean of fast' over S.  The fast weights of the first evaluation are dropped.  fast
    starts at 0, coeff at 0.01, fw_lr at -4.5.

fwp (fast weight programmer with the delta rule, Schlag, Irie & Schmidhuber 2021)   any S
    params W [D+3O, 2F+O+1], b                             state fast [F,O], error, label, out
    [k F, v O, q F, beta 1] = [x, out, e, label (the last three of the previous example)] @ W + b:
    mind that out comes BEFORE error and label, and the order k, v, q, beta.
    fast' = fast + sum over S of outer(k, sigmoid(beta) (v - k fast)): a SUM, not a mean, and all
    reads before the write.  out = bound(q fast'): read after the write; the out fed back is
    bounded.  k, q and v are raw, neither squashed nor normalised, so fast can diverge.  fast
    starts random, truncated normal of std 1/sqrt(F) AFTER truncation (1/sqrt(F)/0.8796 before),
    and is not meta-learned.  Defaults F 64, bound 100.

fw_memory (fast weight memory, Schlag, Munkhdalai & Schmidhuber 2021)               S = 1
    params W, b (LSTM), Ww [N,3m+1], bw, Wr [N,2m], br, Wp [m,N], bp, Wo [N,O], bo
    state h, c, memory [m,m*m], error, label
    One LSTM tick on [x, previous e, previous label].  Write: [k1, k2, v] = tanh of the first 3m
    of h Ww + bw, beta = sigmoid of the last one (no tanh); key = outer(k1, k2) flat, index
    k1*m + k2; memory += beta outer(v - memory key, key); then memory /= max(1, its Frobenius
    norm): of the whole matrix, with gradient, EVERY example.  Then read from the new memory:
    [n, e'] = tanh(h Wr + br); r = layernorm(memory outer(n, e')) without scale or offset, biased
    variance, eps 1e-5; out = bound((h + r Wp + bp) Wo + bo).  The LSTM carries h, not h + r.
    Defaults N 32, m 16, bound 100.

sgd, adam: an MLP trained online                                                    any S
    params W0, b0, W1, b1, ... (initial weights), lr []          state: weights; adam: mu_*, nu_*, t
    layers - 1 hidden tanh layers (160 wide), a linear one, the bound.  The output of an example is
    that BEFORE its update; one step per example on the mean cross entropy of its S examples; here
    the bound IS differentiated.  adam as in optax: m = .9m + .1g, v = .999v + .001g^2, t += 1,
    w -= lr (m/(1-.9^t)) / (sqrt(v/(1-.999^t)) + 1e-8): eps outside the root.  While v is exactly 0
    (an input that was always 0, a kernel tap that sees only padding) the gradient of its root
    counts as 0 here, where plain differentiation gives NaN.
    The authors give all streams the same initial weights and meta-learn nothing; "grads" here is
    by the initial weights AND by lr, through all updates (as MAML, Finn et al. 2017): it needs
    second derivatives.  Defaults: sgd lr 0.01, adam lr 0.001, bound 100.

hypernetwork and learned_rule, our own, are in own_learners_torch.py (same folder), the golden
file in learners_golden.py.

References.  Bengio, Bengio, Cloutier: Learning a synaptic learning rule, 1990.  Schmidhuber:
Learning to control fast-weight memories, 1992.  Hochreiter, Younger, Conwell: Learning to learn
using gradient descent, 2001.  Ha, Dai, Le: HyperNetworks, arXiv 1609.09106.  Finn, Abbeel, Levine:
MAML, arXiv 1703.03400.  Metz et al.: Meta-learning update rules for unsupervised representation
learning, arXiv 1804.00222.  Miconi, Stanley, Clune: Differentiable plasticity, arXiv 1804.02464.
Schlag, Munkhdalai, Schmidhuber: Learning associative inference using fast weight memory, arXiv
2011.07831.  Schlag, Irie, Schmidhuber: Linear transformers are secretly fast weight programmers,
arXiv 2102.11174.
"""
import torch
import torch.nn.functional as F

CONV_ACTS = {"meta_rnn": "rrt", "hebbian": "rrt", "fw_memory": "rrt", "sgd": "ttt", "adam": "ttt"}


# ---------------------------------------------------------------- shared parts

def lin(x, w, b=None):
    """x [G,S,i], w [G,i,o], b [G,o]."""
    y = torch.bmm(x, w)
    return y if b is None else y + b[:, None]


def lstm(p, x, h, c):
    """One tick of haiku's LSTM.  x [G,S,i], h, c [G,S,N]."""
    i, g, f, o = lin(torch.cat([x, h], -1), p["W"], p["b"]).chunk(4, -1)
    c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def bound(y, limit):
    return torch.tanh(y / limit) * limit if limit else y


def features(p, x, acts):
    """The convolutions if p has them, then flat: x [G,S,H,W,C] -> [G,S,D]."""
    for n, act in enumerate(acts if "K0" in p else ""):
        pads = []
        for size in (x.shape[3], x.shape[2]):                   # width first, as F.pad wants
            total = max((-(-size // 2) - 1) * 2 + 3 - size, 0)
            pads += [total // 2, total - total // 2]
        H, W = -(-x.shape[2] // 2), -(-x.shape[3] // 2)
        x = F.pad(x, [0, 0] + pads)
        x = sum(torch.einsum("gshwi,gio->gshwo", x[:, :, a:a + 2 * H - 1:2, b:b + 2 * W - 1:2],
                             p["K%d" % n][:, a, b]) for a in range(3) for b in range(3))
        x = x + p["k%d" % n][:, None, None, None]
        x = torch.relu(x) if act == "r" else torch.tanh(x)
    return x.flatten(2)


def feature_size(s):
    """D, after the convolutions if there are any."""
    if not s["image"]:
        return s["D"]
    H, W, C = s["image"]
    if s["conv"]:
        for _ in range(3):
            H, W = -(-H // 2), -(-W // 2)
        C = s["conv"]
    return H * W * C


def conv_shapes(s):
    ch = [s["image"][2]] + [s["conv"]] * 3 if s["conv"] else [0]
    d = {}
    for n, (i, o) in enumerate(zip(ch[:-1], ch[1:])):
        d.update({"K%d" % n: [3, 3, i, o], "k%d" % n: [o]})
    return d


def lstm_shapes(i, N):
    return {"W": [i + N, 4 * N], "b": [4 * N]}


def zeros(like, *shape):
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


class Learner:
    """shapes(): of the parameters; initial(x): the state, x [G,S,...] only for its sizes;
    step(p, state, x, label) -> state, output.  p has a leading axis G throughout."""

    def __init__(self, s):
        self.s, self.D, self.O = s, feature_size(s), s["O"]
        self.bound = s["tanh_bound"]
        self.acts = CONV_ACTS.get(s["learner"], "")

    def error(self, out, label):
        return (torch.softmax(out, -1) - label) / out.shape[1]

    def start(self):
        """Initial values that are not truncated normal (matrices) or 0 (the rest)."""
        return {}


# ---------------------------------------------------------------- the authors' learners

class MetaRNN(Learner):
    def shapes(self):
        s = self.s
        return dict(conv_shapes(s), **lstm_shapes(self.D + 2 * self.O, s["N"]),
                    Wo=[s["N"], self.O], bo=[self.O])

    def initial(self, x):
        G, S = x.shape[:2]
        z = zeros(x, G, S, self.s["N"])
        e = zeros(x, G, S, self.O)
        return dict(h=z, c=z, error=e, label=e)

    def step(self, p, st, x, label):
        h, c = st["h"], st["c"]
        inp = torch.cat([features(p, x, self.acts), st["error"], st["label"]], -1)
        for _ in range(self.s["K"]):
            h, c = lstm(p, inp, h, c)
        out = bound(lin(h, p["Wo"], p["bo"]), self.bound)
        return dict(h=h, c=c, error=self.error(out, label), label=label), out


class Hebbian(Learner):
    def shapes(self):
        n = self.D + 2 * self.O
        return dict(conv_shapes(self.s), w=[n, self.O], b=[self.O], coeff=[n, self.O], fw_lr=[])

    def start(self):
        return dict(coeff=0.01, fw_lr=-4.5)

    def initial(self, x):
        return dict(fast=zeros(x, x.shape[0], self.D + 2 * self.O, self.O))

    def step(self, p, st, x, label):
        fast = st["fast"]
        x = features(p, x, self.acts)
        w = p["w"] + p["coeff"] * fast
        none = torch.zeros_like(label)
        out = bound(lin(torch.cat([x, none, none], -1), w, p["b"]), self.bound)
        v = torch.cat([x, self.error(out, label), label], -1)
        z = torch.softmax(lin(v, w, p["b"]), -1)
        a = torch.sigmoid(p["fw_lr"])[:, None, None]
        S = x.shape[1]
        vz = torch.bmm(v.transpose(1, 2), z) / S                # mean over the batch
        if self.s["oja"]:
            fast = fast + a * (vz - (z * z).mean(1, keepdim=True) * fast)
        else:
            fast = (1 - a) * fast + a * vz
        return dict(fast=fast), out


class FWP(Learner):
    def shapes(self):
        s = self.s
        n = 2 * s["F"] + self.O + 1
        return dict(W=[self.D + 3 * self.O, n], b=[n])

    def initial(self, x):
        """fast is to be drawn; here 0."""
        G, S = x.shape[:2]
        e = zeros(x, G, S, self.O)
        return dict(fast=zeros(x, G, self.s["F"], self.O), error=e, label=e, out=e)

    def step(self, p, st, x, label):
        n = self.s["F"]
        y = lin(torch.cat([x.flatten(2), st["out"], st["error"], st["label"]], -1), p["W"], p["b"])
        k, v, q, beta = y.split([n, self.O, n, 1], -1)
        change = torch.sigmoid(beta) * (v - torch.bmm(k, st["fast"]))
        fast = st["fast"] + torch.bmm(k.transpose(1, 2), change)
        out = bound(torch.bmm(q, fast), self.bound)
        return dict(fast=fast, error=self.error(out, label), label=label, out=out), out


class FWMemory(Learner):
    def shapes(self):
        s, m, N = self.s, self.s["m"], self.s["N"]
        return dict(conv_shapes(s), **lstm_shapes(self.D + 2 * self.O, N),
                    Ww=[N, 3 * m + 1], bw=[3 * m + 1], Wr=[N, 2 * m], br=[2 * m],
                    Wp=[m, N], bp=[N], Wo=[N, self.O], bo=[self.O])

    def initial(self, x):
        G, m = x.shape[0], self.s["m"]
        z, e = zeros(x, G, 1, self.s["N"]), zeros(x, G, 1, self.O)
        return dict(h=z, c=z, memory=zeros(x, G, m, m * m), error=e, label=e)

    def step(self, p, st, x, label):
        m = self.s["m"]
        inp = torch.cat([features(p, x, self.acts), st["error"], st["label"]], -1)
        h, c = lstm(p, inp, st["h"], st["c"])
        write = lin(h, p["Ww"], p["bw"])[:, 0]                  # S = 1 from here on
        k1, k2, v = torch.tanh(write[:, :-1]).split(m, -1)
        beta = torch.sigmoid(write[:, -1:])
        key = torch.einsum("gi,gj->gij", k1, k2).flatten(1)
        old = torch.einsum("gik,gk->gi", st["memory"], key)
        memory = st["memory"] + torch.einsum("gi,gk->gik", beta * (v - old), key)
        norm = (memory * memory).sum((1, 2), keepdim=True).sqrt()
        memory = memory / norm.clamp(min=1)
        n, e = torch.tanh(lin(h, p["Wr"], p["br"]))[:, 0].split(m, -1)
        r = torch.einsum("gik,gk->gi", memory, torch.einsum("gi,gj->gij", n, e).flatten(1))
        r = F.layer_norm(r, r.shape[-1:], eps=1e-5)
        out = bound(lin(h + lin(r[:, None], p["Wp"], p["bp"]), p["Wo"], p["bo"]), self.bound)
        return dict(h=h, c=c, memory=memory, error=self.error(out, label), label=label), out


class Online(Learner):
    """sgd and adam."""

    def shapes(self):
        s = self.s
        sizes = [self.D] + [s["hidden"]] * (s["layers"] - 1) + [self.O]
        d = dict(conv_shapes(s))
        for n, (i, o) in enumerate(zip(sizes[:-1], sizes[1:])):
            d.update({"W%d" % n: [i, o], "b%d" % n: [o]})
        return dict(d, lr=[])

    def initial(self, x):
        """The weights are the parameters (see `begin`)."""
        return {}

    def begin(self, p, st):
        st = {k: v for k, v in p.items() if k != "lr"}
        if self.s["learner"] == "adam":
            names = list(st)
            for m in ("mu_", "nu_"):
                st.update({m + k: torch.zeros_like(p[k]) for k in names})
            st["t"] = zeros(p["lr"], len(p["lr"]))
        return st

    def net(self, w, x):
        x = features(w, x, self.acts)
        last = self.s["layers"] - 1
        for n in range(last + 1):
            x = lin(x, w["W%d" % n], w["b%d" % n])
            x = torch.tanh(x) if n < last else bound(x, self.bound)
        return x

    def step(self, p, st, x, label):
        names = [k for k in p if k != "lr"]
        w = {k: st[k] for k in names}
        with torch.enable_grad():
            if not w["b0"].requires_grad:
                w = {k: v.detach().requires_grad_(True) for k, v in w.items()}
            out = self.net(w, x)
            loss = -(label * F.log_softmax(out, -1)).sum(-1).mean(1).sum()
            g = dict(zip(names, torch.autograd.grad(loss, [w[k] for k in names],
                                                    create_graph=torch.is_grad_enabled())))

        def wide(v, k):
            return v.reshape((-1,) + (1,) * (g[k].dim() - 1))
        new = {}
        if self.s["learner"] == "sgd":
            for k in names:
                new[k] = st[k] - wide(p["lr"], k) * g[k]
        else:
            t = st["t"] + 1
            for k in names:
                mu = 0.9 * st["mu_" + k] + (1 - 0.9) * g[k]
                nu = 0.999 * st["nu_" + k] + (1 - 0.999) * g[k] * g[k]
                some = nu > 0
                root = torch.where(some, nu / wide(1 - 0.999 ** t, k), 1.0).sqrt() * some
                up = (mu / wide(1 - 0.9 ** t, k)) / (root + 1e-8)
                new.update({k: st[k] - wide(p["lr"], k) * up, "mu_" + k: mu, "nu_" + k: nu})
            new["t"] = t
        return new, out
