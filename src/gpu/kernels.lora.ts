/** The descriptors of the kernels that only adapters (LoRA) have. Letters and rules: kernels.ts. */
import { gridOf, knob } from './grid';
import { defineKernel, type Kernel } from './kernel';
import { wideTwin } from './lanes';

const params = { R: 'u32', C: 'u32', N: 'u32', at: 'u32', factor: 'f32' } as const;
const grid: Kernel['grid'] = (p, knobs) => gridOf(p.R! * p.C!, knob(knobs, 'WG'));

/** y[R,N] += factor z[R,C] in the columns [at, at + C). */
export const addColumns = defineKernel({
  file: 'add_columns.wgsl',
  reads: ['z'],
  writes: ['y'],
  params,
  variants: [{ WG: 64 }],
  twins: [wideTwin('add_columns.wgsl')],
  grid,
});

/** z[R,C] = factor y[R,N] of the columns [at, at + C): the backward of addColumns. */
export const takeColumns = defineKernel({
  file: 'take_columns.wgsl',
  reads: ['y'],
  writes: ['z'],
  params,
  variants: [{ WG: 64 }],
  twins: [wideTwin('take_columns.wgsl')],
  grid,
});

/** y = activation (ACT) of x over n floats; the matmul after it does the backward (EPI dgelu). */
export const activate = defineKernel({
  file: 'activate.wgsl',
  reads: ['x'],
  writes: ['y'],
  params: { n: 'u32' },
  variants: [{ WG: 64 }],
  twins: [wideTwin('activate.wgsl')],
  grid: (p, knobs) => gridOf(p.n!, knob(knobs, 'WG')),
});
