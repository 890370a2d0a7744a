"""Which step every element of torch's memory holds: tensors that share storage share steps, as views and in-place writes do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, overload

import numpy as np
import torch

from verifier.circuit.arrays import Array
from verifier.trace.record import Floats, Refusal
from verifier.trace.recorder import Recorder

UNKNOWN = -1  # an element that no step has been given: data, read when it is needed


def floats_in(tensor: torch.Tensor) -> Floats:
    """The numbers of a tensor as the float64 that they are; the two parts of a complex number along a last axis."""
    plain = tensor.detach() if tensor.requires_grad else tensor
    if plain.dtype is torch.float64 and plain.device.type == "cpu" and not plain.is_neg() and not plain._is_zerotensor():  # noqa: SLF001 - as nearly all are: twice as quick
        return np.array(plain.numpy())
    plain = (plain.clone() if plain._is_zerotensor() else plain).resolve_conj().resolve_neg().cpu()  # noqa: SLF001 - zeros that have no memory
    if plain.dtype.is_complex:
        plain = torch.view_as_real(plain)
    found: Floats = np.array(plain.to(torch.float64).numpy(), dtype=np.float64)
    return found


def physical(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers as they stand in memory: without the marks of a lazy conjugate or negative; a complex number as its two parts, along a last axis."""
    found = tensor.detach()
    found = found.clone() if found._is_zerotensor() else found  # noqa: SLF001 - zeros that have no memory
    found = found.conj() if found.is_conj() else found
    found = torch._neg_view(found) if found.is_neg() else found  # noqa: SLF001 - torch's own way to take the mark away
    return torch.view_as_real(found) if found.dtype.is_complex else found


class Memory:
    """An ndarray of steps for every storage that was given some. These are held: memory that is freed is handed out again."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._steps: dict[int, tuple[Array, int, torch.UntypedStorage]] = {}  # by storage: a step for every element, the bytes of an element, and the storage itself

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether steps were given to the storage of a tensor."""
        return _key(tensor) in self._steps

    def read(self, tensor: torch.Tensor) -> Array:
        """The steps of a tensor's elements as they stand in memory; data become constants."""
        seen = self._view(tensor)
        if not _is_known(seen):
            missing = seen == UNKNOWN
            values = physical(tensor).cpu()
            known = values.to(torch.int64).numpy() if not values.dtype.is_floating_point else floats_in(values)
            steps = self._recorder.constants(known)
            seen[missing] = steps[missing]
        return seen.copy()

    def write(self, tensor: torch.Tensor, steps: Array) -> None:
        """Give the elements of a tensor their steps, for all tensors that share its storage."""
        if tensor.is_conj() or tensor.is_neg():
            raise Refusal("a write into a conjugate or an imaginary part", self._recorder.place(), "write into a copy: .resolve_conj()")
        storage = tensor.untyped_storage()
        if storage._cdata not in self._steps and tensor.is_contiguous() and steps.shape == tensor.shape and tensor.nbytes == storage.nbytes():  # noqa: SLF001 - a result, as nearly always: all that its storage has
            self._steps[storage._cdata] = steps.flatten(), tensor.element_size(), storage  # noqa: SLF001
            return
        seen = self._view(tensor)
        seen[...] = steps if steps.shape == seen.shape else np.broadcast_to(steps, seen.shape)

    def forget(self, tensor: torch.Tensor) -> None:
        """The elements are data from now on."""
        seen = self._view(tensor, makes=False)
        if seen is not None:
            seen[...] = UNKNOWN

    def given(self, tensor: torch.Tensor) -> Array | None:
        """The steps of a tensor's elements if any of them was given one, data as constants then; None where all are data."""
        if tensor.layout != torch.strided:
            raise Refusal("sparse tensors are not traced", self._recorder.place(), "use .to_dense() before")
        seen = self._view(tensor, makes=False)
        if seen is None:
            return None
        if _is_known(seen):
            return seen
        return self.read(tensor) if (seen != UNKNOWN).any() else None

    def is_given(self, tensor: torch.Tensor) -> bool:
        """Whether any element of a tensor was given a step."""
        if tensor.layout != torch.strided:
            raise Refusal("sparse tensors are not traced", self._recorder.place(), "use .to_dense() before")
        seen = self._view(tensor, makes=False)
        return seen is not None and bool((seen != UNKNOWN).any())

    @overload
    def _view(self, tensor: torch.Tensor) -> Array: ...

    @overload
    def _view(self, tensor: torch.Tensor, *, makes: Literal[False]) -> Array | None: ...

    def _view(self, tensor: torch.Tensor, *, makes: bool = True) -> Array | None:
        """The steps of a tensor's elements, as a view of those of its storage; unless it `makes` one, None for a storage to which none were given."""
        storage, parts = tensor.untyped_storage(), 2 if tensor.dtype.is_complex else 1
        key, size = storage._cdata, tensor.element_size() // parts  # noqa: SLF001 - torch's identity of a storage
        count = storage.nbytes() // size
        if key not in self._steps:
            if not makes:
                return None
            self._steps[key] = np.full(count, UNKNOWN, dtype=np.int64), size, storage
        steps, known, _ = self._steps[key]
        if known != size:
            raise Refusal("a tensor is read as numbers of another width (view(dtype))", self._recorder.place(), "convert with .to(dtype)")
        if count > steps.size:  # resized
            steps = np.concatenate([steps, np.full(count - steps.size, UNKNOWN, dtype=np.int64)])
            self._steps[key] = steps, size, storage
        if parts == 1 and tensor.is_contiguous():  # as nearly every tensor is: ten times quicker
            if tensor.numel() == len(steps):
                return steps.reshape(tensor.shape)
            first = tensor.storage_offset()
            return steps[first : first + tensor.numel()].reshape(tensor.shape)
        strides = tuple(8 * parts * s for s in tensor.stride())
        shape, strides = (tuple(tensor.shape), strides) if parts == 1 else ((*tensor.shape, 2), (*strides, 8))
        return np.lib.stride_tricks.as_strided(steps[parts * tensor.storage_offset() :], shape, strides)


def _is_known(steps: Array) -> bool:
    """Whether every element was given a step."""
    return steps.item() != UNKNOWN if steps.size == 1 else not (steps == UNKNOWN).any()


def share_storage(results: Iterable[Any], tensors: Iterable[torch.Tensor]) -> bool:
    """Whether every tensor among the results lies in the memory of one of the tensors."""
    known = set(map(_key, tensors))
    return all(_key(r) in known for r in results if isinstance(r, torch.Tensor))


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001 - torch's identity of a storage
