// out[R,N*H]: row r of qkv[R,(N+2NKV)*H] attends to rows 0 .. first + r of cache[T,2 NKV H].
// bindings qkv, cache, out, p; grid R, N: a workgroup per row and head
// knobs WG threads of a workgroup, each takes every WG-th key; HEAD head size
// saved/aliasing: the cache has the k and v of the rows already (cache_store.wgsl)
// source: Milakov and Gimelshein 2018, arXiv 1805.02867 (online softmax), merged over threads in a fixed order

struct Params {
  R: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
  // Position of row 0.
  first: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;
@group(0) @binding(1) var<storage, read> cache: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

const WG: u32 = 16u;
const HEAD: u32 = 16u;
const_assert WG >= 1u && WG <= 16u && HEAD >= 1u && HEAD <= 128u;

// A score that loses against any real one and whose exponential is 0.
const LOWEST: f32 = -3.0e38;

var<workgroup> peaks: array<f32, WG>;
var<workgroup> totals: array<f32, WG>;
var<workgroup> mixes: array<f32, WG * HEAD>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let head = group.y;
  let kv = head / (p.N / p.NKV);
  let q = row * (p.N + 2u * p.NKV) * HEAD + head * HEAD;
  let keys = min(p.first + row + 1u, p.T);
  let unit = inverseSqrt(f32(HEAD));
  var peak = LOWEST;
  var total = 0.0;
  var mix: array<f32, HEAD>;
  for (var key = lane; key < keys; key += WG) {
    let k = key * 2u * p.NKV * HEAD + kv * HEAD;
    let v = k + p.NKV * HEAD;
    var score = 0.0;
    for (var i = 0u; i < HEAD; i++) {
      score = fma(qkv[q + i], cache[k + i], score);
    }
    score *= unit;
    let next = max(peak, score);
    let fade = exp(peak - next);
    let e = exp(score - next);
    total = fma(total, fade, e);
    for (var i = 0u; i < HEAD; i++) {
      mix[i] = fma(mix[i], fade, e * cache[v + i]);
    }
    peak = next;
  }
  peaks[lane] = peak;
  totals[lane] = total;
  for (var i = 0u; i < HEAD; i++) {
    mixes[lane * HEAD + i] = mix[i];
  }
  workgroupBarrier();
  var highest = LOWEST;
  for (var w = 0u; w < WG; w++) {
    highest = max(highest, peaks[w]);
  }
  var sum = 0.0;
  for (var w = 0u; w < WG; w++) {
    sum = fma(totals[w], exp(peaks[w] - highest), sum);
  }
  for (var i = lane; i < HEAD; i += WG) {
    var value = 0.0;
    for (var w = 0u; w < WG; w++) {
      value = fma(mixes[w * HEAD + i], exp(peaks[w] - highest), value);
    }
    out[row * p.N * HEAD + head * HEAD + i] = value / sum;
  }
}
