// The dq part of dqkv[R,(N+2NKV)*H], and delta[B,N,T] = out . dout of each query; four queries per thread.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / (4 WX)), N, B
// knobs WX threads of a workgroup; HEAD head size
// saved/aliasing: the k and v parts of dqkv are left alone (attention_back_kv.wgsl)
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"
// #include "lib/attention_back.wgsl"

const WX: u32 = 4u;
const_assert WX <= 256u;

fn load_out(at: vec4u) -> vec4f {
  return vec4f(out[at.x], out[at.y], out[at.z], out[at.w]);
}

@compute @workgroup_size(WX)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.x * 4u;
  if (first >= p.T) {
    return;
  }
  let kv_head = id.y / (p.N / p.NKV);
  let queries = four(first);
  let q = q_rows(id.z, first, id.y);
  let o = out_rows(id.z, first, id.y);
  let row = lse_rows(id.z, first, id.y);
  let logs = load_lse(row);
  var own = vec4f();
  for (var h = 0u; h < HEAD; h++) {
    own = fma(load_out(o + h), load_dout(o + h), own);
  }
  var sums: array<vec4f, HEAD>;
  for (var key = 0u; key <= min(first + 3u, p.T - 1u); key += 4u) {
    let k = k_rows(id.z, key, kv_head);
    let v = v_rows(id.z, key, kv_head);
    // Column i: query i against four keys.
    var s = mat4x4f();
    var dp = mat4x4f();
    for (var h = 0u; h < HEAD; h++) {
      s = outer(s, load_qkv(q + h), load_qkv(k + h));
      dp = outer(dp, load_dout(o + h), load_qkv(v + h));
    }
    let keys = four(key);
    let ds = mat4x4f(
      score_gradient(s[0], dp[0], vec4f(logs.x), vec4f(own.x), keys <= vec4u(queries.x)),
      score_gradient(s[1], dp[1], vec4f(logs.y), vec4f(own.y), keys <= vec4u(queries.y)),
      score_gradient(s[2], dp[2], vec4f(logs.z), vec4f(own.z), keys <= vec4u(queries.z)),
      score_gradient(s[3], dp[3], vec4f(logs.w), vec4f(own.w), keys <= vec4u(queries.w)),
    );
    for (var h = 0u; h < HEAD; h++) {
      sums[h] += load_qkv(k + h) * ds;
    }
  }
  for (var r = 0u; r < 4u; r++) {
    if (first + r < p.T) {
      for (var h = 0u; h < HEAD; h++) {
        dqkv[q[r] + h] = sums[h][r];
      }
      delta[row[r]] = own[r];
    }
  }
}
