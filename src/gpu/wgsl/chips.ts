/** WGSL of the kernels that only graphics chips run (docs/decisions/017-kernels-for-chips.md). */
export const chipFiles = import.meta.glob<string>(
  [
    '../../../shaders/**/*lanes.wgsl',
    '../../../shaders/**/attention_block*.wgsl',
    '../../../shaders/**/matmul_tile*.wgsl',
    '!../../../shaders/**/rmsnorm*.wgsl',
  ],
  { query: '?raw', import: 'default', eager: true },
);
