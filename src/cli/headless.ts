/**
 * What a headless run's own server tells its ranks and hears from them, over HTTP under an unguessable path: the run, its
 * files, then metrics, trace, model and the final report. Tensors of the training never pass here.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Handler } from '../server/static';
import type { Receipt } from '../storage/bytes';
import type { TraceEvent } from '../trace/trace';
import type { Handicap, Tour } from '../worker/api';
import type { RankReport, RankStatus } from '../worker/headless';
import { Intake } from './intake';
import type { OutFolder } from './outfolder';

/** What a rank asks for first. */
export interface HeadlessSetup {
  /** The run file as JSON text, the same for all ranks. */
  readonly run: string;
  readonly peers: number;
  /** The room's secret. */
  readonly secret: string;
  readonly limitBytes: number | null;
  readonly hasInit: boolean;
  readonly handicap: Handicap;
  readonly tour: Tour | null;
  /** Measure the links before the first step. */
  readonly probing: boolean;
  /** The model's files are wanted at the end. */
  readonly delivers: boolean;
}

export interface HeadlessFiles {
  readonly source: Uint8Array;
  readonly init: Uint8Array | null;
}

export interface HeadlessEvents {
  onStatus(index: number, status: RankStatus): void;
  onReport(index: number, report: RankReport): void;
  onTrace(index: number, events: readonly TraceEvent[]): void;
  /** A file of the model is staged in the output folder, whole. */
  onFile(name: string): void;
}

/** Names of the model's files that a rank may hand over. */
const FILES = new Set(['model.safetensors', 'config.json', 'tokenizer.json']);
/** A piece of a file has 4 MB; the trace of a long run is the largest body. */
const MAX_BODY_BYTES = 256e6;

const number = v.number();
const roles = v.object({
  param: number,
  grad: number,
  moment: number,
  saved: number,
  scratch: number,
  staging: number,
});
const metrics = v.object({
  step: number,
  loss: number,
  gradNorm: number,
  lr: number,
  tokens: number,
  ms: number,
  bytesSent: v.array(number),
  heldOutLoss: v.exactOptional(number),
});
const statusBody = v.object({ phase: v.string(), sentence: v.string(), metrics: v.array(metrics) });
const reportBody = v.object({
  end: v.picklist(['done', 'stopped', 'failed']),
  sentence: v.string(),
  rank: number,
  adapter: v.string(),
  software: v.boolean(),
  memory: v.nullable(roles),
  bytesSent: number,
  bytesReceived: number,
  weightsHash: v.string(),
});

export class HeadlessDesk {
  /** Path below the server's root; whoever knows it belongs to the run. */
  readonly path = `/headless/${randomBytes(16).toString('hex')}`;

  readonly #intake = new Intake();

  constructor(
    readonly setup: HeadlessSetup,
    readonly files: HeadlessFiles,
    readonly events: HeadlessEvents,
    /** Where the model's files go; null where nobody wants them. */
    readonly out: OutFolder | null,
  ) {}

  /** After the server has closed. */
  close(): Promise<void> {
    return this.#intake.end();
  }

  /** Answer what is below `path`; false for everything else. */
  readonly route = (...[request, response]: Parameters<Handler>): boolean => {
    const url = new URL(request.url ?? '/', 'http://host');
    if (!url.pathname.startsWith(`${this.path}/`)) return false;
    const name = url.pathname.slice(this.path.length + 1);
    if (request.method === 'GET') this.#give(name, response);
    else if (request.method === 'POST') void this.#take(name, url.searchParams, request, response);
    else response.writeHead(405).end();
    return true;
  };

  #give(name: string, response: ServerResponse): void {
    const body =
      name === 'setup'
        ? JSON.stringify(this.setup)
        : name === 'source'
          ? this.files.source
          : name === 'init'
            ? this.files.init
            : null;
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'Cache-Control': 'no-store' }).end(body);
  }

  async #take(name: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const index = Number(query.get('index'));
      const body = await readBody(request);
      if (!Number.isInteger(index) || index < 0 || index >= this.setup.peers)
        throw new TypeError(`there is no rank ${index}`);
      if (name === 'status') this.events.onStatus(index, v.parse(statusBody, JSON.parse(body.toString())));
      else if (name === 'report') this.events.onReport(index, v.parse(reportBody, JSON.parse(body.toString())));
      else if (name === 'trace') this.events.onTrace(index, JSON.parse(body.toString()));
      else if (this.out && FILES.has(name)) {
        const receipt = await this.#takePiece(join(this.out.staging, name), query, body);
        if (receipt) this.events.onFile(name);
        response.writeHead(200).end(JSON.stringify(receipt));
        return;
      } else throw new TypeError(`there is no ${name}`);
      response.writeHead(204).end();
    } catch (error) {
      // the sender is one of our own ranks: it reports the sentence as its failure
      response.writeHead(400).end(sentenceOf(error));
    }
  }

  /** The receipt once the file is whole, null before. */
  async #takePiece(path: string, query: URLSearchParams, body: Uint8Array): Promise<Receipt | null> {
    const size = query.get('size');
    if (size !== null) return this.#intake.close(path, Number(size));
    await this.#intake.take(path, Number(query.get('at')), query.get('sha256') ?? '', body);
    return null;
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    sizeBytes += part.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new RangeError('body too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
