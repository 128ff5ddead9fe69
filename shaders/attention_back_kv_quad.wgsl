// The dk and dv parts of dqkv[R,(N+2NKV)*H] from qkv, lse, delta, dout; sixteen keys per four lanes.
// bindings qkv, lse, delta, dout, dqkv, p; grid ceil(T / 16), NKV, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention_back_kv.wgsl, in blocks of 16 queries: other bits. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> lse: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/attention_quad.wgsl"
// #include "lib/attention_quad_back.wgsl"

// Probabilities of four keys for this lane's queries.
fn powers(s: mat4x4f, logs: vec4f, first: u32, queries: vec4u) -> mat4x4f {
  return mat4x4f(
    one_key(s[0], logs, first, queries),
    one_key(s[1], logs, first + 1u, queries),
    one_key(s[2], logs, first + 2u, queries),
    one_key(s[3], logs, first + 3u, queries),
  );
}

fn one_key(s: vec4f, logs: vec4f, key: u32, queries: vec4u) -> vec4f {
  let seen = (queries >= vec4u(key)) & (queries < vec4u(p.T));
  return select(vec4f(), exp(s * scale() - logs), seen);
}

fn differentiate(e: mat4x4f, dp: mat4x4f, deltas: vec4f) -> mat4x4f {
  let unit = scale();
  return mat4x4f(
    e[0] * (dp[0] - deltas) * unit,
    e[1] * (dp[1] - deltas) * unit,
    e[2] * (dp[2] - deltas) * unit,
    e[3] * (dp[3] - deltas) * unit,
  );
}

fn mix_dout(t: Sums, x: mat4x4f, at: u32) -> Sums {
  var sums = t;
  sums.b0 = cross_4(t.b0, x, dout[at]);
  if (HEAD > 16u) {
    sums.b1 = cross_4(t.b1, x, dout[at + 4u]);
  }
  return sums;
}

@compute @workgroup_size(WX)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  let quad = place - place % 4u;
  let share = p.N / p.NKV;
  let first = group.x * 16u;
  let keys = vec4u(first + lane) + vec4u(0u, 4u, 8u, 12u);
  let k = qkv_rows(group.z, keys, p.N + group.y);
  let v = qkv_rows(group.z, keys, p.N + p.NKV + group.y);
  var dk = Sums();
  var dv = Sums();
  for (var head = group.y * share; head < (group.y + 1u) * share; head++) {
    // Queries before the first key see none of these keys.
    for (var query = first; query < p.T; query += 16u) {
      let queries = four(query + 4u * lane);
      let o = out_rows(group.z, queries, head);
      let at = lse_rows(group.z, queries, head);
      let logs = vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
      let deltas = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
      let s = scores(k, qkv_rows(group.z, queries, head));
      var dp = Block();
      for (var h = 0u; h < FOURS; h++) {
        dp = add_products(dp, load_qkv(v, h), load_dout(o, h));
      }
      let e0 = powers(s.c0, logs, first, queries);
      let e1 = powers(s.c1, logs, first + 4u, queries);
      let e2 = powers(s.c2, logs, first + 8u, queries);
      let e3 = powers(s.c3, logs, first + 12u, queries);
      let e = turned(Block(e0, e1, e2, e3));
      let ds = turned(Block(
        differentiate(e0, dp.c0, deltas),
        differentiate(e1, dp.c1, deltas),
        differentiate(e2, dp.c2, deltas),
        differentiate(e3, dp.c3, deltas),
      ));
      for (var source = 0u; source < 4u; source++) {
        let owner = quad + source;
        let q_rows = qkv_rows(group.z, four(query + 4u * source), head) + lane;
        let o_rows = out_rows(group.z, four(query + 4u * source), head) + lane;
        dv = mix_dout(dv, column_of(e, 0u, owner), o_rows.x);
        dk = mix_qkv(dk, column_of(ds, 0u, owner), q_rows.x);
        dv = mix_dout(dv, column_of(e, 1u, owner), o_rows.y);
        dk = mix_qkv(dk, column_of(ds, 1u, owner), q_rows.y);
        dv = mix_dout(dv, column_of(e, 2u, owner), o_rows.z);
        dk = mix_qkv(dk, column_of(ds, 2u, owner), q_rows.z);
        dv = mix_dout(dv, column_of(e, 3u, owner), o_rows.w);
        dk = mix_qkv(dk, column_of(ds, 3u, owner), q_rows.w);
      }
    }
  }
  write_all(dk, group.z, first, p.N + group.y, lane);
  write_all(dv, group.z, first, p.N + p.NKV + group.y, lane);
}
