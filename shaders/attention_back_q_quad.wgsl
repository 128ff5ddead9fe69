// The dq part of dqkv[R,(N+2NKV)*H], and delta[B,N,T] = out . dout of each query; sixteen queries per four lanes.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / 16), N, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention_back_q.wgsl, in blocks of 16 keys: other bits. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> out: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_quad.wgsl"
// #include "lib/attention_quad_back.wgsl"

// Gradient of the scores of four queries against this lane's keys.
fn differentiate(s: mat4x4f, dp: mat4x4f, logs: vec4f, deltas: vec4f, first: u32, keys: vec4u) -> mat4x4f {
  return mat4x4f(
    one_query(s[0], dp[0], logs.x, deltas.x, first, keys),
    one_query(s[1], dp[1], logs.y, deltas.y, first + 1u, keys),
    one_query(s[2], dp[2], logs.z, deltas.z, first + 2u, keys),
    one_query(s[3], dp[3], logs.w, deltas.w, first + 3u, keys),
  );
}

fn one_query(s: vec4f, dp: vec4f, log_sum: f32, own_delta: f32, query: u32, keys: vec4u) -> vec4f {
  let e = select(vec4f(), exp(s * scale() - log_sum), keys <= vec4u(query));
  return e * (dp - own_delta) * scale();
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
  let queries = vec4u(first + lane) + vec4u(0u, 4u, 8u, 12u);
  let q = qkv_rows(group.z, queries, group.y);
  let o = out_rows(group.z, queries, group.y);
  let at = lse_rows(group.z, queries, group.y);
  var own = vec4f();
  for (var h = 0u; h < FOURS; h++) {
    own.x += dot(out[o.x + h], dout[o.x + h]);
    own.y += dot(out[o.y + h], dout[o.y + h]);
    own.z += dot(out[o.z + h], dout[o.z + h]);
    own.w += dot(out[o.w + h], dout[o.w + h]);
  }
  for (var g = 0u; g < 4u; g++) {
    if (queries[g] < p.T) {
      delta[at[g]] = own[g];
    }
  }
  let deltas = spread(own);
  let logs = spread(vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]));
  var sums = Sums();
  for (var key = 0u; key < min(first + 16u, p.T); key += 16u) {
    let keys = four(key + 4u * lane);
    let k = qkv_rows(group.z, keys, p.N + kv_head);
    let v = qkv_rows(group.z, keys, p.N + p.NKV + kv_head);
    let s = scores(q, k);
    var dp = Block();
    for (var h = 0u; h < FOURS; h++) {
      dp = add_products(dp, load_dout(o, h), load_qkv(v, h));
    }
    let turn = turned(Block(
      differentiate(s.c0, dp.c0, logs[0], deltas[0], first, keys),
      differentiate(s.c1, dp.c1, logs[1], deltas[1], first + 4u, keys),
      differentiate(s.c2, dp.c2, logs[2], deltas[2], first + 8u, keys),
      differentiate(s.c3, dp.c3, logs[3], deltas[3], first + 12u, keys),
    ));
    for (var source = 0u; source < 4u; source++) {
      let rows = qkv_rows(group.z, four(key + 4u * source), p.N + kv_head) + lane;
      sums = mix_qkv(sums, column_of(turn, 0u, quad + source), rows.x);
      sums = mix_qkv(sums, column_of(turn, 1u, quad + source), rows.y);
      sums = mix_qkv(sums, column_of(turn, 2u, quad + source), rows.z);
      sums = mix_qkv(sums, column_of(turn, 3u, quad + source), rows.w);
    }
  }
  write_all(sums, group.z, first, group.y, lane);
}
