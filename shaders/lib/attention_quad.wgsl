// What the quad attention files share: sizes, where rows begin (in vec4), and products of 16 rows with 16 columns.
// bindings p at the binding the including file gives, qkv as vec4; grid ceil(T / 16), N or NKV, B; 4 lanes each
// knobs WX 4 lanes of a workgroup; HEAD head size H, 16 or 32: larger ones take seconds to compile
// saved/aliasing: none here
// source: Dao et al. 2022, arXiv 2205.14135 (tiles, online softmax); own (quads)

// #include "lib/quad.wgsl"

struct Params {
  B: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
}

const WX: u32 = 4u;
const HEAD: u32 = 16u;
const_assert WX == 4u && (HEAD == 16u || HEAD == 32u);
const FOURS: u32 = HEAD / 4u;

// A score that loses against any real one and whose exponential is 0.
const LOWEST: f32 = -3.0e38;

fn scale() -> f32 {
  return inverseSqrt(f32(HEAD));
}

fn four(first: u32) -> vec4u {
  return vec4u(first, first + 1u, first + 2u, first + 3u);
}

// Tokens beyond T repeat the last one; what is computed of them is masked or not written.
fn rows_at(batch: u32, tokens: vec4u, width: u32, offset: u32) -> vec4u {
  return (batch * p.T + min(tokens, vec4u(p.T - 1u))) * width + offset;
}

fn qkv_rows(batch: u32, tokens: vec4u, slot: u32) -> vec4u {
  return rows_at(batch, tokens, (p.N + 2u * p.NKV) * FOURS, slot * FOURS);
}

fn out_rows(batch: u32, tokens: vec4u, head: u32) -> vec4u {
  return rows_at(batch, tokens, p.N * FOURS, head * FOURS);
}

fn lse_rows(batch: u32, tokens: vec4u, head: u32) -> vec4u {
  return rows_at(batch * p.N + head, tokens, 1u, 0u);
}

// Column i: element 4 h + i of each of four rows.
fn load_qkv(at: vec4u, h: u32) -> mat4x4f {
  return transpose(mat4x4f(qkv[at.x + h], qkv[at.y + h], qkv[at.z + h], qkv[at.w + h]));
}

fn add_products(t: Block, x: mat4x4f, y: mat4x4f) -> Block {
  let t0 = cross_4(t, spread(x[0]), y[0]);
  let t1 = cross_4(t0, spread(x[1]), y[1]);
  let t2 = cross_4(t1, spread(x[2]), y[2]);
  return cross_4(t2, spread(x[3]), y[3]);
}

// Products of sixteen rows of qkv (this lane names 4 g + lane) with this lane's four.
fn scores(rows: vec4u, columns: vec4u) -> Block {
  var s = Block();
  for (var h = 0u; h < FOURS; h++) {
    s = add_products(s, load_qkv(rows, h), load_qkv(columns, h));
  }
  return s;
}

// Sixteen rows by HEAD, of which a lane has elements 16 j + 4 lane .. + 3 in block j.
struct Sums {
  b0: Block,
  b1: Block,
}

// Add x y^T for one of the columns: `at` is this lane's first vec4 of the column's row in qkv.
fn mix_qkv(t: Sums, x: mat4x4f, at: u32) -> Sums {
  var sums = t;
  sums.b0 = cross_4(t.b0, x, qkv[at]);
  if (HEAD > 16u) {
    sums.b1 = cross_4(t.b1, x, qkv[at + 4u]);
  }
  return sums;
}

// The columns of e by rows: column c of the result's matrix g holds rows 4 g .. 4 g + 3 of this lane's column c.
fn turned(e: Block) -> Block {
  return Block(transpose(e.c0), transpose(e.c1), transpose(e.c2), transpose(e.c3));
}

// Column c of lane `source`, all sixteen rows.
fn column_of(e: Block, c: u32, source: u32) -> mat4x4f {
  return mat4x4f(
    subgroupShuffle(e.c0[c], source),
    subgroupShuffle(e.c1[c], source),
    subgroupShuffle(e.c2[c], source),
    subgroupShuffle(e.c3[c], source),
  );
}

fn scaled(m: mat4x4f, by: vec4f) -> mat4x4f {
  return mat4x4f(m[0] * by.x, m[1] * by.y, m[2] * by.z, m[3] * by.w);
}

fn scaled_block(t: Block, by: mat4x4f) -> Block {
  return Block(scaled(t.c0, by[0]), scaled(t.c1, by[1]), scaled(t.c2, by[2]), scaled(t.c3, by[3]));
}
