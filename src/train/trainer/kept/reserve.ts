/**
 * A tab in reserve: while it waits for a generation, it takes copies of the state from the first rank of those who train,
 * so that the run is not lost with them.
 */
import { isGenerationOver, ProtocolError } from '../../../errors';
import { bytesOf } from '../../../net/collective/collective';
import type { Generation, Membership } from '../../../net/membership/membership';
import type { Transport } from '../../../net/wire/transport';
import type { PeerId } from '../../../plan/mesh';
import { readRunFile } from '../../runfile';
import { receiveBytes } from '../../state/exchange';
import { MOST_COPIED_BYTES } from '../../state/mirror';
import { emptyState } from '../../state/state';
import { type CutState, holdingUnder } from '../../state/sync';
import type { TextSource } from '../given/text';
import { arraysOf, copyTag, headTag, packAnswer, readHead } from './copywire';

interface Waiting {
  readonly membership: Membership;
  readonly transport: Transport;
  readonly text: TextSource;
  /** A copy has arrived; `generation` is that of those who train. */
  readonly take: (copy: CutState, generation: Generation) => Promise<void>;
}

/** Returns what `next` returns. Until then, takes copies. */
export async function inReserve<T>(waiting: Waiting, next: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const taking = takeCopies(waiting, over.signal);
  // why: a failure is thrown below
  taking.catch(() => {});
  try {
    return await next();
  } finally {
    over.abort();
    await taking;
  }
}

/** Follow the generations until `signal` aborts, and take copies in each that does not include this tab. */
async function takeCopies(waiting: Waiting, signal: AbortSignal): Promise<void> {
  const { membership } = waiting;
  const untilOver = async <T>(work: Promise<T>) => {
    try {
      return await work;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  };
  for (let generation = await untilOver(membership.heard(0, signal)); generation !== null; ) {
    const { number, peers } = generation;
    const ended = new AbortController();
    const newer = untilOver(membership.heard(number, signal)).finally(() => ended.abort());
    const [first] = peers;
    if (first !== undefined && !peers.includes(membership.self)) {
      await takeFrom(waiting, generation, first, AbortSignal.any([signal, ended.signal]));
    }
    generation = await newer;
  }
}

/** Take one copy after the other from `from`, until `signal` aborts. A copy that breaks off is dropped. */
async function takeFrom(waiting: Waiting, generation: Generation, from: PeerId, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await linked(waiting.transport, from, signal);
      await waiting.take(await takeOne(waiting, generation, from, signal), generation);
    } catch (error) {
      if (!isGenerationOver(error) && !(error instanceof ProtocolError) && !signal.aborted) throw error;
    }
  }
}

/** Rejects with ProtocolError for a copy that is malformed or too large. */
async function takeOne(
  { transport, text }: Waiting,
  { number, run: runText }: Generation,
  from: PeerId,
  signal: AbortSignal,
): Promise<CutState> {
  const head = readHead(await transport.recv(from, headTag(number), signal));
  const { step, generation, cutting, vocab } = head;
  const run = readRunFile(runText);
  const holding = holdingUnder({ ...run.model, vocab }, cutting);
  const [param, moment] = [holding.param, holding.moment].map(({ lengths }) => sum([...lengths.values()]));
  const sizeBytes = 4 * param! + 8 * moment!;
  const { source } = run.data;
  const wantsText = await text.lacks(source);
  if (sizeBytes + (wantsText ? head.text.sizeBytes : 0) > MOST_COPIED_BYTES) {
    throw new ProtocolError(`a copy of ${sizeBytes} bytes is larger than the ${MOST_COPIED_BYTES} that a tab keeps`);
  }
  const tag = copyTag(number, step);
  await transport.send(from, `${tag}/answer`, packAnswer(wantsText));
  if (wantsText) await text.take(source, { transport, from, signal }, head.text, `${tag}/text`);
  const state = emptyState(holding);
  for (const [name, values] of arraysOf(state)) {
    bytesOf(values).set(await receiveBytes(transport, from, values.byteLength, `${tag}/${name}`, signal));
  }
  return { step, generation, cutting, state };
}

const sum = (values: readonly number[]) => values.reduce((all, one) => all + one, 0);

/** Resolves once there is a link to `peer`. Rejects with the signal's reason when aborted. */
function linked(transport: Transport, peer: PeerId, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    let isOver = false;
    const end = (then: () => void) => {
      isOver = true;
      stop();
      signal.removeEventListener('abort', abort);
      then();
    };
    const abort = () => end(() => reject(signal.reason));
    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    // why: the first call comes before the function that stops the others is known
    stop = transport.onPeers((present) => {
      if (!isOver && present.has(peer)) end(resolve);
    });
    if (isOver) stop();
  });
}
