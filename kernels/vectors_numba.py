"""Instructions for vectors of a CPU that numba would not find in a loop: rows copied and turned."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gridhydro.kernels.numba_math import ask

EIGHT = 8  # rows of series that are turned together
WIDE = 16  # sub-steps that are added together: rows of series end with room for so many, and one


def instruction(function) -> Any:
    """numba's `intrinsic`, whose types do not know that the first argument is not the caller's."""
    return intrinsic(function)


@instruction
def prefetch(typing, array, i, j):
    """Ask for the cache line of `array[i, j]`, which must be inside the array."""

    def build(context, builder, signature, arguments):
        ask(context, builder, signature.args[0], arguments)
        return context.get_dummy_value()

    return types.void(array, i, j), build


def _places(context, builder, kinds, arguments):
    """Pointers to 8 vectors of four values of the series, and to 4 of eight of the workspace; the
    two types of vectors, and the bytes of a value."""
    series, i, first, w, at, lanes = arguments
    array = context.make_array(kinds[0])(context, builder, series)
    work = context.make_array(kinds[3])(context, builder, w)
    number = ir.IntType(64)
    rows = [
        cgutils.get_item_pointer(
            context, builder, kinds[0], array, [builder.add(i, number(k)), first]
        )
        for k in range(EIGHT)
    ]
    columns = [
        cgutils.get_item_pointer(
            context, builder, kinds[3], work, [builder.add(at, builder.mul(lanes, number(k)))]
        )
        for k in range(4)
    ]
    value = context.get_data_type(kinds[0].dtype)
    four, eight = (ir.VectorType(value, size) for size in (4, EIGHT))
    rows = [builder.bitcast(row, four.as_pointer()) for row in rows]
    columns = [builder.bitcast(column, eight.as_pointer()) for column in columns]
    return rows, columns, four, eight, context.get_abi_sizeof(value)


def _shuffle(builder, a, b, order):
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(a, b, mask)


# of two vectors of eight, four by four: the lower halves of each four interleaved, and the upper
_LOW = [0, 8, 1, 9, 4, 12, 5, 13]
_HIGH = [2, 10, 3, 11, 6, 14, 7, 15]
# the lower pairs of each four of both, and the upper pairs
_FIRST = [0, 1, 8, 9, 4, 5, 12, 13]
_SECOND = [2, 3, 10, 11, 6, 7, 14, 15]


def _turned_fours(builder, vectors):
    """The two 4 x 4 matrices side by side in four vectors of eight, each transposed."""
    a, b, c, d = vectors
    low_ab, high_ab = _shuffle(builder, a, b, _LOW), _shuffle(builder, a, b, _HIGH)
    low_cd, high_cd = _shuffle(builder, c, d, _LOW), _shuffle(builder, c, d, _HIGH)
    return [
        _shuffle(builder, low_ab, low_cd, _FIRST),
        _shuffle(builder, low_ab, low_cd, _SECOND),
        _shuffle(builder, high_ab, high_cd, _FIRST),
        _shuffle(builder, high_ab, high_cd, _SECOND),
    ]


@instruction
def turn_four(typing, series, i, first, w, at, lanes):
    """Four columns of eight rows of a series become four rows of eight of the workspace."""

    def build(context, builder, signature, arguments):
        rows, columns, four, _, size = _places(context, builder, signature.args, arguments)
        read = [builder.load(row, align=size, typ=four) for row in rows]
        both = [_shuffle(builder, read[i], read[i + 4], list(range(8))) for i in range(4)]
        for column, vector in zip(columns, _turned_fours(builder, both), strict=True):
            builder.store(vector, column, align=size)
        return context.get_dummy_value()

    return types.void(series, i, first, w, at, lanes), build


@instruction
def turn_back_four(typing, series, i, first, w, at, lanes):
    """Four rows of eight of the workspace become four columns of eight rows of a series."""

    def build(context, builder, signature, arguments):
        rows, columns, _, eight, size = _places(context, builder, signature.args, arguments)
        read = [builder.load(column, align=size, typ=eight) for column in columns]
        for i, vector in enumerate(_turned_fours(builder, read)):
            for half in range(2):
                part = _shuffle(builder, vector, vector, list(range(4 * half, 4 * half + 4)))
                builder.store(part, rows[i + 4 * half], align=size)
        return context.get_dummy_value()

    return types.void(series, i, first, w, at, lanes), build


def _pointer(context, builder, kind, array, place, count):
    struct = context.make_array(kind)(context, builder, array)
    place = place[2 - kind.ndim :]  # the workspace is one row
    vector = ir.VectorType(context.get_data_type(kind.dtype), count)
    pointer = cgutils.get_item_pointer(context, builder, kind, struct, place)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    return vector, builder.bitcast(pointer, vector.as_pointer()), size


def _wide(update, count):
    """An intrinsic that makes of `count` values of a row, and of those of another, the row's.

    As a plain loop LLVM would first compare where the two lie, for each row of a few dozen values.
    """

    @instruction
    def wide(typing, target, i, at, source, row, k):
        def build(context, builder, signature, arguments):
            kinds = signature.args
            vector, to, size = _pointer(
                context, builder, kinds[0], arguments[0], arguments[1:3], count
            )
            _, source, _ = _pointer(context, builder, kinds[3], arguments[3], arguments[4:6], count)
            value = builder.load(source, align=size, typ=vector)
            if update:
                value = builder.fadd(builder.load(to, align=size, typ=vector), value)
            builder.store(value, to, align=size)
            return context.get_dummy_value()

        return types.void(target, i, at, source, row, k), build

    return wide


copy_wide, add_wide = _wide(False, WIDE), _wide(True, WIDE)
copy_four, add_four = _wide(False, 4), _wide(True, 4)
copy_eight = _wide(False, EIGHT)


@instruction
def clear_wide(typing, target, i, at):
    """Zeros for WIDE values of a row."""

    def build(context, builder, signature, arguments):
        vector, to, size = _pointer(
            context, builder, signature.args[0], arguments[0], arguments[1:3], WIDE
        )
        builder.store(ir.Constant(vector, [0.0] * WIDE), to, align=size)
        return context.get_dummy_value()

    return types.void(target, i, at), build
