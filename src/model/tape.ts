/**
 * A unit's tape: the fixed list of dispatches of its forward, its input gradients (I) and its weight gradients (W).
 * Recorded once, replayed every step. Ops (ops.ts) write the forward and register their hand-written backward; `finish`
 * calls these in reverse. This is bookkeeping, not autograd: no gradient is derived here.
 */
import type { Instr, RunExtras, Tensor } from '../gpu/instr';
import type { Kernel, Knobs, Params } from '../gpu/kernel';
import { layoutOf } from './layout';
import { isOfAdapter } from './lora';
import { type Cut, localShape, type SplitTable, WHOLE } from './split';
import type { Param, TapeOptions, Unit } from './unit';

type Bind = Readonly<Record<string, Tensor>>;
type List = 'forward' | 'backwardInput' | 'backwardWeight';
type Draft = { -readonly [K in keyof Tensor]: Tensor[K] };

/** How a contribution to an activation gradient is written. */
interface Into {
  readonly grad: Tensor;
  /** 0: first contribution, written with =. 1: later ones, +=. */
  readonly ACC: 0 | 1;
  /** The residual branch's gradient, to be added by the first contribution (see `skip`). */
  readonly skip?: Tensor;
}

export class Tape {
  readonly batch: number;
  readonly context: number;
  /** Rows of every activation: batch * context. */
  readonly rows: number;
  readonly cut: Cut;
  readonly #splits: SplitTable;
  readonly #frozen: boolean;
  readonly #lists: Record<List, Instr[]> = { forward: [], backwardInput: [], backwardWeight: [] };
  readonly #tensors = new Map<string, Draft>();
  readonly #params: Param[] = [];
  readonly #backward: (() => void)[] = [];
  readonly #grads = new Map<Tensor, Tensor>();
  readonly #skips = new Map<Tensor, Tensor>();
  #borrowed: Param | undefined;

  constructor(
    readonly name: string,
    options: TapeOptions,
  ) {
    this.batch = options.batch;
    this.context = options.context;
    this.rows = options.batch * options.context;
    this.cut = options.cut ?? WHOLE;
    this.#splits = options.splits ?? {};
    this.#frozen = options.frozen ?? false;
  }

  /** A parameter of this unit, given by its whole shape; the result has this rank's shape. */
  param(name: string, global: readonly number[]): Param {
    const param = this.#param(name, global);
    this.#params.push(param);
    return param;
  }

  /** A parameter owned by another unit: not in this unit's flat buffers. */
  borrow(owner: string, name: string, global: readonly number[]): Param {
    this.#borrowed = { ...this.#param(name, global), owner };
    return this.#borrowed;
  }

  /** The rows [first, first + count) of a parameter [rows, columns]. */
  rowsOf(param: Param, first: number, count: number): Param {
    const columns = param.shape[1]!;
    return { ...param, shape: [count, columns], from: first * columns };
  }

  #param(name: string, global: readonly number[]): Param {
    const split = this.cut.size > 1 ? this.#splits[name] : undefined;
    const shape = localShape(global, split, this.cut);
    const frozen = this.#frozen && !isOfAdapter(name) ? ({ frozen: true } as const) : {};
    return { name, shape, role: 'param', type: 'f32', global, ...(split && { split }), ...frozen };
  }

  /** An activation or its gradient. Its role follows from the lists that use it and is known after `finish`. */
  make(name: string, shape: readonly number[]): Tensor {
    return this.#declare({ name, shape, role: 'scratch', type: 'f32' });
  }

  /** Host data of a microbatch: tokens, targets, sorted positions. */
  input(name: string, shape: readonly number[]): Tensor {
    return this.#declare({ name, shape, role: 'input', type: 'u32' });
  }

  /** An activation that crosses to the next or previous unit. */
  border(name: string, shape: readonly number[]): Tensor {
    return this.#declare({ name, shape, role: 'border', type: 'f32' });
  }

  #declare(tensor: Draft): Tensor {
    if (this.#tensors.has(tensor.name)) throw new Error(`unit ${this.name} declares ${tensor.name} twice`);
    this.#tensors.set(tensor.name, tensor);
    return tensor;
  }

  /** Append a dispatch to the forward list. */
  F(kernel: Kernel, bind: Bind, params: Params, knobs: Knobs = {}): void {
    this.#lists.forward.push({ do: 'run', kernel, bind, params, knobs });
  }

  /** Append a dispatch to the input-gradient list. What it would also do for a frozen parameter is left out. */
  I(kernel: Kernel, bind: Bind, params: Params, knobs: Knobs = {}, extras: RunExtras = {}): void {
    const kept = Object.entries(bind).filter(([, tensor]) => !this.#isFrozen(tensor));
    const isWhole = kept.length === Object.keys(bind).length;
    // why zeros: every param has a value, also where nothing is written
    const nowhere = Object.fromEntries(Object.keys(extras.at ?? {}).map((name) => [name, 0]));
    const own = isWhole
      ? { bind, params, ...extras }
      : { bind: Object.fromEntries(kept), params: { ...params, ...nowhere } };
    this.#lists.backwardInput.push({ do: 'run', kernel, knobs, ...own });
  }

  /** True for the gradient of a parameter that is not trained. */
  #isFrozen({ role, name }: Tensor): boolean {
    return this.#frozen && role === 'grad' && !isOfAdapter(name);
  }

  /**
   * Append a dispatch to the weight-gradient list, unless it is of a frozen parameter. Parameter gradients are always +=
   * (zeroed at step start).
   */
  W(kernel: Kernel, bind: Bind, params: Params, knobs: Knobs = {}, extras: RunExtras = {}): void {
    if (Object.values(bind).some((tensor) => this.#isFrozen(tensor))) return;
    this.#lists.backwardWeight.push({ do: 'run', kernel, bind, params, knobs, ...extras });
  }

  /** Sum (or maximum) of `tensor` over the tensor-parallel group, in place; nothing when the group is one rank. */
  allReduce(list: 'forward' | 'backwardInput', tensor: Tensor, op: 'sum' | 'max' = 'sum'): void {
    if (this.cut.size > 1) this.#lists[list].push({ do: 'allReduce', op, axis: 'tp', tensor });
  }

  /** Register the backward of the op whose forward was just recorded. */
  backward(record: () => void): void {
    this.#backward.push(record);
  }

  /** The complete gradient of an activation; asked for by the op that produced it. */
  gradOf(activation: Tensor): Tensor {
    const grad = this.#grads.get(activation);
    if (grad === undefined) throw new Error(`unit ${this.name}: nothing contributed a gradient to ${activation.name}`);
    return grad;
  }

  /** The gradient range of a parameter. */
  paramGrad(param: Param): Tensor {
    return { ...param, role: 'grad' };
  }

  /** `activation` and its gradient share one array (in-place loss). */
  gradIs(activation: Tensor, grad: Tensor): void {
    this.#grads.set(activation, grad);
  }

  /** Ask where to write a contribution to the gradient of `activation`. */
  into(activation: Tensor): Into {
    const known = this.#grads.get(activation);
    if (known !== undefined) return { grad: known, ACC: 1 };
    const grad = this.make(`d.${activation.name}`, activation.shape);
    this.#grads.set(activation, grad);
    const skip = this.#skips.get(activation);
    return { grad, ACC: 0, ...(skip && { skip }) };
  }

  /**
   * Contribute `grad` unchanged to the gradient of `activation` (a residual branch). It is added by the first
   * `into`, because W still reads `grad` later and it must not be accumulated into.
   */
  skip(activation: Tensor, grad: Tensor): void {
    this.#skips.set(activation, grad);
  }

  /**
   * Walk the backward in reverse and close the tape. `input` and `output` cross to the neighbour units unless they are
   * host data (tokens) or the end of the model (losses of `logits`, which need no gradient from outside).
   */
  finish(input: Tensor, output: Tensor, logits?: Unit['logits']): Unit {
    if (!logits) {
      this.#tensors.get(output.name)!.role = 'border';
      this.#grads.set(output, this.border(`d.${output.name}`, output.shape));
    }
    for (const record of this.#backward.toReversed()) record();
    // why: what prepares the gradient of a frozen table has no other use
    if (this.#params.every(({ frozen }) => frozen)) this.#lists.backwardWeight.length = 0;
    const inputGrad = this.#grads.get(input);
    if (inputGrad !== undefined) this.#tensors.get(inputGrad.name)!.role = 'border';
    this.#markSaved();
    return {
      name: this.name,
      params: layoutOf(this.#params, 1).ranges.map(({ param }) => param),
      ...(this.#borrowed && { borrowed: this.#borrowed }),
      input,
      output,
      ...(inputGrad && { inputGrad }),
      ...(logits ? { logits } : { outputGrad: this.gradOf(output) }),
      ...this.#lists,
    };
  }

  /** What forward computes and the backward uses again is saved; everything else is scratch. */
  #markSaved(): void {
    const back = tensorsOf([...this.#lists.backwardInput, ...this.#lists.backwardWeight]);
    for (const tensor of tensorsOf(this.#lists.forward)) {
      const draft = this.#tensors.get(tensor.name);
      if (draft?.role === 'scratch' && back.has(tensor)) draft.role = 'saved';
    }
  }
}

/** Every tensor a list touches. */
function tensorsOf(list: readonly Instr[]): ReadonlySet<Tensor> {
  return new Set(list.flatMap((line) => (line.do === 'run' ? Object.values(line.bind) : [line.tensor])));
}
