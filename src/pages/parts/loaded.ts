/** Code that is loaded when it is wanted, so that the first screen does without it. */
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../../errors';
import { messages } from '../messages';

/**
 * The module that `load` imports: undefined until it is wanted and here. `load` must be one constant function. `onProblem`
 * gets a sentence when the server does not give the module.
 */
export function useLoaded<T extends object>(
  isWanted: boolean,
  load: () => Promise<T>,
  onProblem: (sentence: string) => void,
): T | undefined {
  const [loaded, setLoaded] = useState<T>();
  useEffect(() => {
    if (!isWanted || loaded) return;
    let isCurrent = true;
    load().then(
      (module) => isCurrent && setLoaded(module),
      (error: unknown) => isCurrent && onProblem(messages.notLoaded(sentenceOf(error))),
    );
    return () => {
      isCurrent = false;
    };
  }, [isWanted, loaded, load, onProblem]);
  return loaded;
}
