// In place on q and k of qkv rows [q N*H | k NKV*H | v NKV*H]: elements i and i + H/2 of a head turn by the position,
// first + row % T, times theta^(-2i/H) radians, slow pairs by less where the model stretches positions; f32.
// bindings qkv, p; grid ceil(R H / 2 / WG), folded into x and y; H even
// knobs WG threads of a workgroup, one pair of all heads of a row each; INV turns back
// saved/aliasing: qkv is read and written in place
// source: Su et al. 2021, arXiv 2104.09864, paired by halves and stretched as in Hugging Face
//
// Angles are whole numbers of 2^-32 turns: a product with the position wraps exactly and has no error that reducing
// large angles would have, and the same numbers come out on every device, whatever its sin, cos and pow.

struct Params {
  R: u32,
  T: u32,
  N: u32,
  NKV: u32,
  H: u32,
  // theta^(-2/H) in units of 2^-32
  ratio: u32,
  // Pairs that turn by at most `slow` a position turn by `shrink` of it, those by `fast` or more as they are, others
  // in between; shrink is a fraction and slow and fast are turns, in units of 2^-32. fast 0: nothing is stretched.
  shrink: u32,
  slow: u32,
  fast: u32,
  // Position of row 0.
  first: u32,
}

@group(0) @binding(0) var<storage, read_write> qkv: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;

// #include "lib/thread.wgsl"

const WG: u32 = 16u;
const INV: u32 = 0u;
const_assert WG >= 1u && WG <= 256u && INV <= 1u;

// One radian in units of 2^-32 turns: 2^32 / (2 pi).
const RADIAN: u32 = 683565276u;
const RADIANS_PER_UNIT: f32 = 1.4629180792671596e-9;

// a b / 2^32, rounded.
fn scaled(a: u32, b: u32) -> u32 {
  let low = vec2u(a, b) & vec2u(0xffffu);
  let high = vec2u(a, b) >> vec2u(16u);
  let middle = high.x * low.y + ((low.x * low.y) >> 16u);
  let carry = low.x * high.y + (middle & 0xffffu);
  return high.x * high.y + (middle >> 16u) + (carry >> 16u) + ((carry >> 15u) & 1u);
}

// Angle per position of pair i: ratio^i radians, by squaring.
fn turn(i: u32) -> u32 {
  var angle = RADIAN;
  var power = p.ratio;
  for (var bits = i; bits > 0u; bits >>= 1u) {
    if ((bits & 1u) == 1u) {
      angle = scaled(angle, power);
    }
    power = scaled(power, power);
  }
  return angle;
}

// The angle of a pair after stretching.
fn stretched(angle: u32) -> u32 {
  if (angle >= p.fast) {
    return angle;
  }
  let least = scaled(angle, p.shrink);
  if (angle <= p.slow) {
    return least;
  }
  let share = f32(angle - p.slow) / f32(p.fast - p.slow);
  return least + u32(share * f32(angle - least));
}

// (cos, sin): the nearest quarter turn, then Taylor series on at most pi / 4, exact to f32.
fn cos_sin(angle: u32) -> vec2f {
  let quarter = (angle + 0x20000000u) >> 30u;
  let a = f32(bitcast<i32>(angle - (quarter << 30u))) * RADIANS_PER_UNIT;
  let z = a * a;
  let c = fma(z, fma(z, fma(z, fma(z, fma(z, -1.0 / 3628800.0, 1.0 / 40320.0), -1.0 / 720.0), 1.0 / 24.0), -0.5), 1.0);
  let s = fma(a * z, fma(z, fma(z, fma(z, 1.0 / 362880.0, -1.0 / 5040.0), 1.0 / 120.0), -1.0 / 6.0), a);
  let odd = select(vec2f(c, s), vec2f(-s, c), (quarter & 1u) == 1u);
  return select(odd, -odd, (quarter & 2u) == 2u);
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = thread(id, groups, WG);
  let half = p.H / 2u;
  let row = index / half;
  if (row >= p.R) {
    return;
  }
  let pair = index - row * half;
  let cs = cos_sin((p.first + row % p.T) * stretched(turn(pair)));
  let c = cs.x;
  let s = select(cs.y, -cs.y, INV == 1u);
  var i = row * (p.N + 2u * p.NKV) * p.H + pair;
  for (var head = 0u; head < p.N + p.NKV; head++) {
    let a = qkv[i];
    let b = qkv[i + half];
    qkv[i] = fma(a, c, -b * s);
    qkv[i + half] = fma(b, c, a * s);
    i += p.H;
  }
}
