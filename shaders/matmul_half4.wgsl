// out[M,N] = op(a) op(b), with epilogues: matmul_tile.wgsl with its tiles in f16, half the workgroup memory.
// bindings a, b, bias?, extra?, out, aux?, p, all of vec4 in f32; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs as in matmul_tile.wgsl
// saved/aliasing: as in matmul_half.wgsl, whose bits it has; see lib/matmul_io4.wgsl
// source: Micikevicius et al. 2018, Mixed Precision Training: products of f16 summed in f32

enable f16;

alias Stored = vec4<f16>;

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
