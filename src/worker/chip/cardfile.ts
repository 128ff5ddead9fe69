/** A device card as data: what one device does with our kernels, as a small JSON; docs/cards collects them. */
import type { DeviceCosts, Rate } from './rates';
import type { StepRate } from './steps';

export interface Card {
  readonly adapter: string;
  readonly software: boolean;
  /** Year, month and day. */
  readonly date: string;
  readonly version: string;
  /** Where it was measured: 'Node' is Dawn in a Node process, 'page' a browser. */
  readonly by: 'Node' | 'page';
  readonly costs: DeviceCosts;
  readonly kernels: readonly Rate[];
  readonly steps: readonly StepRate[];
}

/** What is measured, in this order. */
export const CARD_PARTS = ['costs', 'products', 'attention', 'steps'] as const;
export type CardPart = (typeof CARD_PARTS)[number];

/** The card as text. Four digits are what a measurement is worth. */
export function cardText(card: Card): string {
  const rounded = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(card, rounded, 2)}\n`;
}
