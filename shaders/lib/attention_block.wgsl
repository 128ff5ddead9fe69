// What the three block files of attention share: sizes, where rows lie, and how rows of a head become tiles.
// bindings p at the binding the including file gives; grid ceil(T / ROWS), heads, B workgroups
// knobs HEAD head size, a multiple of 4, padded to one of DEPTH; WX WY threads, scores of 4 WX columns; ROWS rows of a
// workgroup; DEPTH head elements and SPAN columns in workgroup memory at a time
// saved/aliasing: the order of additions follows from HEAD and WX alone
// source: Dao et al. 2022, arXiv 2205.14135; tiles as in lib/matmul_tile.wgsl

// #include "lib/outer.wgsl"

struct Params {
  B: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
}

const HEAD: u32 = 64u;
const WX: u32 = 16u;
const WY: u32 = 16u;
const ROWS: u32 = 64u;
const DEPTH: u32 = 16u;
const SPAN: u32 = 16u;
const_assert HEAD % 4u == 0u && DEPTH % 8u == 0u && HEAD <= 128u;
const_assert WX * WY <= 256u && ROWS % (4u * WY) == 0u && SPAN % WX == 0u && SPAN <= 4u * WX;

const THREADS: u32 = WX * WY;
const COLUMNS: u32 = 4u * WX;
// Quads of rows: of the workgroup, and of a thread. Quads of head elements: of a head, and of a thread.
const ROW_QUADS: u32 = ROWS / 4u;
const MQ: u32 = ROW_QUADS / WY;
const HEAD_QUADS: u32 = HEAD / 4u;
const NQ: u32 = (HEAD_QUADS + WX - 1u) / WX;
const WIDTH: u32 = NQ * WX;
// Blocks of 4 x 4 head elements of the rows, of the columns; each is loaded by one thread.
const ROW_BLOCKS: u32 = DEPTH / 4u * ROW_QUADS;
const COLUMN_BLOCKS: u32 = DEPTH / 4u * WX;
const_assert ROW_BLOCKS <= THREADS && COLUMN_BLOCKS <= THREADS;
// Loads of a thread for SPAN columns in all head elements.
const FILLS: u32 = (SPAN * WIDTH + THREADS - 1u) / THREADS;
// Columns 4 x + j of all threads x, for each of these j, are in workgroup memory at a time.
const SLICES: u32 = SPAN / WX;
const LOG2E: f32 = 1.4426950408889634;
// A score that loses against any real one and whose power is 0.
const LOWEST: f32 = -3.0e38;

fn scale() -> f32 {
  return inverseSqrt(f32(HEAD));
}

// Vec4 of a token's row of qkv, and of a token's head there: slots are the q heads, then the k heads, then the v heads.
fn qkv_row() -> u32 {
  return (p.N + 2u * p.NKV) * HEAD_QUADS;
}

fn qkv_at(batch: u32, token: u32, slot: u32) -> u32 {
  return (batch * p.T + token) * qkv_row() + slot * HEAD_QUADS;
}

fn out_row() -> u32 {
  return p.N * HEAD_QUADS;
}

fn out_at(batch: u32, token: u32, head: u32) -> u32 {
  return (batch * p.T + token) * out_row() + head * HEAD_QUADS;
}

fn lse_at(batch: u32, token: u32, head: u32) -> u32 {
  return (batch * p.N + head) * p.T + token;
}

// Of block `t` of a tile of `quads` rows by four: which quad of rows, and which quad of head elements.
fn quad_of(t: u32, quads: u32) -> u32 {
  return t / 2u % quads;
}

fn depth_of(t: u32, quads: u32) -> u32 {
  return t % 2u + t / (2u * quads) % (DEPTH / 8u) * 2u;
}

// `rows` of quad `quad` of head elements, zeros past the head.
fn padded(rows: mat4x4f, quad: u32) -> mat4x4f {
  if (HEAD % DEPTH == 0u || quad < HEAD_QUADS) {
    return rows;
  }
  return mat4x4f();
}

fn largest(x: vec4f) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

fn summed(x: vec4f) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

fn four(first: u32) -> vec4u {
  return vec4u(first, first + 1u, first + 2u, first + 3u);
}
