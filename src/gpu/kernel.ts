/**
 * A kernel is one complete WGSL file plus this descriptor of its bindings, params, knobs and grid. When the WGSL is
 * loaded, the descriptor is checked against it (names, order, access, struct Params); a difference throws KernelError.
 */

export type Knobs = Readonly<Record<string, number>>;
export type Params = Readonly<Record<string, number>>;

/** Another file for the same job: same bindings, params and grid rule, faster on some adapters. */
export interface Twin {
  readonly file: string;
  readonly knobs: Knobs;
  /** Knobs of this file on graphics chips that follow from the sizes and from the tape's knobs. */
  knobsFor?(p: Params, taped: Knobs): Knobs;
  /** Without this feature the file does not compile. */
  readonly needs?: GPUFeatureName;
  /** True for sizes that the file can do; absent: all sizes. `taped` are the tape's knobs. */
  fits?(p: Params, taped: Knobs): boolean;
  /** Made for software adapters. There the first such twin that fits is the default. */
  readonly software?: boolean;
  /** Order of additions where it is not that of variants[0]. Twins of one order give the same bits. */
  readonly order?: string;
  /** Where it fits, graphics chips try such twins only: another kernel counts on it, or it is better by far. */
  readonly alone?: boolean;
  /** Sums over threads by lib/lanes.wgsl, which subgroup shuffles can do as well, with the same bits. */
  readonly shuffles?: boolean;
  /** Rounds operands to 11 bits (f16). Runs only where the run asked for f16. */
  readonly half?: boolean;
}

export interface Kernel<B extends string = string, P extends string = string> {
  /** File under shaders/, e.g. 'matmul.wgsl'. */
  readonly file: string;
  /** `var<storage, read>` bindings by their WGSL names, in binding order. */
  readonly reads: readonly B[];
  /** `var<storage, read_write>` bindings, after the reads. The uniform `p: Params` comes last. */
  readonly writes: readonly B[];
  /** Bindings a caller may leave out: a small zero buffer is bound and the knobs make the shader ignore it. */
  readonly optional?: readonly B[];
  /**
   * Fields of `struct Params`, in order. `xAt` is the element offset of binding `x`, filled in from the tensor's place.
   */
  readonly params: Readonly<Record<P, 'u32' | 'f32'>>;
  /** Values for module-scope `const`s. [0] is the safe default and the reference; the autotuner tries the others. */
  readonly variants: readonly Knobs[];
  /** Other files; the autotuner tries them too. */
  readonly twins?: readonly Twin[];
  /** The twins to try on a graphics chip for these sizes, best guess first; absent: all of them, after variants[0]. */
  onGpu?(p: Params, taped: Knobs): readonly Twin[];
  /** Knobs that follow from the sizes (an array length, a loop bound); they win over variants and the tape's knobs. */
  knobsFor?(p: Params): Knobs;
  /** Workgroup counts from params and final knobs; [0] leaves the dispatch out. Tile sizes are read from `knobs`, so they are defined only once. */
  grid(p: Params, knobs: Knobs): readonly [number, number?, number?];
  /** Floating point operations of one dispatch under its final knobs, for the profile and MFU. */
  flops?(p: Params, knobs: Knobs): number;
}

/**
 * Keeps the literal names of a descriptor, so that recording a dispatch with a wrong binding or param is a type error.
 */
export function defineKernel<const B extends string, const P extends string>(kernel: Kernel<B, P>): Kernel<B, P> {
  return kernel;
}
