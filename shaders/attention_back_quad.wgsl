// dqkv[R,(N+2NKV)*H] from qkv, out, lse, dout; sixteen tokens per four lanes: dq of them, then dk and dv.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / 16), NKV, B
// knobs WX 4; HEAD head size
// saved/aliasing: as attention_back.wgsl, in blocks of 16 tokens: other bits. Needs the feature 'subgroups'
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

enable subgroups;

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> out: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_quad.wgsl"

// Element 4 h + i of dout in component i, a column for each of four rows.
fn dout_of(rows: vec4u, h: u32) -> mat4x4f {
  return mat4x4f(dout[rows.x + h], dout[rows.y + h], dout[rows.z + h], dout[rows.w + h]);
}

// Their products with out.
fn with_out(rows: vec4u, h: u32, d: mat4x4f) -> vec4f {
  return vec4f(
    dot(out[rows.x + h], d[0]),
    dot(out[rows.y + h], d[1]),
    dot(out[rows.z + h], d[2]),
    dot(out[rows.w + h], d[3]),
  );
}

// Gradient of the scores of four queries against this lane's keys.
fn of_queries(s: mat4x4f, dp: mat4x4f, logs: vec4f, deltas: vec4f, first: u32, keys: vec4u) -> mat4x4f {
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

fn of_keys(e: mat4x4f, dp: mat4x4f, deltas: vec4f) -> mat4x4f {
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

fn write_dqkv(t: Block, at: array<vec4u, 4>, tokens: u32) {
  let rows = array<mat4x4f, 4>(t.c0, t.c1, t.c2, t.c3);
  for (var r = 0u; r < 16u; r++) {
    if (tokens + r < p.T) {
      dqkv[at[r / 4u][r % 4u]] = rows[r / 4u][r % 4u];
    }
  }
}

fn write_all(t: Sums, batch: u32, first: u32, slot: u32, lane: u32) {
  let at = array<vec4u, 4>(
    qkv_rows(batch, four(first), slot) + lane,
    qkv_rows(batch, four(first + 4u), slot) + lane,
    qkv_rows(batch, four(first + 8u), slot) + lane,
    qkv_rows(batch, four(first + 12u), slot) + lane,
  );
  write_dqkv(t.b0, at, first);
  if (HEAD > 16u) {
    write_dqkv(t.b1, array<vec4u, 4>(at[0] + 4u, at[1] + 4u, at[2] + 4u, at[3] + 4u), first);
  }
}

// dq of sixteen queries of one head.
fn queries_part(batch: u32, first: u32, head: u32, kv_head: u32, lane: u32, quad: u32) {
  let queries = vec4u(first + lane) + vec4u(0u, 4u, 8u, 12u);
  let q = qkv_rows(batch, queries, head);
  let o = out_rows(batch, queries, head);
  let at = lse_rows(batch, queries, head);
  var own = vec4f();
  for (var h = 0u; h < FOURS; h++) {
    own += with_out(o, h, dout_of(o, h));
  }
  let deltas = spread(own);
  let logs = spread(vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]));
  var sums = Sums();
  for (var key = 0u; key < min(first + 16u, p.T); key += 16u) {
    let keys = four(key + 4u * lane);
    let k = qkv_rows(batch, keys, p.N + kv_head);
    let v = qkv_rows(batch, keys, p.N + p.NKV + kv_head);
    let s = scores(q, k);
    var dp = Block();
    for (var h = 0u; h < FOURS; h++) {
      dp = add_products(dp, transpose(dout_of(o, h)), load_qkv(v, h));
    }
    let turn = turned(Block(
      of_queries(s.c0, dp.c0, logs[0], deltas[0], first, keys),
      of_queries(s.c1, dp.c1, logs[1], deltas[1], first + 4u, keys),
      of_queries(s.c2, dp.c2, logs[2], deltas[2], first + 8u, keys),
      of_queries(s.c3, dp.c3, logs[3], deltas[3], first + 12u, keys),
    ));
    for (var source = 0u; source < 4u; source++) {
      let rows = qkv_rows(batch, four(key + 4u * source), p.N + kv_head) + lane;
      sums = mix_qkv(sums, column_of(turn, 0u, quad + source), rows.x);
      sums = mix_qkv(sums, column_of(turn, 1u, quad + source), rows.y);
      sums = mix_qkv(sums, column_of(turn, 2u, quad + source), rows.z);
      sums = mix_qkv(sums, column_of(turn, 3u, quad + source), rows.w);
    }
  }
  write_all(sums, batch, first, head, lane);
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
    queries_part(group.z, first, head, group.y, lane, quad);
    // Queries before the first key see none of these keys.
    for (var query = first; query < p.T; query += 16u) {
      let queries = four(query + 4u * lane);
      let o = out_rows(group.z, queries, head);
      let at = lse_rows(group.z, queries, head);
      let logs = vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
      var deltas = vec4f();
      let s = scores(k, qkv_rows(group.z, queries, head));
      var dp = Block();
      for (var h = 0u; h < FOURS; h++) {
        let d = dout_of(o, h);
        deltas += with_out(o, h, d);
        dp = add_products(dp, load_qkv(v, h), transpose(d));
      }
      let e0 = powers(s.c0, logs, first, queries);
      let e1 = powers(s.c1, logs, first + 4u, queries);
      let e2 = powers(s.c2, logs, first + 8u, queries);
      let e3 = powers(s.c3, logs, first + 12u, queries);
      let e = turned(Block(e0, e1, e2, e3));
      let ds = turned(Block(
        of_keys(e0, dp.c0, deltas),
        of_keys(e1, dp.c1, deltas),
        of_keys(e2, dp.c2, deltas),
        of_keys(e3, dp.c3, deltas),
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
