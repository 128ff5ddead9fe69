/** How the trainer of a headless rank sends files to its command line, keeps states there and loads them from there. */
import type { ByteSink, Outlet } from '../../storage/bytes';
import { QueuedSink } from '../../storage/queued';
import type { Keepable, Keeper, Resumption } from '../../train/files/keeper';
import { keptOf, Shard, writeShard } from '../../train/files/shard';
import { WAITING_BYTES } from '../../train/rank/hostplan';
import type { TrainerDeps } from '../../train/trainer/given/setting';
import type { DeskCheckpoint, StartOptions } from '../api';
import { DeskSink, deskSource } from './deskfiles';

type Desk = NonNullable<StartOptions['desk']>;

class DeskKeeper implements Keeper {
  /** The upload of the newest file. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(readonly desk: Desk) {}

  isDue(step: number, steps: number): boolean {
    const { everySteps } = this.desk;
    return everySteps > 0 && (step % everySteps === 0 || step === steps);
  }

  async keep({ step, model, cutting, share, elements }: Keepable): Promise<void> {
    // why: two files at once would take twice the memory, and a failed upload must be known before the next one
    await this.#last;
    const { url, index } = this.desk;
    const name = `rank-${cutting.rank}.safetensors`;
    const sink: ByteSink = new QueuedSink(
      new DeskSink(`${url}/checkpoint/${step}/${name}?index=${index}`, `the checkpoint of step ${step}`),
      WAITING_BYTES,
    );
    await writeShard(model, share, elements, sink);
    this.#last = sink.close();
    // why: the next call awaits this promise and throws its failure
    this.#last.catch(() => {});
  }

  async settle(): Promise<void> {
    await this.#last;
  }
}

export function deskDeps(desk: Desk): Pick<TrainerDeps, 'outlet' | 'keeper' | 'resumption'> {
  const resumption = desk.resume ? { resumption: resumptionOf(desk.url, desk.resume) } : {};
  if (!desk.delivers) return { outlet: null, ...resumption };
  return { outlet: outletOf(desk), keeper: new DeskKeeper(desk), ...resumption };
}

function outletOf({ url, index }: Desk): Outlet {
  return { create: async (name) => new DeskSink(`${url}/${name}?index=${index}`, name) };
}

function resumptionOf(url: string, resume: DeskCheckpoint): Resumption {
  return {
    step: resume.step,
    async open(model) {
      const shards = resume.files.map(({ name, sizeBytes }) => {
        return Shard.open(model, name, deskSource(`${url}/resumed/${name}`, name, sizeBytes));
      });
      return keptOf(await Promise.all(shards));
    },
  };
}
