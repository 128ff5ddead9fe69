/** Streams the model's files at the end of a run from the devices of all ranks to the outlet that rank 0 writes to. */
import { isGenerationOver } from '../../../errors';
import type { LoraConfig, ModelConfig } from '../../../model/config';
import type { Group } from '../../../net/collective/group';
import { type Outlet, writeText } from '../../../storage/bytes';
import { Adapters, adapterAddresses, hasAdapters } from '../../files/adapters';
import { companionFiles, modelFileHeader, modelFilePieces } from '../../files/checkpoint';
import type { RankModel } from '../../rank/rankcontract';
import { type Elements, hashOf, piecesOf, rankElements } from '../../state/elements';
import { gatherPieces } from '../../state/gather';
import { sizeOf } from '../../state/intervals';
import type { Addresses } from '../../state/reshard';
import { holdingUnder } from '../../state/sync';
import { addressesOf } from '../../state/transfer';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';

/** What remains of a rank whose run is over. */
export interface Delivered {
  /** Committed steps. */
  readonly step: number;
  /** SHA-256 of the parameters this rank held, by address and without padding, hex. */
  readonly weightsHash: string;
}

/**
 * All ranks must call it after the last step. If `outlet` is null, no file is written. Rejects with StorageError if a
 * file was not written completely.
 */
export async function deliver(
  setting: GenerationSetting,
  prepared: Prepared,
  { step, rank }: { readonly step: number; readonly rank: RankModel },
  outlet: Outlet | null,
): Promise<Delivered> {
  const { plan, mesh } = setting;
  const holding = holdingUnder(prepared.run.model, { plan, rank: mesh.rank });
  const own = rankElements(rank, holding);
  if (outlet) await writeFiles(setting, prepared, step, own, outlet);
  return { step, weightsHash: await hashOf(own, holding.param.held) };
}

/**
 * Wait until all ranks have delivered after `step`. A rank that is done closes its links, and a link that closes during
 * a delivery would end the generation of a rank that still delivers.
 */
export async function awaitDelivery(
  { transport, mesh }: Pick<GenerationSetting, 'transport' | 'mesh'>,
  world: Group,
  step: number,
): Promise<void> {
  try {
    await world.exchange(new Uint8Array(), `${mesh.generation}/${step}/delivered`);
  } catch (error) {
    // why not an error: this rank has delivered, and a peer that left has too, or its own end is reported
    if (!isGenerationOver(error)) throw error;
  }
  await transport.flush();
}

async function writeFiles(
  setting: GenerationSetting,
  { run: { model }, corpus }: Prepared,
  step: number,
  own: Elements,
  outlet: Outlet,
): Promise<void> {
  const { plan, mesh } = setting;
  const has = mesh.peers.map((_, holder) => addressesOf(holdingUnder(model, { plan, rank: holder })));
  const adapters = hasAdapters(model) ? await gatherAdapters(setting, model, step, own, has) : null;
  const file = mesh.rank === 0 ? await outlet.create('model.safetensors') : null;
  await file?.write(modelFileHeader(model));
  const pieces = modelFilePieces(model);
  let taken = 0;
  await gatherPieces(setting, own, {
    kind: 'param',
    pieces,
    to: 0,
    has,
    tag: `${step}/files`,
    take: (values) => {
      adapters?.merge(pieces[taken++]!, values);
      return file!.write(new Uint8Array(values.buffer));
    },
  });
  await file?.close();
  if (!file) return;
  const others = { ...companionFiles(model, corpus.tokenizer), ...adapters?.files() };
  for (const [name, content] of Object.entries(others)) {
    if (typeof content === 'string') await writeText(outlet, name, content);
    else {
      const sink = await outlet.create(name);
      await sink.write(content);
      await sink.close();
    }
  }
}

/** The adapters of a LoRA run on rank 0, null on the others. */
async function gatherAdapters(
  setting: GenerationSetting,
  model: ModelConfig & { readonly lora: LoraConfig },
  step: number,
  own: Elements,
  has: readonly Addresses[],
): Promise<Adapters | null> {
  const held = adapterAddresses(model);
  const values = new Float32Array(sizeOf(held));
  let at = 0;
  await gatherPieces(setting, own, {
    kind: 'param',
    pieces: piecesOf(held),
    to: 0,
    has,
    tag: `${step}/adapters`,
    take: async (piece) => {
      values.set(piece, at);
      at += piece.length;
    },
  });
  return setting.mesh.rank === 0 ? new Adapters(model, values) : null;
}
