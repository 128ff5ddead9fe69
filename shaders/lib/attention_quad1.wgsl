// What the quad attention files with single loads share: rows of 16 tokens that four lanes load together.
// bindings p at the binding the including file gives; grid: the including file, workgroups of four lanes
// knobs none
// saved/aliasing: pure functions; need the feature 'subgroups'
// source: own; a broadcast costs a tenth of a load where a processor gathers loads lane by lane

const WX: u32 = 4u;
const_assert WX == 4u;

// Rows of the tokens that this lane loads: component j is one of four in block j of four tokens.
fn quad_rows(batch: u32, first: u32, lane: u32, width: u32, offset: u32) -> vec4u {
  let tokens = vec4u(first + lane) + vec4u(0u, 4u, 8u, 12u);
  return (batch * p.T + min(tokens, vec4u(p.T - 1u))) * width + offset;
}

// What the four lanes loaded of one block.
fn all_four(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}

// A lane's four tokens against four blocks of four: column i of a matrix belongs to token i.
struct Blocks {
  b0: mat4x4f,
  b1: mat4x4f,
  b2: mat4x4f,
  b3: mat4x4f,
}

// Add x y^T for one element of a head: `x` of this lane's tokens, `y` of those it loads for all.
fn add_products(t: Blocks, x: vec4f, y: vec4f) -> Blocks {
  return Blocks(
    outer(t.b0, x, all_four(y.x)),
    outer(t.b1, x, all_four(y.y)),
    outer(t.b2, x, all_four(y.z)),
    outer(t.b3, x, all_four(y.w)),
  );
}

// Add what the sixteen tokens' `y` give under these weights, block by block.
fn add_weighted(sum: vec4f, y: vec4f, weights: Blocks) -> vec4f {
  let half = (sum + all_four(y.x) * weights.b0) + all_four(y.y) * weights.b1;
  return (half + all_four(y.z) * weights.b2) + all_four(y.w) * weights.b3;
}
