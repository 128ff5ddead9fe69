/**
 * All error classes of the product. This file imports nothing, so every folder may import it.
 * A message is one sentence with the numbers and the way out. It is shown to the user unchanged.
 * PeerLost, StaleGeneration and DeviceLost are recoverable (the step runs again in the next generation); the others end
 * the run or refuse to start it.
 */

/** A run file, a flag or a combination of plan fields that cannot run. The message states the inequality with its numbers. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

/** The plan needs a buffer that is larger than this device allows. */
export class BufferLimit extends PlanError {
  constructor(
    message: string,
    readonly allowedBytes: number,
  ) {
    super(message);
  }
}

/** A file or text given by the user that cannot be used: missing, too short, foreign names, wrong shapes. */
export class InputError extends Error {
  override readonly name = 'InputError';
}

/** Parts of every state of the run are gone with the peers that had them. */
export class PartsGone extends InputError {}

/** This device cannot take part. `code` is stable and shown to the user beside the sentence. */
export class CapabilityError extends Error {
  override readonly name = 'CapabilityError';
  constructor(
    readonly code:
      | 'E-INSECURE'
      | 'E-NO-WEBGPU'
      | 'E-NO-ADAPTER'
      | 'E-LIMITS'
      | 'E-NO-F16'
      | 'E-NO-WEBRTC'
      | 'E-WRONG-NUMBERS',
    message: string,
  ) {
    super(message);
  }
}

/** A peer is gone. Recoverable: nothing is committed before NORM, so the step runs again in the next generation. */
export class PeerLost extends Error {
  override readonly name = 'PeerLost';
  constructor(
    readonly peer: string,
    reason: string,
  ) {
    super(`peer ${peer} was lost: ${reason}`);
  }
}

/** The work belongs to a generation that has ended. Recoverable: continue in the generation that replaced it. */
export class StaleGeneration extends Error {
  override readonly name = 'StaleGeneration';
  constructor(
    readonly generation: number,
    readonly current: number,
  ) {
    super(`generation ${generation} has ended; the room is at generation ${current}`);
  }
}

/** Whether `error` says that the work's generation has ended. The room goes on in the next one. */
export function isGenerationOver(error: unknown): error is PeerLost | StaleGeneration {
  return error instanceof PeerLost || error instanceof StaleGeneration;
}

/** The GPU device was lost. Recoverable once: open a new device and take the state from a peer. */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost';
}

/**
 * A bug in a shader or its descriptor. For compile errors the message holds the compiler's message, line and source.
 */
export class KernelError extends Error {
  override readonly name = 'KernelError';
}

/** The loss or a gradient is not a finite number, so the step was not applied. */
export class NonFinite extends Error {
  override readonly name = 'NonFinite';
}

/**
 * Some ranks, not all, contributed numbers that cannot be right, so the step was not applied. Recoverable: the step runs
 * again without them.
 */
export class BadContribution extends Error {
  override readonly name = 'BadContribution';
  constructor(
    readonly step: number,
    /** The ranks whose numbers were bad. */
    readonly ranks: readonly number[],
    /** By rank, the sum of the losses of its samples. */
    losses: readonly number[],
  ) {
    super(
      `step ${step} was not applied: rank ${ranks.join(', ')} contributed losses of ${ranks.map((rank) => losses[rank]).join(', ')}`,
    );
  }
}

/** A line of a rank's program failed: which rank, which line, and the lines around it. `cause` is what was thrown. */
export class LineError extends Error {
  override readonly name = 'LineError';
  constructor(
    readonly rank: number,
    /** Number of the line, from 1 to `lines`. */
    readonly line: number,
    readonly lines: number,
    readonly text: string,
    /** The lines before and after it, as text with one line of the program per row. */
    readonly around: string,
    override readonly cause: unknown,
  ) {
    super(`rank ${rank} failed in line ${line} of ${lines}, "${text}": ${sentenceOf(cause)}\n${around}`);
  }
}

/** Bytes from the network or a file that break the protocol. The sender is at fault; the message says how. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/**
 * A file could not be stored or read completely: storage is full or refused, or bytes arrived damaged. Files that were
 * stored before stay valid.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** No connection to the signaling server or to a peer within the time allowed. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

/** A rank of a headless run ended with an error or died; the message names the rank and what it said. */
export class RankFailed extends Error {
  override readonly name = 'RankFailed';
}

/** A signal ended the process. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Why code that is loaded only when it is wanted is missing; `what` it does is the subject of the sentence. */
export function notLoaded(what: string, error: unknown): string {
  return `${what} could not be loaded from the server (${sentenceOf(error)}): is it still running?`;
}

/** The error as a sentence for the user: its message without the class name. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
