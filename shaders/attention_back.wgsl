// dqkv[R,(N+2NKV)*H] from qkv, out, lse, dout; four tokens per thread: dq of them as queries, then dk and dv as keys.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / (4 WX)), NKV, B
// knobs WX threads of a workgroup; HEAD head size
// saved/aliasing: query heads that share a key head are added in ascending order; delta is for attention_block_q.wgsl
// and not written: out . dout of a query is added up where it is used
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"
// #include "lib/attention_back_io.wgsl"

const WX: u32 = 4u;
const_assert WX <= 256u;

// Gradient of q k^T: delta is the row's sum of out * dout.
fn score_gradient(s: vec4f, dp: vec4f, logs: vec4f, delta: vec4f, seen: vec4<bool>) -> vec4f {
  return probability(s, logs, seen) * (dp - delta) * scale();
}

// dq of four queries of one head.
fn queries_part(batch: u32, first: u32, head: u32, kv_head: u32) {
  let queries = four(first);
  let q = q_rows(batch, first, head);
  let o = out_rows(batch, first, head);
  let logs = load_lse(lse_rows(batch, first, head));
  var own = vec4f();
  for (var h = 0u; h < HEAD; h++) {
    own = fma(load_out(o + h), load_dout(o + h), own);
  }
  var sums = array<vec4f, HEAD>();
  for (var key = 0u; key <= min(first + 3u, p.T - 1u); key += 4u) {
    let k = k_rows(batch, key, kv_head);
    let v = v_rows(batch, key, kv_head);
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
    }
  }
}

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
    queries_part(id.z, first, head, id.y);
    // Queries before the first key see none of these keys.
    for (var query = first; query < p.T; query += 4u) {
      let q = q_rows(id.z, query, head);
      let o = out_rows(id.z, query, head);
      let logs = load_lse(lse_rows(id.z, query, head));
      // Column i: key i against four queries.
      var s = mat4x4f();
      var dp = mat4x4f();
      var deltas = vec4f();
      for (var h = 0u; h < HEAD; h++) {
        let d = load_dout(o + h);
        s = outer(s, load_qkv(k + h), load_qkv(q + h));
        dp = outer(dp, load_qkv(v + h), d);
        deltas = fma(load_out(o + h), d, deltas);
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
