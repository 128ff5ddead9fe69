// What the norm files for graphics chips share: LANES threads a row, which they keep in registers as vec4.
// bindings p of the including file (p.R rows); grid: the including file, workgroups of ROWS rows
// knobs C row length, a multiple of 4; LANES threads of a row; WG threads of a workgroup
// saved/aliasing: the order of additions follows from C and LANES
// source: own

const C: u32 = 64u;
const LANES: u32 = 16u;
const WG: u32 = 256u;
const_assert C % 4u == 0u && WG % LANES == 0u;

// Rows of a workgroup, vec4 of a row and of a thread.
const ROWS: u32 = WG / LANES;
const QUADS: u32 = C / 4u;
const OWN: u32 = (QUADS + LANES - 1u) / LANES;

// #include "lib/lanes.wgsl"

fn summed(x: vec4f) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}
