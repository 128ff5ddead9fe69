/** Memory of a page and its Worker, as V8 counts it after a garbage collection. */
import type { CDPSession, Page } from 'playwright-core';

interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize?: number;
  /** ArrayBuffers. */
  readonly backingStorageSize?: number;
}

const sizeOf = ({ usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 }: HeapUsage) =>
  usedSize + embedderHeapUsedSize + backingStorageSize;

export class Heap {
  #next = 1;
  readonly #answers = new Map<number, (result: unknown) => void>();

  private constructor(
    private readonly session: CDPSession,
    private readonly worker: string,
  ) {
    session.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, result } = JSON.parse(message) as { id?: number; result?: unknown };
      if (id !== undefined) this.#answers.get(id)?.(result);
    });
  }

  static async of(page: Page): Promise<Heap> {
    const session = await page.context().newCDPSession(page);
    const attached = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
        if (targetInfo.type === 'worker') resolve(sessionId);
      });
    });
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return new Heap(session, await attached);
  }

  /** Bytes of page and Worker: the least of three collections, because what is on its way at one of them is not kept. */
  async bytes(): Promise<{ readonly page: number; readonly worker: number }> {
    const all = [];
    for (let n = 0; n < 3; n++) {
      await this.session.send('HeapProfiler.collectGarbage');
      await this.#askWorker('HeapProfiler.collectGarbage');
      const page = sizeOf(await this.session.send('Runtime.getHeapUsage'));
      all.push({ page, worker: sizeOf((await this.#askWorker('Runtime.getHeapUsage')) as HeapUsage) });
    }
    return { page: Math.min(...all.map(({ page }) => page)), worker: Math.min(...all.map(({ worker }) => worker)) };
  }

  async #askWorker(method: string): Promise<unknown> {
    const id = this.#next++;
    const answer = new Promise<unknown>((resolve) => this.#answers.set(id, resolve));
    const message = JSON.stringify({ id, method });
    await this.session.send('Target.sendMessageToTarget', { message, sessionId: this.worker });
    return answer.finally(() => this.#answers.delete(id));
  }
}

/** Least squares slope of `values` over `times`. */
export function slope(times: readonly number[], values: readonly number[]): number {
  const mean = (of: readonly number[]) => of.reduce((sum, one) => sum + one, 0) / of.length;
  const [middle, level] = [mean(times), mean(values)];
  const over = times.reduce((sum, time) => sum + (time - middle) ** 2, 0);
  return times.reduce((sum, time, at) => sum + (time - middle) * (values[at]! - level), 0) / over;
}
