/** WGSL that only Llama models need. */
export const llamaFiles = import.meta.glob<string>(
  ['../../../shaders/**/rmsnorm*.wgsl', '../../../shaders/**/rope.wgsl', '../../../shaders/**/swiglu*.wgsl'],
  { query: '?raw', import: 'default', eager: true },
);
