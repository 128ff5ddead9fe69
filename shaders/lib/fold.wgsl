// The sum of one vec4 column over `rows` rows: DEEP threads each take every DEEP-th row, WIDE columns a workgroup.
// bindings what `part` of the including file reads; grid: the including file
// knobs DEEP threads of a column, a divisor of 256; 256 threads
// saved/aliasing: a thread adds its rows in order, then the DEEP sums are added in order; call from uniform flow
// source: own; one thread for all rows would be a chain of loads

const DEEP: u32 = 16u;
const WIDE: u32 = 256u / DEEP;
const_assert DEEP * WIDE == 256u;

var<workgroup> sums: array<vec4f, 256>;

fn fold(index: u32, rows: u32, quad: u32) -> vec4f {
  var sum = vec4f();
  // why four a turn: their loads do not wait for each other
  for (var row = index / WIDE; row < rows; row += 4u * DEEP) {
    for (var i = 0u; i < 4u; i++) {
      let at = row + i * DEEP;
      sum += select(vec4f(), part(min(at, rows - 1u), quad), at < rows);
    }
  }
  sums[index] = sum;
  workgroupBarrier();
  var total = vec4f();
  for (var i = 0u; i < DEEP; i++) {
    total += sums[i * WIDE + index % WIDE];
  }
  return total;
}
