// What both quad attention backward files share: products with dout, and gradients of scores.
// bindings none of its own (dout of the including file, as vec4); grid: the including file
// knobs none
// saved/aliasing: none
// source: Dao et al. 2022, arXiv 2205.14135, algorithm 4

fn load_dout(at: vec4u, h: u32) -> mat4x4f {
  return transpose(mat4x4f(dout[at.x + h], dout[at.y + h], dout[at.z + h], dout[at.w + h]));
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
