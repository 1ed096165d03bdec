"""Elementary functions that LLVM turns into vector instructions.

numba has no vector math library of its own: a call to libm inside the lane loop would keep the
loop scalar. These are polynomials over a reduced argument, free of branches, printed into each
kernel module with typed constants. NaN comes through; exp2 saturates instead of overflowing.
"""

from functools import partial
from math import factorial, log

from llvmlite import ir
from numba import float32, float64, int32, int64, types
from numba.core import cgutils
from numba.extending import intrinsic

LN2 = log(2.0)

# mantissa bits, exponent bias, the terms that leave less than half an ulp (the reduced argument of
# exp2 is at most ln 2 / 2, that of log2 at most 0.172), and the bits of the square root of 1/2
_FORMAT = {
    "float32": (23, 127, 8, 6, 0x3F3504F3),
    "float64": (52, 1023, 14, 12, 0x3FE6A09E667F3BCD),
}


@intrinsic
def select(context, condition, a, b):
    """`a` where the condition holds, else `b`: one instruction, never a jump."""

    def build(context, builder, signature, arguments):
        return builder.select(*arguments)

    return a(types.boolean, a, a), build


def _extreme(context, builder, signature, arguments, name: str):
    """LLVM's own minimum or maximum, which give NaN where an argument is; a zero has no sign."""
    kind = arguments[0].type
    bits = {ir.FloatType(): "f32", ir.DoubleType(): "f64"}[kind]
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind]), f"llvm.{name}.{bits}"
    )
    return builder.call(function, arguments, fastmath=("nsz",))


@intrinsic
def minimum_of(context, a, b):
    """The lower of two numbers, NaN where either is: no jump."""
    return a(a, a), partial(_extreme, name="minimum")


@intrinsic
def maximum_of(context, a, b):
    """The higher of two numbers, NaN where either is: no jump."""
    return a(a, a), partial(_extreme, name="maximum")


@intrinsic
def float_from_bits(context, bits):
    """The number with these bits: float32 from int32, float64 from int64."""
    real, kind = (float32, ir.FloatType()) if bits == int32 else (float64, ir.DoubleType())

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], kind)

    return real(bits), build


@intrinsic
def bits_from_float(context, value):
    """The bits of a number: int32 of a float32, int64 of a float64."""
    whole, width = (int32, 32) if value == float32 else (int64, 64)

    def build(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(width))

    return whole(value), build


def ask(context, builder, kind, arguments) -> None:
    """The instruction that asks for the cache line of an array at a place."""
    struct = context.make_array(kind)(context, builder, arguments[0])
    pointer = cgutils.get_item_pointer(context, builder, kind, struct, arguments[1:])
    number, address = ir.IntType(32), ir.PointerType()
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [address, number, number, number]),
        "llvm.prefetch.p0",
    )
    read, high_locality, data = 0, 3, 1
    builder.call(function, [pointer, *(number(v) for v in (read, high_locality, data))])


@intrinsic
def prefetch(context, array, i, j, k):
    """Ask for the cache line of `array[i, j, k]`, which must be inside the array.

    A block reads 256 bytes of each day, far apart: the hardware does not see the stride.
    """

    def build(context, builder, signature, arguments):
        ask(context, builder, signature.args[0], arguments)
        return context.get_dummy_value()

    return types.void(array, i, j, k), build


def _series(coefficients: list[float], x: str) -> str:
    """Horner's scheme, lowest power first in the list."""
    text = f"real({coefficients[-1]!r})"
    for c in reversed(coefficients[:-1]):
        text = f"({text} * {x} + real({c!r}))"
    return text


def source(real: str) -> dict[str, str]:
    """Source of exp2, log2, sqrt and tanh for 'float32' or 'float64'; `real` is the type there."""
    mantissa, bias, exp2_terms, log2_terms, root_half = _FORMAT[real]
    whole = {"float32": "int32", "float64": "int64"}[real]
    exp2_series = [LN2**k / factorial(k) for k in range(exp2_terms)]
    log2_series = [2 / LN2 / (2 * k + 1) for k in range(log2_terms)]
    # adding 1.5 times 2**mantissa rounds to a whole number and leaves it in the lowest bits, from
    # where a shift makes it an exponent
    magic = f"real({1.5 * 2**mantissa!r})"
    split = f"""    shifted = {{0}} + {magic}
    f = {{0}} - (shifted - {magic})
    exponent = {whole}(bits_from_float(shifted) << {whole}({mantissa}))
    power = float_from_bits({whole}(exponent + {whole}({bias << mantissa})))"""
    exp2 = f"""
@njit
def exp2(x):
    x = select(x > real({bias}.0), real({bias}.0), x)
    x = select(x < real({1 - bias}.0), real({1 - bias}.0), x)
{split.format("x")}
    return {_series(exp2_series, "f")} * power
"""
    log2 = f"""
@njit
def log2(x):
    bits = bits_from_float(x)
    n = {whole}({whole}(bits - {whole}({root_half})) >> {whole}({mantissa}))
    m = float_from_bits({whole}(bits - {whole}(n << {whole}({mantissa}))))
    s = (m - real(1.0)) / (m + real(1.0))
    square = s * s
    result = real(int32(n)) + s * {_series(log2_series, "square")}
    return select(x > real(0.0), result, select(x == real(0.0), real(-math.inf), real(math.nan)))
"""
    sqrt_ = """
@njit
def sqrt(x):
    return math.sqrt(x)
"""
    tanh = f"""
@njit
def tanh(x):
    x = select(x > real(20.0), real(20.0), select(x < real(-20.0), real(-20.0), x))
    y = x * real({2 / LN2!r})
{split.format("y")}
    # expm1(2 x), so that small arguments keep their digits
    e = power * f * {_series(exp2_series[1:], "f")} + (power - real(1.0))
    return e / (e + real(2.0))
"""
    return {"exp2": exp2, "log2": log2, "sqrt": sqrt_, "tanh": tanh}
