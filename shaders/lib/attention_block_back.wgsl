// What the two backward files of block attention share: one array of tiles, and blocks of four operands that fill it.
// bindings qkv and dout of the including file, as vec4; grid: the including file
// knobs none
// saved/aliasing: pure reads; tokens beyond T read what lies there
// source: own; one task a thread with one address costs less than four operands one after the other

// Lines of DEPTH: head elements of the four operands of scores and their gradients. Then: what each product with SPAN
// columns needs.
const WIDE: u32 = max(ROW_QUADS, WX);
const LINES: u32 = 4u * DEPTH;
var<workgroup> tiles: array<array<vec4f, WIDE>, LINES>;

// Blocks of 4 tokens x 4 head elements of an operand, with those that it does not have; and tasks of a thread.
const BLOCKS: u32 = DEPTH / 4u * WIDE;
const TASKS: u32 = (4u * BLOCKS + THREADS - 1u) / THREADS;
const_assert 4u * BLOCKS % THREADS == 0u;

fn turned_qkv(at: u32) -> mat4x4f {
  let row = qkv_row();
  return transpose(mat4x4f(qkv[at], qkv[at + row], qkv[at + 2u * row], qkv[at + 3u * row]));
}

fn turned_dout(at: u32) -> mat4x4f {
  let row = out_row();
  return transpose(mat4x4f(dout[at], dout[at + row], dout[at + 2u * row], dout[at + 3u * row]));
}
