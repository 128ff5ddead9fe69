/** A file in memory, and a keeper that keeps shards as such files. */
import type { ModelConfig } from '../../src/model/config';
import type { ByteSink, ByteSource } from '../../src/storage/bytes';
import type { Keepable, Keeper, Resumption } from '../../src/train/files/keeper';
import { keptOf, Shard, writeShard } from '../../src/train/files/shard';

export class MemoryFile implements ByteSink, ByteSource {
  readonly #parts: Uint8Array[] = [];

  async write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice());
  }

  async close() {
    return { sizeBytes: this.sizeBytes, sha256: '' };
  }

  get sizeBytes(): number {
    return this.#parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  async read(from: number, to: number) {
    return new Uint8Array(Buffer.concat(this.#parts)).slice(from, to);
  }
}

/** What the ranks of a run kept of one step, each its share. */
export class KeptStep {
  readonly files: MemoryFile[] = [];

  constructor(readonly step: number) {}

  /** A rank's keeper. */
  keeper(): Keeper {
    return {
      isDue: (step) => step === this.step,
      keep: async ({ model, share, elements }: Keepable) => {
        const file = new MemoryFile();
        this.files.push(file);
        await writeShard(model, share, elements, file);
      },
      settle: async () => {},
    };
  }

  resumption(): Resumption {
    const open = async (model: ModelConfig) =>
      keptOf(await Promise.all(this.files.map((file, at) => Shard.open(model, `file ${at}`, file))));
    return { step: this.step, open };
  }
}
