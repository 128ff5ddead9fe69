/** WGSL of the kernels that suit software adapters: four results a thread. */
export const quadFiles = import.meta.glob<string>('../../../shaders/**/*quad*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
});
