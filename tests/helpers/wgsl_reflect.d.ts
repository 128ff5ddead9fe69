/** The package's Node entry is CommonJS inside an ES module package and does not load; its module file does. */
declare module 'wgsl_reflect/wgsl_reflect.module.js' {
  export * from 'wgsl_reflect';
}
