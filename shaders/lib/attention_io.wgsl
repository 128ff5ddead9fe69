// What the attention files share: sizes, where q, k, v and out rows begin, and the 4 x 4 tiles of scores.
// bindings p at the binding the including file gives; grid: the including file
// knobs HEAD head size H, at most 128, sizes the register arrays
// saved/aliasing: none here
// source: Dao et al. 2022, arXiv 2205.14135 (tiles, online softmax); Milakov and Gimelshein 2018, arXiv 1805.02867

// #include "lib/outer.wgsl"

struct Params {
  B: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
}

const HEAD: u32 = 16u;
const_assert HEAD >= 1u && HEAD <= 128u;

// A score that loses against any real one and whose exponential is 0.
const LOWEST: f32 = -3.0e38;

fn scale() -> f32 {
  return inverseSqrt(f32(HEAD));
}

// Elements of four tokens from `token` on; those beyond T repeat the last one and are masked by the caller.
fn rows_of(batch: u32, token: u32, width: u32, offset: u32) -> vec4u {
  let last = p.T - 1u;
  let tokens = min(vec4u(token, token + 1u, token + 2u, token + 3u), vec4u(last));
  return (batch * p.T + tokens) * width + offset;
}

fn qkv_width() -> u32 {
  return (p.N + 2u * p.NKV) * HEAD;
}

fn q_rows(batch: u32, token: u32, head: u32) -> vec4u {
  return rows_of(batch, token, qkv_width(), head * HEAD);
}

fn k_rows(batch: u32, token: u32, kv_head: u32) -> vec4u {
  return rows_of(batch, token, qkv_width(), (p.N + kv_head) * HEAD);
}

fn v_rows(batch: u32, token: u32, kv_head: u32) -> vec4u {
  return rows_of(batch, token, qkv_width(), (p.N + p.NKV + kv_head) * HEAD);
}

fn out_rows(batch: u32, token: u32, head: u32) -> vec4u {
  return rows_of(batch, token, p.N * HEAD, head * HEAD);
}

fn lse_rows(batch: u32, token: u32, head: u32) -> vec4u {
  return rows_of(batch * p.N + head, token, 1u, 0u);
}

fn load_qkv(at: vec4u) -> vec4f {
  return vec4f(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]);
}

fn four(first: u32) -> vec4u {
  return vec4u(first, first + 1u, first + 2u, first + 3u);
}
