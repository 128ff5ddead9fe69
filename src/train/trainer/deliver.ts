/** The model's files at the end of a run, streamed from the devices of all ranks to where rank 0 writes them. */
import type { ParallelPlan } from '../../plan/plan';
import { type Outlet, writeText } from '../../storage/bytes';
import { configJson, modelFileHeader, modelFilePieces } from '../files/checkpoint';
import type { Elements } from '../state/elements';
import { gatherPieces } from '../state/gather';
import { holdingUnder } from '../state/sync';
import { addressesOf, type Circuit } from '../state/transfer';
import type { Prepared } from './prepared';

/** What is left of a rank whose run is over. */
export interface Delivered {
  /** Committed steps. */
  readonly step: number;
  /** SHA-256 of the parameters this rank held, by address and without padding, hex. */
  readonly weightsHash: string;
}

/** All ranks call it alike, each with what it holds. Rejects with StorageError where a file did not arrive whole. */
export async function deliver(
  circuit: Circuit,
  { run, corpus }: Prepared,
  { plan, step }: { readonly plan: ParallelPlan; readonly step: number },
  own: Elements,
  outlet: Outlet,
): Promise<void> {
  const { model } = run;
  const { peers, rank } = circuit.mesh;
  const file = rank === 0 ? await outlet.create('model.safetensors') : null;
  await file?.write(modelFileHeader(model));
  await gatherPieces(circuit, own, {
    kind: 'param',
    pieces: modelFilePieces(model),
    to: 0,
    has: peers.map((_, holder) => addressesOf(holdingUnder(model, { plan, rank: holder }))),
    tag: `${step}/files`,
    take: (values) => file!.write(new Uint8Array(values.buffer)),
  });
  await file?.close();
  if (rank !== 0) return;
  await writeText(outlet, 'config.json', configJson(model));
  await writeText(outlet, 'tokenizer.json', corpus.tokenizer.json());
}
