/**
 * What a tab does before it waits for a generation of a room in which others train: it reads the text and builds the rank
 * that it would have, once. Its device compiles the kernels meanwhile, and the members do not wait for that.
 */
import type { Generation } from '../../net/membership/membership';
import { makeMesh } from '../../plan/mesh';
import { readRunFile } from '../runfile';
import { type Prepared, prepare } from './given/prepared';
import type { TrainerDeps } from './given/setting';
import type { TextSource } from './given/text';

/** Tokens of the model that is built where the text, and with it the vocabulary, comes from a peer. */
const GUESSED_VOCAB = 256;

/**
 * `likely`: the generation that this tab would be in, as its last rank. Returns what run and text determine, null where
 * the text is not here. Rejects as `prepare` and `makeRank` do, and with the reason of `signal`, which aborts when this tab
 * leaves.
 */
export async function warmUp(
  { makeRank, transport, trace }: TrainerDeps,
  { peers, plan, run: runText }: Generation,
  text: TextSource,
  known: Prepared | null,
  signal: AbortSignal,
): Promise<Prepared | null> {
  const file = readRunFile(runText);
  const isHere = known !== null || !(await text.lacks(file.data.source));
  const prepared = known ?? (isHere ? await prepare(file, text.bytes) : null);
  const { model } = file;
  const run = prepared?.run ?? { ...file, model: { ...model, vocab: model.vocab || GUESSED_VOCAB } };
  const mesh = makeMesh(0, peers, peers.length - 1, plan);
  signal.throwIfAborted();
  const built = makeRank({ run, plan, mesh, transport, signal, trace }).then((rank) => rank.close());
  await Promise.race([built, rejected(signal)]);
  return prepared;
}

/** Rejects with the reason once `signal` is aborted. */
function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}
