/** The texts of the switch that places tensor parallel groups, in the scene of 3D. */
export const placementWords = {
  label: 'tp groups',
  names: { inside: 'inside machines', across: 'across machines' },
  rate: 'Mbit/s between machines',
  off: 'off',
  measured: (across: string, inside: string, times: string, predicted: string) =>
    `tp across: ${across} a step, not ${inside}: ${times} times (predicted ${predicted}).`,
  predicted: (times: string) => `Predicted: with tp across a step takes ${times} times as long.`,
  simulated: (times: string, mbit: number, ms: number) =>
    `Simulated, ${mbit} Mbit/s and ${ms} ms between two machines: with tp across a step takes ${times} times as long.`,
};
