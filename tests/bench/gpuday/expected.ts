/** How long the next size of gpu-day's steps in Chromium will take. Pure. */
import { wholeModel } from '../../../src/train/state/holding';
import { stepsIn, type TrainResult } from '../gpu/run';
import { DAY_SHAPES, type TrainShape } from '../gpu/shapes';

/**
 * Milliseconds that a processor needs for `shape`, from the size before it: a step takes time by tokens and parameters. Not
 * for chips, whose small steps wait for dispatches.
 */
export function expectedMs(shape: TrainShape, rounds: number, before: TrainResult | undefined): number {
  if (!before) return 0;
  const work = ({ model, batch }: TrainShape) =>
    batch * model.context * wholeModel(model).reduce((sum, { floats }) => sum + floats, 0);
  const known = DAY_SHAPES.find(({ name }) => name === before.shape)!;
  const peers = shape.isOursAlone ? before.peers.slice(0, 1) : before.peers;
  const spent = peers.reduce((sum, { name, msPerStep }) => sum + stepsIn(name, rounds) * msPerStep, 0);
  return (spent * work(shape)) / work(known);
}
