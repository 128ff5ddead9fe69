// lib/lanes.wgsl for chips with subgroups: threads nearer than SHUFFLED exchange by shuffles, the others as there.
// bindings none; grid none: the including file gives WG threads and LANES, a power of two that divides WG
// knobs SHUFFLED the device's smallest subgroup, a power of two: so many neighbours are in one subgroup
// saved/aliasing: the same pairs are added as in lib/lanes.wgsl, so the bits are the same
// source: own

const SHUFFLED: u32 = 4u;
const NEAR: u32 = min(SHUFFLED, LANES);

var<workgroup> lanes: array<vec2f, WG>;

fn sum_over(index: u32, value: vec2f) -> vec2f {
  var sum = value;
  for (var step = 1u; step < NEAR; step *= 2u) {
    sum += subgroupShuffleXor(sum, step);
  }
  for (var step = NEAR; step < LANES; step *= 2u) {
    workgroupBarrier();
    lanes[index] = sum;
    workgroupBarrier();
    sum += lanes[index ^ step];
  }
  return sum;
}

fn max_over(index: u32, value: f32) -> f32 {
  var largest = value;
  for (var step = 1u; step < NEAR; step *= 2u) {
    largest = max(largest, subgroupShuffleXor(largest, step));
  }
  for (var step = NEAR; step < LANES; step *= 2u) {
    workgroupBarrier();
    lanes[index].x = largest;
    workgroupBarrier();
    largest = max(largest, lanes[index ^ step].x);
  }
  return largest;
}
