"""What a callable of PyTorch keeps between calls, the numbers in its code, and operations whose trace once was another function."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch.utils.checkpoint import checkpoint  # noqa: E402

from tests.trace.torch_layers import Sigmoid  # noqa: E402 - it imports torch
from verifier.torch import check  # noqa: E402
from verifier.trace.torch import mode  # noqa: E402
from verifier.trace.torch.tensor_inputs import called  # noqa: E402

X = torch.tensor([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]], dtype=torch.float64, requires_grad=True)
NUMBER = [0.375, -1.5, 2.0]


def wrong_by(factor):
    class Scaled(Sigmoid):
        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return factor * (g * y * (1 - y))

    return Scaled.apply


# ---------------------------------------------------------------- numbers of the code


@pytest.mark.parametrize(("kind", "factor"), [(torch.bfloat16, 1.01), (torch.bfloat16, 1.02), (torch.float16, 1.001), (torch.float16, 1.005)])
def test_a_factor_beside_1_is_certified_wrong_in_16_bits(kind, factor):
    """1.01 is 1.3 to 2.6 ulp of a bfloat16 away from 1 (an ulp is 2**-7 of a power of two), and nobody rounded it from 1."""
    report = check(wrong_by(factor), torch.tensor(NUMBER, dtype=kind))
    assert report.status == "failed"
    assert {r.verdict.value for r in report.results} == {"wrong"}
    assert set(report.proofs["Scaled"].values()) == {"refuted"}


def test_a_factor_within_an_ulp_of_1_is_not_said_to_agree():
    """0.001 is less than an ulp of a bfloat16 near 1: an approximation, and the report says so."""
    report = check(wrong_by(1.001), torch.tensor(NUMBER, dtype=torch.bfloat16))
    assert report.status == "passed"
    assert set(report.proofs["Scaled"].values()) == {"approximates"}


def test_the_right_formula_is_proved_in_16_bits():
    for kind in (torch.bfloat16, torch.float16):
        report = check(wrong_by(1.0), torch.tensor(NUMBER, dtype=kind))
        assert (report.status, set(report.proofs["Scaled"].values())) == ("passed", {"proved"})


def test_a_constant_that_was_rounded_when_it_was_written_is_no_mistake_in_16_bits():
    """sqrt(2/pi) with 7, 8 and 17 digits, in the forward and in the backward pass."""

    class Cosine(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.cos(0.7978845608028654 * x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return -g * 0.7978846 * torch.sin(0.79788456 * x)

    report = check(Cosine.apply, torch.tensor([0.375, -40.0], dtype=torch.bfloat16))
    assert report.status == "passed"


# ---------------------------------------------------------------- state


class Centred(torch.nn.Module):
    """Keeps a running mean in a buffer that every call replaces, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3, dtype=torch.float64))
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))
        self.calls = 0
        self.last = torch.zeros(2, 3, dtype=torch.float64)

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        self.calls += 1
        self.last.add_(x.detach())
        return (x - self.mean) * self.weight * self.calls + self.last.sum()


def test_a_module_that_replaces_its_buffers_is_steady_and_left_as_it_was():
    net = Centred()
    mean = net.mean
    report = check(lambda x: net(x) - net.last.detach().sum(), X)
    assert report.status == "passed", report.findings
    assert net.mean is mean
    assert (net.calls, float(net.mean.abs().sum()), float(net.last.abs().sum())) == (0, 0.0, 0.0)


def test_state_outside_of_modules_is_still_found_unsteady():
    calls = []

    def grows(x):
        calls.append(1)
        return x * len(calls)

    assert any(f.code == "V111" for f in check(grows, X).findings)


# ---------------------------------------------------------------- operations


@pytest.mark.parametrize("targets", [[[2, 0, -1], [1, -1, 0]], [[-1, 0, 1], [0, 1, 2]], [[1, -1, 2], [-1, -1, -1]]])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_margin_loss_of_several_labels_ends_at_the_first_empty_place(targets, reduction):
    report = check(lambda x: torch.nn.functional.multilabel_margin_loss(x, torch.tensor(targets), reduction=reduction), X)
    assert (report.status, report.basis) == ("passed", "traced")


def test_a_forward_pass_whose_trace_is_not_believed_is_no_truth(monkeypatch):
    """A wrong row of ours: what torch computes is right, and must not be called wrong."""
    monkeypatch.setitem(mode.ROWS, "sin", lambda t, a: t.gate("cos", a))
    report = check(lambda x: torch.sin(x) * x, X)
    assert report.status == "error"
    assert [f.code for f in report.findings] == ["V112"]
    assert "not believed" in report.findings[0].message


def test_random_slopes_hold_where_the_same_numbers_are_negative():
    report = check(lambda x: torch.nn.functional.rrelu(x, training=True), X)
    assert report.status == "passed", report.findings
    assert any("branches on values" in n for n in report.notes)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch compiles some of its own formulas at the first call
def test_forward_mode_differentiation_is_traced():
    product = check(lambda x, v: torch.func.jvp(lambda y: y.exp() * y, (x,), (v,))[1], X[0].detach(), X[1].detach())
    second = check(torch.func.hessian(lambda y: (y**3).sum()), X[0].detach())
    assert [(r.status, r.basis) for r in (product, second)] == [("passed", "traced")] * 2


# ---------------------------------------------------------------- parameters


A, B = torch.nn.Linear(3, 2).double(), torch.nn.Linear(3, 3).double()
LAYERS = [A, B]


class Loss:
    """An object that holds a module; A is another one."""

    def __init__(self):
        self.A = torch.nn.Linear(3, 1, bias=False).double()

    def __call__(self, x):
        return self.A(x).pow(2).mean()

    def method(self, x):
        return self(x)


def of_two(x):
    return A(torch.tanh(B(x)))


def of_a_list(x):
    return LAYERS[0](x)


def inside(x):
    def inner(y):
        return B(y)

    return inner(x)


def given(net, x):
    return net(x)


BOTH = {"A_weight": (2, 3), "A_bias": (2,), "B_weight": (3, 3), "B_bias": (3,)}
ONE = {"weight": (3, 3), "bias": (3,)}


@pytest.mark.parametrize(
    ("fn", "first", "parameters"),
    [
        (of_two, (), BOTH),
        (of_a_list, (), {"LAYERS_0_weight": (2, 3), "LAYERS_0_bias": (2,), "LAYERS_1_weight": (3, 3), "LAYERS_1_bias": (3,)}),
        (inside, (), ONE),
        (given, (B,), ONE),
        (partial(given, B), (), ONE),
        (Loss(), (), {"weight": (1, 3)}),
        (Loss().method, (), {"weight": (1, 3)}),
    ],
)
def test_every_parameter_that_a_callable_holds_is_an_input_of_its_own(fn, first, parameters):
    call = called(fn, (*first, X))
    assert {i.name: tuple(i.tensor.shape) for i in call.inputs} == {"x": (2, 3), **parameters}
    assert check(fn, *first, X).status == "passed"


def test_a_mistake_in_one_of_two_modules_is_that_ones():
    """Modules whose parameters have the same names are not taken for each other."""

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(_, w):
            return w * 1

        @staticmethod
        def backward(_, g):
            return g * 2

    class Half(torch.nn.Linear):
        def forward(self, x):
            return torch.nn.functional.linear(x, Wrong.apply(self.weight), self.bias)

    first, second = Half(3, 2).double(), torch.nn.Linear(3, 3).double()
    report = check(lambda x: first(second(x)), X)
    assert {r.gradient.partition("[")[0] for r in report.results if r.verdict.value == "wrong"} == {"dfirst_weight"}


class Recomputed(torch.nn.Module):
    """A layer that runs again in its backward pass, where it must find the weights that the forward pass had."""

    def __init__(self, slope=1.0):
        super().__init__()
        self.inner, self.slope = torch.nn.Linear(3, 2).double(), slope

    def forward(self, x):
        return checkpoint(lambda t: torch.tanh(self.inner(t)) + (self.slope - 1) * self.inner(t).detach(), x, use_reentrant=False)


def test_what_a_backward_pass_runs_again_has_the_weights_of_that_point():
    torch.manual_seed(0)
    net = Recomputed()
    before = list(net.parameters())
    assert check(net, X).status == "passed"
    assert check(net, X, domain={"x": (-2, 2)}, sample=12).status == "passed"
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert check(Recomputed(1.5), X).status == "failed"


@pytest.mark.parametrize("density", [torch.distributions.Normal, lambda m, s: torch.distributions.Gamma(m * m, s), lambda m, s: torch.distributions.StudentT(3.0, m, s)])
def test_distributions_that_check_their_arguments_are_traced(density):
    """The checks read all truth values of a tensor at once (`aten._is_all_true`): a condition of the path."""
    m, s = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([0.4, -0.9], [1.3, 0.7]))
    report = check(lambda m, s: density(m, s).log_prob(torch.tensor(0.7, dtype=torch.float64)), m, s)
    assert (report.status, report.basis) == ("passed", "traced")


# ---------------------------------------------------------------- tensors that are held


@dataclasses.dataclass(frozen=True)
class Pair:
    x: torch.Tensor
    w: torch.Tensor


def drawn(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_()


WEIGHTS = {"w": drawn(3, 2), "layer.1": drawn(2)}
LISTED = [drawn(3, 3), drawn(3, 2)]


class Held:
    def __init__(self):
        self.inner, self.v = {"w": drawn(3, 2)}, drawn(2)

    def __call__(self, x):
        return x @ self.inner["w"] + self.v


HELD = {
    "a frozen dataclass that is given": (lambda pair: (pair.x @ pair.w).tanh(), (Pair(drawn(2, 3), drawn(3, 1)),), {"dpair_x", "dpair_w"}),
    "a dictionary that is named": (lambda x: x @ WEIGHTS["w"] + WEIGHTS["layer.1"], (drawn(2, 3),), {"dx", "dWEIGHTS_w", "dWEIGHTS_layer_1"}),
    "a list that is named": (lambda x: (x @ LISTED[0]) @ LISTED[1], (drawn(2, 3),), {"dx", "dLISTED_0", "dLISTED_1"}),
    "an object that is called": (Held(), (drawn(2, 3),), {"dx", "dv", "dinner_w"}),
}


@pytest.mark.parametrize("name", HELD)
def test_tensors_that_are_held_by_what_a_callable_has_are_inputs(name):
    function, inputs, gradients = HELD[name]
    report = check(function, *inputs)
    assert report.status == "passed", report.findings
    assert {r.gradient.partition("[")[0] for r in report.results} == gradients


def test_a_wrong_gradient_of_a_weight_in_a_dictionary_is_no_longer_passed_over():
    class Scaled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return g @ w.t(), 2 * x.t() @ g

    report = check(lambda x: Scaled.apply(x, WEIGHTS["w"]), drawn(2, 3))
    (found,) = report.findings
    assert found.gradient.startswith("dWEIGHTS_w")
    assert "the factor `2` is superfluous" in found.message


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_scripts_and_packed_sequences_are_traced():
    inner = torch.nn.GRU(2, 2, batch_first=True).double()
    rows = torch.nn.utils.rnn

    def packed(x):
        return rows.pad_packed_sequence(inner(rows.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True))[0], batch_first=True)[0]

    script = torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))).double()
    before = {n: v.clone() for n, v in script.named_buffers()}
    for function, x in ((packed, drawn(2, 3, 2)), (script, drawn(4, 2))):
        report = check(function, x)
        assert (report.status, report.basis) == ("passed", "traced"), report.findings
    assert all(torch.equal(v, before[n]) for n, v in script.named_buffers())


def test_the_exponential_of_a_matrix_is_that_of_matrices_as_large():
    """Its series has as many terms as this one needs: of a larger one it says nothing."""
    a = torch.tensor([[0.25, 0.125], [-0.5, 0.0625]], dtype=torch.float64, requires_grad=True)
    report = check(lambda a: torch.matrix_exp(a - a.mT), a)
    assert report.status == "passed", report.findings
    assert check(lambda a: torch.matrix_exp(a - a.mT), a, domain={"a": (-6, 6)}, sample=6).status == "passed"
