// What the cross entropy files for graphics chips share: LANES threads a row of V logits, side by side.
// bindings p of the including file (p.R rows); grid: the including file, workgroups of WG / LANES rows
// knobs LANES threads of a row; WG threads of a workgroup
// saved/aliasing: the order of additions follows from V and LANES
// source: own

const LANES: u32 = 16u;
const WG: u32 = 256u;
const_assert WG % LANES == 0u;

// Loses against any logit.
const LOWEST: f32 = -3.0e38;
const IGNORED: u32 = 0xffffffffu;

// #include "lib/lanes.wgsl"

fn row_of(group: vec3u, groups: vec3u, index: u32) -> u32 {
  return (group.y * groups.x + group.x) * (WG / LANES) + index / LANES;
}
