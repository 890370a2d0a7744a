"""What a stranger gives to the door of PyTorch: compiled code, gradients that are stopped on purpose, things that are no inputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.trace.torch_layers import Lstm, Sigmoid  # noqa: E402 - it imports torch
from verifier.torch import check  # noqa: E402

X = torch.tensor([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]], dtype=torch.float64, requires_grad=True)
LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


class Rounded(torch.autograd.Function):
    """Straight through."""

    @staticmethod
    def forward(_, x):
        return x.round()

    @staticmethod
    def backward(_, g):
        return g  # no operation runs


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x


# ---------------------------------------------------------------- where a mistake stands


def test_a_gradient_that_no_line_computes_stands_at_the_backward_pass():
    (found,) = check(Rounded.apply, X).findings
    assert found.code == "V101"
    assert found.place.file == __file__
    assert LINES[found.place.line - 1].strip() == "def backward(_, g):"
    assert LINES[found.place.line - 2].strip() == "@staticmethod"
    assert LINES[found.place.line].strip().startswith("return g ")
    assert "no line computes it" in found.message


@pytest.mark.parametrize("count", [2, 3])
def test_the_slope_of_a_square_has_the_factor_2_also_where_there_are_two_numbers(count):
    (found,) = check(Square.apply, torch.arange(1.0, 1.0 + count)).findings
    assert "the factor `2` is missing" in found.message


# ---------------------------------------------------------------- stopped on purpose


def detached(x):
    return x * x.detach()


def padded(weight):
    return torch.nn.functional.embedding(torch.tensor([0, 1, 2]), weight, padding_idx=1) ** 2


def by_frequency(weight):
    return torch.nn.functional.embedding(torch.tensor([0, 1, 1]), weight, scale_grad_by_freq=True) ** 2


@pytest.mark.parametrize(("fn", "word"), [(detached, "a part of it is left out, by detach() in line"), (padded, "padding_idx=1"), (by_frequency, "scale_grad_by_freq")])
def test_a_gradient_that_is_stopped_on_purpose_is_wrong_and_a_note_says_where(fn, word):
    report = check(fn, torch.rand(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert report.status == "failed"
    said = [*report.notes, *(f"{f.place}: {f.message}" for f in report.findings)]
    assert any(word in n and n.startswith(f"{__file__}:") for n in said)


def test_a_gradient_that_is_stopped_and_is_0_anyway_needs_no_note():
    """The largest number, which a softmax is shifted by, has no influence on it."""
    report = check(lambda x: (x - x.max().detach()).softmax(0), X[0].detach())
    assert report.status == "passed"
    assert not any("stops the gradient" in n for n in report.notes)


# ---------------------------------------------------------------- compiled code


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_code_is_judged_by_its_own_floats():
    """A compiler that makes everything 1.5 times as large: its lines are right, and its numbers are not believed."""
    torch._dynamo.reset()  # what other tests compiled counts towards torch's limit

    def one_and_a_half(graph, _):
        return lambda *values: tuple(1.5 * v for v in graph(*values))

    plain = torch.compile(lambda x: x.sin() * x, backend="eager")
    larger = torch.compile(lambda x: x.sin() * x, backend=one_and_a_half)
    right, wrong = check(plain, X), check(larger, X)
    assert (right.status, right.basis) == ("passed", "traced")
    assert any("torch.compile" in n for n in right.notes)
    assert wrong.status == "error"
    assert "not believed" in wrong.findings[0].message


def test_parameters_of_a_compiled_module_have_their_own_names():
    net = torch.nn.Sequential(torch.nn.Linear(3, 1)).double()
    report = check(torch.compile(net, backend="eager"), X)
    assert report.status == "passed"
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dx", "dlayer0_weight", "dlayer0_bias"}
    assert report.name == "Sequential"


def test_a_check_does_not_load_the_compiler_of_torch():
    code = "import torch, sys\nfrom verifier.torch import check\nassert check(torch.sin, torch.tensor([0.5])).status == 'passed'\nassert 'torch._dynamo' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------- interpolation


@pytest.mark.parametrize("how", [{"size": (3, 5)}, {"scale_factor": 1.37}, {"scale_factor": 0.7}, {"size": (3, 5), "align_corners": True}, {"size": (2, 2), "antialias": True}])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
def test_interpolation_has_the_same_weights_in_both_directions(mode, how):
    image = torch.rand(1, 1, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    report = check(lambda x: torch.nn.functional.interpolate(x, mode=mode, **how), image)
    assert (report.status, set(report.proofs["<lambda>"].values())) == ("passed", {"proved"})


def test_a_wrong_gradient_of_an_interpolation_is_certified_wrong():
    class Larger(torch.autograd.Function):
        @staticmethod
        def forward(_, x):
            return torch.nn.functional.interpolate(x, size=(3, 5), mode="bicubic")

        @staticmethod
        def backward(_, g):
            return torch.ops.aten.upsample_bicubic2d_backward(g, (3, 5), (1, 1, 2, 3), align_corners=True)

    image = torch.rand(1, 1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert {f.code for f in check(Larger.apply, image).findings} == {"V101"}


# ---------------------------------------------------------------- no inputs


@pytest.mark.parametrize(
    ("fn", "given", "words"),
    [
        (Sigmoid, X, "give Sigmoid.apply"),
        (Sigmoid.apply, torch.tensor([1, 2]), "given is a tensor of int64"),
        (Sigmoid.apply, [1.0, 2.0], "given is list"),
        (Sigmoid.apply, torch.zeros(2, device="meta"), "has no numbers"),
        (Sigmoid.apply, torch.eye(2).to_sparse(), "is sparse"),
    ],
)
def test_what_is_no_input_is_refused_in_words(fn, given, words):
    with pytest.raises(TypeError, match=words):
        check(fn, given)


def test_what_flows_in_must_have_the_shape_of_the_output():
    with pytest.raises(ValueError, match=r"'out' has the shape \(4,\), and 'out' has \(2, 3\)"):
        check(Sigmoid.apply, X, upstream=torch.ones(4))


def test_inference_mode_does_not_matter():
    with torch.inference_mode():
        assert check(Sigmoid.apply, torch.tensor([0.5, 2.0])).status == "passed"


# ---------------------------------------------------------------- edits


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(1.702 * x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(1.702 * x)
        return g * (s + x * s * (1 - s))


class CumulativeSum(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x.cumsum(1)

    @staticmethod
    def backward(_, g):
        return g.cumsum(1)


class CumulativeSumOfALibrary(CumulativeSum):
    @staticmethod
    def backward(_, g):
        return torch.cumsum(g, dim=1)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Swish, "the factor `1.702` is missing"),
        (CumulativeSum, "the sum from the other end is meant, `g.flip(1).cumsum(1).flip(1)`"),
        (CumulativeSumOfALibrary, "the sum from the other end is meant, `torch.flip(torch.cumsum(torch.flip(g, (1,)), 1), (1,))`"),
    ],
)
def test_the_number_and_the_direction_that_are_meant_are_named(wrong, words):
    (found,) = check(wrong.apply, X).findings
    assert words in found.message
    assert "after this edit every gradient is certified to be the exact one" in found.details


def hooked(x):
    y = x * 2
    y.register_hook(lambda g: g * 3.0)
    return y.sin()


def test_a_hook_that_is_taken_away_is_no_repair():
    """With `y.T` the hook would be that of another tensor, and the gradient right; the mistake is the factor in the hook."""
    (found,) = check(hooked, X[0].detach()).findings
    assert found.code == "V101"
    assert "is meant" not in found.message
    assert "`g * 3.0`" in found.message


# ---------------------------------------------------------------- operations of the user


@torch.library.custom_op("verifier_tests::twice_sine", mutates_args=())
def twice_sine(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(x) * 2


@torch.library.custom_op("verifier_tests::scaled_square", mutates_args=())
def scaled_square(x: torch.Tensor, scale: float) -> torch.Tensor:
    y = x * x
    return y * scale


@torch.library.custom_op("verifier_tests::by_numpy", mutates_args=())
def by_numpy(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.sin(x.detach().numpy()))


def keep_input(ctx, inputs, output):  # noqa: ARG001 - the signature is torch's
    ctx.save_for_backward(inputs[0])
    ctx.rest = inputs[1:]


twice_sine.register_autograd(lambda ctx, g: 2 * g * ctx.saved_tensors[0].cos(), setup_context=keep_input)
scaled_square.register_autograd(lambda ctx, g: (g * ctx.saved_tensors[0] * ctx.rest[0], None), setup_context=keep_input)
by_numpy.register_autograd(lambda ctx, g: g * ctx.saved_tensors[0].cos(), setup_context=keep_input)


def test_operations_that_the_user_makes_in_python_are_traced():
    right = check(twice_sine, X[0].detach())
    assert (right.status, right.basis) == ("passed", "traced")
    wrong = check(lambda x: scaled_square(x, 2.5), X[0].detach())
    assert [f.code for f in wrong.findings] == ["V101"]
    assert "the factor `2` is missing" in wrong.findings[0].message


def test_one_that_leaves_torch_is_not():
    assert check(by_numpy, X[0].detach()).status == "error"
    assert check(by_numpy, X[0].detach(), function="sin(x)", names=["x"]).basis == "sampled"


# ---------------------------------------------------------------- reentrant checkpoints


def test_a_reentrant_checkpoint_is_differentiated_as_it_asks_for():
    """It refuses `torch.autograd.grad`; what `.backward()` leaves in the inputs is judged, and other tensors keep their gradients."""
    held = torch.tensor([2.0, 0.5], dtype=torch.float64, requires_grad=True)
    held.grad = torch.ones(2, dtype=torch.float64)

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x**2

    def right(x):
        return torch.utils.checkpoint.checkpoint(lambda h: torch.tanh(h) * torch.exp(-h * h), x, use_reentrant=True) * held

    def wrong(x):
        return torch.utils.checkpoint.checkpoint(lambda h: Cube.apply(h) * torch.sin(h), x, use_reentrant=True)

    x = torch.tensor([0.3, -0.7], dtype=torch.float64)
    report = check(right, x)
    assert (report.status, report.basis, report.findings) == ("passed", "traced", ())
    (found,) = check(wrong, x).findings
    assert found.source_line.strip() == "return g * 2 * x**2"
    assert x.grad is None
    assert held.grad.tolist() == [1.0, 1.0]


def test_a_mistake_in_a_loop_is_named_and_not_the_right_lines_that_read_it():
    w = torch.tensor([[0.3, -1.2, 0.4], [0.7, 0.2, -0.3], [1.1, 0.4, 0.25], [-0.6, 0.9, 0.15]], dtype=torch.float64)
    xs = torch.tensor([[0.5, -0.7], [0.2, 0.1], [-0.4, 0.3]], dtype=torch.float64)
    (found,) = check(Lstm.apply, w, xs).findings
    assert found.source_line.endswith("# the factor o is missing")
    assert "the factor `o` is missing" in found.message
