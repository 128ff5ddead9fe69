// The sum of one vec4 column over `rows` rows: 16 columns a workgroup, 16 threads each take every 16th row.
// bindings what `part` of the including file reads; grid: the including file
// knobs none; 256 threads
// saved/aliasing: the 16 sums are added in order; call from uniform flow
// source: own; one thread for all rows would be a chain of loads

var<workgroup> sums: array<vec4f, 256>;

fn fold(index: u32, rows: u32, quad: u32) -> vec4f {
  var sum = vec4f();
  for (var row = index / 16u; row < rows; row += 16u) {
    sum += part(row, quad);
  }
  sums[index] = sum;
  workgroupBarrier();
  var total = vec4f();
  for (var i = 0u; i < 16u; i++) {
    total += sums[i * 16u + index % 16u];
  }
  return total;
}
