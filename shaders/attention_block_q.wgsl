// The dq part of dqkv[R,(N+2NKV)*H], and delta[B,N,T] = rows of out * dout added up; ROWS queries per workgroup.
// bindings qkv, out, lse, dout, dqkv, delta, p; grid ceil(T / ROWS), N, B workgroups
// knobs as in lib/attention_block.wgsl
// saved/aliasing: the k and v parts of dqkv are left alone; lse comes from the forward
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> out: array<vec4f>;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> delta: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;

// #include "lib/attention_block.wgsl"
// #include "lib/attention_block_back.wgsl"

const_assert SPAN * (1u + NQ) <= LINES;

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  // why backwards: the last rows see most keys, so they begin first
  let first = (groups.x - 1u - group.x) * ROWS;
  let kv = group.y / (p.N / p.NKV);
  let unit = scale() * LOG2E;
  for (var i = index; i < ROWS; i += THREADS) {
    let token = min(first + i, p.T - 1u);
    let at = out_at(group.z, token, group.y);
    var products = vec4f();
    for (var h = 0u; h < HEAD_QUADS; h++) {
      products = fma(out[at + h], dout[at + h], products);
    }
    let sum = summed(products);
    tiles[i % 4u][i / 4u] = vec4f(sum);
    if (first + i < p.T) {
      delta[lse_at(group.z, first + i, group.y)] = sum;
    }
  }
  workgroupBarrier();
  var logs: array<vec4f, MQ>;
  var deltas: array<vec4f, MQ>;
  for (var m = 0u; m < MQ; m++) {
    let y = local.y + m * WY;
    deltas[m] = vec4f(tiles[0][y].x, tiles[1][y].x, tiles[2][y].x, tiles[3][y].x);
    let rows = lse_at(group.z, 0u, group.y) + min(four(first + 4u * y), vec4u(p.T - 1u));
    logs[m] = vec4f(lse[rows.x], lse[rows.y], lse[rows.z], lse[rows.w]) * LOG2E;
  }

  // Of each task: 0 queries, 1 dout, 2 keys, 3 values; and where its block lies in front of the first keys.
  var role: array<u32, TASKS>;
  var at: array<u32, TASKS>;
  let block_quad = index / 2u % WIDE;
  let block_depth = index % 2u + index / (2u * WIDE) % (DEPTH / 8u) * 2u;
  for (var i = 0u; i < TASKS; i++) {
    role[i] = (index + i * THREADS) / BLOCKS;
    let token = 4u * block_quad + select(first, 0u, role[i] >= 2u);
    let slot = select(select(group.y, p.N + kv, role[i] == 2u), p.N + p.NKV + kv, role[i] == 3u);
    at[i] = block_depth + select(qkv_at(group.z, token, slot), out_at(group.z, token, group.y), role[i] == 1u);
  }
  let quad = index % WIDTH;
  var dq: array<array<mat4x4f, NQ>, MQ>;
  for (var key = 0u; key < min(first + ROWS, p.T); key += COLUMNS) {
    // Column r of a matrix: row r of the quad against four keys.
    var s: array<mat4x4f, MQ> = array<mat4x4f, MQ>();
    var dp: array<mat4x4f, MQ> = array<mat4x4f, MQ>();
    for (var h = 0u; h < HEAD_QUADS; h += DEPTH / 4u) {
      workgroupBarrier();
      for (var i = 0u; i < TASKS; i++) {
        if (block_quad < select(ROW_QUADS, WX, role[i] >= 2u)) {
          var rows: mat4x4f = mat4x4f();
          if (role[i] == 1u) {
            rows = turned_dout(at[i] + h);
          } else {
            rows = turned_qkv(at[i] + select(0u, key * qkv_row(), role[i] >= 2u) + h);
          }
          rows = padded(rows, block_depth + h);
          for (var j = 0u; j < 4u; j++) {
            tiles[role[i] % 4u * DEPTH + 4u * block_depth + j][block_quad] = rows[j];
          }
        }
      }
      workgroupBarrier();
      for (var i = 0u; i < DEPTH; i++) {
        let k = tiles[2u * DEPTH + i][local.x];
        let v = tiles[3u * DEPTH + i][local.x];
        for (var m = 0u; m < MQ; m++) {
          s[m] = outer(s[m], tiles[i][local.y + m * WY], k);
          dp[m] = outer(dp[m], tiles[DEPTH + i][local.y + m * WY], v);
        }
      }
    }
    let is_edge = key + COLUMNS > first;
    for (var m = 0u; m < MQ; m++) {
      for (var r = 0u; r < 4u; r++) {
        let e = exp2(fma(s[m][r], vec4f(unit), vec4f(-logs[m][r])));
        s[m][r] = e * (dp[m][r] - deltas[m][r]);
      }
      if (is_edge) {
        let keys = four(key + 4u * local.x);
        for (var r = 0u; r < 4u; r++) {
          s[m][r] = select(vec4f(), s[m][r], keys <= vec4u(first + 4u * (local.y + m * WY) + r));
        }
      }
      s[m] = transpose(s[m]);
    }
    for (var j = 0u; j < 4u; j += SLICES) {
      workgroupBarrier();
      for (var i = 0u; i < SLICES; i++) {
        for (var m = 0u; m < MQ; m++) {
          tiles[i * WX + local.x][local.y + m * WY] = s[m][j + i];
        }
      }
      for (var t = 0u; t < FILLS; t++) {
        let line = index / WIDTH + t * (THREADS / WIDTH);
        let token = min(key + 4u * (line % WX) + j + line / WX, p.T - 1u);
        if (line < SPAN) {
          let own = qkv_at(group.z, token, p.N + kv) + min(quad, HEAD_QUADS - 1u);
          tiles[SPAN + line * NQ + quad / WX][quad % WX] = qkv[own];
        }
      }
      workgroupBarrier();
      for (var i = 0u; i < SPAN; i++) {
        for (var n = 0u; n < NQ; n++) {
          let y = tiles[SPAN + i * NQ + n][local.x];
          for (var m = 0u; m < MQ; m++) {
            dq[m][n] = outer(dq[m][n], tiles[i][local.y + m * WY], y);
          }
        }
      }
    }
  }
  for (var m = 0u; m < MQ; m++) {
    for (var r = 0u; r < 4u; r++) {
      let query = first + 4u * (local.y + m * WY) + r;
      for (var n = 0u; n < NQ; n++) {
        let own = local.x + n * WX;
        if (query < p.T && own < HEAD_QUADS) {
          dqkv[qkv_at(group.z, query, group.y) + own] = dq[m][n][r] * scale();
        }
      }
    }
  }
}
