/** The listeners to one kind of event. */
export class Listeners<Arguments extends readonly unknown[]> {
  readonly #all = new Set<(...args: Arguments) => void>();

  /** Call `listener` for every later event; returns the function that stops it. */
  add(listener: (...args: Arguments) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...args: Arguments): void {
    for (const listener of this.#all) listener(...args);
  }
}
