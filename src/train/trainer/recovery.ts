/** What a tab does after its device was lost or has computed wrongly: open the device again, or give up. */
import { BadContribution, DeviceLost, KernelError } from '../../errors';
import type { Reporter } from './given/report';
import type { TrainerDeps } from './given/setting';
import { leavingWords } from './parting';

const LOST = 'The graphics device was lost; it is being opened again.';
const WRONG = 'This device computed numbers that cannot be right; it is being opened again.';
/** A rank whose numbers are bad for the third time takes part no more. */
const MOST_STRIKES = 3;

export class Recovery {
  /** True until the device that is open has built a rank; never where a lost device ends the run. */
  isCold: boolean;
  /** Why the device is opened again before the next generation; '' if it is not. */
  #why = '';
  /** Steps that could not be applied because of this rank's numbers. */
  #strikes = 0;

  constructor(
    private readonly deps: Pick<TrainerDeps, 'membership' | 'reopen'>,
    private readonly reporter: Reporter,
  ) {
    this.isCold = deps.reopen !== undefined;
  }

  /** True if the state that the device held must not reach the others. */
  get isWrong(): boolean {
    return this.#why === WRONG;
  }

  /** Tell the room why this rank leaves, and plan to open the device again. Throws where this rank does not go on. */
  after(error: unknown): void {
    this.deps.membership.fail(leavingWords(error));
    if (!this.deps.reopen) throw error;
    this.isCold = true;
    if (error instanceof DeviceLost) this.#why = LOST;
    else if (!(error instanceof BadContribution)) throw error;
    else {
      this.#strikes += 1;
      this.#why = WRONG;
      if (this.#strikes < MOST_STRIKES) return;
      throw new KernelError(
        `This device computed numbers that cannot be right in ${this.#strikes} steps, so this tab only watches: update its graphics driver or use another device.`,
      );
    }
  }

  /** Open the device again if that is planned. */
  async settle(): Promise<void> {
    if (this.#why === '') return;
    const { isWrong } = this;
    this.reporter.enter('opening', this.#why);
    this.#why = '';
    await this.deps.reopen?.(isWrong);
  }
}
