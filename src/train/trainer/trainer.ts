/** Starts the training of one tab; the same code runs in a tab's Worker and in Node. */
import type { TrainerDeps } from './given/setting';
import type { Trainer } from './trainercontract';
import { Training } from './training';

/** Take part in a run: wait for the first generation, then train until the last step, `stop` or an error. */
export function startTrainer(deps: TrainerDeps): Trainer {
  const training = new Training(deps);
  const finished = training.run();
  // why: the caller may await `finished` late; the failure is in the status too
  finished.catch(() => {});
  return {
    finished,
    stop: () => training.stop(),
    end: () => training.end(),
    files: () => training.files(),
    prove: () => training.prove(),
    ask: (wish, onSaid) => training.questions.ask(wish, onSaid),
    hush: () => training.questions.stop(),
    lacking: (text) => training.lacking(text),
    allow: (approximate) => training.allow(approximate),
  };
}
