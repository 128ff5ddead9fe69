/**
 * What a rank allocates, computed before there is a device: the placement of its units and, if it can sample, of the
 * sampler.
 */
import { SUMSQ_PARTIALS } from '../gpu/kernels';
import type { ModelConfig } from './config';
import { Placement, type PlacementOptions } from './placement';
import { SamplerPlan } from './sampler';
import type { Cut } from './split';
import { sumsqRanges } from './sumsq';

export interface InstanceOptions extends Omit<PlacementOptions, 'sumsqFloats' | 'maxBufferBytes'> {
  /** Position in the tensor-parallel group: replicated parameters count in the norm of rank 0 only. */
  readonly cut: Cut;
  /** Some steps keep gradients in the replica (DiLoCo). Their norm counts all gradients of the replica. */
  readonly local: boolean;
  /** First row of this rank's part of the token table. */
  readonly firstToken: number;
  /** Set where `logits` is asked for: this rank holds the whole model unsplit. */
  readonly sampled?: ModelConfig;
  /** Refuse a plan above this many bytes. */
  readonly limitBytes?: number;
}

interface Placed {
  /** Bytes by role are `placement.plan.bytes()`. */
  readonly placement: Placement;
  readonly sampler: SamplerPlan | undefined;
}

/** Throws PlanError if it does not fit. */
export function placeInstance(options: InstanceOptions, maxBufferBytes = Number.POSITIVE_INFINITY): Placed {
  const ranges = options.units.flatMap((_, unit) =>
    (options.residency.slots[unit] ?? 0) > 0 ? sumsqRanges(options, unit) : [],
  );
  const placement = new Placement({ ...options, sumsqFloats: SUMSQ_PARTIALS * ranges.length, maxBufferBytes });
  const sampler = options.sampled && new SamplerPlan(options.sampled, placement.plan);
  placement.plan.check(options.limitBytes ?? Number.POSITIVE_INFINITY, maxBufferBytes);
  return { placement, sampler };
}
