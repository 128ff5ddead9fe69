// out[M,N] = op(a) op(b), with epilogues, from tiles of vec4 in workgroup memory that single loads fill; for any size.
// bindings a, b, bias?, extra?, out, aux?, p; grid ceil(N / (WX TN)), ceil(M / (WY TM))
// knobs WX WY threads; TM TN rows and columns of a thread; the rest in lib/matmul_params.wgsl
// saved/aliasing: see lib/matmul_io.wgsl; k in order, so the bits are matmul.wgsl's
// source: as in lib/matmul_tile.wgsl

alias Stored = vec4f;

const UNIT: u32 = 1u;

// #include "lib/matmul_io.wgsl"
// #include "lib/matmul_tile.wgsl"

fn four_of_a(at: u32) -> vec4f {
  return vec4f(a[at], a[at + 1u], a[at + 2u], a[at + 3u]);
}

fn four_of_b(at: u32) -> vec4f {
  return vec4f(b[at], b[at + 1u], b[at + 2u], b[at + 3u]);
}
