/** The private file system of a browser, in memory: what src/storage/opfs.ts uses of it. */

class File {
  bytes = new Uint8Array(0);
  readonly kind = 'file';

  constructor(
    private readonly folder: Folder,
    private name: string,
  ) {}

  async getFile() {
    return new Blob([this.bytes]);
  }

  async createSyncAccessHandle() {
    return {
      write: (more: Uint8Array, { at }: { readonly at: number }) => {
        this.bytes = new Uint8Array([...this.bytes.subarray(0, at), ...more]);
        return more.byteLength;
      },
      truncate: (sizeBytes: number) => {
        this.bytes = this.bytes.slice(0, sizeBytes);
      },
      flush: () => {},
      close: () => {},
    };
  }

  async move(name: string) {
    this.folder.children.delete(this.name);
    this.folder.children.set(name, this);
    this.name = name;
  }
}

class Folder {
  readonly kind = 'directory';
  readonly children = new Map<string, File | Folder>();

  getDirectoryHandle = async (name: string) => this.#child(name, () => new Folder());
  removeEntry = async (name: string) => void this.children.delete(name);

  async getFileHandle(name: string, { create = false } = {}) {
    if (!create && !this.children.has(name)) throw new DOMException(name, 'NotFoundError');
    return this.#child(name, () => new File(this, name));
  }

  async *entries() {
    yield* [...this.children];
  }

  async *keys() {
    yield* [...this.children.keys()];
  }

  #child(name: string, make: () => File | Folder): File | Folder {
    const child = this.children.get(name) ?? make();
    this.children.set(name, child);
    return child;
  }
}

/** A `navigator` with a storage of its own, whose locks are free. */
export function memoryNavigator(): object {
  const root = new Folder();
  return {
    storage: { getDirectory: async () => root },
    locks: { request: async (_: string, __: object, hold: (lock: object) => unknown) => void hold({}) },
  };
}
