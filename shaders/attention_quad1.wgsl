// out[R,N*H], lse[B,N,T] = causal attention of qkv[R,(N+2NKV)*H] rows [q | k | v]; sixteen queries per four lanes.
// bindings qkv, out, lse, p; grid ceil(T / 16), N, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention.wgsl, with the same bits: only loads are shared. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135; Milakov and Gimelshein 2018, arXiv 1805.02867

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"
// #include "lib/attention_quad1.wgsl"

fn highest(x: vec4f) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

// After a block of four keys: largest scores and sums of exponentials so far; what older sums fade by; exponentials.
struct Softmax {
  peak: vec4f,
  total: vec4f,
  fade: vec4f,
  e: mat4x4f,
}

// Column i of `scores`: query i against four keys. A block after this lane's last query changes nothing.
fn next_block(before: vec4f, total: vec4f, scores: mat4x4f, queries: vec4u, key: u32) -> Softmax {
  let unit = scale();
  let keys = four(key);
  let s0 = select(vec4f(LOWEST), scores[0] * unit, keys <= vec4u(queries.x));
  let s1 = select(vec4f(LOWEST), scores[1] * unit, keys <= vec4u(queries.y));
  let s2 = select(vec4f(LOWEST), scores[2] * unit, keys <= vec4u(queries.z));
  let s3 = select(vec4f(LOWEST), scores[3] * unit, keys <= vec4u(queries.w));
  let peak = max(before, vec4f(highest(s0), highest(s1), highest(s2), highest(s3)));
  let seen = key <= min(queries.w, p.T - 1u);
  let fade = select(vec4f(1.0), exp(before - peak), seen);
  let e = mat4x4f(
    select(vec4f(), exp(s0 - peak.x), seen),
    select(vec4f(), exp(s1 - peak.y), seen),
    select(vec4f(), exp(s2 - peak.z), seen),
    select(vec4f(), exp(s3 - peak.w), seen),
  );
  return Softmax(peak, total * fade + vec4f(1.0) * e, fade, e);
}

@compute @workgroup_size(WX)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * 16u;
  let first = begin + 4u * lane;
  let kv_head = group.y / (p.N / p.NKV);
  let queries = four(first);
  let q = q_rows(group.z, first, group.y);
  var peak = vec4f(LOWEST);
  var total = vec4f();
  // why: element h holds the four queries, so that one key block updates it with one vector
  var sums: array<vec4f, HEAD>;
  for (var key = 0u; key < min(begin + 16u, p.T); key += 16u) {
    let k = quad_rows(group.z, key, lane, qkv_width(), (p.N + kv_head) * HEAD);
    let v = quad_rows(group.z, key, lane, qkv_width(), (p.N + p.NKV + kv_head) * HEAD);
    var s = Blocks();
    for (var h = 0u; h < HEAD; h++) {
      s = add_products(s, load_qkv(q + h), load_qkv(k + h));
    }
    let b0 = next_block(peak, total, s.b0, queries, key);
    let b1 = next_block(b0.peak, b0.total, s.b1, queries, key + 4u);
    let b2 = next_block(b1.peak, b1.total, s.b2, queries, key + 8u);
    let b3 = next_block(b2.peak, b2.total, s.b3, queries, key + 12u);
    peak = b3.peak;
    total = b3.total;
    for (var h = 0u; h < HEAD; h++) {
      let y = load_qkv(v + h);
      let t0 = sums[h] * b0.fade + all_four(y.x) * b0.e;
      let t1 = t0 * b1.fade + all_four(y.y) * b1.e;
      let t2 = t1 * b2.fade + all_four(y.z) * b2.e;
      sums[h] = t2 * b3.fade + all_four(y.w) * b3.e;
    }
  }
  let at = out_rows(group.z, first, group.y);
  let logs = lse_rows(group.z, first, group.y);
  for (var r = 0u; r < 4u; r++) {
    if (first + r < p.T) {
      for (var h = 0u; h < HEAD; h++) {
        out[at[r] + h] = sums[h][r] / total[r];
      }
      lse[logs[r]] = peak[r] + log(total[r]);
    }
  }
}
