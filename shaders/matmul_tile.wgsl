// out[M,N] = op(a) op(b), with epilogues: 64 x 64 per workgroup from tiles in shared memory, 4 x 4 per thread.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs as in lib/matmul_tile.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; k in order, so the bits are matmul.wgsl's
// source: as in lib/matmul_tile.wgsl

alias Stored = f32;

// #include "lib/matmul_tile.wgsl"

@compute @workgroup_size(WX, WY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  multiply(group.xy, local.xy, index);
}
