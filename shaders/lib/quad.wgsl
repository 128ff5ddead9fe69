// Sixteen rows by four columns of a lane, as four lanes share them: the tile of the quad files.
// bindings none; grid none: quads are lanes 4 i .. 4 i + 3 of a workgroup whose x size is a multiple of 4
// knobs none
// saved/aliasing: pure functions; need the feature 'subgroups'
// source: own; a broadcast costs a tenth of a load where a processor gathers loads lane by lane

// #include "lib/outer.wgsl"

// Matrix g holds rows 4 g .. 4 g + 3, a column of the matrix for each row.
struct Block {
  c0: mat4x4f,
  c1: mat4x4f,
  c2: mat4x4f,
  c3: mat4x4f,
}

// Add x y^T: column g of x is rows 4 g .. 4 g + 3, y the columns.
fn cross_4(t: Block, x: mat4x4f, y: vec4f) -> Block {
  return Block(outer(t.c0, x[0], y), outer(t.c1, x[1], y), outer(t.c2, x[2], y), outer(t.c3, x[3], y));
}

// Lane l holds row 4 g + l in component g; the result has all rows, column g of rows 4 g .. 4 g + 3.
fn spread(own: vec4f) -> mat4x4f {
  return transpose(spread_rows(own));
}

// Lane l holds rows 4 l .. 4 l + 3.
fn spread_rows(own: vec4f) -> mat4x4f {
  return mat4x4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
