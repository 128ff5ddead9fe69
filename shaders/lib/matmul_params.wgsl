// What every matmul file shares: sizes, places and knobs of out[M,N] = op(a) op(b).
// bindings none of its own; grid: the including file
// knobs TA TB stored transposed; BIAS; ACC adds to out; EPI 0 none 1 gelu 2 dgelu 3 residual; BIASGRAD column sums of b
// TAIL 1 where K is no multiple of 16; PARTS parts of k that aux has room for
// saved/aliasing: out and aux are no other binding's buffer; the bias gradient lies in out at biasAt
// source: own

struct Params {
  M: u32,
  N: u32,
  K: u32,
  aAt: u32,
  bAt: u32,
  biasAt: u32,
  outAt: u32,
}

const TA: u32 = 0u;
const TB: u32 = 0u;
const BIAS: u32 = 0u;
const ACC: u32 = 0u;
const EPI: u32 = 0u;
const BIASGRAD: u32 = 0u;
// 1 where K is no multiple of the unrolled steps.
const TAIL: u32 = 1u;
// Parts of k that aux has room for: [PARTS, M N + N]. Files that fill it say so; the others ignore it.
const PARTS: u32 = 1u;
const_assert TA <= 1u && TB <= 1u && BIAS <= 1u && ACC <= 1u && EPI <= 3u && BIASGRAD <= 1u && TAIL <= 1u;
// The bias gradient is the column sums of dy, which is b of dW = x^T dy.
const_assert BIASGRAD == 0u || (TB == 0u && BIAS == 0u);
