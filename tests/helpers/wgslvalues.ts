/** Values of WGSL's integer expressions, as far as they follow from known names. */

/**
 * What a value follows from: constants alone, sizes of the dispatch, the thread (then `v` is that of the first), or data.
 * `v` is NaN where it is not known.
 */
export interface Value {
  readonly v: number;
  readonly kind: 'constant' | 'size' | 'thread' | 'data';
}

const KINDS = ['constant', 'size', 'thread', 'data'] as const;
const UNKNOWN: Value = { v: Number.NaN, kind: 'data' };

/** Binary operators from the loosest to the tightest. */
const LEVELS: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '||': (a, b) => (a || b ? 1 : 0) },
  { '&&': (a, b) => (a && b ? 1 : 0) },
  { '==': (a, b) => Number(a === b), '!=': (a, b) => Number(a !== b) },
  {
    '<=': (a, b) => Number(a <= b),
    '>=': (a, b) => Number(a >= b),
    '<': (a, b) => Number(a < b),
    '>': (a, b) => Number(a > b),
  },
  { '<<': (a, b) => a << b, '>>': (a, b) => a >>> b },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => Math.floor(a / b), '%': (a, b) => a % b },
];

const FUNCTIONS: Readonly<Record<string, (...args: readonly number[]) => number>> = {
  min: (a, b) => Math.min(a!, b!),
  max: (a, b) => Math.max(a!, b!),
  select: (no, yes, which) => (which ? yes! : no!),
  u32: (a) => a!,
  // lib/thread.wgsl: the index of the first thread
  thread: () => 0,
};

export class Evaluator {
  #rest: readonly string[] = [];

  constructor(readonly known: ReadonlyMap<string, Value>) {}

  /** The value of an expression; data where it has parts that are not known here. */
  value(text: string): Value {
    this.#rest = text.match(/\d+(?:\.\d+)?(?:e[+-]?\d+)?[uif]?|[A-Za-z_]\w*|\|\||&&|==|!=|<=|>=|<<|>>|\S/g) ?? [];
    try {
      const value = this.#level(0);
      return this.#rest.length === 0 ? value : UNKNOWN;
    } catch {
      return UNKNOWN;
    }
  }

  #level(at: number): Value {
    const operators = LEVELS[at];
    if (!operators) return this.#unary();
    let left = this.#level(at + 1);
    for (let apply = operators[this.#rest[0] ?? '']; apply; apply = operators[this.#rest[0] ?? '']) {
      this.#take();
      const right = this.#level(at + 1);
      // why: nothing unsigned is below zero, whatever the thread
      const isNever = apply === LEVELS[3]!['<'] && right.kind === 'constant' && right.v === 0;
      left = isNever ? { v: 0, kind: 'constant' } : { v: apply(left.v, right.v), kind: kindOf([left, right]) };
    }
    return left;
  }

  #unary(): Value {
    const word = this.#take();
    if (word === '!') {
      const { v, kind } = this.#unary();
      return { v: v ? 0 : 1, kind };
    }
    if (word === '(') {
      const value = this.#level(0);
      this.#expect(')');
      return value;
    }
    if (/^\d/.test(word)) return { v: Number.parseFloat(word), kind: 'constant' };
    if (word === 'true' || word === 'false') return { v: word === 'true' ? 1 : 0, kind: 'constant' };
    if (this.#rest[0] === '(') return this.#call(word);
    let name = word;
    while (this.#rest[0] === '.') {
      this.#take();
      name += `.${this.#take()}`;
    }
    // a vector's parts follow from what the vector follows from
    return this.known.get(name) ?? UNKNOWN;
  }

  #call(name: string): Value {
    this.#expect('(');
    const args: Value[] = [];
    while (this.#rest[0] !== ')') {
      args.push(this.#level(0));
      if (this.#rest[0] === ',') this.#take();
    }
    this.#expect(')');
    const apply = FUNCTIONS[name];
    return apply ? { v: apply(...args.map(({ v }) => v)), kind: kindOf(args) } : UNKNOWN;
  }

  #take(): string {
    const [word, ...rest] = this.#rest;
    if (word === undefined) throw new Error('the expression ends too early');
    this.#rest = rest;
    return word;
  }

  #expect(word: string): void {
    if (this.#take() !== word) throw new Error(`no ${word}`);
  }
}

const kindOf = (values: readonly Value[]) => KINDS[Math.max(...values.map(({ kind }) => KINDS.indexOf(kind)))]!;
