/** Device cards as the rows of one table. Pure. */
import type { Card } from '../../worker/chip/chipclient';
import { words } from './words';

interface Row {
  readonly label: string;
  /** By card; undefined where the card has no such figure. */
  readonly values: readonly (number | undefined)[];
}

interface Group {
  readonly heading: string;
  readonly rows: readonly Row[];
}

/** Figures by label, in order of first appearance. */
function rowsOf(cards: readonly Card[], figuresOf: (card: Card) => readonly (readonly [string, number])[]): Row[] {
  const figures = cards.map((card) => new Map(figuresOf(card)));
  const labels = new Set(figures.flatMap((own) => [...own.keys()]));
  return [...labels].map((label) => ({ label, values: figures.map((own) => own.get(label)) }));
}

export function groupsOf(cards: readonly Card[]): readonly Group[] {
  return [
    {
      heading: words.groups.costs,
      rows: rowsOf(cards, ({ costs }) => [
        [words.gflops, costs.gflops],
        [words.gigabytes, costs.gigabytes],
        [words.dispatch, costs.dispatchUs],
        [words.submit, costs.submitUs],
      ]),
    },
    {
      heading: words.groups.kernels,
      rows: rowsOf(cards, ({ kernels }) => kernels.map(({ what, gflops }) => [what, gflops])),
    },
    {
      heading: words.groups.steps,
      rows: rowsOf(cards, ({ steps }) =>
        steps.map(({ model, batch, tokensPerSecond }) => [words.model(model, batch), tokensPerSecond]),
      ),
    },
  ];
}

/** Three digits: cards of one device differ by more than the fourth. */
export function figure(value: number | undefined): string {
  if (value === undefined) return words.absent;
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

/** A file's name for a card: its adapter in plain letters. */
export function fileName({ adapter, by }: Card): string {
  const plain = adapter.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return `${plain.replace(/^-|-$/g, '')}-${by === 'Node' ? 'node' : 'browser'}.json`;
}
