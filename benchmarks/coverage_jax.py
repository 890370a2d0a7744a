"""How much of JAX is traced, and how far off it is: every differentiable callable of a list, in float32, float64, float16 and bfloat16, at a point of its own.

    python -m benchmarks.coverage_jax                           # a line for each that is not traced or has a fault, and the counts
    python -m benchmarks.coverage_jax --write                   # docs/frameworks.md as well: its part about JAX
    python -m benchmarks.coverage_jax digamma svd               # only callables whose names have one of these
    python -m benchmarks.coverage_jax --state build/jax.jsonl   # keeps every row, and goes on where it was stopped
    python -m benchmarks.coverage_jax --quick                   # float32 only, and no hunts

`traced`: the lines were had, and the trace agrees with what JAX computed; every verdict is looked at. Functions of one number
are judged at the points of their own hunt as well. A callable called `wrong` is a fault of JAX or of the verifier.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np
from jax import lax

from benchmarks.coverage import RANK, Judged, Row, counted, faults, judge, keep, known_rows, table, timed, write
from verifier.language.formats import format_named
from verifier.trace.jax.callee import called, callee_of
from verifier.trace.jax.jax_array import in_double

FORMATS = ("float32", "float64")
HALVES = ("float16", "bfloat16")  # for which JAX need not have a kernel: what is not traced in them is left out
HUNTED = ("float32", "float64", "float16", "bfloat16")
SECONDS = 30  # of the processor, that a callable may take in all

X = jnp.array([0.3, -1.2, 0.8])
P = jnp.array([0.4, 1.7, 0.9])  # positive
U = jnp.array([0.2, 0.7, 0.45])  # between 0 and 1
M = jnp.array([[0.3, -1.2, 0.8], [1.7, 0.4, -0.6]])
S = jnp.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]])  # symmetric, positive definite
G = jnp.array([[1.2, 0.3, -0.7], [0.5, -1.4, 0.2], [-0.9, 0.6, 1.1]])  # a general matrix
IMAGE = (jnp.arange(32.0).reshape(1, 2, 4, 4) * 7 % 5 - 2.25) / 3
KERNEL = (jnp.arange(24.0).reshape(3, 2, 2, 2) * 5 % 7 - 3.25) / 4

ONE = {  # on an array of numbers -> names
    "nn": (X, "celu elu gelu glu:4 hard_sigmoid hard_silu hard_swish hard_tanh identity leaky_relu log_sigmoid log_softmax logsumexp mish relu relu6 selu sigmoid silu soft_sign softmax softplus sparse_plus sparse_sigmoid squareplus standardize swish tanh"),
    "numpy": (X, "abs absolute arctan arcsinh array atleast_1d atleast_2d average cbrt clip copy cos cosh cumprod cumsum cumulative_sum cumulative_prod deg2rad degrees diag diff ediff1d exp exp2 expm1 fabs flip flipud gradient i0 max mean min nan_to_num nanmax nanmean nanmin nanprod nanstd nansum nanvar negative positive prod ptp rad2deg radians ravel real roll:1 sin sinc sinh sort square std sum tan tanh trapezoid unwrap var median nanmedian nancumsum nancumprod percentile:30 quantile:0.3 vander tile:2 repeat:2 outer:X cross:X dot:X inner:X vdot:X kron:X convolve:X correlate:X polyval:X add:X subtract:X multiply:X divide:P true_divide:P maximum:0.1 minimum:0.1 fmax:0.1 fmin:0.1 hypot:P arctan2:P logaddexp:X logaddexp2:X heaviside:0.5 copysign:P fmod:0.7 remainder:0.7 mod:0.7 float_power:2.0 ldexp:2 interp:T where:W"),
    "numpy ": (P, "log log10 log1p log2 sqrt reciprocal power:P power:3 arccosh:1 geomspace:5 logspace:2 float_power:P"),
    "numpy  ": (U, "arcsin arccos arctanh"),
    "numpy   ": (M, "transpose trace swapaxes:01 moveaxis:01 reshape:6 matmul:MT tensordot:M squeeze expand_dims:0 fliplr rot90 tril triu diagonal hstack vstack dstack column_stack concatenate stack einsum:M cov corrcoef apply_along_axis:0 take:1 take_along_axis split array_split delete:1 append:M insert block broadcast_to pad:1 partition:1 nanpercentile:30 nanquantile:0.3"),
    "scipy.special": (P, "digamma entr erf erfc expit expi exp1 expn:2 gamma gammaln hyp1f1:1 i0 i0e i1 i1e log_softmax logsumexp loggamma ndtr log_ndtr polygamma:1 poch:P rel_entr:P kl_div:P softmax xlogy:P xlog1py:P zeta:2 gammainc:1.5 gammaincc:1.5 betainc:1.5 betaln:P beta:P multigammaln:2 factorial spence sinc bessel_jn:1 fresnel lambertw ellipk sici erfcx dawsn"),
    "scipy.special ": (U, "erfinv ndtri logit hyp2f1:1"),
    "lax": (X, "abs add:X acosh:1 asinh atan atan2:P bessel_i0e bessel_i1e cbrt ceil clamp cos cosh cumlogsumexp cummax cummin cumprod cumsum div:P erf erfc exp exp2 expm1 floor integer_pow:3 logistic max:0.1 min:0.1 mul:X neg rem:0.7 round rsqrt:2 sign sin sinh square sub:X tan tanh reduce_max reduce_min reduce_sum reduce_prod rev sort top_k:2 associative_scan map scan fori_loop cond switch select reduce_precision convert_element_type stop_gradient dynamic_slice dynamic_update_slice expand_dims pad concatenate reshape:3 broadcast:2 broadcast_in_dim slice gather scatter_add scatter scatter_mul scatter_max index_in_dim:1 dynamic_index_in_dim:1"),
    "lax ": (P, "digamma lgamma log log1p sqrt pow:P igamma:1.5 igammac:1.5 polygamma:1 regularized_incomplete_beta"),
    "lax  ": (U, "acos asin atanh erf_inv"),
    "lax   ": (M, "dot:MT dot_general transpose batch_matmul conv conv_general_dilated conv_transpose reduce_window_sum max_pool avg_pool"),
    "numpy.linalg": (S, "cholesky det inv slogdet solve norm matrix_norm matrix_power:3 multi_dot trace eigh eigvalsh svd qr pinv lstsq matrix_transpose vector_norm outer cross cond tensorinv"),
    "numpy.linalg ": (G, "det inv slogdet solve"),
    "scipy.linalg": (S, "cho_factor cho_solve cholesky det inv solve solve_triangular lu expm block_diag toeplitz qr eigh"),
    "lax.linalg": (S, "cholesky lu triangular_solve qr eigh svd"),
}  # fmt: skip
SPECIAL: dict[str, Callable[..., Any]] = {
    "nn.glu:4": lambda x: jax.nn.glu(jnp.concatenate([x, x[:1]])),
    "numpy.tile:2": lambda x: jnp.tile(x, 2),
    "numpy.interp:T": lambda x: jnp.interp(x, jnp.array([-2.0, 0.0, 2.0]), jnp.array([1.0, 0.5, 3.0])),
    "numpy.where:W": lambda x: jnp.where(x > 0, x, jnp.exp(x)),
    "numpy.arccosh:1": lambda x: jnp.arccosh(x + 1),
    "numpy.geomspace:5": lambda x: jnp.geomspace(x[0], x[1], 5),
    "numpy.logspace:2": lambda x: jnp.logspace(x[0], x[1], 4),
    "numpy.moveaxis:01": lambda m: jnp.moveaxis(m, 0, 1),
    "numpy.swapaxes:01": lambda m: jnp.swapaxes(m, 0, 1),
    "numpy.matmul:MT": lambda m: jnp.matmul(m, m.T),
    "numpy.einsum:M": lambda m: jnp.einsum("ij,kj->ik", m, m),
    "numpy.apply_along_axis:0": lambda m: jnp.apply_along_axis(jnp.cumsum, 0, m),
    "numpy.take:1": lambda m: jnp.take(m, jnp.array([1, 0, 1]), axis=1),
    "numpy.take_along_axis": lambda m: jnp.take_along_axis(m, jnp.array([[1], [0]]), axis=1),
    "numpy.split": lambda m: jnp.split(m, 2),
    "numpy.array_split": lambda m: jnp.array_split(m, 2, axis=1),
    "numpy.delete:1": lambda m: jnp.delete(m, 1, axis=1),
    "numpy.insert": lambda m: jnp.insert(m, 1, 2.0, axis=1),
    "numpy.block": lambda m: jnp.block([[m, m]]),
    "numpy.broadcast_to": lambda m: jnp.broadcast_to(m, (2, 2, 3)),
    "numpy.append:M": lambda m: jnp.append(m, m),
    "numpy.stack": lambda m: jnp.stack([m, m * 2]),
    "numpy.concatenate": lambda m: jnp.concatenate([m, m * 2]),
    "numpy.tensordot:M": lambda m: jnp.tensordot(m, m, 2),
    "numpy.ldexp:2": lambda x: jnp.ldexp(x, 2),
    "scipy.special.gammainc:1.5": lambda x: jsp.special.gammainc(1.5, x),
    "scipy.special.gammaincc:1.5": lambda x: jsp.special.gammaincc(1.5, x),
    "scipy.special.betainc:1.5": lambda x: jsp.special.betainc(1.5, 2.5, x / 2),
    "scipy.special.polygamma:1": lambda x: jsp.special.polygamma(1, x),
    "scipy.special.expn:2": lambda x: jsp.special.expn(2, x),
    "scipy.special.zeta:2": lambda x: jsp.special.zeta(2.5, x),
    "scipy.special.multigammaln:2": lambda x: jsp.special.multigammaln(x + 1, 2),
    "scipy.special.hyp1f1:1": lambda x: jsp.special.hyp1f1(1.5, 2.5, x),
    "scipy.special.hyp2f1:1": lambda x: jsp.special.hyp2f1(1.5, 0.5, 2.5, x),
    "scipy.special.bessel_jn:1": lambda x: jsp.special.bessel_jn(x, v=1),
    "lax.add:X": lambda x: lax.add(x, x),
    "lax.acosh:1": lambda x: lax.acosh(x + 3),
    "lax.rsqrt:2": lambda x: lax.rsqrt(x + 3),
    "lax.clamp": lambda x: lax.clamp(-0.5, x, 0.5),
    "lax.integer_pow:3": lambda x: lax.integer_pow(x, 3),
    "lax.reduce_max": lambda x: lax.reduce_max(x, (0,)),
    "lax.reduce_min": lambda x: lax.reduce_min(x, (0,)),
    "lax.reduce_sum": lambda x: lax.reduce_sum(x, (0,)),
    "lax.reduce_prod": lambda x: lax.reduce_prod(x, (0,)),
    "lax.rev": lambda x: lax.rev(x, (0,)),
    "lax.associative_scan": lambda x: lax.associative_scan(jnp.multiply, x),
    "lax.map": lambda x: lax.map(jnp.sin, x),
    "lax.scan": lambda x: lax.scan(lambda c, a: (c * a + 1, c), 0.5, x),
    "lax.fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: jnp.sin(c) + x[i], 0.5),
    "lax.cond": lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "lax.switch": lambda x: lax.switch(1, [jnp.sin, jnp.exp, jnp.cos], x),
    "lax.select": lambda x: lax.select(x > 0, x, x * 2),
    "lax.reduce_precision": lambda x: lax.reduce_precision(x, 8, 23),
    "lax.convert_element_type": lambda x: lax.convert_element_type(x, jnp.float32) * 2,
    "lax.stop_gradient": lambda x: lax.stop_gradient(x * 0) + x,
    "lax.dynamic_slice": lambda x: lax.dynamic_slice(x, (1,), (2,)),
    "lax.dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:1] * 2, (1,)),
    "lax.expand_dims": lambda x: lax.expand_dims(x, (0,)),
    "lax.pad": lambda x: lax.pad(x, jnp.zeros((), x.dtype), [(1, 1, 1)]),
    "lax.concatenate": lambda x: lax.concatenate([x, x], 0),
    "lax.reshape:3": lambda x: lax.reshape(x, (3, 1)),
    "lax.broadcast:2": lambda x: lax.broadcast(x, (2,)),
    "lax.broadcast_in_dim": lambda x: lax.broadcast_in_dim(x, (2, 3), (1,)),
    "lax.slice": lambda x: lax.slice(x, (0,), (2,)),
    "lax.gather": lambda x: x[jnp.array([2, 0, 2])],
    "lax.scatter_add": lambda x: x.at[jnp.array([0, 0, 2])].add(x * 2),
    "lax.scatter": lambda x: x.at[1].set(x[0] * 2),
    "lax.scatter_mul": lambda x: x.at[jnp.array([0, 2])].multiply(3.0),
    "lax.scatter_max": lambda x: x.at[jnp.array([0, 2])].max(0.1),
    "lax.igamma:1.5": lambda x: lax.igamma(jnp.full_like(x, 1.5), x),
    "lax.igammac:1.5": lambda x: lax.igammac(jnp.full_like(x, 1.5), x),
    "lax.polygamma:1": lambda x: lax.polygamma(jnp.full_like(x, 1.0), x),
    "lax.regularized_incomplete_beta": lambda x: lax.betainc(jnp.full_like(x, 1.5), jnp.full_like(x, 2.5), x / 2),
    "lax.pow:P": lambda x: lax.pow(x, x),
    "lax.dot:MT": lambda m: lax.dot(m, m.T),
    "lax.dot_general": lambda m: lax.dot_general(m, m, (((1,), (1,)), ((0,), (0,)))),
    "lax.transpose": lambda m: lax.transpose(m, (1, 0)),
    "lax.batch_matmul": lambda m: lax.batch_matmul(m[None], m.T[None]),
    "lax.conv": lambda m: lax.conv(m[None, None], m[None, None, :, :2], (1, 1), "SAME"),
    "lax.conv_general_dilated": lambda m: lax.conv_general_dilated(m[None, None], KERNEL[:1, :1].astype(m.dtype), (1, 2), [(1, 0), (1, 1)], lhs_dilation=(2, 1), rhs_dilation=(1, 2)),
    "lax.conv_transpose": lambda m: lax.conv_transpose(m[None, :, :, None], KERNEL[:, :1, 0, :].transpose(2, 0, 1)[:, :2, :, None].astype(m.dtype), (1, 1), "SAME"),
    "lax.reduce_window_sum": lambda m: lax.reduce_window(m, 0.0, lax.add, (1, 2), (1, 1), "VALID"),
    "lax.max_pool": lambda m: lax.reduce_window(m, -jnp.inf, lax.max, (1, 2), (1, 1), "VALID"),
    "lax.avg_pool": lambda m: lax.reduce_window(m, 0.0, lax.add, (1, 2), (1, 2), "SAME") / 2,
    "numpy.linalg.solve": lambda a: jnp.linalg.solve(a, a[0]),
    "numpy.linalg.multi_dot": lambda a: jnp.linalg.multi_dot([a, a, a]),
    "numpy.linalg.matrix_power:3": lambda a: jnp.linalg.matrix_power(a, 3),
    "numpy.linalg.lstsq": lambda a: jnp.linalg.lstsq(a[:, :2], a[:, 2])[0],
    "numpy.linalg.tensorinv": lambda a: jnp.linalg.tensorinv(a, ind=1),
    "numpy.linalg.outer": lambda a: jnp.linalg.outer(a[0], a[1]),
    "numpy.linalg.cross": lambda a: jnp.linalg.cross(a[0], a[1]),
    "scipy.linalg.solve": lambda a: jsp.linalg.solve(a, a[0]),
    "scipy.linalg.cho_factor": lambda a: jsp.linalg.cho_factor(a)[0],
    "scipy.linalg.cho_solve": lambda a: jsp.linalg.cho_solve((jnp.linalg.cholesky(a), True), a[0]),
    "scipy.linalg.solve_triangular": lambda a: jsp.linalg.solve_triangular(a, a[0], lower=True),
    "scipy.linalg.toeplitz": lambda a: jsp.linalg.toeplitz(a[0]),
    "lax.linalg.triangular_solve": lambda a: lax.linalg.triangular_solve(a, a[:, :2], left_side=True, lower=True),
    "lax.linalg.lu": lambda a: lax.linalg.lu(a)[0],
    "lax.linalg.eigh": lax.linalg.eigh,
}
MATES = {"X": X, "P": P, "M": M}


def callables() -> Iterator[tuple[str, Callable[..., Any], tuple[Any, ...]]]:
    """Name, function and inputs of every callable of the list that this JAX has."""
    for room, (data, names) in ONE.items():
        module = jax
        for part in room.strip().split("."):
            module = getattr(module, part)
        for name in names.split():
            full = f"{room.strip()}.{name}"
            short, _, mate = name.partition(":")
            function = getattr(module, short, None)
            if full in SPECIAL:
                yield full, SPECIAL[full], (data,)
            elif function is None:
                continue
            elif mate in MATES:
                yield full, function, (data, MATES[mate])
            elif mate:
                number = float(mate) if "." in mate else int(mate)
                yield full, (lambda x, f=function, n=number: f(x, n)), (data,)
            else:
                yield full, function, (data,)


def judged(function: Callable[..., Any], inputs: tuple[Any, ...], kind: str, *, hunt: bool = False) -> Judged:
    """What is found of a callable in a format."""
    fmt = format_named(kind)
    with jax.enable_x64(kind == "float64"):
        own = called(function, [jnp.asarray(np.asarray(x), dtype=kind) for x in inputs])
        return judge(callee_of(own, fmt), {n: in_double(own.leaves[k]) for n, k in own.names.items()}, fmt, hunt=hunt)


def _filled(row: Row, function: Callable[..., Any], inputs: tuple[Any, ...], *, quick: bool) -> None:
    """Fill a row: the point of the list in every format, then the hunt of a function of one number."""
    for kind in FORMATS[:1] if quick else FORMATS:
        try:
            row.enter(judged(function, inputs, kind), kind)
        except Exception as error:  # noqa: BLE001 - one callable must not cost the others
            row.status, row.why = max(row.status, "refused", key=RANK.index), row.why or f"{type(error).__name__}: {str(error)[:150]}"
    if quick or row.status != "traced":
        return
    for kind in HALVES:
        try:
            found = judged(function, inputs, kind)
        except Exception:  # noqa: BLE001 - JAX has no kernel of that format
            continue
        if found.basis == "traced":
            row.enter(found, kind)
    if not is_of_one_number(function, inputs):
        return
    for kind in HUNTED:
        try:
            row.enter(judged(function, (inputs[0][0],), kind, hunt=True), kind)
        except Exception:  # noqa: BLE001 - JAX has no kernel of that format
            continue


def is_of_one_number(function: Callable[..., Any], inputs: tuple[Any, ...]) -> bool:
    """Whether a callable takes a number to a number, each element of a vector by itself."""
    if len(inputs) != 1 or inputs[0].ndim != 1:
        return False
    try:
        whole, first = function(inputs[0]), function(inputs[0][0])
    except Exception:  # noqa: BLE001 - it needs an array
        return False
    return getattr(whole, "shape", None) == inputs[0].shape and getattr(first, "shape", None) == () and bool(whole[0] == first)


def row_of(name: str, *, quick: bool) -> Row:
    """What a callable comes to."""
    warnings.simplefilter("ignore")
    function, inputs = next((f, i) for n, f, i in callables() if n == name)
    row = Row(name.partition(":")[0])
    return timed(row, lambda: _filled(row, function, inputs, quick=quick), SECONDS)


def part(rows: list[Row]) -> str:
    """The page's part about JAX."""
    counts = counted(rows)
    total = sum(counts.values())
    rooms: dict[str, list[Row]] = {}
    for row in rows:
        rooms.setdefault("jax." + row.name.rpartition(".")[0], []).append(row)
    traced = counts["traced"] + counts["wrong"]
    first = f"JAX {jax.__version__}, of whose differentiable callables {total} were judged on a CPU: {traced} are traced ({traced / max(total, 1):.1%}). {counts['wrong']} of them are certified wrong at the point of the list."
    lines = ["| room | callables | traced | not traced |", "|---|---|---|---|"]
    for room, own in rooms.items():
        missing = [r for r in own if r.status not in ("traced", "wrong")]
        lines.append(f"| `{room}` | {len(own)} | {len(own) - len(missing)} | {', '.join(f'`{r.name.rpartition(chr(46))[2]}`' for r in missing)} |")
    return "\n\n".join([first, "\n".join(lines), "### Wrong, vanished or unstable in JAX\n\n" + faults(rows), "### All callables of JAX\n\n" + table(rows, tuple(f for f in FORMATS + HALVES if any(f in r.ulps for r in rows)), tuple(f for f in HUNTED if any(f in r.hunted for r in rows)))])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only callables whose names contain one of these")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--quick", action="store_true", help="float32 only, and no hunts")
    parser.add_argument("--state", type=Path)
    options = parser.parse_args()
    known = known_rows(options.state, jax.__version__)
    rows: list[Row] = []
    for name in dict.fromkeys(n for n, _, _ in callables() if not options.names or any(part in n for part in options.names)):
        if name in known:
            rows.append(known[name])
            continue
        row = row_of(name, quick=options.quick)
        rows.append(row)
        keep(options.state, jax.__version__, row, name)
        if row.status != "traced" or options.names:
            print(row.status, name, row.ulps, row.hunted, row.verdicts, f"{row.seconds} s", row.why, flush=True)
    print(counted(rows), f"{sum(r.seconds for r in rows):.0f} s")
    if options.write:
        write("jax", part(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
