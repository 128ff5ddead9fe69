// out[M,N] = op(a) op(b), with epilogues: matmul_tile1.wgsl with its tiles in f16, half the workgroup memory.
// bindings a, b, bias?, extra?, out, aux?, p, all f32; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs as in matmul_tile1.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; a and b, and so the bias gradient's b, are rounded to 11 bits and magnitudes
// at most 65,504; sums, bias, extra and out are not; k in order, so operands that f16 holds give matmul.wgsl's bits
// source: Micikevicius et al. 2018, Mixed Precision Training: products of f16 summed in f32

enable f16;

alias Stored = vec4<f16>;

const UNIT: u32 = 1u;

// #include "lib/matmul_io.wgsl"
// #include "lib/matmul_tile.wgsl"

fn four_of_a(at: u32) -> vec4f {
  return vec4f(a[at], a[at + 1u], a[at + 2u], a[at + 3u]);
}

fn four_of_b(at: u32) -> vec4f {
  return vec4f(b[at], b[at + 1u], b[at + 2u], b[at + 3u]);
}
