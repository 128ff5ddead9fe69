/**
 * Where parameters lie in a unit's flat buffer (param, grad and moment share it): decayed ones first, so AdamW is one
 * dispatch with one boundary; every tensor at a multiple of 4 floats, so vec4 loads stay aligned. Frozen parameters
 * follow behind, in the param buffer only. Pure arithmetic.
 */
import type { Param } from './unit';

interface ParamRange {
  readonly param: Param;
  /** First element in the flat buffer, a multiple of 4. */
  readonly at: number;
  readonly floats: number;
}

export interface Layout {
  readonly ranges: readonly ParamRange[];
  /** Length of what is trained: padded to 4 * dp floats, so that ZeRO shards are equal and stay aligned. Never 0. */
  readonly floats: number;
  /** Length of the param buffer: frozen parameters included. */
  readonly all: number;
  /** Elements below this index are decayed. */
  readonly decay: number;
}

/** Weight decay is for tensors of rank >= 2 only. */
function isDecayed(param: Param): boolean {
  return param.global.length >= 2;
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Floats of a tensor of that shape. */
export function floatsOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Lay `params` out, given in their order of declaration. */
export function layoutOf(params: readonly Param[], dp: number): Layout {
  let at = 0;
  const place = (param: Param): ParamRange => {
    const range = { param, at, floats: floatsOf(param.shape) };
    at = roundUp(at + range.floats, 4);
    return range;
  };
  const trained = params.filter(({ frozen }) => !frozen);
  const decayed = trained.filter(isDecayed).map(place);
  const decay = at;
  const others = trained.filter((param) => !isDecayed(param)).map(place);
  // why at least one: a unit whose parameters are all frozen still has its lines, and no buffer may be empty
  const floats = roundUp(Math.max(1, at), 4 * dp);
  at = floats;
  const frozen = params.filter((param) => param.frozen).map(place);
  return { ranges: [...decayed, ...others, ...frozen], floats, all: at, decay };
}

/** The range of the parameter of that name. */
export function rangeOf(layout: Layout, name: string): ParamRange {
  const range = layout.ranges.find(({ param }) => param.name === name);
  if (range === undefined) throw new Error(`there is no parameter ${name} in this unit`);
  return range;
}
