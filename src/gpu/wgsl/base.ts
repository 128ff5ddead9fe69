/** WGSL that every run needs. The other packs of this folder are loaded when a kernel of theirs is first compiled. */
export const baseFiles = import.meta.glob<string>(
  [
    '../../../shaders/**/*.wgsl',
    '!../../../shaders/**/*_lanes.wgsl',
    '!../../../shaders/**/*lanes.wgsl',
    '!../../../shaders/**/attention_block*.wgsl',
    '!../../../shaders/**/matmul_tile*.wgsl',
    '!../../../shaders/**/*quad*.wgsl',
    '!../../../shaders/**/rmsnorm*.wgsl',
    '!../../../shaders/**/rope.wgsl',
    '!../../../shaders/**/swiglu*.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
);
