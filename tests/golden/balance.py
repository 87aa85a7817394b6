#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values of tests/balance/test_golden.cpp: weights by independent implementations, for 216 problems of 2, 3 and 8
tasks; for methods that need coordinates steps. Both sides make the problems from the same random stream, so only weights
are stored.

    python3 -m pip install numpy scipy torch torchjd cvxpy clarabel ecos quadprog qpsolvers
    python3 tests/golden/balance.py                 # writes tests/balance/golden.inc
    python3 tests/golden/balance.py coordinate      # writes tests/balance/golden_coordinates.inc
"""
import itertools
import sys
import warnings

import cvxpy as cp
import golden_file
import numpy as np
import scipy.optimize
import torch
import torchjd.aggregation as jd
import torchjd.scalarization as js
from torchjd.linalg import QuadprogProjector

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
torch.randperm = lambda n, **_: torch.arange(n)  # the order of projections: by number, as random_order = false

KINDS = ["general", "agreeing", "few", "identical", "opposed", "orthogonal", "zero", "scaled", "singular"]
GENERAL, AGREEING, FEW, IDENTICAL, OPPOSED, ORTHOGONAL, ZERO, SCALED, SINGULAR = range(9)
PLAIN = {GENERAL, AGREEING, FEW, ORTHOGONAL}  # full rank and of one size
TASKS = [2, 3, 8]


M = (1 << 64) - 1


def mix(z):
    z = (z + 0x9E3779B97F4A7C15) & M
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
    return z ^ (z >> 31)


class Random:
    def __init__(self, seed, stream=0):
        self.key, self.counter = mix(mix(seed) ^ stream), 0

    def uniform(self, low=0.0, high=1.0):
        bits = mix(self.key ^ mix(self.counter))
        self.counter += 1
        return low + (high - low) * ((bits >> 11) * 2.0**-53)


def problem(tasks, kind, index):
    random = Random(1000 * tasks + 10 * kind + index)
    width = {FEW: tasks + 2, SINGULAR: max(1, tasks // 2 if tasks > 3 else tasks - 1)}.get(kind, 20)
    g = np.array([[random.uniform(-1, 1) for _ in range(width)] for _ in range(tasks)])
    losses = np.array([random.uniform(0.1, 2) for _ in range(tasks)])
    if kind == AGREEING:
        g[:, 0] += 2
    if kind == IDENTICAL:
        g[:] = g[0]
    if kind == OPPOSED:
        g[:] = [(-1.0) ** k * (1 + 0.375 * k * k) * g[0] for k in range(tasks)]
    if kind == ORTHOGONAL:
        size = np.abs(g[:, 0]) + 0.5
        g[:] = 0
        g[range(tasks), range(tasks)] = size
    if kind == ZERO:
        g[:] = 0 if index == 7 else g
        g[index % tasks] = 0
    if kind == SCALED:
        g[index % tasks] *= 1e6 if index % 2 == 0 else 1e-6
    return g, losses


# References. Each takes (gradients, losses, kind) and returns the weights; classes keep a state over a group of eight.

def t(x):
    return torch.tensor(np.asarray(x))


def weighting(make, key="gramian"):
    """A weighting of TorchJD, of the Gramian or of the gradients."""
    def run(g, losses, kind):
        return make()(t(g @ g.T) if key == "gramian" else t(g)).detach().numpy()
    return run


def shortest(h):
    """The weights on the simplex of the shortest vector between the rows of h: every support is tried."""
    n = len(h)
    best, found = np.inf, None
    norms = np.linalg.norm(h, axis=1)
    if norms.min() == 0:
        return (norms == 0) / (norms == 0).sum()
    for size in range(1, n + 1):
        for support in itertools.combinations(range(n), size):
            rows = list(support)
            # The shortest vector in the affine hull: base + Σ x (row − base), from the shortest row.
            base = rows[int(np.argmin(norms[rows]))]
            others = [r for r in rows if r != base]
            a = (h[others] - h[base]).T
            if others:
                length = np.linalg.norm(a, axis=0)
                length[length == 0] = 1
                x = np.linalg.lstsq(a / length, -h[base], rcond=1e-13)[0] / length
            else:
                x = np.zeros(0)
            w = np.zeros(n)
            w[others] = x
            w[base] = 1 - x.sum()
            if w.min() < -1e-11:
                continue
            value = np.linalg.norm(w @ h)
            if value < best * (1 - 1e-10):
                best, found = value, w
    return np.maximum(found, 0)


def dual_cone(g, u):
    """v ≥ u that minimises |vᵀ g|: non-negative least squares of SciPy, each gradient in units of its length."""
    norm = np.linalg.norm(g, axis=1)
    norm[norm == 0] = 1
    size = max((norm * u).max(), 1e-300)
    s, _ = scipy.optimize.nnls((g / norm[:, None]).T, -(u @ g) / size)
    return u + s * size / norm


def projector(g, kind):
    return QuadprogProjector(norm_eps=0.0, reg_eps=1e-10)


def up_grad(g, losses, kind):
    if kind in (SCALED, ZERO):
        return sum(dual_cone(g, row) for row in np.eye(len(g)) / len(g))
    return jd.UPGradWeighting(projector=projector(g, kind))(t(g @ g.T)).numpy()


def dual_proj(g, losses, kind):
    if kind in (SCALED, ZERO):
        return dual_cone(g, np.full(len(g), 1 / len(g)))
    return jd.DualProjWeighting(projector=projector(g, kind))(t(g @ g.T)).numpy()


def ca_grad(g, losses, kind):
    n = len(g)
    if not g.any():
        return np.full(n, 1 / n)
    if kind in (GENERAL, AGREEING, FEW, IDENTICAL):
        w = jd.CAGradWeighting(c=0.4, norm_eps=1e-4)(t(g @ g.T) / np.trace(g @ g.T)).numpy()
        return w if w.any() else np.full(n, 1 / n)  # Pareto-stationary: the authors' convention
    # CVXPY is not exact enough. A point, however found, is the optimum if the primal and the dual value agree.
    mean = g.mean(axis=0)
    radius = 0.4 * np.linalg.norm(mean)
    size = np.linalg.norm(g, axis=1).max()
    if radius < 1e-12 * size or np.linalg.norm(shortest(g) @ g) < 1e-10 * size:
        return np.full(n, 1 / n)
    low, high = 0.0, size / radius
    for _ in range(200):
        s = (low + high) / 2
        w = shortest(g + s * mean)
        low, high = (s, high) if np.linalg.norm(w @ g) > s * radius else (low, s)
    d = mean + radius * (w @ g) / np.linalg.norm(w @ g)
    primal, dual = (g @ d).min(), (w @ g) @ mean + radius * np.linalg.norm(w @ g)
    assert abs(primal - dual) < 1e-6 * np.linalg.norm(d) * np.linalg.norm(g, axis=1).min() + 1e-12 * size * size, (kind, primal, dual)
    return 1 / n + radius / np.linalg.norm(w @ g) * w


def cosines(g):
    norm = np.linalg.norm(g, axis=1)
    unit = g / np.where(norm > 0, norm, 1)[:, None]
    return unit @ unit.T, norm


def imtl_g(g, losses, kind):
    if kind in PLAIN:
        return jd.IMTLGWeighting()(t(g @ g.T)).numpy()
    c, norm = cosines(g)
    x = np.linalg.pinv(c, rcond=1e-10, hermitian=True) @ (norm > 0)
    x = np.where(norm > 0, x / np.where(norm > 0, norm, 1), 0)
    defined = np.abs(x * norm).max() > 1e-9 and abs(x.sum()) > 1e-9 * np.abs(x).sum()
    return x / x.sum() if defined else 0 * x


def con_fig(g, losses, kind):
    norm = np.linalg.norm(g, axis=1)
    unit = g / np.where(norm > 0, norm, 1)[:, None]
    direction = np.linalg.pinv(unit, rcond=1e-10) @ np.ones(len(g))
    if np.linalg.norm(direction) < 1e-9:
        return np.zeros(len(g))
    d = jd.ConFIG()(t(g)).numpy()  # a vector: as weights of the gradients
    x = np.linalg.lstsq(unit.T, d, rcond=1e-10)[0]
    return np.where(norm > 0, x / np.where(norm > 0, norm, 1), 0)


def aligned(g, losses, kind):
    if kind != SCALED:
        return jd.AlignedMTLWeighting()(t(g @ g.T)).numpy()
    u, s, _ = np.linalg.svd(g, full_matrices=False)  # of the gradients: eigenvalues would lose digits
    return s.min() * u @ np.diag(1 / s) @ u.T @ np.full(len(g), 1 / len(g))


def fair(alpha):
    def run(g, losses, kind):
        if kind in PLAIN and alpha != 1:
            x, m = jd.FairGradWeighting(alpha=alpha)(t(g @ g.T)).numpy(), g @ g.T
            # Its tolerance is 1e-8 on the cost: some steps of Newton's method go on from there.
            for _ in range(5):
                x = x - np.linalg.solve(m + np.diag(x ** (-1 / alpha - 1) / alpha), m @ x - x ** (-1 / alpha))
            return x
        # The convex objective by CVXPY, with the ridge that our page states; then SciPy's root finder.
        c, norm = cosines(g)
        at = np.flatnonzero(norm > 0)
        if len(at) == 0:
            return np.zeros(len(g))
        c = c[np.ix_(at, at)] + 1e-6 * np.eye(len(at))
        f = norm[at] ** (1 / alpha - 1)
        scale = np.exp(np.mean(np.log(f)))
        f = f / scale
        x = cp.Variable(len(at))
        gain = cp.sum(cp.log(x)) if alpha == 1 else f @ cp.power(x, 1 - 1 / alpha) / (1 - 1 / alpha)
        cp.Problem(cp.Minimize(cp.quad_form(x, cp.psd_wrap(c)) / 2 - gain)).solve(solver=cp.CLARABEL)
        y = np.log(np.maximum(x.value, 1e-9))
        r = scipy.optimize.root(lambda y: np.exp(y) * (c @ np.exp(y)) / (f * np.exp(y) ** (1 - 1 / alpha)) - 1, y, tol=1e-13)
        assert np.abs(r.fun).max() < 1e-6, (r.message, r.fun)
        w = np.zeros(len(g))
        w[at] = np.exp(r.x) / norm[at] * scale ** (1 / (1 + 1 / alpha))
        return w
    return run


class Nash:
    agreed = {True: 0, False: 0}
    """TorchJD's NashMTL (the authors' convex programs) gives the direction; the length is |d|² = n."""
    def __call__(self, g, losses, kind):
        exact = fair(1)(g, losses, kind)
        if kind in PLAIN:
            d = jd.NashMTL(n_tasks=len(g), max_norm=0.0, optim_niter=200)(t(g)).numpy()
            e = exact @ g
            agrees = d @ e > (1 - 1e-9) * np.linalg.norm(d) * np.linalg.norm(e)
            Nash.agreed[bool(agrees)] += 1  # its sequence of convex programs may end early, at another point
        return exact


class Stateful:
    def __init__(self, make):
        self.make, self.method = make, None

    def reset(self, tasks):
        self.method = self.make(tasks)

    def __call__(self, g, losses, kind):
        return self.method(t(g @ g.T)).detach().numpy().copy()


class GradVac(Stateful):
    """Its epsilon is added to lengths: too much for gradients of 1e-6, needed for opposed ones."""
    def __init__(self):
        super().__init__(lambda n: jd.GradVacWeighting(beta=0.5))

    def __call__(self, g, losses, kind):
        if kind in (ZERO, OPPOSED) or (kind == SINGULAR and len(g) == 2):
            return self.by_hand(g)
        self.method.eps = 1e-30 if kind == SCALED else 1e-8
        return super().__call__(g, losses, kind)

    def reset(self, tasks):
        super().reset(tasks)
        self.phi = np.zeros((tasks, tasks))

    def by_hand(self, g):
        """Gradients of 0 take no part, and what is left of one that others cancel has no angle: c = 0. (In TorchJD rounding
        and epsilon decide.)"""
        n, total = len(g), np.zeros(len(g))
        length = np.linalg.norm(g, axis=1)
        for i in range(n):
            w = np.eye(n)[i]
            for j in range(n):
                if i == j or length[i] == 0 or length[j] == 0:
                    continue
                now = w @ g
                left, goal = np.linalg.norm(now), self.phi[i, j]
                c = np.clip(now @ g[j] / left / length[j], -1, 1) if left > 1e-6 * length[i] else 0.0
                if c < goal and left > 1e-6 * length[i]:
                    turn = goal * np.sqrt(1 - c * c) - c * np.sqrt(1 - goal * goal)
                    w[j] += np.linalg.norm(now) * turn / length[j] / np.sqrt(1 - goal * goal)
                self.phi[i, j] = 0.5 * goal + 0.5 * c
            total += w
        return total


class GradNorm:
    """The authors' formula, its derivative by autograd."""
    def reset(self, tasks):
        self.w, self.first = torch.ones(tasks), None

    def __call__(self, g, losses, kind):
        norm, out = t(np.linalg.norm(g, axis=1)), self.w.clone()
        self.first = t(losses) if self.first is None else self.first
        if norm.mean() == 0:
            return out.numpy()
        w = self.w.clone().requires_grad_()
        sizes = w * norm
        rate = t(losses) / self.first
        goal = (sizes.mean() * (rate / rate.mean()) ** 1.5).detach()
        (sizes - goal).abs().sum().backward()
        self.w = (self.w - 0.025 * w.grad / norm.mean()).clamp(min=1e-3)
        self.w *= len(g) / self.w.sum()
        return out.numpy()


class ExcessMtl:
    def reset(self, tasks):
        self.w, self.squares, self.first = np.full(tasks, 1 / tasks), np.zeros(tasks), np.zeros(tasks)

    def __call__(self, g, losses, kind):
        square = (g ** 2).sum(axis=1)
        self.squares += square
        excess = np.where(self.squares > 0, square / np.sqrt(np.where(self.squares > 0, self.squares, 1)), 0)
        self.first = np.where(self.first == 0, excess, self.first)
        ratio = np.where(self.first > 0, excess / np.where(self.first > 0, self.first, 1), 0)
        logs = np.log(self.w) + 0.1 * np.minimum(ratio, 1e6)
        self.w = np.maximum(np.exp(logs - logs.max()), 1e-30)
        self.w /= self.w.sum()
        return self.w.copy()


class MetaBalance:
    def reset(self, tasks):
        self.m = np.zeros(tasks)

    def __call__(self, g, losses, kind):
        self.m = 0.9 * self.m + 0.1 * np.linalg.norm(g, axis=1)  # from 0, as the authors do
        ratio = np.where(self.m > 0, self.m[0] / np.where(self.m > 0, self.m, 1), 1)
        w = 0.7 * ratio + 0.3
        w[0] = 1
        return w


def db_mtl(g, losses, kind):
    norm = np.linalg.norm(g, axis=1)
    return np.where(norm > 0, (norm / (losses + 1e-8)).max() / np.where(norm > 0, norm, 1), 0)


def krum(g, losses, kind):
    if len(g) >= 3 and kind in PLAIN:
        return jd.KrumWeighting(n_byzantine=0)(t(g @ g.T)).numpy()
    distance = np.sort(np.linalg.norm(g[:, None] - g[None], axis=2), axis=1)
    score = distance[:, 1:1 + max(1, len(g) - 2)].sum(axis=1)
    return np.eye(len(g))[np.argmin(np.round(score, 9))]


def pe_ltr(g, losses, kind):
    c = np.full(len(g), 0.05)
    v = shortest((1 - c.sum()) * g + c @ g)
    return c + (1 - c.sum()) * v


def sdm_exact(g, losses, kind):
    w = shortest(g + 0.3 * g.mean(axis=0))
    return (w + 0.3 / len(g)) / 1.3


TJ = "TorchJD 0.18"
METHODS = [
    ("mgda", "NumPy: every support tried", lambda g, losses, kind: shortest(g)),
    ("pc_grad", TJ + " PCGrad", weighting(jd.PCGradWeighting)),
    ("grad_vac", TJ + " GradVac; zero or opposed: the paper's formula, NumPy", GradVac()),
    ("ca_grad", TJ + " CAGrad (CVXPY); degenerate: a point with no duality gap, NumPy", ca_grad),
    ("grad_norm", "the paper's formula, PyTorch autograd", GradNorm()),
    ("imtl_g", TJ + " IMTLG; singular or scaled: the paper's formula, NumPy", imtl_g),
    ("nash_mtl", "the paper's equation, CVXPY and SciPy's root (" + TJ + " NashMTL's direction in 95 of 96 plain ones)", Nash()),
    ("aligned_mtl", TJ + " AlignedMTL; scaled: the paper's formula by NumPy's SVD", aligned),
    ("fair_grad", TJ + " FairGrad, refined; degenerate: the paper's equation, CVXPY and SciPy's root", fair(2)),
    ("up_grad", TJ + " UPGrad (quadprog); zero or scaled: SciPy NNLS", up_grad),
    ("dual_proj", TJ + " DualProj (quadprog); zero or scaled: SciPy NNLS", dual_proj),
    ("con_fig", TJ + " ConFIG", con_fig),
    ("sdm_grad", "NumPy: every support tried", sdm_exact),
    ("sdm_grad_steps", TJ + " SDMGrad", Stateful(lambda n: jd.SDMGradWeighting(lr=0.5))),
    ("mo_do", TJ + " MoDo", Stateful(lambda n: jd.MoDoWeighting())),
    ("db_mtl", "the paper's formula, NumPy", db_mtl),
    ("cr_mogm", TJ + " CRMOGM of PCGrad", Stateful(lambda n: jd.CRMOGMWeighting(jd.PCGradWeighting(), alpha=0.9))),
    ("krum", TJ + " Krum; two tasks or degenerate: the paper's formula, NumPy", krum),
    ("meta_balance", "the paper's formula, NumPy", MetaBalance()),
    ("pe_ltr", "NumPy: every support tried", pe_ltr),
    ("excess_mtl", "the paper's formula with one number for H, NumPy", ExcessMtl()),
]


# Methods that need coordinates. Each takes (gradients, key) and returns the step.

def grad_drop(leak):
    def run(g, key):
        stream = mix(mix(key) ^ 0x6DA9D0)
        draws = [(mix(stream ^ i) >> 40) * 2.0**-24 for i in range(g.shape[1])]
        rand, torch.rand = torch.rand, lambda *_, **__: t(draws)
        try:
            return jd.GradDrop(leak=torch.full((len(g),), leak))(t(g)).numpy()
        finally:
            torch.rand = rand
    return run


def trimmed_mean(g, key):
    return jd.TrimmedMean(trim_number=1 if len(g) > 2 else 0)(t(g)).numpy()


class MoCo:
    """As the authors' code: y, then λ by the Gramian of y, then the step."""
    def __init__(self, beta, gamma, rho):
        self.beta, self.gamma, self.rho = beta, gamma, rho

    def reset(self, tasks):
        self.y, self.lam = None, torch.full((tasks,), 1 / tasks)

    @staticmethod
    def project(v):
        """Onto the simplex: the shift that makes the positive parts sum to 1, by bisection."""
        low, high = v.min() - 1, v.max()
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (v - middle).clamp(min=0).sum() > 1 else (low, middle)
        return (v - low).clamp(min=0) / (v - low).clamp(min=0).sum()

    def __call__(self, g, key):
        g = t(g)
        self.y = torch.zeros_like(g) if self.y is None or self.y.shape != g.shape else self.y
        self.y = self.y - self.beta * (self.y - g)
        gramian = self.y @ self.y.T + self.rho * torch.eye(len(g))
        self.lam = self.project(self.lam - self.gamma * gramian @ self.lam)
        return (self.lam @ self.y).numpy()


COORDINATES = [
    ("grad_drop", TJ + " GradDrop, given our random numbers", grad_drop(0.0)),
    ("grad_drop_leak", TJ + " GradDrop with leaks, given our random numbers", grad_drop(0.3)),
    ("trimmed_mean", TJ + " TrimmedMean", trimmed_mean),
    ("mo_co", "the authors' formula, PyTorch", MoCo(0.3, 0.2, 0.1)),
]


def probes(step, tasks, kind, index):
    """The step by its products with four random vectors."""
    random = Random(1000 * tasks + 10 * kind + index, 1)
    return [sum(random.uniform(-1, 1) * x for x in step) for _ in range(4)]


# Loss weightings: the weights are the derivatives of the scalarised loss.

class Scalar:
    def __init__(self, make, factor=lambda n: 1.0, after=None):
        self.make, self.factor, self.after = make, factor, after

    def reset(self, tasks):
        self.method, self.steps = self.make(tasks), 0

    def __call__(self, losses):
        if self.after == "famo" and self.steps > 0:
            self.method.update(t(losses))  # the next batch stands for the same one after the step
        x = t(losses).requires_grad_()
        w, = torch.autograd.grad(self.method(x), x)
        self.steps += 1
        if self.after == "dwa" and self.steps % 2 == 0:
            self.method.step()
        return self.factor(len(losses)) * w.numpy()


class ImtlL:
    """TorchJD's objective, its parameters learnt by torch.optim.Adam after each step."""
    def __init__(self, make, sign):
        self.make = make

    def reset(self, tasks):
        self.method = self.make(tasks)
        self.adam = torch.optim.Adam(self.method.parameters(), lr=0.05)

    def __call__(self, losses):
        x = t(losses).requires_grad_()
        value = self.method(x)
        w, = torch.autograd.grad(value, x, retain_graph=True)
        self.adam.zero_grad()
        value.backward()
        self.adam.step()
        return w.numpy()


class Priority:
    def reset(self, tasks):
        self.kappa = None

    def __call__(self, losses):
        n = len(losses)
        kappa = np.full(n, 0.5) if self.kappa is None else self.kappa
        w = -(1 - kappa) * np.log(kappa)
        now = np.exp(-losses)
        self.kappa = now if self.kappa is None else 0.9 * self.kappa + 0.1 * now
        return n * w / w.sum()


LOSSES = [
    ("dynamic_weight_average", TJ + " DWA, a period of 2 steps", Scalar(lambda n: js.DWA(), after="dwa")),
    ("geometric_mean", TJ + " GeometricMean", Scalar(lambda n: js.GeometricMean())),
    ("imtl_l", TJ + " IMTLL, learnt by torch.optim.Adam", ImtlL(lambda n: js.IMTLL(n), 1)),
    ("famo", TJ + " FAMO", Scalar(lambda n: js.FAMO(n), after="famo")),
    ("smooth_tchebycheff", TJ + " STCH times n²", Scalar(lambda n: js.STCH(mu=0.1), factor=lambda n: n * n)),
    ("dynamic_task_priority", "the paper's formula, NumPy", Priority()),
]


def main():
    print("// SPDX-License-Identifier: Apache-2.0\n// Made by tests/golden/balance.py.\n")
    both = (("gradient", METHODS), ("loss", LOSSES))
    for what, methods in (("coordinate", COORDINATES),) if "coordinate" in sys.argv else both:
        print(f"const GoldenMethod golden_{what}_methods[] = {{")
        for name, reference, method in methods:
            print(f'{{"{name}", "{reference}", {{', end="")
            values = []
            for tasks in TASKS:
                for kind in range(len(KINDS)):
                    if hasattr(method, "reset"):
                        method.reset(tasks)
                    for index in range(8):
                        g, losses = problem(tasks, kind, index)
                        if what == "coordinate":
                            w = np.array(probes(method(g, index), tasks, kind, index))
                        else:
                            w = method(g, losses, kind) if what == "gradient" else method(losses)
                        assert np.isfinite(w).all(), (name, tasks, kind, index, w)
                        values += [f"{x:.6g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e") if abs(x) > 1e-300 else "0"
                                   for x in w]
            lines, line = [], ""
            for v in values:
                if len(line) + len(v) > 125:
                    lines.append(line)
                    line = ""
                line += v + ","
            print("\n" + "\n".join(lines + [line]) + "}},")
            print(name, "done", Nash.agreed if name == "nash_mtl" else "", file=sys.stderr)
        print("};")


golden_file.write("balance/golden_coordinates.inc" if "coordinate" in sys.argv else "balance/golden.inc", main)
