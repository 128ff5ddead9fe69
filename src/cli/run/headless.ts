/**
 * The server of a headless run: what it sends to its ranks and receives from them, over HTTP under an unguessable path.
 * The run and its files go out; metrics, trace, model and the final report come in. Tensors of the training never pass
 * here.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { sentenceOf } from '../../errors';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import type { Handler } from '../../server/static';
import type { TraceEvent } from '../../trace/trace';
import type { HeadlessSetup, Orders, RankReport, RankStatus } from '../../worker/headless';
import type { FileDesk } from './filedesk';

interface HeadlessFiles {
  readonly source: Uint8Array;
  readonly init: Uint8Array | null;
}

export interface HeadlessEvents {
  onStatus(index: number, status: RankStatus): void;
  onReport(index: number, report: RankReport): void;
  onTrace(index: number, events: readonly TraceEvent[]): void;
  /** The trace of the first steps, of an auto run. */
  onMeasured(index: number, events: readonly TraceEvent[]): void;
}

/** A request for orders is kept open for this long; then the rank asks again. */
const ORDERS_MS = 20_000;
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
/** Throws PlanError for what is no plan. */
const plan = v.nullable(v.pipe(v.unknown(), v.transform(parsePlan)));
const statusBody = v.object({ phase: v.string(), sentence: v.string(), metrics: v.array(metrics), step: number, plan });
const reportBody = v.object({
  plan,
  end: v.picklist(['done', 'stopped', 'failed']),
  sentence: v.string(),
  rank: number,
  adapter: v.string(),
  software: v.boolean(),
  memory: v.nullable(roles),
  bytesSent: number,
  bytesReceived: number,
  weightsHash: v.string(),
  peakRssBytes: v.nullable(number),
});

export class HeadlessDesk {
  /** Path below the server's root. A client that knows it counts as part of the run. */
  readonly path = `/headless/${randomBytes(16).toString('hex')}`;

  /** Ranks that wait for an order. */
  readonly #waiting = new Set<() => void>();
  #ends = false;
  /** A plan that is ordered and not yet given to rank 0. */
  #plan: ParallelPlan | null = null;

  constructor(
    readonly setup: HeadlessSetup,
    readonly files: HeadlessFiles,
    readonly events: HeadlessEvents,
    /** The files of the run; null if nobody wants them. */
    readonly kept: FileDesk | null,
  ) {}

  /** Tell the ranks to keep the state at the next step border and to end there. */
  end(): void {
    this.#ends = true;
    for (const answer of [...this.#waiting]) answer();
  }

  /** Tell rank 0 to ask the room for this plan. */
  order(plan: ParallelPlan): void {
    this.#plan = plan;
    for (const answer of [...this.#waiting]) answer();
  }

  /** Answers requests below `path`; returns false for all others. */
  readonly route = (...[request, response]: Parameters<Handler>): boolean => {
    const url = new URL(request.url ?? '/', 'http://host');
    if (!url.pathname.startsWith(`${this.path}/`)) return false;
    const name = url.pathname.slice(this.path.length + 1);
    if (request.method === 'GET') void this.#give(name, url.searchParams, response);
    else if (request.method === 'POST') void this.#take(name, url.searchParams, request, response);
    else response.writeHead(405).end();
    return true;
  };

  async #give(name: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    if (name === 'orders') return this.#order(response);
    try {
      const body = await this.#contentOf(name, query);
      if (body === null) response.writeHead(404).end();
      else response.writeHead(200, { 'Cache-Control': 'no-store' }).end(body);
    } catch (error) {
      response.writeHead(400).end(sentenceOf(error));
    }
  }

  #contentOf(name: string, query: URLSearchParams): string | Uint8Array | null | Promise<Uint8Array | null> {
    if (name === 'setup') return JSON.stringify(this.setup);
    if (name === 'source') return this.files.source;
    if (name === 'init') return this.files.init;
    return this.kept?.read(name, query) ?? null;
  }

  /** Answers a request for orders: at once if there is one, else when there is one or after a while. */
  #order(response: ServerResponse): void {
    const answer = () => {
      clearTimeout(timer);
      this.#waiting.delete(answer);
      response.writeHead(200).end(JSON.stringify({ end: this.#ends, plan: this.#plan } satisfies Orders));
      this.#plan = null;
    };
    const timer = setTimeout(answer, ORDERS_MS);
    this.#waiting.add(answer);
    response.once('close', () => {
      clearTimeout(timer);
      this.#waiting.delete(answer);
    });
    if (this.#ends || this.#plan) answer();
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
      else if (name === 'measured') this.events.onMeasured(index, JSON.parse(body.toString()));
      else {
        const receipt = await this.kept?.take(name, query, body);
        if (receipt === undefined) throw new TypeError(`there is no ${name}`);
        response.writeHead(200).end(JSON.stringify(receipt));
        return;
      }
      response.writeHead(204).end();
    } catch (error) {
      // the sender is one of our own ranks: it reports the sentence as its failure
      response.writeHead(400).end(sentenceOf(error));
    }
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
