// The dk and dv parts of dqkv[R,(N+2NKV)*H] from qkv, lse, delta, dout; ROWS keys per workgroup.
// bindings qkv, lse, delta, dout, dqkv, p; grid ceil(T / ROWS), NKV, B workgroups
// knobs as in lib/attention_block.wgsl; where attention_back.wgsl and its quad file run instead, no workgroup runs
// saved/aliasing: the q part of dqkv is left alone; query heads that share a key head are added in ascending order
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4; Ainslie et al. 2023, arXiv 2305.13245 (grouped heads)

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read> lse: array<f32>;
@group(0) @binding(2) var<storage, read> delta: array<f32>;
@group(0) @binding(3) var<storage, read> dout: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4f>;
@group(0) @binding(5) var<uniform> p: Params;

// #include "lib/attention_block.wgsl"
// #include "lib/attention_block_back.wgsl"

// dv and dk together where the tiles of both fit, else one after the other: lines of what each of them needs.
const TURNS: u32 = NQ;
const LEFT_DK: u32 = (2u - TURNS) * SPAN;
const RIGHT_DV: u32 = LEFT_DK + SPAN;
const RIGHT_DK: u32 = SPAN + 2u * LEFT_DK;
const_assert TURNS <= 2u && RIGHT_DK + SPAN * NQ <= LINES;

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  // The first rows are seen by most queries, and begin first.
  let first = group.x * ROWS;
  let unit = scale() * LOG2E;
  // Of each task: 0 keys, 1 values, 2 queries, 3 dout.
  let block_quad = index / 2u % WIDE;
  let block_depth = index % 2u + index / (2u * WIDE) % (DEPTH / 8u) * 2u;
  var role: array<u32, TASKS>;
  for (var i = 0u; i < TASKS; i++) {
    role[i] = (index + i * THREADS) / BLOCKS;
  }
  let quad = index % WIDTH;
  let share = p.N / p.NKV;
  var dk: array<array<mat4x4f, NQ>, MQ>;
  var dv: array<array<mat4x4f, NQ>, MQ>;
  for (var head = group.y * share; head < (group.y + 1u) * share; head++) {
    // Where the block of each task lies, in front of the first queries.
    var at: array<u32, TASKS> = array<u32, TASKS>();
    for (var i = 0u; i < TASKS; i++) {
      let token = 4u * block_quad + select(first, 0u, role[i] >= 2u);
      let slot = select(select(head, p.N + group.y, role[i] == 0u), p.N + p.NKV + group.y, role[i] == 1u);
      at[i] = block_depth + select(qkv_at(group.z, token, slot), out_at(group.z, token, head), role[i] == 3u);
    }
    for (var query = first / COLUMNS * COLUMNS; query < p.T; query += COLUMNS) {
      // Column r of a matrix: key r of the quad against four queries.
      var s: array<mat4x4f, MQ> = array<mat4x4f, MQ>();
      var ds: array<mat4x4f, MQ> = array<mat4x4f, MQ>();
      for (var h = 0u; h < HEAD_QUADS; h += DEPTH / 4u) {
        workgroupBarrier();
        for (var i = 0u; i < TASKS; i++) {
          if (block_quad < select(ROW_QUADS, WX, role[i] >= 2u)) {
            var rows: mat4x4f = mat4x4f();
            if (role[i] == 3u) {
              rows = turned_dout(at[i] + query * out_row() + h);
            } else {
              rows = turned_qkv(at[i] + select(0u, query * qkv_row(), role[i] == 2u) + h);
            }
            rows = padded(rows, block_depth + h);
            for (var j = 0u; j < 4u; j++) {
              tiles[role[i] % 4u * DEPTH + 4u * block_depth + j][block_quad] = rows[j];
            }
          }
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
          let q = tiles[2u * DEPTH + i][local.x];
          let o = tiles[3u * DEPTH + i][local.x];
          for (var m = 0u; m < MQ; m++) {
            s[m] = outer(s[m], tiles[i][local.y + m * WY], q);
            ds[m] = outer(ds[m], tiles[DEPTH + i][local.y + m * WY], o);
          }
        }
      }
      let queries = four(query + 4u * local.x);
      let rows = lse_at(group.z, 0u, head) + min(queries, vec4u(p.T - 1u));
      let logs = -LOG2E * vec4f(lse[rows.x], lse[rows.y], lse[rows.z], lse[rows.w]);
      let deltas = vec4f(delta[rows.x], delta[rows.y], delta[rows.z], delta[rows.w]);
      let is_edge = query < first + ROWS || query + COLUMNS > p.T;
      for (var m = 0u; m < MQ; m++) {
        for (var r = 0u; r < 4u; r++) {
          s[m][r] = exp2(fma(s[m][r], vec4f(unit), logs));
          ds[m][r] = s[m][r] * (ds[m][r] - deltas);
        }
        if (is_edge) {
          for (var r = 0u; r < 4u; r++) {
            let key = first + 4u * (local.y + m * WY) + r;
            let seen = (queries >= vec4u(key)) & (queries < vec4u(p.T));
            s[m][r] = select(vec4f(), s[m][r], seen);
            ds[m][r] = select(vec4f(), ds[m][r], seen);
          }
        }
        s[m] = transpose(s[m]);
        ds[m] = transpose(ds[m]);
      }
      for (var j = 0u; j < 4u; j += SLICES) {
        for (var turn = 0u; turn < TURNS; turn++) {
          workgroupBarrier();
          for (var t = 0u; t < FILLS; t++) {
            let line = index / WIDTH + t * (THREADS / WIDTH);
            let token = min(query + 4u * (line % WX) + j + line / WX, p.T - 1u);
            let own = min(quad, HEAD_QUADS - 1u);
            if (line < SPAN && turn == 0u) {
              tiles[RIGHT_DV + line * NQ + quad / WX][quad % WX] = dout[out_at(group.z, token, head) + own];
            }
            if (line < SPAN && turn + 1u == TURNS) {
              tiles[RIGHT_DK + line * NQ + quad / WX][quad % WX] = qkv[qkv_at(group.z, token, head) + own];
            }
          }
          for (var i = 0u; i < SLICES; i++) {
            for (var m = 0u; m < MQ; m++) {
              if (turn == 0u) {
                tiles[i * WX + local.x][local.y + m * WY] = s[m][j + i];
              }
              if (turn + 1u == TURNS) {
                tiles[LEFT_DK + i * WX + local.x][local.y + m * WY] = ds[m][j + i];
              }
            }
          }
          workgroupBarrier();
          if (turn == 0u) {
            for (var i = 0u; i < SPAN; i++) {
              for (var n = 0u; n < NQ; n++) {
                let y = tiles[RIGHT_DV + i * NQ + n][local.x];
                for (var m = 0u; m < MQ; m++) {
                  dv[m][n] = outer(dv[m][n], tiles[i][local.y + m * WY], y);
                }
              }
            }
          }
          if (turn + 1u == TURNS) {
            for (var i = 0u; i < SPAN; i++) {
              for (var n = 0u; n < NQ; n++) {
                let y = tiles[RIGHT_DK + i * NQ + n][local.x];
                for (var m = 0u; m < MQ; m++) {
                  dk[m][n] = outer(dk[m][n], tiles[LEFT_DK + i][local.y + m * WY], y);
                }
              }
            }
          }
        }
      }
    }
  }
  for (var m = 0u; m < MQ; m++) {
    for (var r = 0u; r < 4u; r++) {
      let key = first + 4u * (local.y + m * WY) + r;
      for (var n = 0u; n < NQ; n++) {
        let own = local.x + n * WX;
        if (key < p.T && own < HEAD_QUADS) {
          dqkv[qkv_at(group.z, key, p.N + group.y) + own] = dk[m][n][r] * scale();
          dqkv[qkv_at(group.z, key, p.N + p.NKV + group.y) + own] = dv[m][n][r];
        }
      }
    }
  }
}
