"""Two learners that the authors' code lacks, in batched PyTorch: an oracle.

The definitions are ours; S = 1.  Letters and the shared parts are those of learners_torch.py (same
folder), as are the references.

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
"""
import torch

from learners_torch import Learner, bound, lin, lstm, lstm_shapes, zeros


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
