// out[M,N] = op(a) op(b), with epilogues, from tiles of vec4 in workgroup memory; for sizes that are multiples of 4.
// bindings a, b, bias?, extra?, out, aux?, p, all of vec4; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY threads; TM TN rows and columns of a thread; the rest in lib/matmul_params.wgsl
// saved/aliasing: see lib/matmul_io4.wgsl; k in order, so the bits are matmul.wgsl's
// source: as in lib/matmul_tile.wgsl

alias Stored = vec4f;

const UNIT: u32 = 4u;

// #include "lib/matmul_io4.wgsl"
// #include "lib/outer.wgsl"
// #include "lib/matmul_tile.wgsl"

fn four_of_a(at: u32) -> vec4f {
  return a[at];
}

fn four_of_b(at: u32) -> vec4f {
  return b[at];
}
