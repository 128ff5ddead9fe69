/** The text that the page "Your chip" shows. */
import type { CardPart } from '../../worker/chip/chipclient';

const PARTS: Record<CardPart, string> = {
  costs: 'Multiply-adds, a copy, a dispatch.',
  products: 'Matrix products.',
  attention: 'Attention.',
  steps: 'Training steps of three models.',
};

export const words = {
  brand: 'Tabtrain',
  heading: 'Your chip',
  what: 'What this device does with our kernels, beside others. Nothing leaves this machine. Measuring takes about a minute on a graphics chip and longer on a processor; let nothing else run meanwhile.',
  measure: 'Measure this device',
  again: 'Measure again',
  stop: 'Stop',
  stopped: 'Measuring was stopped.',
  save: 'Save as JSON',
  measuring: (part: CardPart) => `Measuring: ${PARTS[part]}`,
  table: 'Device cards',
  here: 'This device',
  software: 'software adapter, no graphics chip',
  measuredBy: (by: string, date: string) => `${by === 'Node' ? 'Node (Dawn)' : 'this browser'}, ${date}`,
  absent: '–',
  absentNote: '–: not measured, because it would take seconds on that device.',
  groups: { costs: 'Limits of the device', kernels: 'Kernels, GFLOP/s', steps: 'Training, tokens/s' },
  gflops: 'Multiply-adds in registers, GFLOP/s',
  gigabytes: 'Copy, GB/s',
  dispatch: 'One dispatch more, µs',
  submit: 'One submit and its wait, µs',
  model: (name: string, batch: number) => `GPT of ${name} parameters, ${batch} sequences a step`,
};
