// out[R,N*H], lse[B,N,T] = causal attention of qkv[R,(N+2NKV)*H] rows [q | k | v]; ROWS queries per workgroup.
// bindings qkv, out, lse, p; grid ceil(T / ROWS), N, B workgroups
// knobs as in lib/attention_block.wgsl
// saved/aliasing: lse is the log of the sum of exponentials, for the backward; no T x T values in memory
// source: Dao et al. 2022, arXiv 2205.14135; Milakov and Gimelshein 2018, arXiv 1805.02867

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// #include "lib/attention_block.wgsl"

const LINES: u32 = max(max(DEPTH, SPAN), WX);

// Of the scores: head elements of queries and of keys. Then: powers of queries, and values, by key.
var<workgroup> left: array<array<vec4f, ROW_QUADS>, LINES>;
var<workgroup> right: array<array<vec4f, WIDTH>, LINES>;

fn turned(at: u32) -> mat4x4f {
  let row = qkv_row();
  return transpose(mat4x4f(qkv[at], qkv[at + row], qkv[at + 2u * row], qkv[at + 3u * row]));
}

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
  let query_quad = quad_of(index, ROW_QUADS);
  let query_depth = depth_of(index, ROW_QUADS);
  let query_at = qkv_at(group.z, first + 4u * query_quad, group.y) + query_depth;
  // why from the other end: where there are threads enough, each half loads one operand
  let from_end = THREADS - 1u - index;
  let key_quad = quad_of(from_end, WX);
  let key_depth = depth_of(from_end, WX);
  let key_at = qkv_at(group.z, 4u * key_quad, p.N + kv) + key_depth;
  let quad = index % WIDTH;
  let value_slot = p.N + p.NKV + kv;
  var peak: array<vec4f, MQ>;
  var total: array<vec4f, MQ>;
  var o: array<array<mat4x4f, NQ>, MQ>;
  for (var m = 0u; m < MQ; m++) {
    peak[m] = vec4f(LOWEST);
  }
  for (var key = 0u; key < min(first + ROWS, p.T); key += COLUMNS) {
    // Column r of a matrix: row r of the quad against four keys.
    var s: array<mat4x4f, MQ> = array<mat4x4f, MQ>();
    for (var h = 0u; h < HEAD_QUADS; h += DEPTH / 4u) {
      workgroupBarrier();
      if (index < ROW_BLOCKS) {
        let rows = padded(turned(query_at + h), query_depth + h);
        for (var i = 0u; i < 4u; i++) {
          left[4u * query_depth + i][query_quad] = rows[i];
        }
      }
      if (from_end < COLUMN_BLOCKS) {
        let rows = padded(turned(key_at + key * qkv_row() + h), key_depth + h);
        for (var i = 0u; i < 4u; i++) {
          right[4u * key_depth + i][key_quad] = rows[i];
        }
      }
      workgroupBarrier();
      for (var i = 0u; i < DEPTH; i++) {
        let y = right[i][local.x];
        for (var m = 0u; m < MQ; m++) {
          s[m] = outer(s[m], left[i][local.y + m * WY], y);
        }
      }
    }
    if (key + COLUMNS > first) {
      let keys = four(key + 4u * local.x);
      for (var m = 0u; m < MQ; m++) {
        for (var r = 0u; r < 4u; r++) {
          let query = first + 4u * (local.y + m * WY) + r;
          s[m][r] = select(vec4f(LOWEST), s[m][r], keys <= vec4u(query));
        }
      }
    }
    workgroupBarrier();
    for (var m = 0u; m < MQ; m++) {
      left[local.x][local.y + m * WY] = vec4f(largest(s[m][0]), largest(s[m][1]), largest(s[m][2]), largest(s[m][3]));
    }
    workgroupBarrier();
    for (var m = 0u; m < MQ; m++) {
      var next = peak[m];
      for (var i = 0u; i < WX; i++) {
        next = max(next, left[i][local.y + m * WY]);
      }
      let fade = exp2((peak[m] - next) * unit);
      peak[m] = next;
      let down = next * unit;
      s[m] = mat4x4f(
        exp2(fma(s[m][0], vec4f(unit), vec4f(-down.x))),
        exp2(fma(s[m][1], vec4f(unit), vec4f(-down.y))),
        exp2(fma(s[m][2], vec4f(unit), vec4f(-down.z))),
        exp2(fma(s[m][3], vec4f(unit), vec4f(-down.w))),
      );
      total[m] = fma(total[m], fade, vec4f(summed(s[m][0]), summed(s[m][1]), summed(s[m][2]), summed(s[m][3])));
      s[m] = transpose(s[m]);
      for (var n = 0u; n < NQ; n++) {
        for (var r = 0u; r < 4u; r++) {
          o[m][n][r] *= fade[r];
        }
      }
    }
    for (var j = 0u; j < 4u; j += SLICES) {
      workgroupBarrier();
      for (var i = 0u; i < SLICES; i++) {
        for (var m = 0u; m < MQ; m++) {
          left[i * WX + local.x][local.y + m * WY] = s[m][j + i];
        }
      }
      for (var t = 0u; t < FILLS; t++) {
        let line = index / WIDTH + t * (THREADS / WIDTH);
        let token = min(key + 4u * (line % WX) + j + line / WX, p.T - 1u);
        if (line < SPAN) {
          right[line][quad] = qkv[qkv_at(group.z, token, value_slot) + min(quad, HEAD_QUADS - 1u)];
        }
      }
      workgroupBarrier();
      for (var i = 0u; i < SPAN; i++) {
        for (var n = 0u; n < NQ; n++) {
          let y = right[i][local.x + n * WX];
          for (var m = 0u; m < MQ; m++) {
            o[m][n] = outer(o[m][n], left[i][local.y + m * WY], y);
          }
        }
      }
    }
  }
  workgroupBarrier();
  for (var m = 0u; m < MQ; m++) {
    left[local.x][local.y + m * WY] = total[m];
  }
  workgroupBarrier();
  for (var m = 0u; m < MQ; m++) {
    var sum = vec4f();
    for (var i = 0u; i < WX; i++) {
      sum += left[i][local.y + m * WY];
    }
    for (var r = 0u; r < 4u; r++) {
      let query = first + 4u * (local.y + m * WY) + r;
      if (query < p.T) {
        for (var n = 0u; n < NQ; n++) {
          let own = local.x + n * WX;
          if (own < HEAD_QUADS) {
            out[out_at(group.z, query, group.y) + own] = o[m][n][r] / sum[r];
          }
        }
        if (local.x == 0u) {
          lse[lse_at(group.z, query, group.y)] = fma(peak[m][r], scale(), log(sum[r]));
        }
      }
    }
  }
}
