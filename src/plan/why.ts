/** The planner's result in words: a short name of a plan, and one sentence why it was chosen. */
import { sharersOf } from './machines';
import { isApproximate, type ParallelPlan } from './plan';
import type { Device, Prediction } from './prediction';

/** `DDP`, `ZeRO-2`, `dp 2 x pp 2 (1f1b)`, `tp 4`, `DDP, shares 4:8:16`, `DiLoCo every 10, int8, approximate`. */
export function nameOf(plan: ParallelPlan): string {
  const { dp, pp, tp, zero, schedule, recompute, overlap, placement, perMachine, outer, wire, shares, stageUnits } =
    plan;
  const replicas = outer ? `DiLoCo every ${outer.every}` : zero > 0 && dp > 1 ? `ZeRO-${zero}` : '';
  const axes = [dp > 1 ? `dp ${dp}` : '', pp > 1 ? `pp ${pp}` : '', tp > 1 ? `tp ${tp}` : '']
    .filter(Boolean)
    .join(' x ');
  const isCut = pp > 1 || tp > 1;
  const name = isCut ? `${axes}${pp > 1 ? ` (${schedule})` : ''}` : replicas || (dp > 1 ? 'DDP' : 'one tab');
  const parts = [
    name,
    isCut ? replicas : '',
    shares ? `shares ${shares.join(':')}` : '',
    stageUnits ? `stages of ${stageUnits.join(':')} units` : '',
    wire !== 'f32' && dp > 1 ? wire : '',
    recompute ? 'recompute' : '',
    overlap === false ? 'no overlap' : '',
    placement ? 'tp across machines' : '',
    perMachine ? `sums in machines of ${perMachine}` : '',
    isApproximate(plan) ? 'approximate' : '',
  ];
  return parts.filter(Boolean).join(', ');
}

export function whyThis(
  best: Prediction,
  ddp: Prediction | undefined,
  alone: Prediction,
  devices: readonly Device[],
): string {
  const name = nameOf(best.plan);
  const limit = Math.min(...devices.map(({ memoryBytes }) => memoryBytes));
  if (!best.fits) {
    return `nothing fits: the smallest, ${name}, needs ${megabytes(best.memoryBytes)} MB and a rank has ${megabytes(limit)} MB; take a smaller model or batch, or more ranks`;
  }
  const shared = Math.max(...sharersOf(devices));
  const because = shared > 1 ? `: ${shared} of the tabs share one machine` : '';
  const slower =
    alone.fits && alone.stepMs < best.stepMs
      ? `, but one tab alone is faster (${roundedMs(alone.stepMs)} ms)${because}`
      : '';
  return `${name}: ${reasonFor(best, ddp, limit)}${slower}`;
}

function reasonFor(best: Prediction, ddp: Prediction | undefined, limit: number): string {
  const waiting = Math.max(0, 1 - best.busyMs / best.stepMs);
  const waits = `${Math.round(100 * waiting)} % of the step waits`;
  if (ddp?.plan === best.plan || !ddp) {
    const traffic =
      best.bytesPerStep === 0
        ? 'there is no traffic'
        : waiting < 0.1
          ? 'its traffic hides under the backward pass'
          : waits;
    return `it fits, and ${traffic}`;
  }
  if (!ddp.fits) {
    return `DDP would need ${megabytes(ddp.memoryBytes)} MB of the ${megabytes(limit)} MB a rank has, this needs ${megabytes(best.memoryBytes)} MB, and ${waits}`;
  }
  const traffic = `it sends ${megabytes(best.bytesPerStep)} MB a step instead of ${megabytes(ddp.bytesPerStep)} MB`;
  const gain = `${roundedMs(best.stepMs)} ms a step where DDP takes ${roundedMs(ddp.stepMs)} ms`;
  return best.bytesPerStep < ddp.bytesPerStep ? `${traffic}: ${gain}` : `${gain}, since more of its traffic is hidden`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0);
}

export function roundedMs(ms: number): string {
  return ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0);
}
