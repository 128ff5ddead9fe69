// The dk and dv parts of dqkv[R,(N+2NKV)*H] from qkv, lse, delta, dout; four keys per thread.
// bindings qkv, lse, delta, dout, dqkv, p; grid ceil(T / (4 WX)), NKV, B
// knobs WX threads of a workgroup; HEAD head size
// saved/aliasing: the q part of dqkv is left alone; query heads that share a key head are added in ascending order
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> lse: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"
// #include "lib/attention_back.wgsl"

const WX: u32 = 4u;
const_assert WX <= 256u;

@compute @workgroup_size(WX)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let first = id.x * 4u;
  if (first >= p.T) {
    return;
  }
  let share = p.N / p.NKV;
  let keys = four(first);
  let k = k_rows(id.z, first, id.y);
  let v = v_rows(id.z, first, id.y);
  var dk: array<vec4f, HEAD>;
  var dv: array<vec4f, HEAD>;
  for (var head = id.y * share; head < (id.y + 1u) * share; head++) {
    // Queries before the first key see none of these keys.
    for (var query = first; query < p.T; query += 4u) {
      let q = q_rows(id.z, query, head);
      let o = out_rows(id.z, query, head);
      let row = lse_rows(id.z, query, head);
      let logs = load_lse(row);
      let deltas = vec4f(delta[row.x], delta[row.y], delta[row.z], delta[row.w]);
      // Column i: key i against four queries.
      var s = mat4x4f();
      var dp = mat4x4f();
      for (var h = 0u; h < HEAD; h++) {
        s = outer(s, load_qkv(k + h), load_qkv(q + h));
        dp = outer(dp, load_qkv(v + h), load_dout(o + h));
      }
      let queries = four(query);
      let inside = queries < vec4u(p.T);
      let seen0 = inside & (queries >= vec4u(keys.x));
      let seen1 = inside & (queries >= vec4u(keys.y));
      let seen2 = inside & (queries >= vec4u(keys.z));
      let seen3 = inside & (queries >= vec4u(keys.w));
      let e = mat4x4f(
        probability(s[0], logs, seen0),
        probability(s[1], logs, seen1),
        probability(s[2], logs, seen2),
        probability(s[3], logs, seen3),
      );
      let ds = mat4x4f(
        score_gradient(s[0], dp[0], logs, deltas, seen0),
        score_gradient(s[1], dp[1], logs, deltas, seen1),
        score_gradient(s[2], dp[2], logs, deltas, seen2),
        score_gradient(s[3], dp[3], logs, deltas, seen3),
      );
      for (var h = 0u; h < HEAD; h++) {
        dv[h] += load_dout(o + h) * e;
        dk[h] += load_qkv(q + h) * ds;
      }
    }
  }
  for (var r = 0u; r < 4u; r++) {
    if (first + r < p.T) {
      for (var h = 0u; h < HEAD; h++) {
        dqkv[k[r] + h] = dk[h][r];
        dqkv[v[r] + h] = dv[h][r];
      }
    }
  }
}
