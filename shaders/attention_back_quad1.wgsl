// dqkv[R,(N+2NKV)*H] from qkv, out, lse, dout; sixteen tokens per four lanes: dq of them, then dk and dv.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / 16), NKV, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention_back.wgsl, with the same bits: only loads are shared. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> out: array<f32>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<f32>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<f32>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_io.wgsl"
// #include "lib/attention_back_io.wgsl"
// #include "lib/attention_quad1.wgsl"

// Gradient of scores, from probabilities.
fn gradient(e: vec4f, dp: vec4f, deltas: vec4f) -> vec4f {
  return e * (dp - deltas) * scale();
}

// Gradient of the scores of this lane's queries, one a column, against a block of four keys.
fn of_queries(s: mat4x4f, dp: mat4x4f, logs: vec4f, own: vec4f, queries: vec4u, key: u32) -> mat4x4f {
  let keys = four(key);
  return mat4x4f(
    gradient(probability(s[0], vec4f(logs.x), keys <= vec4u(queries.x)), dp[0], vec4f(own.x)),
    gradient(probability(s[1], vec4f(logs.y), keys <= vec4u(queries.y)), dp[1], vec4f(own.y)),
    gradient(probability(s[2], vec4f(logs.z), keys <= vec4u(queries.z)), dp[2], vec4f(own.z)),
    gradient(probability(s[3], vec4f(logs.w), keys <= vec4u(queries.w)), dp[3], vec4f(own.w)),
  );
}

// Probabilities of this lane's keys, one a column, for a block of four queries.
fn of_keys(s: mat4x4f, logs: vec4f, keys: vec4u, query: u32) -> mat4x4f {
  let queries = four(query);
  let inside = queries < vec4u(p.T);
  return mat4x4f(
    probability(s[0], logs, inside & (queries >= vec4u(keys.x))),
    probability(s[1], logs, inside & (queries >= vec4u(keys.y))),
    probability(s[2], logs, inside & (queries >= vec4u(keys.z))),
    probability(s[3], logs, inside & (queries >= vec4u(keys.w))),
  );
}

fn gradients(e: mat4x4f, dp: mat4x4f, deltas: vec4f) -> mat4x4f {
  return mat4x4f(
    gradient(e[0], dp[0], deltas),
    gradient(e[1], dp[1], deltas),
    gradient(e[2], dp[2], deltas),
    gradient(e[3], dp[3], deltas),
  );
}

// dq of this lane's four queries of one head.
fn queries_part(batch: u32, begin: u32, lane: u32, head: u32, kv_head: u32) {
  let first = begin + 4u * lane;
  let queries = four(first);
  let q = q_rows(batch, first, head);
  let o = out_rows(batch, first, head);
  let logs = load_lse(lse_rows(batch, first, head));
  var own = vec4f();
  for (var h = 0u; h < HEAD; h++) {
    own = fma(load_out(o + h), load_dout(o + h), own);
  }
  var sums = array<vec4f, HEAD>();
  for (var key = 0u; key < min(begin + 16u, p.T); key += 16u) {
    let k = quad_rows(batch, key, lane, qkv_width(), (p.N + kv_head) * HEAD);
    let v = quad_rows(batch, key, lane, qkv_width(), (p.N + p.NKV + kv_head) * HEAD);
    var s = Blocks();
    var dp = Blocks();
    for (var h = 0u; h < HEAD; h++) {
      s = add_products(s, load_qkv(q + h), load_qkv(k + h));
      dp = add_products(dp, load_dout(o + h), load_qkv(v + h));
    }
    let ds = Blocks(
      of_queries(s.b0, dp.b0, logs, own, queries, key),
      of_queries(s.b1, dp.b1, logs, own, queries, key + 4u),
      of_queries(s.b2, dp.b2, logs, own, queries, key + 8u),
      of_queries(s.b3, dp.b3, logs, own, queries, key + 12u),
    );
    for (var h = 0u; h < HEAD; h++) {
      sums[h] = add_weighted(sums[h], load_qkv(k + h), ds);
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
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * 16u;
  let first = begin + 4u * lane;
  let share = p.N / p.NKV;
  let keys = four(first);
  let k = k_rows(group.z, first, group.y);
  let v = v_rows(group.z, first, group.y);
  var dk: array<vec4f, HEAD>;
  var dv: array<vec4f, HEAD>;
  for (var head = group.y * share; head < (group.y + 1u) * share; head++) {
    queries_part(group.z, begin, lane, head, group.y);
    // Queries before the first key see none of these keys.
    for (var query = begin; query < p.T; query += 16u) {
      let q = quad_rows(group.z, query, lane, qkv_width(), head * HEAD);
      let o = quad_rows(group.z, query, lane, p.N * HEAD, head * HEAD);
      let logs = load_lse(quad_rows(group.z * p.N + head, query, lane, 1u, 0u));
      var s = Blocks();
      var dp = Blocks();
      var deltas = vec4f();
      for (var h = 0u; h < HEAD; h++) {
        let d = load_dout(o + h);
        s = add_products(s, load_qkv(k + h), load_qkv(q + h));
        dp = add_products(dp, load_qkv(v + h), d);
        deltas = fma(load_out(o + h), d, deltas);
      }
      let e = Blocks(
        of_keys(s.b0, all_four(logs.x), keys, query),
        of_keys(s.b1, all_four(logs.y), keys, query + 4u),
        of_keys(s.b2, all_four(logs.z), keys, query + 8u),
        of_keys(s.b3, all_four(logs.w), keys, query + 12u),
      );
      let ds = Blocks(
        gradients(e.b0, dp.b0, all_four(deltas.x)),
        gradients(e.b1, dp.b1, all_four(deltas.y)),
        gradients(e.b2, dp.b2, all_four(deltas.z)),
        gradients(e.b3, dp.b3, all_four(deltas.w)),
      );
      for (var h = 0u; h < HEAD; h++) {
        dv[h] = add_weighted(dv[h], load_dout(o + h), e);
        dk[h] = add_weighted(dk[h], load_qkv(q + h), ds);
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
