"""The other learners of the VSML paper, and two more, in batched PyTorch: an oracle.

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

Two learners that the authors' code lacks.  The definitions are ours; S = 1.

hypernetwork (Ha, Dai & Le 2016, the dynamic kind; Schmidhuber 1992)
    A small LSTM rewrites the single layer D -> O that predicts.
    params Wc [D+2O,C], bc; W [C+N,4N], b; W0 [D,O], b0; Wr [N,D], br; Ws [N,O], bs;
           Wu [N,R*D], bu; Wv [2O+N,R*O], bv; fw_lr []                  state h, c, fast [D,O]
    predict:  r = 1 + h Wr + br (per row), s = 1 + h Ws + bs (per column), with h as left by the
              previous example;  out = bound(((x * r) @ (W0 + fast)) * s + b0)
    learn:    z = [x, e, label] @ Wc + bc, linear; K LSTM ticks on the same z; from the new h
              U = x (1 + h Wu + bu) as [R,D], V = [e, label, h] Wv + bv as [R,O];
              fast += sigmoid(fw_lr) U^T V
    x, e and label belong to ONE example (unlike in meta_rnn).  The scaling of rows and columns is
    Ha's, made anew each time; the update of rank R accumulates.  h = c = fast = 0 at first.
    Start: Wr, Ws, Wv and all biases 0 and fw_lr -4.5, so that it begins as the plain layer W0.

learned_rule (Bengio, Bengio & Cloutier 1990; Metz et al. 2018)
    Each weight changes by one small MLP, the same for all weights of all layers, so that one rule
    fits layers of any size.
    params A [5,Q], a [Q], B [Q,2], b [2], w_lr [], m_lr []
    state w0, m0, w1, m1, ...: weights and a trace per weight, both [in+1, out]; the last row is
    the bias, its input is 1.  Layer sizes D, hidden..., O.
    predict:  y = [v, 1] @ w per layer; hidden layers tanh, the last one bound
    learn:    error of the last layer e; of a hidden layer (error above @ w above^T, without the
              bias row) * (1 - tanh^2), all with the weights before any update
              f = [w, pre, post, error, m]: pre the layer's input (1 for the bias row), post its
              tanh, in the last layer softmax(out);  [u, g] = tanh(f @ A + a) @ B + b
              w' = w + sigmoid(w_lr) u,     m' = m + sigmoid(m_lr) (tanh(g) - m)
    w starts truncated normal of std 1/sqrt(in), bias rows and traces 0; not meta-learned.
    Start: w_lr = m_lr = -4.5.  A's rows for pre, post and error act per row or column: hoist them.

Golden file: {"format", "cases": [{spec, params, inputs, labels, states0, outputs, states, loss,
grads}]}.  params and grads are lists of one dict.  spec: learner, name, P, T, D, O, batch (S), own,
tanh_bound, loss ("mean" over all examples or "last" one), image ([H,W,C] or null), conv (channels,
0 for none) and the letters above; layers and hidden for sgd and adam, hidden (a list) for
learned_rule; of lr the one in params counts; scale, noise and zero_input only made the numbers.

References.  Bengio, Bengio, Cloutier: Learning a synaptic learning rule, 1990.  Schmidhuber:
Learning to control fast-weight memories, 1992.  Hochreiter, Younger, Conwell: Learning to learn
using gradient descent, 2001.  Ha, Dai, Le: HyperNetworks, arXiv 1609.09106.  Finn, Abbeel, Levine:
MAML, arXiv 1703.03400.  Metz et al.: Meta-learning update rules for unsupervised representation
learning, arXiv 1804.00222.  Miconi, Stanley, Clune: Differentiable plasticity, arXiv 1804.02464.
Schlag, Munkhdalai, Schmidhuber: Learning associative inference using fast weight memory, arXiv
2011.07831.  Schlag, Irie, Schmidhuber: Linear transformers are secretly fast weight programmers,
arXiv 2102.11174.
"""
import argparse
import json
import math

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


# ---------------------------------------------------------------- learners of our own

class HyperNetwork(Learner):
    def shapes(self):
        s, D, O, N, R = self.s, self.D, self.O, self.s["N"], self.s["R"]
        return dict(Wc=[D + 2 * O, s["C"]], bc=[s["C"]], **lstm_shapes(s["C"], N),
                    W0=[D, O], b0=[O], Wr=[N, D], br=[D], Ws=[N, O], bs=[O],
                    Wu=[N, R * D], bu=[R * D], Wv=[2 * O + N, R * O], bv=[R * O], fw_lr=[])

    def start(self):
        return dict(Wr=0.0, Ws=0.0, Wv=0.0, fw_lr=-4.5)

    def initial(self, x):
        z = zeros(x, x.shape[0], 1, self.s["N"])
        return dict(h=z, c=z, fast=zeros(x, x.shape[0], self.D, self.O))

    def step(self, p, st, x, label):
        G, R = x.shape[0], self.s["R"]
        h, c, fast = st["h"], st["c"], st["fast"]
        x = x.flatten(2)
        r, s = 1 + lin(h, p["Wr"], p["br"]), 1 + lin(h, p["Ws"], p["bs"])
        out = bound(lin(x * r, p["W0"] + fast) * s + p["b0"][:, None], self.bound)
        e = self.error(out, label)
        z = lin(torch.cat([x, e, label], -1), p["Wc"], p["bc"])
        for _ in range(self.s["K"]):
            h, c = lstm(p, z, h, c)
        U = x * (1 + lin(h, p["Wu"], p["bu"]).reshape(G, R, self.D))
        V = lin(torch.cat([e, label, h], -1), p["Wv"], p["bv"]).reshape(G, R, self.O)
        fast = fast + torch.sigmoid(p["fw_lr"])[:, None, None] * torch.bmm(U.transpose(1, 2), V)
        return dict(h=h, c=c, fast=fast), out


class LearnedRule(Learner):
    def sizes(self):
        return [self.D] + list(self.s["hidden"]) + [self.O]

    def shapes(self):
        Q = self.s["Q"]
        return dict(A=[5, Q], a=[Q], B=[Q, 2], b=[2], w_lr=[], m_lr=[])

    def start(self):
        return dict(w_lr=-4.5, m_lr=-4.5)

    def initial(self, x):
        """The weights are to be drawn; here 0."""
        st = {}
        for n, (i, o) in enumerate(zip(self.sizes()[:-1], self.sizes()[1:])):
            st.update({"w%d" % n: zeros(x, x.shape[0], i + 1, o),
                       "m%d" % n: zeros(x, x.shape[0], i + 1, o)})
        return st

    def step(self, p, st, x, label):
        L = len(self.sizes()) - 1
        one = torch.ones_like(label[..., :1])
        v, pre, post = x.flatten(2), [], []
        for n in range(L):
            pre.append(torch.cat([v, one], -1))
            y = lin(pre[n], st["w%d" % n])
            v = torch.tanh(y) if n < L - 1 else bound(y, self.bound)
            post.append(v)
        out = v
        post[-1] = torch.softmax(out, -1)
        err = [self.error(out, label)]
        for n in range(L - 1, 0, -1):
            back = lin(err[0], st["w%d" % n][:, :-1].transpose(1, 2))
            err.insert(0, back * (1 - post[n - 1] ** 2))
        new = {}
        for n in range(L):
            w, m = st["w%d" % n], st["m%d" % n]
            row = pre[n].transpose(1, 2).expand_as(w)           # S = 1: [G,i+1,1] and [G,1,o]
            f = torch.stack([w, row, post[n].expand_as(w), err[n].expand_as(w), m], -1)
            q = torch.tanh(torch.einsum("giof,gfq->gioq", f, p["A"]) + p["a"][:, None, None])
            u, g = (torch.einsum("gioq,gqk->giok", q, p["B"]) + p["b"][:, None, None]).unbind(-1)
            new["w%d" % n] = w + torch.sigmoid(p["w_lr"])[:, None, None] * u
            new["m%d" % n] = m + torch.sigmoid(p["m_lr"])[:, None, None] * (torch.tanh(g) - m)
        return new, out


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
    d = torch.float64

    def arr(x):
        return {"shape": list(x.shape), "data": x.detach().reshape(-1).tolist()}
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
    with open(path, "w") as fh:
        json.dump({"format": 1, "cases": cases}, fh)
    print("wrote %d cases to %s; gradients against differences %.1e" % (len(cases), path, worst))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--golden", metavar="FILE", required=True, help="write the golden cases")
    a = ap.parse_args()
    torch.set_num_threads(1)
    golden(a.golden)


if __name__ == "__main__":
    main()
