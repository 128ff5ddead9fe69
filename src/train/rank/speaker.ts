/** The stages of one rank as they continue texts: forward only, by the parameters of training, with caches of their own. */
import type { ModelConfig } from '../../model/config';
import { type ParamPlace, StageDecoder } from '../../model/stagedecoder';
import type { Program } from '../../plan/lower';
import type { Executor } from './executor';
import type { Speaker } from './rankcontract';

export async function openSpeaker(executor: Executor, model: ModelConfig, { stages }: Program): Promise<Speaker> {
  const { instance } = executor;
  const decoders = new Map<number, StageDecoder>();
  const close = () => {
    for (const decoder of decoders.values()) decoder.close();
  };
  try {
    for (const { stage, ...units } of stages) {
      const place: ParamPlace = (unit, param) => instance.param(unit, param);
      decoders.set(stage, await StageDecoder.create(instance.stream, model, units, place));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    atRest: () => executor.atRest(),
    async run(stage, input, first, wantsLogits) {
      const place = decoders.get(stage)!.encode(input, first, wantsLogits);
      return place ? instance.stream.read(place) : null;
    },
    close,
  };
}
