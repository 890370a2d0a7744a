"""PyTorch code as it stands: right functions pass, wrong ones are certified wrong with the user's line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verifier.language.formats import format_named

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tests.trace import torch_layers as layers  # noqa: E402 - it imports torch
from verifier.torch import assert_gradient, check  # noqa: E402
from verifier.trace.torch import mode  # noqa: E402
from verifier.trace.torch.callee import trace, values_of  # noqa: E402
from verifier.trace.torch.tensor_inputs import called  # noqa: E402

FILE = Path(layers.__file__)
SOURCE = FILE.read_text(encoding="utf-8").splitlines()
X = torch.tensor([[0.3, -1.2, 0.8], [1.7, 0.4, -0.6]], dtype=torch.float64)
W = torch.tensor([[0.5, -1.25, 0.75], [2.0, 0.75, -1.5]], dtype=torch.float64)
MIXED = torch.tensor([[0.7, 0.2, 0.1], [0.3, 1.1, -0.7], [0.4, 0.1, 0.9]], dtype=torch.float64)
SQUARE = torch.tensor([[2.0, 0.3], [-0.4, 1.5]], dtype=torch.float64)
functional = torch.nn.functional


def scaled(x, w):
    return layers.Scaled.apply(x, w, 3)


def scaled_forgets(x, w):
    return layers.ScaledForgets.apply(x, w, 3)


RIGHT = {
    "a custom Function": (layers.Sigmoid.apply, (X,)),
    "setup_context, two outputs, an argument that is no tensor": (scaled, (X, W)),
    "in place, marked dirty": (lambda x: layers.Doubled.apply(x.clone()), (X,)),
    "layer norm by hand": (layers.LayerNorm.apply, (X,)),
    "views and in-place writes": (layers.in_place, (X,)),
    "a branch on a value": (layers.by_sign, (X[0],)),
    "attention": (layers.attention, (X, W, X)),
    "dropout, seeded alike": (layers.dropout, (X,)),
    "a convolution": (lambda x, w: functional.conv1d(x[None], w[:, None, :2], stride=2, padding=1, groups=2), (X, W)),
    "cross entropy": (lambda x: functional.cross_entropy(x, torch.tensor([1, 2]), label_smoothing=0.1), (X,)),
    "bilinear interpolation": (lambda x: functional.interpolate(x[None, None], scale_factor=1.5, mode="bilinear"), (X,)),
    "an embedding": (lambda w: functional.embedding(torch.tensor([1, 0, 1]), w), (W,)),
    "indices that are put": (lambda x, w: x.index_put((torch.tensor([0, 0]), torch.tensor([1, 1])), w[0, :2], accumulate=True), (X, W)),
    "a determinant and an inverse": (lambda a: torch.linalg.det(a) * torch.linalg.inv(a), (SQUARE,)),
    "a system of equations": (torch.linalg.solve, (SQUARE, X[:, :2])),
    "a Cholesky factor": (lambda a: torch.linalg.cholesky(a @ a.T), (SQUARE,)),
    "a cast inside": (layers.with_cast, (X,)),
    "a function of statistics": (torch.special.gammainc, (torch.tensor([1.5], dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64, requires_grad=True))),
}
WRONG = {  # the mistake -> the function, its inputs, the lines that may be named
    "1 + y for 1 - y": (layers.SigmoidPlus.apply, (X,), ("slope = y * (1 + y)", "return g * slope")),
    "what flows into the second output is forgotten": (scaled_forgets, (X, W), ("dx = g * n * x ** (n - 1) * w",)),
    "the mean is missing": (layers.LayerNormWithoutMean.apply, (X,), ("inner = g - normed * (g * normed).mean(-1, keepdim=True)", "return inner * rstd")),
    "None for a gradient that is not zero": (layers.NoGradient.apply, (X, W), None),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_pass_and_their_operations_are_had(name):
    fn, inputs = RIGHT[name]
    report = check(fn, *inputs)
    assert (report.status, report.basis, [f.message for f in report.findings]) == ("passed", "traced", [])
    assert {r.verdict.value for r in report.results} <= {"correct", "rounding"}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_certified_wrong_in_the_users_file(name):
    fn, inputs, lines = WRONG[name]
    report = check(fn, *inputs)
    wrong = [f for f in report.findings if f.code == "V101"]
    assert (report.status, report.basis) == ("failed", "traced")
    assert wrong
    if lines is not None:
        assert {Path(f.place.file) for f in wrong} == {FILE}
        assert {SOURCE[f.place.line - 1].strip() for f in wrong} <= set(lines)


def test_what_the_mistake_does_not_touch_is_not_called_wrong():
    report = check(scaled_forgets, X, W)
    verdicts = {r.gradient.partition("[")[0]: r.verdict.value for r in report.results}
    assert verdicts["dx"] == "wrong"
    assert verdicts["dw"] in ("correct", "rounding")


@pytest.mark.parametrize("call", [torch.linalg.cholesky, lambda a: torch.linalg.cholesky(MIXED @ a @ MIXED.T), lambda a: torch.cholesky_solve(MIXED, torch.linalg.cholesky(a))])
def test_a_cholesky_factor_is_right_where_its_matrix_is_symmetric(call):
    """The second matrix is symmetric but for rounding."""
    report = check(call, torch.tensor([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]], dtype=torch.float64))
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


def normalized(x, bias):
    y = x + bias
    return (y - y.mean(0)) / ((y - y.mean(0)) ** 2).mean(0).sqrt()


def test_a_bias_before_a_normalization_has_a_note_and_no_ulps():
    """Its gradient is exactly 0: the mean is subtracted again."""
    x, bias = X.repeat(2, 1) + torch.tensor([[0.0], [0.1], [0.7], [1.3]], dtype=torch.float64), torch.tensor([0.3, -0.7, 0.9], dtype=torch.float64)
    report = check(normalized, x, bias)
    assert report.status == "passed"
    assert [f.message for f in report.findings if f.gradient.startswith("dbias")] == []
    assert any(float(r.computed) != 0 for r in report.results if r.gradient.startswith("dbias")), "rounding is left"
    assert any("dbias" in n and "the exact gradient is 0" in n for n in report.notes)


def test_a_bias_whose_gradient_is_no_rounding_of_0_is_still_found():
    class Doubtful(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, bias):
            ctx.save_for_backward(x, bias)
            return normalized(x, bias)

        @staticmethod
        def backward(ctx, g):
            x, bias = ctx.saved_tensors
            with torch.enable_grad():
                inputs = [v.detach().requires_grad_() for v in (x, bias)]
                found = torch.autograd.grad(normalized(*inputs), inputs, g)
            return found[0], found[1] + 1e-9

    x = X.repeat(2, 1) + torch.tensor([[0.0], [0.1], [0.7], [1.3]], dtype=torch.float64)
    report = check(Doubtful.apply, x, torch.tensor([0.3, -0.7, 0.9], dtype=torch.float64))
    assert any(f.gradient.startswith("dbias") for f in report.findings)


def test_a_cholesky_factor_of_one_triangle_is_noted_and_wrong():
    report = check(torch.linalg.cholesky, torch.tensor([[2.0, 0.3], [0.1, 1.5]], dtype=torch.float64))
    assert any("reads one triangle of a matrix that is not symmetric" in n for n in report.notes)
    assert any(f.code == "V101" for f in report.findings), "the other triangle does not change the result, and has a gradient"


def test_gradients_of_a_modules_parameters_have_their_names():
    torch.manual_seed(0)
    net = layers.Net().double()
    before = [b.clone() for b in net.buffers()]
    report = check(net, torch.cat([X, W]))
    assert report.status == "passed"
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dx", *(f"d{n.replace('.', '_')}" for n, _ in net.named_parameters())}
    assert all(torch.equal(a, b) for a, b in zip(before, net.buffers(), strict=True)), "running averages are as they were"
    assert all(isinstance(p, torch.nn.Parameter) and p.grad is None for p in net.parameters())


def test_a_tensor_of_a_closure_is_an_input():
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    report = check(lambda x: (x * scale).tanh(), X)
    assert report.status == "passed"
    assert "dscale" in {r.gradient for r in report.results}


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_narrow_formats_are_judged_by_their_own_ulps(kind):
    name = str(kind).removeprefix("torch.")
    report = check(layers.Sigmoid.apply, X.to(kind))
    assert (report.status, {r.format for r in report.results}) == ("passed", {name})
    assert check(layers.SigmoidPlus.apply, X.to(kind)).status == "failed"


def test_a_detour_by_a_narrow_format_is_no_wrong_formula_but_costs_digits():
    report = check(lambda x: (x.bfloat16() * 2).float().exp().sum(), X.float())
    assert (report.status, report.basis) == ("passed", "traced")
    assert {r.verdict.value for r in report.results} == {"unstable"}


def test_what_cannot_be_traced_is_judged_by_samples_against_the_function():
    report = check(lambda x: x.to_sparse().to_dense().pow(2).sum(), SQUARE, function="x[0,0]**2 + x[0,1]**2 + x[1,0]**2 + x[1,1]**2")
    assert (report.status, report.basis) == ("passed", "sampled")
    assert any("_to_sparse" in note and "test_torch.py" in note for note in report.notes), "which operation, in which line"


def test_without_a_function_what_cannot_be_traced_is_an_error():
    report = check(layers.through_sparse, SQUARE)
    assert (report.status, [f.code for f in report.findings]) == ("error", ["V112"])
    assert "_to_sparse" in report.findings[0].message


def test_a_callable_that_changes_its_inputs_fails():
    report = check(layers.Hidden.apply, X)
    assert "V111" in {f.code for f in report.findings}
    assert "V111" not in {f.code for f in check(layers.Sigmoid.apply, X).findings}


def test_a_callable_that_gives_other_bits_when_it_is_called_again_fails():
    report = check(layers.another_each_time, X)
    assert [f.message for f in report.findings if f.code == "V111"] == ["another_each_time gives other bits when it is called again"]


def test_a_backward_pass_may_be_given():
    assert check(torch.sin, X, backward=lambda g, x: g * torch.cos(x)).status == "passed"
    assert check(torch.sin, X, backward=lambda g, x: g * torch.sin(x)).status == "failed"


def test_the_gradients_of_a_backward_pass_may_have_names():
    report = check(lambda x, w: x @ w.t(), X, W, backward=lambda g, x, w: {"w": g.t() @ x, "x": g @ w})
    assert report.status == "passed", report.findings
    with pytest.raises(ValueError, match="returns gradients of x, v; the inputs are x, w"):
        check(lambda x, w: x @ w.t(), X, W, backward=lambda g, x, w: {"x": g @ w, "v": g.t() @ x})


def test_the_truth_may_be_a_function_of_the_language():
    assert check(layers.Sigmoid.apply, X, function="1 / (1 + exp(-x))").status == "passed"
    assert check(torch.tanh, X, function="1 / (1 + exp(-x))").status == "failed"


def test_assert_gradient_says_the_users_line():
    assert_gradient(layers.Sigmoid.apply, X)
    with pytest.raises(AssertionError, match=r"torch_layers\.py"):
        assert_gradient(layers.SigmoidPlus.apply, X)


# ---------------------------------------------------------------- the trace itself


def traced(fn, *inputs):
    call = called(fn, inputs)
    out = fn(*inputs)
    return trace(call, values_of(call), {"out": np.full(tuple(out.shape), 1.25)}, format_named("float64"))


def test_steps_of_torchs_own_backward_pass_stand_at_the_forward_line():
    program = traced(layers.in_place, X).program
    backward = [program.lines[s.line] for s in program.steps[program.backward_start :] if s.line >= 0 and s.args]
    assert {Path(line.source.file) for line in backward} == {FILE}
    assert any("row += y[0]" in line.text for line in backward)


def test_a_view_shares_its_steps_with_what_it_is_a_view_of():
    def function(x):
        y = x * 1.5
        part = y[0]
        part.add_(x[1])
        return y * 2

    program = traced(function, X).program
    inner = next(s for s in reversed(program.steps[: program.backward_start]) if s.gate == "mul" and program.steps[s.args[0]].gate == "add")
    assert program.steps[inner.args[1]].text == "2"


def test_data_are_themselves_and_numbers_of_the_source_are_decimals():
    data = torch.tensor(0.1, dtype=torch.float64)
    texts = {s.text for s in traced(lambda x: x * 0.3 + data, X).program.steps if s.gate == "number"}
    assert "0.3" in texts
    assert (0.1).hex() in texts


def test_a_branch_on_a_value_is_recorded():
    assert [b.holds for b in traced(layers.by_sign, X[0]).branches] == [False]
    assert [b.holds for b in traced(layers.by_sign, X[1]).branches] == [True]


# ---------------------------------------------------------------- what a callable must not do, and the options


class Exchanged(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return 2 * g * x * w, g * w * w


class NotLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g * g.abs()


def another_when_differentiated(x):
    return x.sin() if torch.is_grad_enabled() else x.cos()


def test_an_output_that_is_another_under_differentiation_fails():
    assert [f.message for f in check(another_when_differentiated, X).findings if f.code == "V111"] == ["another_when_differentiated gives another output under torch.no_grad() than when it is differentiated"]


def test_gradients_in_each_others_place_are_said_to_be_exchanged():
    report = check(Exchanged.apply, X, W)
    assert [f.message for f in report.findings if f.code == "V101"] == ["wrong gradient: Exchanged.dx and Exchanged.dw are exchanged: each is the gradient of the other input"]


def test_a_backward_pass_that_is_not_linear_in_what_flows_in_fails():
    assert check(NotLinear.apply, X).status == "failed"


@pytest.mark.parametrize("x", [X[0, 0], X])
def test_the_edit_that_repairs_the_users_line_is_named(x):
    (found,) = [f for f in check(layers.SigmoidPlus.apply, x).findings if f.code == "V101"]
    assert found.message.endswith("`+` where `-` is meant in `1 + y`")
    assert SOURCE[found.place.line - 1].strip() == "slope = y * (1 + y)"


def test_points_are_sampled_and_hunted_for_through_torch():
    report = check(lambda x: 1 - torch.tanh(x), X[0, 0], domain={"x": (-30, 30)}, sample=30, hunt=True)
    assert [s.points for s in report.sweeps] == [30]
    assert {r.verdict.value for r in report.regions} >= {"vanished"}


def test_a_kernel_that_loses_digits_is_told_from_the_formula(monkeypatch):
    from verifier.trace.torch import callee

    exact = callee._numbers

    def lossy(gradient, like):
        return exact(gradient, like) * (1 + 2.0**-30)  # 4 million ulps of float64, 2 % of one of bfloat16

    monkeypatch.setattr(callee, "_numbers", lossy)
    report = check(layers.Sigmoid.apply, X[0, 0])
    (found,) = [f for f in report.findings if f.code == "V201"]
    assert "the kernel loses them, not the formula" in found.message
    assert any(d.startswith("kernel") and "the same lines in IEEE arithmetic" in d for d in found.details)
    assert not any(d.startswith("worst") for d in found.details), "no line of the user lost them"
    monkeypatch.undo()
    assert check(layers.Sigmoid.apply, X[0, 0]).findings == (), "the twin: the kernel as it is"


def test_without_tensors_there_is_nothing_to_differentiate():
    with pytest.raises(TypeError, match="no input is a tensor of floats"):
        check(torch.sin, 3)


# ---------------------------------------------------------------- complex numbers, decompositions, what is picked by values

SYMMETRIC = torch.tensor([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]], dtype=torch.float64)
GENERAL = torch.tensor([[1.2, 0.3, -0.7], [0.5, -1.4, 0.2], [-0.9, 0.6, 1.1]], dtype=torch.float64)
GRID = torch.tensor([[[[0.1, 0.2], [-0.3, 0.95], [-1.7, 1.4]]]], dtype=torch.float64)
LINEAR_ALGEBRA = {
    "eigenvalues of a symmetric matrix": (torch.linalg.eigvalsh, SYMMETRIC),
    "eigenvectors": (lambda a: torch.linalg.eigh(a)[1], SYMMETRIC),
    "singular values and vectors": (lambda a: torch.linalg.svd(a, full_matrices=False), GENERAL[:, :2]),
    "complex eigenvalues": (torch.linalg.eigvals, torch.tensor([[0.0, -1.3], [1.1, 0.2]], dtype=torch.float64)),
    "a pseudoinverse": (torch.linalg.pinv, GENERAL[:, :2]),
    "least squares": (lambda a: torch.linalg.lstsq(a[:, :2], a[:, 2:])[0], GENERAL),
    "an exponential": (torch.linalg.matrix_exp, GENERAL[:2, :2]),
}
TRANSFORMS = {
    "a Fourier transform": torch.fft.fft,
    "of real numbers, of five": lambda x: torch.fft.rfft(torch.cat([x[0], x[1, :2]]), norm="ortho").abs(),
    "and back": lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2j, n=4),
    "of two axes": lambda x: torch.fft.ifft2(x * (1 + 2j)).abs(),
    "a conjugate in a product of matrices": lambda x: torch.view_as_real(torch.complex(x, x * x).mH @ torch.complex(x.sin(), x)),
    "division, powers and angles": lambda x: (torch.polar(x, x * x) ** 2 / torch.complex(x, x.exp())).angle(),
}
PICKED = {
    "sorted": lambda x: torch.sort(x * x)[0] * x,
    "the largest": lambda x: x.exp()[x.argmax()],
    "an index from a number": lambda x: x[x.floor().long() % 3] * x,
    "a mask": lambda x: x[x > 0].exp().sum() * x,
    "pooled": lambda x: functional.max_pool1d(x[None], 2)[0] * x[:1],
}


@pytest.mark.parametrize("name", LINEAR_ALGEBRA)
def test_decompositions_are_had_and_none_is_called_wrong(name):
    fn, matrix = LINEAR_ALGEBRA[name]
    report = check(fn, matrix)
    assert (report.status, report.basis, [f.message for f in report.findings]) == ("passed", "traced", [])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_complex_numbers_are_pairs_of_steps(name):
    report = check(TRANSFORMS[name], X)
    assert (report.status, report.basis, [f.message for f in report.findings]) == ("passed", "traced", [])


@pytest.mark.parametrize("name", PICKED)
def test_what_is_picked_by_values_holds_where_the_same_is_picked(name):
    report = check(PICKED[name], X[0], domain={"x": (-3, 3)}, sample=10)
    assert (report.status, report.basis) == ("passed", "traced")
    assert any("branches on values" in note for note in report.notes)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_an_image_is_sampled_between_its_elements(padding, mode):
    image = torch.cat([X, X[:1] / 2])[None, None]
    report = check(lambda x, g: functional.grid_sample(x, g, mode=mode, padding_mode=padding, align_corners=False), image, GRID)
    assert (report.status, report.basis) == ("passed", "traced")


def test_a_wrong_gradient_of_eigenvalues_is_certified_wrong():
    report = check(layers.EigenvaluesWithoutVectors.apply, SYMMETRIC)
    assert (report.status, report.basis) == ("failed", "traced")
    assert "wrong" in {r.verdict.value for r in report.results}
    assert check(layers.Eigenvalues.apply, SYMMETRIC).status == "passed"


def test_equal_eigenvalues_have_no_derivative_and_are_refused_with_the_line():
    report = check(lambda a: torch.linalg.eigh(a)[0].sum(), torch.eye(2, dtype=torch.float64))
    assert any("two eigenvalues" in text for text in [*report.notes, *(f.message for f in report.findings)])
    assert "wrong" not in {r.verdict.value for r in report.results}


def test_a_complex_input_is_judged_by_its_two_parts():
    report = check(lambda z: (z * z).abs(), torch.complex(X, X.exp()))
    assert (report.status, {r.gradient.rpartition(",")[2] for r in report.results}) == ("passed", {"0]", "1]"})


def test_a_scatter_whose_gradient_pytorch_swaps_is_certified_wrong():
    """PyTorch 2.13 lets the gradient through where the source was put; its own gradcheck agrees."""
    x, y = torch.arange(1.0, 6.0, dtype=torch.float64), torch.tensor([0.5, -2.0], dtype=torch.float64)

    def put(x, y):
        return torch.as_strided_scatter(x, y, (2,), (2,), 0)

    given = tuple(v.clone().requires_grad_() for v in (x, y))
    agrees = torch.autograd.gradcheck(put, given, raise_exception=False)
    assert (check(put, x, y).status == "passed") is agrees


def test_what_flows_into_a_narrow_output_is_a_number_of_its_format():
    report = check(lambda x: x.float(), X)
    assert (report.status, {r.verdict.value for r in report.results}) == ("passed", {"correct"})


def test_sums_that_differ_by_rounding_from_call_to_call_are_noted_and_judged():
    calls = []

    def restless(x):
        calls.append(x)
        return x.sin() * (1 + 2.0**-50 * (len(calls) % 2))

    report = check(restless, X)
    assert any("by no more than rounding" in note for note in report.notes)
    assert not any(f.code == "V111" for f in report.findings)
    assert {r.gradient for r in report.results} == {f"dx[{i},{j}]" for i in range(X.shape[0]) for j in range(X.shape[1])}


class RowMax(torch.autograd.Function):
    """The largest of each row; the backward pass uses the place that the forward pass saved."""

    @staticmethod
    def forward(ctx, x):
        top, place = x.max(dim=1)
        ctx.mark_non_differentiable(place)
        ctx.save_for_backward(place)
        ctx.shape = x.shape
        return top, place

    @staticmethod
    def backward(ctx, g, _):
        (place,) = ctx.saved_tensors
        return torch.zeros(ctx.shape, dtype=g.dtype).scatter(1, place.unsqueeze(1), g.unsqueeze(1))


class RowMaxMasked(torch.autograd.Function):
    """The same by a mask, whose backward pass loses the sign."""

    @staticmethod
    def forward(ctx, x):
        top, place = torch.max(x, 1)
        ctx.mask = place.unsqueeze(1) == torch.arange(x.shape[1])
        return top

    @staticmethod
    def backward(ctx, g):
        return torch.where(ctx.mask, -g.unsqueeze(1), 0)


def test_a_place_of_a_maximum_that_is_saved_is_followed_to_other_rows() -> None:
    report = check(RowMax.apply, X)  # x[0] with its maximum elsewhere is another path, not a refutation
    assert (report.status, report.basis, report.findings) == ("passed", "traced", ())
    assert check(RowMaxMasked.apply, X).status == "failed"


class ByNumpy(torch.autograd.Function):
    """The sine, computed outside of torch."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(np.sin(x.numpy()))

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cos()


def listed(x):
    return torch.tensor([[v * v for v in row] for row in x.tolist()], dtype=x.dtype) * x


@pytest.mark.parametrize(("fn", "name"), [(ByNumpy.apply, "numpy"), (listed, "tolist")])
def test_numbers_that_leave_torch_are_no_constants(fn, name) -> None:
    report = check(fn, X)  # with the sine a constant its right gradient would be certified wrong
    assert report.status == "error"
    assert f"{name}() takes numbers out of a tensor" in report.findings[0].message
    assert check(ByNumpy.apply, X, function="sin(x)").status == "passed"
    assert check(ByNumpy.apply, X, function="cos(x)").status == "failed"


def scaled_by_item(x):
    return x * x[0, 0].item()


def mean_of_positive(x):
    return (x * (x > 0)).sum() / (x > 0).sum().item()


def test_a_python_number_that_the_output_depends_on_is_no_constant() -> None:
    report = check(scaled_by_item, X)
    assert report.status == "error"
    assert "turned into the Python number 0.3, and the output depends on it" in report.findings[0].message
    assert check(mean_of_positive, X).status == "passed"  # a count, which is the same beside X
    assert check(lambda x: x.sin() if x.max().item() > 0 else x, X).status == "passed"


class TanhForgets(torch.autograd.Function):
    """y * y is y."""

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * (1 - y)  # the mistake


def test_a_mistake_in_a_custom_function_that_a_module_holds_is_found_in_its_line() -> None:
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.activation = torch.nn.Linear(3, 2, dtype=torch.float64), TanhForgets

        def forward(self, x):
            return self.activation.apply(self.first(x)).sum()

    (found,) = check(Net(), X).findings
    assert found.source_line.endswith("# the mistake")


def test_what_needs_gradients_to_run_is_checked() -> None:
    def hooked(x):
        y = x * 2
        y.register_hook(lambda g: g * 3)
        return y.sin()

    def derivative(x):
        (g,) = torch.autograd.grad((x.sin() * x).sum(), x, create_graph=True)
        return g

    assert check(derivative, X).status == "passed"
    assert check(hooked, X).status == "failed"


def test_the_triangle_that_is_read_is_said() -> None:
    symmetric = MIXED + MIXED.mT
    assert check(torch.linalg.eigvalsh, symmetric).status == "passed"
    assert check(lambda a: torch.linalg.pinv(a, hermitian=True), symmetric).basis == "traced"
    report = check(torch.linalg.eigvalsh, symmetric + 0.1 * MIXED)  # d of a[i,j] is twice torch's below the diagonal, and 0 above it
    assert report.status == "failed"
    assert any("reads one triangle of a matrix that is not symmetric here" in n for n in report.notes)


def test_the_correlation_of_a_row_with_itself_is_decided_at_the_bound_where_it_is_clipped():
    """torch clips c / sqrt(c) / sqrt(c), which is 1, at 1; with a detached diagonal of another size the gradient is not the one of the function."""
    x = torch.tensor([[0.3, -1.2, 0.7], [0.9, 0.4, -0.5]], dtype=torch.float64)
    report = check(torch.corrcoef, x)
    assert report.status == "passed", report.findings
    assert report.basis == "traced"
    wrong = check(lambda x: torch.corrcoef(x) + 1e-6 * (x[:, :2] - x[:, :2].detach()), x)
    assert {f.code for f in wrong.findings} == {"V101"}, wrong.findings


IN_HALF = {  # torch's decompositions of these compute in float32: aten.to.dtype counts as a view, and copies
    "mse_loss": torch.nn.functional.mse_loss,
    "smooth_l1_loss": torch.nn.functional.smooth_l1_loss,
    "huber_loss": torch.nn.functional.huber_loss,
    "glu": lambda x, y: torch.nn.functional.glu(x * y, 0),
    "softplus": lambda x, y: torch.nn.functional.softplus(x) * y,
    "hardswish": lambda x, y: torch.nn.functional.hardswish(x) * y,
    "leaky_relu": lambda x, y: torch.nn.functional.leaky_relu(x) * y,
    "layer_norm": lambda x, y: torch.nn.functional.layer_norm(x, (4,)) * y,
}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", IN_HALF)
def test_what_computes_in_float32_inside_is_no_false_alarm_in_16_bits(name, kind):
    x, y = (torch.tensor(v, dtype=kind) for v in ([0.3, -1.25, 0.75, 2.0], [0.5, 1.5, -0.25, 0.875]))
    report = check(IN_HALF[name], x, y)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
    wrong = check(lambda x, y: IN_HALF[name](x, y) + 2 * (x[:1] - x[:1].detach()), x, y)
    assert "V101" in {f.code for f in wrong.findings}


def test_rows_stand_for_operations_that_torch_has() -> None:
    """A row whose name is mistyped would never be run."""
    unknown = {name for name in (*mode.ROWS, *mode.COMPLEX) if not hasattr(torch.ops.aten, name)}
    assert unknown <= {"_addmm_activation_none", "as_strided_backward", "max_unpool2d_backward"}  # of other versions


def test_a_copied_part_of_a_tensor_is_traced() -> None:
    x = torch.tensor([0.25, -1.5, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    report = check(lambda x: torch.narrow_copy(x, 0, 1, 2) ** 2, x)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
