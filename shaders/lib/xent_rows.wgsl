// What the split cross entropy files share: the largest logit of a row's part and the sum of its exponentials.
// bindings logits and p of the including file (p.V logits a row); grid: the including file
// knobs none
// saved/aliasing: pure reads; four partial sums, added x + y + z + w
// source: own

fn largest_of(first: u32) -> f32 {
  let fours = p.V & ~3u;
  var largest = vec4f(logits[first]);
  for (var v = 0u; v < fours; v += 4u) {
    let i = first + v;
    largest = max(largest, vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]));
  }
  for (var v = fours; v < p.V; v++) {
    largest.x = max(largest.x, logits[first + v]);
  }
  return max(max(largest.x, largest.y), max(largest.z, largest.w));
}

fn sum_of_exps(first: u32, top: f32) -> f32 {
  let fours = p.V & ~3u;
  var exps = vec4f();
  for (var v = 0u; v < fours; v += 4u) {
    let i = first + v;
    exps += exp(vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]) - top);
  }
  for (var v = fours; v < p.V; v++) {
    exps.x += exp(logits[first + v] - top);
  }
  return exps.x + exps.y + exps.z + exps.w;
}
