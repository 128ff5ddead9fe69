// Sums and maxima over LANES neighbouring threads of a workgroup; every thread gets the result.
// bindings none; grid none: the including file gives WG threads and LANES, a power of two that divides WG
// knobs none
// saved/aliasing: threads at distance 1, 2, 4, ... are added, so the order follows from LANES; call from uniform flow
// source: own; lib/shuffled_lanes.wgsl adds the same pairs where there are subgroups

var<workgroup> lanes: array<vec2f, WG>;

fn sum_over(index: u32, value: vec2f) -> vec2f {
  var sum = value;
  for (var step = 1u; step < LANES; step *= 2u) {
    workgroupBarrier();
    lanes[index] = sum;
    workgroupBarrier();
    sum += lanes[index ^ step];
  }
  return sum;
}

fn max_over(index: u32, value: f32) -> f32 {
  var largest = value;
  for (var step = 1u; step < LANES; step *= 2u) {
    workgroupBarrier();
    lanes[index].x = largest;
    workgroupBarrier();
    largest = max(largest, lanes[index ^ step].x);
  }
  return largest;
}
