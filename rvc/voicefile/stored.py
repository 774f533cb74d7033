"""Tensors as a file describes them: checked from their numbers alone, made only when somebody asks."""
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from rvc.voicefile.refusal import Refusal, demand

STORAGES = {
    "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16, "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64, "ByteStorage": torch.uint8, "CharStorage": torch.int8,
    "ShortStorage": torch.int16, "IntStorage": torch.int32, "LongStorage": torch.int64, "BoolStorage": torch.bool,
}
MOST_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of numel equal numbers in the file, under a key."""

    key: str
    dtype: torch.dtype
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A dense view of a storage.  offset and strides count elements.  Refuses views that leave it or overlap."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = (self.offset, *self.shape, *self.strides)
        demand(all(type(n) is int and n >= 0 for n in sizes), "holds a tensor whose shape is not made of whole numbers")
        demand(len(self.shape) == len(self.strides) <= MOST_DIMENSIONS, "holds a tensor of unsupported layout")
        if self.numel:
            last = self.offset + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides))
            demand(last < self.storage.numel, "holds a tensor that reaches past the end of its data")
            demand(self._dense, "holds a tensor whose elements overlap")

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.storage.dtype

    @property
    def _dense(self) -> bool:
        """Whether no element of the storage is seen twice."""
        reach = 1
        for stride, size in sorted((stride, n) for n, stride in zip(self.shape, self.strides) if n > 1):
            if stride < reach:
                return False
            reach = stride * (size - 1) + reach
        return True

    def view(self, data: bytearray) -> Tensor:
        """The tensor over the storage's bytes, which it shares."""
        if len(data) != self.storage.nbytes:
            raise Refusal("holds a tensor whose data have another length than they say")
        if not self.numel:
            return torch.empty(self.shape, dtype=self.dtype)
        raw = torch.uint8 if self.dtype == torch.bool else self.dtype
        flat = torch.frombuffer(data, dtype=raw)
        flat = flat != 0 if self.dtype == torch.bool else flat
        return flat.as_strided(self.shape, self.strides, self.offset)


def names(dtype: torch.dtype) -> str:
    """"float16" of torch.float16."""
    return str(dtype).removeprefix("torch.")
