/** The text that a model to start from shows on the first page. */
export const words = {
  heading: 'The model to start from',
  opening: 'Reading the model.',
  preparing: 'Making the text into the model’s tokens.',
  none: 'There is no config.json among these files; drop the whole folder of the model.',
  what: (kind: string, parameters: string, layers: number, dim: number, vocab: string) =>
    `${kind}, ${parameters} parameters: ${layers} ${layers === 1 ? 'layer' : 'layers'}, width ${dim}, ${vocab} tokens`,
  parts: 'Every tab that joins receives its part of the weights from here.',
  fields: {
    context: 'Context (tokens)',
    batch: 'Batch of all tabs',
    steps: 'Steps',
    lr: 'Learning rate',
    rank: 'Adapter rank (0: whole model)',
  },
  mustBe: (field: string, kind: string, min: number, max: number) => `${field} must be ${kind} from ${min} to ${max}.`,
  whole: 'a whole number',
  number: 'a number',
  talk: 'Talk to it',
  remove: 'Train from the beginning instead',
  source: (text: string, model: string) => `${text}, on ${model}`,
};
