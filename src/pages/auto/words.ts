/** The words of the plan `auto` on the first page. Loaded after the first steps. */
export const words = {
  chosen: (why: string) => `Plan: ${why}`,
  offer: (offer: string) => `Faster, but approximate: ${offer}.`,
  take: 'Take it',
  led: (name: string) => `${name} leads the run and can take it.`,
  back: 'Back to exact plans',
  mark: 'Approximate.',
  apart: (every: number) =>
    `Each tab trains its own copy and all copies are averaged every ${every} steps. The same: data, batch, schedule, and all copies after an average. Not the same: the losses and weights of one tab; more samples are needed for the same loss.`,
  rounded: (wire: string) =>
    `Gradients travel as ${wire}. The same: data, batch, schedule, and all copies to the bit. Not the same: the losses and weights of one tab, because gradients are rounded.`,
};
