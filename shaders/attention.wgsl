// out[R,N*H], lse[B,N,T] = causal attention of qkv[R,(N+2NKV)*H] rows [q | k | v]; four queries per thread.
// bindings qkv, out, lse, p; grid ceil(T / (4 WX)), N, B
// knobs WX threads of a workgroup; HEAD head size
// saved/aliasing: lse is the log of the sum of exponentials, for the backward; no T x T values anywhere
// source: Dao et al. 2022, arXiv 2205.14135; Milakov and Gimelshein 2018, arXiv 1805.02867

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"

const WX: u32 = 4u;
const_assert WX <= 256u;

@compute @workgroup_size(WX)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.x * 4u;
  if (first >= p.T) {
    return;
  }
  let kv_head = id.y / (p.N / p.NKV);
  let queries = four(first);
  let q = q_rows(id.z, first, id.y);
  let unit = scale();
  var peak = vec4f(LOWEST);
  var total = vec4f();
  // why: element h holds the four queries, so that one key block updates it with one vector
  var sums: array<vec4f, HEAD>;
  for (var key = 0u; key <= min(first + 3u, p.T - 1u); key += 4u) {
    let k = k_rows(id.z, key, kv_head);
    // Column i: query i against four keys.
    var s = mat4x4f();
    var h = 0u;
    for (; h + 4u <= HEAD; h += 4u) {
      s = outer(s, load_qkv(q + h), load_qkv(k + h));
      s = outer(s, load_qkv(q + h + 1u), load_qkv(k + h + 1u));
      s = outer(s, load_qkv(q + h + 2u), load_qkv(k + h + 2u));
      s = outer(s, load_qkv(q + h + 3u), load_qkv(k + h + 3u));
    }
    if (HEAD % 4u != 0u) {
      for (; h < HEAD; h++) {
        s = outer(s, load_qkv(q + h), load_qkv(k + h));
      }
    }
    let keys = four(key);
    let s0 = select(vec4f(LOWEST), s[0] * unit, keys <= vec4u(queries.x));
    let s1 = select(vec4f(LOWEST), s[1] * unit, keys <= vec4u(queries.y));
    let s2 = select(vec4f(LOWEST), s[2] * unit, keys <= vec4u(queries.z));
    let s3 = select(vec4f(LOWEST), s[3] * unit, keys <= vec4u(queries.w));
    let next = max(peak, vec4f(highest(s0), highest(s1), highest(s2), highest(s3)));
    let fade = exp(peak - next);
    let e0 = exp(s0 - next.x);
    let e1 = exp(s1 - next.y);
    let e2 = exp(s2 - next.z);
    let e3 = exp(s3 - next.w);
    let e = mat4x4f(e0, e1, e2, e3);
    total = total * fade + vec4f(1.0) * e;
    peak = next;
    let v = v_rows(id.z, key, kv_head);
    for (var i = 0u; i < HEAD; i++) {
      sums[i] = sums[i] * fade + load_qkv(v + i) * e;
    }
  }
  let at = out_rows(id.z, first, id.y);
  let logs = lse_rows(id.z, first, id.y);
  for (var r = 0u; r < 4u; r++) {
    if (first + r < p.T) {
      for (var i = 0u; i < HEAD; i++) {
        out[at[r] + i] = sums[i][r] / total[r];
      }
      lse[logs[r]] = peak[r] + log(total[r]);
    }
  }
}

fn highest(x: vec4f) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}
