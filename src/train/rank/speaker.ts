/**
 * The stages of one rank as they continue texts: forward only, with caches of their own, by the parameters of training or,
 * where the plan cuts layers, by copies of whole ones.
 */
import type { ModelConfig } from '../../model/config';
import { ParamCopies } from '../../model/paramcopies';
import { type ParamPlace, StageDecoder } from '../../model/stagedecoder';
import type { StageSpan } from '../../plan/stages';
import type { Executor } from './executor';
import type { Speaker } from './rankcontract';

export async function openSpeaker(
  executor: Executor,
  model: ModelConfig,
  stages: readonly StageSpan[],
  isCopied: boolean,
): Promise<Speaker> {
  const { instance } = executor;
  const { stream } = instance;
  const decoders = new Map<number, StageDecoder>();
  const copies: ParamCopies[] = [];
  const close = () => {
    for (const one of [...decoders.values(), ...copies]) one.close();
  };
  try {
    for (const { stage, first, last } of stages) {
      const copied = isCopied ? new ParamCopies(stream, model, { first, last }) : undefined;
      if (copied) copies.push(copied);
      const place: ParamPlace = (unit, param) => copied?.place(unit, param) ?? instance.param(unit, param);
      decoders.set(stage, await StageDecoder.create(stream, model, { first, last }, place));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    atRest: () => executor.atRest(),
    arrived: () => executor.arrived(),
    write(unit, name, at, values) {
      for (const copied of copies) copied.write(unit, name, at, values);
    },
    async run(stage, input, first, wantsLogits) {
      const place = decoders.get(stage)!.encode(input, first, wantsLogits);
      return place ? stream.read(place) : null;
    },
    close,
  };
}
