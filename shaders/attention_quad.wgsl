// out[R,N*H], lse[B,N,T] = causal attention of qkv[R,(N+2NKV)*H] rows [q | k | v]; sixteen queries per four lanes.
// bindings qkv, out, lse, p; grid ceil(T / 16), N, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention.wgsl, summed in blocks of 16 keys: other bits. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135; Milakov and Gimelshein 2018, arXiv 1805.02867

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/attention_quad.wgsl"

// Four rows against this lane's keys: scaled scores where the key is seen.
fn masked(s: mat4x4f, first: u32, keys: vec4u) -> mat4x4f {
  let unit = scale();
  return mat4x4f(
    select(vec4f(LOWEST), s[0] * unit, keys <= vec4u(first)),
    select(vec4f(LOWEST), s[1] * unit, keys <= vec4u(first + 1u)),
    select(vec4f(LOWEST), s[2] * unit, keys <= vec4u(first + 2u)),
    select(vec4f(LOWEST), s[3] * unit, keys <= vec4u(first + 3u)),
  );
}

// The highest of each of four rows over the quad.
fn highest(s: mat4x4f) -> vec4f {
  let t = transpose(s);
  let own = max(max(t[0], t[1]), max(t[2], t[3]));
  let pair = max(own, quadSwapX(own));
  return max(pair, quadSwapY(pair));
}

fn row_sums(e: mat4x4f) -> vec4f {
  return vec4f(1.0) * e;
}

fn powers(s: mat4x4f, peak: vec4f) -> mat4x4f {
  return mat4x4f(exp(s[0] - peak.x), exp(s[1] - peak.y), exp(s[2] - peak.z), exp(s[3] - peak.w));
}

@compute @workgroup_size(WX)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  let quad = place - place % 4u;
  let first = group.x * 16u;
  let kv_head = group.y / (p.N / p.NKV);
  let q = qkv_rows(group.z, vec4u(first + lane) + vec4u(0u, 4u, 8u, 12u), group.y);
  var peak = mat4x4f(vec4f(LOWEST), vec4f(LOWEST), vec4f(LOWEST), vec4f(LOWEST));
  var total = mat4x4f();
  var sums = Sums();
  for (var key = 0u; key < min(first + 16u, p.T); key += 16u) {
    let keys = four(key + 4u * lane);
    let raw = scores(q, qkv_rows(group.z, keys, p.N + kv_head));
    let s = Block(
      masked(raw.c0, first, keys),
      masked(raw.c1, first + 4u, keys),
      masked(raw.c2, first + 8u, keys),
      masked(raw.c3, first + 12u, keys),
    );
    let next = mat4x4f(
      max(peak[0], highest(s.c0)),
      max(peak[1], highest(s.c1)),
      max(peak[2], highest(s.c2)),
      max(peak[3], highest(s.c3)),
    );
    let fade = mat4x4f(
      exp(peak[0] - next[0]),
      exp(peak[1] - next[1]),
      exp(peak[2] - next[2]),
      exp(peak[3] - next[3]),
    );
    let e = Block(powers(s.c0, next[0]), powers(s.c1, next[1]), powers(s.c2, next[2]), powers(s.c3, next[3]));
    total = mat4x4f(
      total[0] * fade[0] + row_sums(e.c0),
      total[1] * fade[1] + row_sums(e.c1),
      total[2] * fade[2] + row_sums(e.c2),
      total[3] * fade[3] + row_sums(e.c3),
    );
    peak = next;
    sums = faded(sums, fade);
    let turn = turned(e);
    for (var source = 0u; source < 4u; source++) {
      let v = qkv_rows(group.z, four(key + 4u * source), p.N + p.NKV + kv_head) + lane;
      sums = mix_qkv(sums, column_of(turn, 0u, quad + source), v.x);
      sums = mix_qkv(sums, column_of(turn, 1u, quad + source), v.y);
      sums = mix_qkv(sums, column_of(turn, 2u, quad + source), v.z);
      sums = mix_qkv(sums, column_of(turn, 3u, quad + source), v.w);
    }
  }
  let all = mat4x4f(quad_sum(total[0]), quad_sum(total[1]), quad_sum(total[2]), quad_sum(total[3]));
  for (var g = 0u; g < 4u; g++) {
    let queries = four(first + 4u * g);
    let at = out_rows(group.z, queries, group.y) + lane;
    let share = vec4f(1.0) / all[g];
    write_sums(sums.b0, g, at, queries, share);
    if (HEAD > 16u) {
      write_sums(sums.b1, g, at + 4u, queries, share);
    }
    let logs = lse_rows(group.z, queries, group.y);
    if (queries[lane] < p.T) {
      lse[logs[lane]] = peak[g][lane] + log(all[g][lane]);
    }
  }
}

fn quad_sum(own: vec4f) -> vec4f {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}

fn faded(t: Sums, by: mat4x4f) -> Sums {
  var sums = t;
  sums.b0 = scaled_block(t.b0, by);
  if (HEAD > 16u) {
    sums.b1 = scaled_block(t.b1, by);
  }
  return sums;
}

fn write_sums(t: Block, g: u32, at: vec4u, queries: vec4u, share: vec4f) {
  let rows = array<mat4x4f, 4>(t.c0, t.c1, t.c2, t.c3);
  for (var r = 0u; r < 4u; r++) {
    if (queries[r] < p.T) {
      out[at[r]] = rows[g][r] * share[r];
    }
  }
}
