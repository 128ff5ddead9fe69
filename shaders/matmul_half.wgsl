// out[M,N] = op(a) op(b), with epilogues: matmul_tile.wgsl with its tiles in f16, half the shared memory.
// bindings a, b, bias?, extra?, out, aux?, p, all f32; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs as in lib/matmul_tile.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; a and b, and so the bias gradient's b, are rounded to 11 bits and magnitudes
// at most 65,504; sums, bias, extra and out are not; k in order, so operands that f16 holds give matmul.wgsl's bits
// source: Micikevicius et al. 2018, Mixed Precision Training: products of f16 summed in f32

enable f16;

alias Stored = f16;

// #include "lib/matmul_tile.wgsl"

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  multiply(group.xy, local.xy, index);
}
