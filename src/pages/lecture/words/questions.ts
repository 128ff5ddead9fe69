/**
 * The questions that a room answers before it sees the measurement, by scene, with their options. The answers are
 * computed (models/choice/answers.ts) and loaded only at the reveal.
 */
export const QUESTIONS = {
  memory: {
    scene: 'one',
    text: 'What takes most of the memory of one tab that trains?',
    options: ['parameters', 'gradients', 'the moments of the optimizer', 'activations and working buffers'],
  },
  eight: {
    scene: 'data',
    text: 'All tabs add up their gradients. What does each one send when there are 8 tabs instead of 4?',
    options: ['half as much', 'about the same', 'twice as much', 'four times as much'],
  },
  overlap: {
    scene: 'data',
    text: 'Gradients can be sent during the backward or after it. What does "during" change?',
    options: ['fewer bytes are sent', 'the same bytes, less waiting', 'the same bytes, the same waiting'],
  },
  shards: {
    scene: 'zero',
    text: 'Without ZeRO every tab keeps 16 bytes for each parameter. How many does a tab keep under ZeRO-3 on N tabs?',
    options: ['16', '8 + 8/N', '4 + 12/N', '16/N'],
  },
  traffic: {
    scene: 'zero',
    text: 'How much more does a tab send under ZeRO-3 than under ZeRO-1?',
    options: ['nothing more', 'half as much more', 'twice as much', 'N times as much'],
  },
  depth: {
    scene: 'pipeline',
    text: 'What happens to the bubble of a pipeline with four times as many microbatches?',
    options: ['it grows', 'it stays', 'it gets a little smaller', 'it falls below a half'],
  },
  keeps: {
    scene: 'pipeline',
    text: '1F1B runs the same passes as GPipe in another order. What is better?',
    options: ['a shorter bubble', 'fewer bytes sent', 'less memory', 'other gradients'],
  },
  far: {
    scene: 'pipeline',
    text: 'Every message takes 100 ms longer than now. Which schedule is fastest?',
    options: ['GPipe', '1F1B', 'Eager 1F1B'],
  },
  sums: {
    scene: 'tensor',
    text: 'The matrices of a block are cut over the tabs. How often do the tabs add up parts, forward and backward?',
    options: ['once', 'twice', 'four times', 'eight times'],
  },
  axis: {
    scene: 'cube',
    text: 'Eight tabs, cut in all three ways. Which axis sends most messages?',
    options: ['data parallel', 'pipeline', 'tensor'],
  },
  fastest: {
    scene: 'which',
    text: 'Which plan trains fastest in this room?',
    options: ['data parallel', 'ZeRO-3', 'pipeline', 'tensor'],
  },
  rounding: {
    scene: 'proof',
    text: 'One step on all tabs, one step on one tab, the same samples. How far apart are the gradients?',
    options: ['equal to the last bit', 'apart by rounding', 'apart by about 1 %', 'each tab has its own gradients'],
  },
} as const;

export type QuestionName = keyof typeof QUESTIONS;

export const guessWords = {
  ask: 'Guess first',
  about: 'The scene asks a question, and everybody in the room votes before its figures are shown',
  heading: 'Before it is measured: what does the room expect?',
  votes: (count: number) => (count === 1 ? '1 vote' : `${count} votes`),
  reveal: 'Reveal',
  revealing: 'Measuring …',
  needs: 'This needs at least two tabs that train.',
  next: 'Next question',
  close: 'Show the scene',
  right: 'right',
  measured: 'measured in this room',
  expected: 'expected by the simulator',
} as const;
